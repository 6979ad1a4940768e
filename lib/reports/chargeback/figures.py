"""The headline numbers and control totals of the chargeback report."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.quantities import counted
from lib.reports.chargeback.reclaim import licences
from lib.reports.chargeback.select import Side
from lib.reports.compared import change_of
from lib.reports.report import Delta, Figure, Number, SourceStatus
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.sources.comet.chargeback.tables import SERVICE_ACCOUNTS
from lib.sources.comet.server import NAME
from lib.usage.exact import percent_of, total


def _alike(_: Side) -> object:
    return True


@dataclass(frozen=True)
class _Count:
    """One figure.

    Args:
        value: from the side; None where it cannot be known.
        same: what two reports must have alike for the figure to be compared.
        cells: the cells it is the sum of; some missing make it incomplete.
        total: whether it is a control total, too.
    """

    key: str
    label: str
    unit: str
    value: Callable[[Side], Number | None]
    same: Callable[[Side], object] = _alike
    cells: Callable[[Side], "pd.Series[Any]"] | None = None
    total: bool = True
    accounts: bool = False
    help: str = ""


def _users(side: Side, mark: "pd.Series[Any] | None" = None) -> int | None:
    if not side.lists_users:
        return None
    return len(side.users) if mark is None else int(mark.sum())


def _active(side: Side) -> int | None:
    if side.seen_by is None or not side.lists_users:
        return None
    return int(side.marks["active"].sum())


def _seen_by(side: Side) -> object:
    return side.seen_by and side.seen_by.key


def _licences(side: Side) -> object:
    return _seen_by(side), side.has("users", "suspended")


def _accounts(side: Side, *, service: bool) -> int | None:
    return _users(side, (side.marks["service"] == service) & ~side.marks["deleted"])


def _workspaces(side: Side) -> int | None:
    return len(side.workspaces) if side.lists_workspaces else None


def _active_workspaces(side: Side) -> int | None:
    if not side.lists_workspaces or side.seen_by is None:
        return None
    return int((side.places["active_members"] > 0).sum())


def _new(marks: pd.DataFrame, listed: bool) -> int | None:
    return int(marks["new"].sum()) if listed and marks["created"].notna().any() else None


def _growth(marks: pd.DataFrame, listed: bool) -> float | None:
    """New ones in percent of those there before the window; None without any."""
    new = _new(marks, listed)
    if new is None:
        return None
    older = int(marks["older"].sum())
    return _percent(new, older)


def _percent(part: int | None, whole: int | None) -> float | None:
    percent = percent_of(part, whole) if part is not None and whole is not None else None
    return None if percent is None else round(percent, 1)


def _sum(key: str) -> tuple[Callable[[Side], Number | None], Callable[[Side], "pd.Series[Any]"]]:
    def added(side: Side) -> Number | None:
        if side.lists_workspaces and side.workspaces.empty:
            return 0
        return total(side.workspaces[key])

    return added, lambda side: side.workspaces[key]


_PROJECTS, _EXPERIMENTS, _SIZE = map(
    _sum, ("numberOfProjects", "numberOfExperiments", "totalSizeInMb")
)

_COUNTS = (
    _Count("users", "Users", "users", _users, help="As listed, suspended and deleted ones too."),
    _Count(
        "active_users",
        "Active users ({active})",
        "users",
        _active,
        same=_seen_by,
        help="Licensed, and seen within {active} by {seen_by}.",
    ),
    _Count(
        "active_users_percent",
        "Active share of licensed users",
        "percent",
        lambda side: _percent(_active(side), _users(side, side.marks["licensed"])),
        same=_licences,
        help="Active users in percent of licensed ones.",
    ),
    _Count(
        "inactive_users",
        "Inactive licensed users ({active})",
        "users",
        lambda side: licences(side)["inactive"],
        same=_licences,
        help="Licensed, and last seen before the last {active} or never, by {seen_by}.",
    ),
    _Count(
        "new_users",
        "New users ({window})",
        "users",
        lambda side: _new(side.marks, side.lists_users),
        help="Created within {window}, whatever became of them.",
    ),
    _Count(
        "new_users_percent",
        "Growth of users ({window})",
        "percent",
        lambda side: _growth(side.marks, side.lists_users),
        total=False,
        help="New users in percent of those created before.",
    ),
    _Count("workspaces", "Workspaces", "workspaces", _workspaces),
    _Count(
        "active_workspaces",
        "Active workspaces ({active})",
        "workspaces",
        _active_workspaces,
        same=_seen_by,
        help="With at least one active member, by {seen_by}.",
    ),
    _Count(
        "active_workspaces_percent",
        "Active share of workspaces",
        "percent",
        lambda side: _percent(_active_workspaces(side), _workspaces(side)),
        same=_seen_by,
        help="Of all workspaces.",
    ),
    _Count(
        "new_workspaces",
        "New workspaces ({window})",
        "workspaces",
        lambda side: _new(side.places, side.lists_workspaces),
        help="A proxy: a workspace is as old as its oldest member.",
    ),
    _Count(
        "new_workspaces_percent",
        "Growth of workspaces ({window})",
        "percent",
        lambda side: _growth(side.places, side.lists_workspaces),
        total=False,
        help="New workspaces in percent of older ones, by the same proxy.",
    ),
    _Count("projects", "Projects", "projects", _PROJECTS[0], cells=_PROJECTS[1]),
    _Count("experiments", "Experiments", "experiments", _EXPERIMENTS[0], cells=_EXPERIMENTS[1]),
    _Count("total_size_mb", "Total size", "MB", _SIZE[0], cells=_SIZE[1]),
    _Count(
        "licensed_users",
        "Licensed users",
        "users",
        lambda side: _users(side, side.marks["licensed"]),
        same=lambda side: side.has("users", "suspended"),
        help="Neither suspended nor deleted.",
    ),
    _Count(
        "inactive_users_percent",
        "Inactive share of licensed users",
        "percent",
        lambda side: _percent(licences(side)["inactive"], _users(side, side.marks["licensed"])),
        same=_licences,
        help="Inactive licensed users in percent of licensed ones; those of unknown use are not among them.",
    ),
    _Count(
        "never_seen_users",
        "Licensed users never seen",
        "users",
        lambda side: licences(side)["never_seen"],
        same=_licences,
        help="Part of the inactive ones: every time of use that the server tells is 0.",
    ),
    _Count(
        "unknown_use_users",
        "Licensed users of unknown use",
        "users",
        lambda side: licences(side)["unknown"],
        same=_licences,
        help="No time of last use that counts: neither active nor inactive.",
    ),
    _Count(
        "suspended_users",
        "Suspended users",
        "users",
        lambda side: _users(side, side.marks["suspended"]),
        same=lambda side: side.has("users", "suspended"),
    ),
    _Count(
        "deleted_users",
        "Deleted users",
        "users",
        lambda side: _users(side, side.marks["deleted"]),
    ),
    _Count(
        "personal_accounts",
        "Personal accounts",
        "accounts",
        lambda side: _accounts(side, service=False),
        accounts=True,
        help="Users that are not deleted and no programs.",
    ),
    _Count(
        "service_accounts",
        "Service accounts",
        "accounts",
        lambda side: _accounts(side, service=True),
        accounts=True,
        help="Users that are not deleted, and are programs.",
    ),
)
"""All figures in the order shown: how many, how much, and then what kinds of users."""

_FIRST = (
    *("users", "suspended_users", "deleted_users", "active_users"),
    *("workspaces", "projects", "experiments", "total_size_mb"),
)


def control_totals(side: Side) -> dict[str, Number | str | None]:
    """The totals that JSON always has, then the others. None where a total cannot be known."""
    values: dict[str, Number | str | None] = {
        count.key: count.value(side) for count in _COUNTS if count.total
    }
    first = {key: values[key] for key in _FIRST}
    return (
        first
        | values
        | {
            "number_of_users_given": side.report.number_of_users,
            "active_by": side.seen_by.key if side.seen_by else None,
            "windows_end": f"{side.at:%Y-%m-%dT%H:%M:%SZ}",
        }
    )


def figures(
    side: Side,
    earlier: Side | None,
    query: ChargebackQuery,
    sources: Iterable[SourceStatus],
) -> Iterator[Figure]:
    """The headline numbers, with the change against an earlier report where both count alike."""
    troubled = {
        (source.source, source.part) for source in sources if source.status in ("failed", "partial")
    }
    words = {
        "active": counted(query.active_days, "days"),
        "window": counted(query.window_days, "days"),
        "seen_by": side.seen_by.label if side.seen_by else "nothing the server sent",
    }
    for count in _COUNTS:
        trouble = troubled if count.accounts else troubled - {(NAME, SERVICE_ACCOUNTS)}
        yield Figure(
            count.key,
            count.label.format_map(words),
            count.value(side),
            count.unit,
            count.help.format_map(words),
            _delta(count, side, earlier) if earlier else None,
            incomplete=bool(trouble) or missing_cells(count.cells, side) > 0,
        )


def missing_cells(cells: Callable[[Side], "pd.Series[Any]"] | None, side: Side) -> int:
    """How many of the cells of a sum are missing, when some are known; 0 when none is."""
    if cells is None:
        return 0
    known = cells(side)
    return int(known.isna().sum()) if known.notna().any() else 0


def gaps(side: Side) -> Mapping[str, int]:
    """Label of each sum that lacks parts to the number of workspaces that do not say."""
    missing = {count.label: missing_cells(count.cells, side) for count in _COUNTS}
    return {label: number for label, number in missing.items() if number}


def not_compared(side: Side, earlier: Side) -> list[str]:
    """Labels of figures that two reports count differently, or not at all."""
    return [
        count.label.split(" (")[0]
        for count in _COUNTS
        if count.value(side) is not None and _delta(count, side, earlier) is None
    ]


def _delta(count: _Count, side: Side, earlier: Side) -> Delta | None:
    now, before = count.value(side), count.value(earlier)
    change = change_of(now, before)
    if before is None or change is None or count.same(side) != count.same(earlier):
        return None
    if missing_cells(count.cells, side) or missing_cells(count.cells, earlier):
        return None
    in_points = isinstance(before, float)
    percent = None if in_points else percent_of(change, before)
    return Delta(before, change, percent, earlier.report.label)
