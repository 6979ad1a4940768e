"""The tables of a chargeback report with what an earlier one says beside their amounts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lib.reports.chargeback.select import Side
from lib.reports.compared import CHANGE, PERCENT, PREVIOUS, Amount, keys_of, side_by_side
from lib.reports.report import Table


@dataclass(frozen=True)
class _Beside:
    """How a table is compared.

    Args:
        frame: of a side: whose fields the amounts are; empty where they are counted from users.
        keys: tell its rows apart.
        amounts: the one that matters most first.
        names: hold in both reports, so that they say of a row that is gone what it was.
    """

    frame: str
    keys: tuple[str, ...]
    amounts: tuple[Amount, ...]
    names: tuple[str, ...] = ()


def _counted(*keys: str, adds_up: bool = True) -> tuple[Amount, ...]:
    # A record that is not there has nothing; one that does not say is unknown
    return tuple(Amount(key, empty="absent", adds_up=adds_up) for key in keys)


_TABLES: Mapping[str, _Beside] = {
    "users": _Beside(
        "users",
        ("username",),
        _counted(
            *("dataLoggedMb", "experimentCount", "uiUsageCount", "sdkUsageCount", "opikSpanCount"),
        ),
        ("email",),
    ),
    "reclaim_by_workspace": _Beside(
        "",
        ("workspace",),
        (
            *_counted("inactive", "licensed", "active", adds_up=False),
            Amount("inactive_percent", empty="unknown", adds_up=False),
            *_counted("never_seen", "unknown", "suspended", adds_up=False),
        ),
    ),
    "workspaces": _Beside(
        "workspaces",
        ("name",),
        (
            *_counted("totalSizeInMb", "numberOfExperiments", "numberOfProjects"),
            *_counted("numberOfMembers", "active_members", adds_up=False),
            Amount("size_percent", empty="unknown", adds_up=False),
        ),
    ),
    "members": _Beside(
        "members",
        ("workspace", "userName"),
        _counted("totalSizeInMb", "numberOfExperiments"),
        ("email",),
    ),
    "projects": _Beside(
        "projects", ("workspace", "name"), _counted("totalSizeInMb", "numberOfExperiments")
    ),
}
"""Tables by their key; the others have no amount."""

_BY_USE = ("inactive", "inactive_percent", "active", "never_seen", "unknown", "active_members")
"""Amounts that rest on when users were last seen, which two servers may tell by other times."""


def beside(
    now: Sequence[Table], before: Sequence[Table], side: Side, earlier: Side
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """The tables with previous, change and percent, and the titles of those that cannot be compared.

    Args:
        now, before: the same tables of both reports, in one order.
    """
    made, apart = [], []
    for table, other in zip(now, before, strict=True):
        how = _TABLES.get(table.key)
        if how is None or table.frame.empty or other.frame.empty:
            made.append(table)
        elif _has_twins(table, how) or _has_twins(other, how):
            made.append(table)
            apart.append(table.title)
        else:
            made.append(_beside(how, table, other, side, earlier))
    return (*made,), (*apart,)


def _has_twins(table: Table, how: _Beside) -> bool:
    keys = keys_of(table, how.keys)
    return len({*keys}) < len(keys)


def _beside(how: _Beside, table: Table, other: Table, side: Side, earlier: Side) -> Table:
    amounts = [*_alike(how, side, earlier)]
    if not amounts:
        return table
    made = side_by_side(table, other, how.keys, amounts, names=how.names)
    unknown = {
        f"{amount.key}_{end}": None
        for amount in amounts
        if amount.adds_up and not all(_is_whole(one, amount) for one in (table, other))
        for end in (PREVIOUS, CHANGE, PERCENT)
    }
    return replace(made, totals={**(made.totals or {}), **unknown} or None)


def _alike(how: _Beside, side: Side, earlier: Side) -> Iterator[Amount]:
    """Amounts that both reports have, and count alike."""
    same_use = side.seen_by == earlier.seen_by and side.seen_by is not None
    same_licences = side.has("users", "suspended") == earlier.has("users", "suspended")
    for amount in how.amounts:
        if amount.key in _BY_USE:
            if same_use and same_licences:
                yield amount
        elif not how.frame:
            if same_licences:
                yield amount
        elif amount.key == "size_percent" or all(
            one.has(how.frame, amount.key) for one in (side, earlier)
        ):
            yield amount


def _is_whole(table: Table, amount: Amount) -> bool:
    """Whether each of its rows says it: of some, the total would be of those alone."""
    return bool(table.frame[amount.key].notna().all())
