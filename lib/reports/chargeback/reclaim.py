"""Licences that nobody seems to use: who has not been seen, since when, and in which workspaces."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from lib.quantities import counted
from lib.reports.chargeback.select import (
    ACTIVE,
    DAY_MS,
    INACTIVE,
    NEVER,
    UNKNOWN,
    Side,
    epoch_ms,
)
from lib.reports.chargeback.tables import PERSONAL, SERVICE
from lib.reports.report import Column, Number, Table
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.usage.exact import percent_of, values_of

_RECLAIMABLE = (NEVER, INACTIVE, UNKNOWN)
_UNLISTABLE = "(a name with a comma)"


def licences(side: Side) -> dict[str, int | None]:
    """Licensed users by what is known of their use; None where the report does not tell.

    Returns:
        ``inactive``, which holds ``never_seen``, and ``unknown``: with those active they are all
        licensed ones.
    """
    counts = side.marks.loc[side.marks["licensed"], "use"].value_counts()
    number = {use: int(counts.get(use, 0)) for use in _RECLAIMABLE}
    return {
        "inactive": number[INACTIVE] + number[NEVER],
        "never_seen": number[NEVER],
        "unknown": number[UNKNOWN],
    } | dict.fromkeys(_untold(side) & {"inactive", "never_seen", "unknown"})


def _untold(side: Side) -> set[str]:
    """The counts that the report says nothing of: all without a list of users, those of use
    without any time of it."""
    if not side.lists_users:
        return {column.key for column in _COUNTS}
    return {"active", "inactive", "never_seen"} if side.seen_by is None else set()


def reclaim_tables(side: Side, query: ChargebackQuery) -> tuple[Table, Table]:
    """Who could do without a licence, and how many they are by workspace."""
    places = _memberships(side)
    return _people(side, query, places), _by_workspace(side, places)


def _memberships(side: Side) -> pd.DataFrame:
    """``user`` (label of a row of users) and ``workspace``: each pair once."""
    pairs = side.chosen_members[["workspace", "userName"]].dropna().drop_duplicates()
    users = pd.DataFrame({"userName": side.users["username"], "user": side.users.index})
    return users.dropna(subset="userName").merge(pairs, on="userName")[["user", "workspace"]]


def _people(side: Side, query: ChargebackQuery, places: pd.DataFrame) -> Table:
    chosen = side.marks["licensed"] & (side.marks["use"] != ACTIVE)
    users, marks = side.users[chosen], side.marks[chosen]
    use = marks["use"]
    seen = marks["seen"].where(use == INACTIVE)
    listed: dict[int, list[str]] = {user: [] for user in users.index}
    for user, name in zip(places["user"], places["workspace"], strict=True):
        if user in listed:
            listed[user].append(name)
    number = pd.Series([*map(len, listed.values())], users.index, "Int64")
    frame = pd.DataFrame(
        {
            "username": users["username"],
            "email": users["email"],
            "use": use,
            "account": np.where(marks["service"], SERVICE, PERSONAL),
            "reclaimable": _reclaimable(side, use),
            "days_since_use": (epoch_ms(side.at) - seen) // DAY_MS,
            "last_seen": seen,
            "created_at": users["created_at"],
            "workspace_count": number if side.lists_workspaces else number.mask(number >= 0),
            "workspaces": pd.Series([*map(_joined, listed.values())], users.index, "str"),
        }
    )
    totals = {"reclaimable": licences(side)["inactive"]}
    rank = use.map({word: place for place, word in enumerate(_RECLAIMABLE)})
    order = np.lexsort([-frame["days_since_use"].fillna(-1).to_numpy("int64"), rank.to_numpy()])
    return Table(
        "reclaim",
        "Reclaim",
        frame.take(order).reset_index(drop=True),
        _PEOPLE,
        totals,
        brief=(
            "username",
            "email",
            "use",
            "account",
            "reclaimable",
            "days_since_use",
            "workspaces",
        ),
        note=" ".join(_note(side, query)),
    )


def _reclaimable(side: Side, use: "pd.Series[Any]") -> "pd.Series[Any]":
    """Of each user 1 or 0, so that they sum to the inactive ones; null where nobody knows."""
    licences = use.isin((INACTIVE, NEVER)).astype("Int64")
    return licences.mask(use.notna()) if "inactive" in _untold(side) else licences


def _joined(names: list[str]) -> str | None:
    # The items of a list are told apart, and hidden, by ", "; sorted ones would tell of hidden names
    return ", ".join(_UNLISTABLE if ", " in name else name for name in names) or None


def _note(side: Side, query: ChargebackQuery) -> Iterable[str]:
    if side.seen_by is None:
        yield "No user has a time of last use, so nobody knows which licences are used."
    else:
        yield (
            f"Licensed users not seen within {counted(query.active_days, 'days')} by "
            f"{side.seen_by.label}. Never seen: every time of use that the server tells is 0; unknown: "
            "it tells none that counts. TOTAL counts each user once, in however many workspaces, and "
            "none of unknown use."
        )
    if not side.has("users", "suspended"):
        yield "The report does not say who is suspended: all that are not deleted count as licensed."
    if not side.lists_workspaces:
        yield "The report does not list workspaces."


def _by_workspace(side: Side, places: pd.DataFrame) -> Table:
    facts = _facts(side)
    names = dict.fromkeys(name for name in values_of(side.workspaces["name"]) if name is not None)
    members = facts.reindex(places["user"]).set_axis(places["workspace"])
    frame = members.groupby(level=0).sum().reindex([*names], fill_value=0)
    elsewhere = facts[~facts.index.isin(places["user"])].sum()
    if elsewhere.any():
        frame = pd.concat([frame, elsewhere.to_frame().T.set_axis([None])])
    untold = [*_untold(side)]
    frame = frame.assign(**dict.fromkeys(untold, None)).astype("Int64")
    totals: dict[str, Number | None] = {str(key): int(cells.sum()) for key, cells in facts.items()}
    totals |= dict.fromkeys(untold)
    totals["inactive_percent"] = _share(totals["inactive"], totals["licensed"])
    pairs = zip(values_of(frame["inactive"]), values_of(frame["licensed"]), strict=True)
    frame["inactive_percent"] = pd.Series([_share(*pair) for pair in pairs], frame.index, "float64")
    frame = frame.sort_values("inactive", ascending=False, kind="stable")
    frame = frame.rename_axis("workspace").reset_index().astype({"workspace": "str"})
    nowhere = "(in none of these)" if side.lists_workspaces else "(not told)"
    columns = (Column("workspace", "Workspace", missing=nowhere, of="workspace"), *_COUNTS)
    return Table(
        "reclaim_by_workspace",
        "Reclaim by workspace",
        frame[[column.key for column in columns]],
        columns,
        totals,
        note="A member of several workspaces is in each of them; TOTAL counts each user once.",
    )


def _facts(side: Side) -> pd.DataFrame:
    """Per row of users 0 or 1 for each count by workspace."""
    licensed, use = side.marks["licensed"], side.marks["use"]
    facts = {
        "licensed": licensed,
        "active": licensed & (use == ACTIVE),
        "inactive": licensed & use.isin((INACTIVE, NEVER)),
        "never_seen": licensed & (use == NEVER),
        "unknown": licensed & (use == UNKNOWN),
        "suspended": side.marks["suspended"] & ~side.marks["deleted"],
    }
    return pd.DataFrame(facts, index=side.users.index).astype("int64")


def _share(part: Number | None, whole: Number | None) -> float | None:
    return None if part is None or whole is None else percent_of(int(part), int(whole))


_PEOPLE = (
    Column("username", "User", personal=True),
    Column("email", "E-mail", personal=True),
    Column("use", "Use", help="Inactive, never seen, or unknown."),
    Column("account", "Account", help="Of a person, or of a program."),
    Column(
        "reclaimable",
        "Licences to reclaim",
        "int",
        help="1 of a user who is inactive or was never seen, 0 of one whose use is unknown.",
    ),
    Column("days_since_use", "Days since last use", "int", help="Whole days up to the report."),
    Column("last_seen", "Last seen", "epoch_ms", help="UTC"),
    Column("created_at", "Created", "epoch_ms", help="UTC"),
    Column("workspace_count", "Number of workspaces", "int", help="Of those chosen."),
    Column("workspaces", "Workspaces", "list"),
)
_COUNTS = (
    Column("licensed", "Licensed", "int", help="Neither suspended nor deleted."),
    Column("active", "Active", "int", help="Licensed, and seen within the active window."),
    Column("inactive", "Inactive", "int", help="Licensed, and seen before it or never."),
    Column("inactive_percent", "Inactive share", "percent", help="Inactive of licensed users."),
    Column("never_seen", "Never seen", "int", help="Part of the inactive users."),
    Column("unknown", "Use unknown", "int", help="Licensed; nobody knows when last seen."),
    Column("suspended", "Suspended", "int", help="And not deleted; they hold no licence."),
)
