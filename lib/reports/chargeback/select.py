"""One chargeback report under its filters: who is licensed, active and new, and exact sums."""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from lib.periods import Period
from lib.sources.comet.chargeback.accounts import is_service, standing
from lib.sources.comet.chargeback.answer import EPOCH, Chargeback
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.sources.comet.server.moments import MILLISECONDS
from lib.usage.exact import exactly, values_of

DAY_MS = 86_400_000
_MOMENT = timedelta(milliseconds=1)
_NO_TIME = 2**63 - 1  # later than any: the least of some times is never this, unless none is known


@dataclass(frozen=True)
class Measure:
    """What tells when a user was last seen: the latest of some of the server's times."""

    key: str
    label: str
    columns: tuple[str, ...]


SEEN_BY = (
    Measure("lastUsedAt", "last use", ("lastUsedAt",)),
    Measure(
        "emLastUsedAt/opikLastUsedAt",
        "the later last use of EM and Opik",
        ("emLastUsedAt", "opikLastUsedAt"),
    ),
    Measure(
        "uiUsageUpdateTs/sdkUsageUpdateTs",
        "the later update of UI and SDK usage",
        ("uiUsageUpdateTs", "sdkUsageUpdateTs"),
    ),
)
"""Best first. One measure holds for all users of a report: a share over two would mean nothing."""

ACTIVE, INACTIVE, NEVER, UNKNOWN = "active", "inactive", "never seen", "unknown"
"""What is known of a licensed user's use. Never: every time of use that the server tells is 0;
unknown: it tells none that can be, or one after the moment that the report speaks of."""


@dataclass(frozen=True)
class Side:
    """One report, its frames under the filters, and what follows from them.

    Args:
        report: as it came, before the filters.
        users, workspaces, members, projects: the server's columns; rows under the filters.
        marks: per row of ``users`` bool ``suspended``, ``deleted``, ``licensed``, ``service``, ``em``,
            ``opik``, ``new`` (created within the window) and ``older`` (before it); boolean ``active``, null where nothing tells; Int64 ``created`` and
            ``seen`` in epoch milliseconds, null for never or unknown; ``use`` one of ``ACTIVE`` and the
            words beside it.
        places: per row of ``workspaces`` Int64 ``created`` (the earliest of its members),
            ``active_members`` (null where nothing tells), bool ``new``, ``older``, ``em`` and ``opik``.
        seen_by: what tells whether a user is active; None where no user has any such time.
        at: the end of both windows, UTC.
        at_words: where ``at`` is from.
        filled: frame and column of each field that any record of the whole report carries.
        chosen_members: members of the workspaces under the filters, of all kinds of accounts.
    """

    report: Chargeback
    users: pd.DataFrame
    workspaces: pd.DataFrame
    members: pd.DataFrame
    projects: pd.DataFrame
    marks: pd.DataFrame
    places: pd.DataFrame
    seen_by: Measure | None
    at: datetime
    at_words: str
    chosen_members: pd.DataFrame
    filled: frozenset[tuple[str, str]]

    @property
    def lists_users(self) -> bool:
        """Whether the server gave a list of users, be it an empty one."""
        return "users" in self.report.lists

    @property
    def lists_workspaces(self) -> bool:
        """Whether the server gave a list of workspaces, be it an empty one."""
        return "workspaces" in self.report.lists

    def has(self, frame: str, key: str) -> bool:
        """Whether any record of the whole report carries a field."""
        return (frame, key) in self.filled


def select(
    report: Chargeback,
    query: ChargebackQuery,
    service_accounts: frozenset[str] | None,
    *,
    at: datetime,
    at_words: str,
) -> Side:
    """A report under the filters of a question."""
    seen_by = _seen_by(report.users)
    marks = _marks(report.users, query, service_accounts, seen_by, at)
    places = _places(report, marks, query, at)
    whole = Side(
        report,
        report.users,
        report.workspaces,
        report.members,
        report.projects,
        marks,
        places,
        seen_by,
        at,
        at_words,
        report.members,
        frozenset(_filled(report)),
    )
    return _of_accounts(_of_workspaces(whole, query), query, service_accounts)


def _filled(report: Chargeback) -> Iterator[tuple[str, str]]:
    for frame in ("users", "workspaces", "members", "projects"):
        for key, cells in getattr(report, frame).items():
            if cells.notna().any():
                yield frame, str(key)


def _of_workspaces(side: Side, query: ChargebackQuery) -> Side:
    if not query.workspaces and not query.exclude:
        return side
    keep = _name_filter(query)
    workspaces = side.workspaces[keep(side.workspaces["name"])]
    members = side.members[keep(side.members["workspace"])]
    users, marks = side.users, side.marks
    if query.workspaces:
        names = {*values_of(members["userName"])} - {None}
        mine = np.array([name in names for name in values_of(users["username"])], dtype=bool)
        users, marks = users[mine], marks[mine]
    return replace(
        side,
        users=users,
        marks=marks,
        workspaces=workspaces,
        places=side.places.loc[workspaces.index],
        members=members,
        chosen_members=members,
        projects=side.projects[keep(side.projects["workspace"])],
    )


def _name_filter(query: ChargebackQuery) -> Any:
    pattern = re.compile(fnmatch.translate(query.exclude.casefold())) if query.exclude else None

    def keep(names: "pd.Series[Any]") -> "np.ndarray[Any, Any]":
        given = values_of(names)
        kept = {*query.workspaces} if query.workspaces else {*given}
        if pattern is not None:
            kept -= {name for name in kept if name and pattern.match(name.casefold())}
        return np.array([name in kept for name in given], dtype=bool)

    return keep


def _of_accounts(
    side: Side, query: ChargebackQuery, service_accounts: frozenset[str] | None
) -> Side:
    if query.accounts == "both":
        return side
    wanted = query.accounts == "service"
    users = side.marks["service"] == wanted
    named = side.members.rename(columns={"userName": "username"})
    members = is_service(named, service_accounts).fillna(False).astype(bool) == wanted
    return replace(
        side,
        users=side.users[users.to_numpy()],
        marks=side.marks[users],
        members=side.members[members.to_numpy()],
    )


def _seen_by(users: pd.DataFrame) -> Measure | None:
    times = [(sign, _latest(users, sign.columns)) for sign in SEEN_BY]
    used = (sign for sign, seen in times if (seen > 0).any())
    # 0 says that a user was never seen; null says nothing
    told = (sign for sign, seen in times if seen.notna().any())
    return next(used, None) or next(told, None)


def _latest(users: pd.DataFrame, keys: Iterable[str]) -> "pd.Series[Any]":
    return users[[*keys]].astype("Int64").max(axis=1).astype("Int64")


def _marks(
    users: pd.DataFrame,
    query: ChargebackQuery,
    service_accounts: frozenset[str] | None,
    seen_by: Measure | None,
    at: datetime,
) -> pd.DataFrame:
    held = standing(users)
    created = users["created_at"].astype("Int64")
    created = created.where(possible(created))
    active = pd.Series(pd.NA, users.index, "boolean")
    seen = pd.Series(pd.NA, users.index, "Int64")
    if seen_by is not None:
        seen = _latest(users, seen_by.columns)
        seen = seen.where(possible(seen))
        active = (within(seen, at, query.active_days) & held["licensed"]).astype("boolean")
    return pd.DataFrame(
        {
            **held,
            "service": is_service(users, service_accounts).fillna(False).astype(bool),
            "active": active,
            "created": created,
            "seen": seen,
            "use": _use(users, active, seen, at),
            "new": within(created, at, query.window_days),
            "older": before(created, at, query.window_days),
            "em": _either(users, "experimentCount", "emLastUsedAt"),
            "opik": _either(users, "opikSpanCount", "opikLastUsedAt"),
        },
        index=users.index,
    )


def _use(
    users: pd.DataFrame, active: "pd.Series[Any]", seen: "pd.Series[Any]", at: datetime
) -> "np.ndarray[Any, Any]":
    latest = _latest(users, [key for measure in SEEN_BY for key in measure.columns])
    before = (seen <= epoch_ms(at)).fillna(False).to_numpy(bool)
    never = (latest == 0).fillna(False).to_numpy(bool)
    cases = [active.fillna(False).to_numpy(bool), before, never]
    return np.select(cases, [ACTIVE, INACTIVE, NEVER], UNKNOWN).astype(object)


def possible(times: "pd.Series[Any]") -> "pd.Series[Any]":
    """Whether epoch milliseconds are a time at which anything can have happened; null stays null."""
    return times.between(MILLISECONDS.start, MILLISECONDS.stop - 1)


def within(times: "pd.Series[Any]", at: datetime, days: int) -> "pd.Series[Any]":
    """Whether epoch milliseconds lie in the days up to a moment, both ends included; bool."""
    end = epoch_ms(at)
    return times.between(end - days * DAY_MS, end).fillna(False).astype(bool)


def before(times: "pd.Series[Any]", at: datetime, days: int) -> "pd.Series[Any]":
    """Whether epoch milliseconds lie before the days up to a moment; bool."""
    return (times < epoch_ms(at) - days * DAY_MS).fillna(False).astype(bool)


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970 of an aware time, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def _either(users: pd.DataFrame, count: str, time: str) -> "pd.Series[Any]":
    """Whether a count is above zero; where no user has the count, whether the time is known."""
    key = count if users[count].notna().any() else time
    return (users[key].astype("Int64") > 0).fillna(False).astype(bool)


def _places(
    report: Chargeback, marks: pd.DataFrame, query: ChargebackQuery, at: datetime
) -> pd.DataFrame:
    names = report.workspaces["name"]
    # Plain integers, not floats: a time of 16 digits must come out as it went in
    facts = pd.DataFrame(
        {
            "userName": report.users["username"],
            "created": marks["created"].to_numpy("int64", na_value=_NO_TIME),
            "active": marks["active"].fillna(False).to_numpy("int64"),
            "opik": marks["opik"].to_numpy("int64"),
        }
    ).dropna(subset="userName")
    # A name that is listed twice, once deleted and once new, is one person
    people = facts.groupby("userName", sort=False).agg(
        {"created": "min", "active": "max", "opik": "max"}
    )
    pairs = report.members[["workspace", "userName"]].dropna().drop_duplicates()
    row = people.index.get_indexer(pd.Index(pairs["userName"]))
    members = people.take(row[row >= 0]).assign(workspace=pairs["workspace"].array[row >= 0])
    sums = members.groupby("workspace", sort=False).agg(
        {"created": "min", "active": "sum", "opik": "max"}
    )
    row = sums.index.get_indexer(pd.Index(names))
    created, active, opik = (
        # The last one stands for workspaces without members, which are at row -1
        pd.Series(np.append(sums[key].to_numpy("int64"), nothing)[row], names.index, dtype="Int64")
        for key, nothing in (("created", _NO_TIME), ("active", 0), ("opik", 0))
    )
    created = created.mask(created == _NO_TIME)
    told = bool(marks["active"].notna().any())
    experiments = report.workspaces["numberOfExperiments"].astype("Int64").fillna(0) > 0
    projects = report.workspaces["numberOfProjects"].astype("Int64").fillna(0) > 0
    return pd.DataFrame(
        {
            "created": created,
            "active_members": active if told else active.mask(active >= 0),
            "new": within(created, at, query.window_days),
            "older": before(created, at, query.window_days),
            "em": (experiments | projects).astype(bool),
            "opik": (opik > 0).astype(bool),
        },
        index=names.index,
    )


def as_of(report: Chargeback, *, live: bool, now: datetime) -> tuple[datetime, str]:
    """The moment a report speaks of, and where that is from.

    Args:
        live: it was asked from a server just now, not read from a file.
    """
    if live and report.month in (None, f"{now:%Y-%m}"):
        return now, "the moment this report was made"
    made = report.made_at(now)
    if made is not None:
        return made, "the time the server made it"
    period = month_period(report.month)
    # The last moment that is still in the month: windows include their ends
    end = datetime.fromtimestamp(period.end_epoch, UTC) - _MOMENT if period else now
    if end < now:
        return end, f"the end of {report.month}, because it does not say when it was made"
    return now, "the moment this report was made, because it does not say when it was made itself"


def month_period(month: str | None) -> Period | None:
    """The days of ``2024-09``; None for anything that is no month."""
    if not month or not re.fullmatch(r"(?!0000)\d{4}-(0[1-9]|1[0-2])", month):
        return None
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC).date()
    # The 28th and four days lie in the next month, whatever the month
    return Period(start, start.replace(day=28) + _to_month_end(start.year, start.month))


def _to_month_end(year: int, month: int) -> timedelta:
    return timedelta(days=pd.Period(year=year, month=month, freq="M").days_in_month - 28)


def sum_by(keys: "pd.Series[Any]", cells: "pd.Series[Any]") -> dict[Any, Any]:
    """Exact sums per key; None where a cell of the key is missing. Rows without a key are left out."""
    sums: dict[Any, Any] = {}
    with exactly():
        for key, value in zip(values_of(keys), values_of(cells), strict=True):
            if key in sums:
                before = sums[key]
                sums[key] = None if before is None or value is None else before + value
            else:
                sums[key] = value
    sums.pop(None, None)
    return sums
