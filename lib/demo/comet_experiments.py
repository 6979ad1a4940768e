"""The experiments of each project, made when first asked for and kept as numbers only."""

import random
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from lib.demo.comet_catalogue import ADJECTIVES, NOUNS
from lib.demo.comet_organisation import AHEAD, DAY, CometOrganisation, CometUser, MadeUpProject
from lib.demo.recent import Recent

HOUR = 3_600_000
REMEMBERED_EXPERIMENTS = 2_000_000
"""About 40 MB of numbers."""

ARCHIVED, NO_START, NO_END = 1, 2, 4
"""Flags: archived; created without a start time; ended without saying so."""
SHARES = {ARCHIVED: 0.06, NO_START: 0.006, NO_END: 0.012}

Item = dict[str, object]


@dataclass(frozen=True)
class Runs:
    """A project's experiments in order of their beginning, one array for each fact.

    Args:
        began: milliseconds; also of those that do not say when they started.
        lasted: milliseconds.
        users: place of the user in the organisation.
        sizes: hundredths of a megabyte, so that sums are exact.
        flags: of ``SHARES``.
    """

    began: "array[int]"
    lasted: "array[int]"
    users: "array[int]"
    sizes: "array[int]"
    flags: bytes


class Laboratory:
    """All experiments of an organisation.

    Args:
        org: whose experiments.
    """

    def __init__(self, org: CometOrganisation) -> None:
        self.org = org
        self.runs: Recent[int, Runs] = Recent(REMEMBERED_EXPERIMENTS)

    def of(self, project: MadeUpProject) -> Runs:
        """A project's experiments, also those that have not begun yet."""
        runs = self.runs.get(project.place)
        if runs is None:
            runs = make_runs(self.org, project)
            self.runs.put(project.place, runs, len(runs.began) + 1)
        return runs

    def count(self, project: MadeUpProject, now: int) -> int:
        """How many have begun; they are the first ones."""
        return bisect_right(self.of(project).began, now)

    def items(self, project: MadeUpProject, now: int, *, archived: bool) -> list[Item]:
        """Experiments as Comet shows them: either the archived ones or the others."""
        runs = self.of(project)
        return [
            self.item(project, runs, place, now)
            for place in range(self.count(project, now))
            if bool(runs.flags[place] & ARCHIVED) is archived
        ]

    def item(self, project: MadeUpProject, runs: Runs, place: int, now: int) -> Item:
        """One experiment; while it runs it has no end and its duration grows.

        Of those that never said that they ended, every other one is taken to be running for ever.
        """
        began, flags = runs.began[place], runs.flags[place]
        ended = began + runs.lasted[place]
        silent = bool(flags & NO_END)
        return {
            "experimentKey": self.key(project, place),
            "experimentName": experiment_name(project, place),
            "userName": self.org.users[runs.users[place]].name,
            "projectId": project.id,
            "projectName": project.name,
            "workspaceName": project.workspace.name,
            "startTimeMillis": None if flags & NO_START else began,
            "endTimeMillis": None if silent or ended > now else ended,
            "durationMillis": min(ended, now) - began,
            "running": ended > now or (silent and place % 2 == 0),
            "archived": bool(flags & ARCHIVED),
            "optimizationId": None,
            "filePath": None,
            "fileName": "train.py",
            "throttle": False,
        }

    def key(self, project: MadeUpProject, place: int) -> str:
        """An experiment's key: looks random, yet tells project and place to ``find``."""
        salt = self.salt(project.place, place)
        return f"{(project.place << 32 | place) ^ int(salt, 16):016x}{salt}"

    def find(self, key: str) -> tuple[MadeUpProject, int] | None:
        """The project and place of a key; None for one that no experiment has."""
        try:
            number = int(key[:16], 16) ^ int(key[16:], 16)
        except ValueError:
            return None
        where, place = number >> 32, number & 0xFFFFFFFF
        if where >= len(self.org.projects) or key[16:] != self.salt(where, place):
            return None
        return self.org.projects[where], place

    def salt(self, project: int, place: int) -> str:
        """Sixteen hexadecimal digits that belong to a project and place."""
        text = f"{self.org.seed}:{project}:{place}"
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def everywhere(self) -> Iterator[tuple[MadeUpProject, Runs]]:
        """Every project with its experiments."""
        for project in self.org.projects:
            yield project, self.of(project)


def make_runs(org: CometOrganisation, project: MadeUpProject) -> Runs:
    """A project's experiments from the seed and its place: more as time goes by, fewer at weekends."""
    rng = random.Random(f"{org.seed}:runs:{project.place}")
    end = min(org.end, project.workspace.deleted)
    span = max(DAY, end - project.created)
    began = [
        project.created + round(span * rng.random() ** 0.8) for _ in range(project.experiments)
    ]
    if end == org.end:
        rate = project.experiments / span
        began += [end + rng.randrange(AHEAD) for _ in range(round(rate * AHEAD))]
    began = sorted(to_office_hours(rng, moment, project.created) for moment in began)
    users, lasted, sizes, flags = array("l"), array("q"), array("q"), bytearray()
    scale = rng.choice((0.6, 1.5, 4.0)) * (2.0 if project.gpus else 0.5) * HOUR
    for moment in began:
        users.append(who(rng, project, moment).place)
        lasted.append(min(5 * DAY, max(20_000, round(scale * rng.lognormvariate(0, 1)))))
        sizes.append(round(100 * rng.lognormvariate(3.2 if project.gpus else 1.2, 1.2)))
        draw = rng.random()
        flag = 0
        for mark, share in SHARES.items():
            if 0 <= draw < share:
                flag = mark
            draw -= share
        flags.append(flag)
    return Runs(array("q", began), lasted, users, sizes, bytes(flags))


def who(rng: random.Random, project: MadeUpProject, moment: int) -> CometUser:
    """Who logs an experiment: the founder where nobody else is there."""
    user = project.contributors[int(len(project.contributors) * rng.random() ** 1.5)]
    return user if user.is_active(moment) else project.contributors[0]


def to_office_hours(rng: random.Random, at: int, earliest: int) -> int:
    """Most of what falls on a weekend began on the Friday, and most within the day."""
    day = at // DAY
    weekday = (day + 3) % 7
    if weekday >= 5 and rng.random() < 0.75:
        day -= weekday - 4
    return max(earliest, day * DAY + round(rng.triangular(6, 23.9, 13) * HOUR))


def experiment_name(project: MadeUpProject, place: int) -> str:
    """A name as Comet makes them up."""
    number = 7_919 * (place + 1) + 104_729 * project.place
    return f"{ADJECTIVES[number % 8]}_{NOUNS[number // 8 % 7]}_{number % 10_000:04d}"
