"""A made-up Comet organisation: its users, workspaces and projects, the same for one seed and month."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from lib.demo.comet_catalogue import (
    HOSTILE,
    PROJECTS,
    SERVICE_ACCOUNTS,
    WORKSPACES,
    named,
    person,
)

DAY = 86_400_000
"""Milliseconds, as everything that Comet says about time."""
NEVER = 2**53
"""Later than any moment that is asked about, and still a whole number in JSON."""
EARLIER = 400 * DAY
"""How long before its history the organisation existed."""
AHEAD = 60 * DAY
"""How long the organisation lives on while the stand-in runs."""
SERVICE_EVERY, SERVICE_AT = 15, 3
DELETED_EVERY, DELETED_AT = 12, 7
SUSPENDED_EVERY, SUSPENDED_AT = 15, 11
LAPSED_EVERY, LAPSED_AT = 9, 4
IDLE_EVERY, IDLE_AT = 20, 13
"""Which places hold service accounts, leavers, suspended, lapsed and never active users."""
OPIK_EVERY, OPIK_AT = 4, 1
NO_EMAIL = 17


@dataclass(frozen=True)
class CometSize:
    """How large the organisation is; nothing of it is made before it is asked for.

    Args:
        workspaces: of which one in eight is deleted in its time and two are founded in it.
        users: people and service accounts, whether deleted or not.
        projects: the first of each workspace, then the rest of all.
        experiments_per_project: mean over projects, to the end of the current month.
        months: calendar months of history, the current one included.
        spread: projects' shares of the mean, in turn; ``(1.0,)`` makes all alike.
        gpus: number of GPUs of projects, in turn; 0 means no GPU metrics.
        points: points of a series that was thinned out, as reports ask for it.
    """

    workspaces: int = 8
    users: int = 60
    projects: int = 30
    experiments_per_project: int = 50
    months: int = 14
    spread: tuple[float, ...] = (1.9, 0.4, 1.0, 0.7, 1.0)
    gpus: tuple[int, ...] = (4, 0, 0, 1, 2, 0, 8)
    points: int = 60


@dataclass(frozen=True)
class CometUser:
    """A user or a service account; moments are milliseconds, ``NEVER`` if they do not come.

    Args:
        last_active: nothing is logged from then on, whatever the reason.
        period: milliseconds between two visits.
        opik: spans traced in a day; None for those without Opik.
    """

    place: int
    name: str
    email: str | None
    service: bool
    created: int
    deleted: int
    suspended: int
    last_active: int
    period: int
    opik: int | None

    def is_active(self, at: int) -> bool:
        """Whether the user may log something."""
        return self.created <= at < self.last_active


@dataclass(frozen=True)
class CometWorkspace:
    """A workspace; ``members`` are users, its founder first."""

    place: int
    id: str
    name: str
    created: int
    deleted: int
    members: tuple[CometUser, ...]


@dataclass(frozen=True)
class MadeUpProject:
    """A project; ``contributors`` log its experiments, the first of them is always there."""

    place: int
    id: str
    name: str
    workspace: CometWorkspace
    created: int
    experiments: int
    gpus: int
    contributors: tuple[CometUser, ...]


@dataclass(frozen=True)
class CometOrganisation:
    """The whole made-up organisation.

    Args:
        begin: start of its history.
        end: end of the month it was made in, until which ``CometSize`` counts experiments.
    """

    seed: int
    id: str
    size: CometSize
    begin: int
    end: int
    users: tuple[CometUser, ...]
    workspaces: tuple[CometWorkspace, ...]
    projects: tuple[MadeUpProject, ...]


def make_comet_organisation(
    seed: int = 7,
    *,
    now: datetime,
    size: CometSize | None = None,
    hostile_names: bool = False,
) -> CometOrganisation:
    """The organisation of a seed and of the month of ``now``: all of that month see the same.

    Args:
        seed: decides everything that is made up.
        now: an aware time.
        size: how large.
        hostile_names: users, workspaces and projects have awkward names.
    """
    size = size or CometSize()
    begin, end = history(now, size.months)
    rng = random.Random(f"{seed}:comet")
    users = tuple(make_user(rng, place, begin, end, hostile_names) for place in range(size.users))
    steady = [user for user in users if user.created < begin and user.last_active == NEVER]
    homes: list[list[CometUser]] = [[] for _ in range(size.workspaces)]
    for user in users:
        homes[user.place % size.workspaces].append(user)
    workspaces = tuple(
        make_workspace(
            rng,
            place,
            begin=begin,
            end=end,
            name=named(HOSTILE if hostile_names else WORKSPACES, place),
            members=(steady[place % len(steady)], *home, *rng.sample(users, min(3, len(users)))),
        )
        for place, home in enumerate(homes)
    )
    projects = tuple(
        make_project(
            rng,
            place,
            size=size,
            begin=begin,
            end=end,
            workspaces=workspaces,
            hostile_names=hostile_names,
        )
        for place in range(size.projects)
    )
    return CometOrganisation(
        seed, token(f"{seed}:org"), size, begin, end, users, workspaces, projects
    )


def make_user(
    rng: random.Random, place: int, begin: int, end: int, hostile_names: bool
) -> CometUser:
    """A user by place; place 0 has always been there and stays."""
    service = place % SERVICE_EVERY == SERVICE_AT
    turn = place // SERVICE_EVERY
    if hostile_names:
        name = named(HOSTILE, place)
    else:
        name = named(SERVICE_ACCOUNTS, turn) if service else person(place)
    founding = place == 0 or rng.random() < 0.6
    created = begin - rng.randrange(DAY, EARLIER) if founding else rng.randrange(begin, end)
    created = begin - EARLIER if place == 0 else created
    later = max(created + 40 * DAY, begin + 20 * DAY) + rng.randrange(max(DAY, end - begin) // 2)
    deleted = later if place % DELETED_EVERY == DELETED_AT else NEVER
    suspended = later if place % SUSPENDED_EVERY == SUSPENDED_AT else NEVER
    lapsed = later if place % LAPSED_EVERY == LAPSED_AT else NEVER
    idle = created if place % IDLE_EVERY == IDLE_AT else NEVER
    mailbox = "".join(c if c.isascii() and c.isalnum() else "." for c in name)[:40].strip(".")
    return CometUser(
        place=place,
        name=name,
        email=None if place == NO_EMAIL else f"{mailbox or f'user{place}'}@example.com",
        service=service,
        created=created,
        deleted=deleted,
        suspended=suspended,
        last_active=min(deleted, suspended, lapsed, idle),
        period=rng.choice((1, 1, 2, 5, 14, 40)) * DAY,
        opik=rng.randrange(20, 4_000) if place % OPIK_EVERY == OPIK_AT else None,
    )


def make_workspace(
    rng: random.Random,
    place: int,
    *,
    begin: int,
    end: int,
    name: str,
    members: tuple[CometUser, ...],
) -> CometWorkspace:
    """A workspace by place: of eight, the sixth is deleted and the last two are new."""
    turn, length = place % 8, end - begin
    created = begin - rng.randrange(DAY, EARLIER)
    if turn >= 6:
        created = begin + round(length * rng.uniform(0.3, 0.7))
    return CometWorkspace(
        place=place,
        id=token(f"workspace:{place}:{created}"),
        name=name,
        created=created,
        deleted=begin + round(length * rng.uniform(0.6, 0.8)) if turn == 5 else NEVER,
        members=tuple(dict.fromkeys(members)),
    )


def make_project(
    rng: random.Random,
    place: int,
    *,
    size: CometSize,
    begin: int,
    end: int,
    workspaces: tuple[CometWorkspace, ...],
    hostile_names: bool,
) -> MadeUpProject:
    """A project by place; the last of the demo's thirty stays empty."""
    home = place if place < len(workspaces) else int(len(workspaces) * rng.random() ** 2)
    workspace = workspaces[home]
    first = max(workspace.created, begin)
    created = first + round((min(end, workspace.deleted) - first) * 0.5 * rng.random() ** 3)
    founder, *others = workspace.members
    share = size.spread[place % len(size.spread)]
    return MadeUpProject(
        place=place,
        id=token(f"project:{place}:{created}"),
        name=named(HOSTILE if hostile_names else PROJECTS, place),
        workspace=workspace,
        created=created,
        experiments=0 if place % 30 == 29 else round(size.experiments_per_project * share),
        gpus=size.gpus[place % len(size.gpus)],
        contributors=(founder, *rng.sample(others, min(5, len(others)))),
    )


def history(now: datetime, months: int) -> tuple[int, int]:
    """Start of the first month and end of the current one, UTC."""
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (month + timedelta(days=32)).replace(day=1)
    begin = month
    for _ in range(months - 1):
        begin = (begin - timedelta(days=1)).replace(day=1)
    return millis(begin), millis(end)


def millis(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time."""
    return int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000


def token(text: str) -> str:
    """Thirty-two hexadecimal digits, as ids have."""
    return blake2b(text.encode(), digest_size=16).hexdigest()
