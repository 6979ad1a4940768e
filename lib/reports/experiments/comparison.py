"""Two periods of experiments side by side: tables, and the projects, workspaces and users that moved most."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lib.reports.compared import Amount, Key, Parts, parts_of, side_by_side, step_by_step
from lib.reports.experiments.charts import NO_USER
from lib.reports.experiments.select import ChosenRows
from lib.reports.movers import Dimension, changes_table
from lib.reports.report import Column, Table
from lib.sources.comet.experiments.answer import CometUsageAnswer

_AMOUNTS = (
    Amount("experiments"),
    Amount("users", empty="absent", adds_up=False),
    Amount("run_time_seconds", empty="absent"),
    Amount("gpu_utilisation", empty="unknown", adds_up=False),
    Amount("gpu_memory_utilisation", empty="unknown", adds_up=False),
    Amount("gpu_hours", empty="absent"),
    Amount("idle_gpu_hours", empty="absent"),
)
_KEYS = {
    "by_project": ("workspace", "project"),
    "by_workspace": ("workspace",),
    "by_user": ("user",),
}
_NAMES = (
    Column("workspace", "Workspace", personal=True, of="workspace"),
    Column("project", "Project", personal=True, of="project"),
    Column("user", "User", personal=True),
)


@dataclass(frozen=True)
class Doubts:
    """What is not known in full, in both periods alike: experiments of all time come at once.

    Args:
        projects: workspace and project of those that failed or answered in part; None where it is
            not known which those are.
        amounts: figures whose value some experiments lack.
    """

    projects: frozenset[Key]
    amounts: tuple[str, ...]

    def of(self, table: str) -> dict[str, Collection[Any]]:
        """What ``side_by_side`` must know of a table."""
        if table == "by_project":
            return {"unsure": self.projects, "doubtful": self.amounts}
        if table == "by_workspace":
            return {"unsure": {key[:1] for key in self.projects}, "doubtful": self.amounts}
        every = [amount.key for amount in _AMOUNTS]
        return {"doubtful": every if self.projects else self.amounts}


def doubts(answer: CometUsageAnswer, *sides: ChosenRows) -> Doubts:
    """What an answer leaves open."""
    short = {s.part for s in answer.statuses if s.status in ("failed", "partial")}
    pairs = [*zip(answer.projects["workspace"], answer.projects["project"], strict=True)]
    projects = {pair for pair in pairs if "/".join(pair) in short}  # two may be written alike
    if short - {"/".join(pair) for pair in projects}:
        projects.add((None, None))
    timeless = any(rows.gpus.timeless for rows in sides)
    unrated = timeless or any(rows.unrated_hours for rows in sides)
    amounts = {"gpu_hours": timeless, "idle_gpu_hours": unrated, "idle_gpu_percent": unrated}
    return Doubts(
        frozenset(projects),
        tuple(key for key, is_short in amounts.items() if is_short),
    )


def compared_tables(
    now: Sequence[Table], before: Sequence[Table], unclear: Doubts
) -> tuple[Table, ...]:
    """The tables with previous, change and percent beside their amounts."""
    compared = []
    for table, earlier in zip(now, before, strict=True):
        amounts = [amount for amount in _AMOUNTS if amount.key in table.frame]
        if table.key == "by_bucket":
            made = step_by_step(table, earlier, "bucket", amounts, **unclear.of(table.key))
        else:
            made = side_by_side(table, earlier, _KEYS[table.key], amounts, **unclear.of(table.key))
        compared.append(made)
    return (*compared,)


def changes(
    tables: Sequence[Table], now: ChosenRows, before: ChosenRows, against: str
) -> Iterator[Table]:
    """The biggest movers by experiments; no table where no change is known.

    Args:
        tables: as ``compared_tables`` returns them.
        against: the other period, in words.
    """
    of_key = {table.key: table for table in tables}
    dimensions = [
        Dimension(
            label,
            others,
            of_key[table],
            _KEYS[table],
            {key: [key] for key in _KEYS[table]},
            part=part,
            parts=_counter(now, before, table),
            name_part=_name,
        )
        for table, label, others, part in (
            ("by_project", "Project", "projects", "User"),
            ("by_workspace", "Workspace", "workspaces", "Project"),
            ("by_user", "User", "users", "Project"),
        )
    ]
    table = changes_table(dimensions, ("experiments", "gpu_hours"), _NAMES, against)
    if table is not None:
        yield table


def _name(part: object) -> str:
    return "/".join(map(str, part)) if isinstance(part, tuple) else str(part or NO_USER)


def _counter(now: ChosenRows, before: ChosenRows, table: str) -> Callable[[str], Parts]:
    def parts(measure: str) -> Parts:
        if measure != "experiments":
            return {}
        return parts_of(*(_counted(rows, table) for rows in (now, before)))

    return parts


def _counted(rows: ChosenRows, table: str) -> Iterator[tuple[Key, Any, int]]:
    """Experiments by the key of a table's row and its parts: users of a project, else projects."""
    names = rows.projects
    paths = [*zip(names["workspace"], names["project"], strict=True)]
    counts = Counter(zip(rows.project.tolist(), rows.user.tolist(), strict=True))
    for (project, user), count in counts.items():
        path, person = paths[project], rows.users[user] if user >= 0 else None
        key, part = {
            "by_project": (path, person),
            "by_workspace": (path[:1], path),
            "by_user": ((person,), path),
        }[table]
        yield key, part, count
