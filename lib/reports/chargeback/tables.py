"""The tables of the chargeback report: users, workspaces, members and projects under the server's names."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from lib.reports.chargeback.comparison import status_of
from lib.reports.chargeback.select import Side
from lib.reports.report import Column, Number, Table
from lib.usage.exact import may_share, percent_of, total, values_of

PERSONAL, SERVICE = "personal", "service"


def users_table(side: Side) -> Table:
    """All users under the filters, those with the most data or else the most use on top."""
    derived = {
        "status": status_of(side),
        "account": _accounts(side),
        "active": side.marks["active"],
    }
    return _table(
        ("users", "Users", "users"),
        side.users,
        derived,
        after="email",
        by=("dataLoggedMb", "experimentCount", "sdkUsageCount", "uiUsageCount"),
        brief=(
            *("username", "email", "status", "account", "active", "lastUsedAt"),
            *("uiUsageCount", "sdkUsageCount", "experimentCount", "dataLoggedMb"),
        ),
        note="Counts are totals over a user's life on this server; times are UTC.",
    )


def workspaces_table(side: Side) -> Table:
    """All workspaces under the filters, largest first."""
    derived = {
        "size_percent": shares(side.workspaces["totalSizeInMb"]),
        "active_members": side.places["active_members"],
        "created_proxy": side.places["created"],
    }
    return _table(
        ("workspaces", "Workspaces", "workspaces"),
        side.workspaces,
        derived,
        after="totalSizeInMb",
        by=("totalSizeInMb", "numberOfExperiments"),
        brief=(
            *("name", "numberOfMembers", "active_members", "numberOfProjects"),
            *("numberOfExperiments", "totalSizeInMb", "size_percent"),
        ),
        note="A person may be a member of several workspaces: members are not users.",
    )


def members_table(side: Side) -> Table:
    """Who is in which workspace, and with how much of it; largest first."""
    return _table(
        ("members", "Members", "members"),
        side.members,
        {},
        after="email",
        by=("totalSizeInMb", "numberOfExperiments"),
        note="One row per workspace and member.",
    )


def projects_table(side: Side) -> Table:
    """All projects of the workspaces under the filters, largest first."""
    return _table(
        ("projects", "Projects", "projects"),
        side.projects,
        {},
        after="name",
        by=("totalSizeInMb", "numberOfExperiments"),
    )


def shares(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Each cell in percent of their sum; null where sizes of both signs, or none, make no whole."""
    values, whole = values_of(cells), total(cells)
    told = whole is not None and may_share(values)
    percents = [
        percent_of(value, whole) if told and whole is not None and value is not None else None
        for value in values
    ]
    return pd.Series(percents, cells.index, dtype="float64")


def floats(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """Numbers for order, shares and charts: float64, NaN where missing."""
    if cells.dtype == "Int64":
        return pd.Series(cells.to_numpy("float64", na_value=float("nan")), cells.index)
    values = [float("nan") if value is None else float(value) for value in values_of(cells)]
    return pd.Series(values, cells.index, dtype="float64")


def _accounts(side: Side) -> "pd.Series[Any]":
    words = np.array([PERSONAL, SERVICE], dtype=object)
    return pd.Series(words[side.marks["service"].to_numpy(int)], side.marks.index, dtype=object)


def _table(
    named: tuple[str, str, str],
    frame: pd.DataFrame,
    derived: Mapping[str, "pd.Series[Any]"],
    *,
    after: str,
    by: Iterable[str],
    brief: tuple[str, ...] = (),
    note: str = "",
) -> Table:
    key, title, of = named
    known = _COLUMNS[of]
    taken = {*known, *derived}
    columns: list[Column] = []
    cells: dict[str, Any] = {}
    order = _largest_first(frame, by)
    for name in map(str, frame.columns):
        column = known.get(name) or _unknown(name, frame[name], taken)
        columns.append(column)
        cells[column.key] = frame[name].take(order)
        if name == after:
            columns += [_DERIVED[key] for key in derived]
            cells |= {key: values.take(order) for key, values in derived.items()}
    made = pd.DataFrame(cells).reset_index(drop=True)
    return Table(
        key,
        title,
        made,
        tuple(columns),
        _totals(made, columns),
        brief=tuple(key for key in brief if made[key].notna().any() or key == brief[0]),
        note=note,
    )


def _largest_first(frame: pd.DataFrame, by: Iterable[str]) -> "np.ndarray[Any, Any]":
    """Places in falling order of the first column that holds anything; equal ones stay in order."""
    key = next((key for key in by if frame[key].notna().any()), None)
    if key is None:
        return np.arange(len(frame))
    return np.argsort(-floats(frame[key]).to_numpy(), kind="stable")


def _totals(frame: pd.DataFrame, columns: Iterable[Column]) -> dict[str, Number | None]:
    return {
        column.key: total(frame[column.key])
        for column in columns
        if column.kind in ("int", "decimal") and column.key in _SUMMED
    }


def _unknown(name: str, cells: "pd.Series[Any]", taken: set[str]) -> Column:
    """A column for a field that is not documented, under a key that no other column has."""
    key = name
    while key in taken:
        key = f"comet_{key}"
    taken.add(key)
    hint = "Not documented; in no total."
    if pd.api.types.is_integer_dtype(cells.dtype):
        return Column(key, name, "int", help=hint)
    held = next((value for value in values_of(cells) if value is not None), None)
    if isinstance(held, Decimal):
        return Column(key, name, "decimal", help=hint)
    # Nobody knows what it says: it may be whoever created or owns a workspace
    return Column(key, name, help=hint, personal=True)


_NEVER = "UTC; 0 means never."
_COLUMNS: Mapping[str, Mapping[str, Column]] = {
    of: {column.key: column for column in columns}
    for of, columns in {
        "users": (
            Column("username", "User", personal=True),
            Column("email", "E-mail", personal=True),
            Column("created_at", "Created", "epoch_ms", help="UTC"),
            Column("deletedAt", "Deleted", "epoch_ms", help="UTC; only of deleted users."),
            Column("suspended", "Suspended", "bool"),
            Column("uiUsageCount", "UI usage", "int", help="Interactions in the browser."),
            Column("uiUsageUpdateTs", "UI usage updated", "epoch_ms", help=_NEVER),
            Column("sdkUsageCount", "SDK usage", "int", help="Interactions by the SDK."),
            Column("sdkUsageUpdateTs", "SDK usage updated", "epoch_ms", help=_NEVER),
            Column("lastUsedAt", "Last used", "epoch_ms", help="UTC"),
            Column("emLastUsedAt", "EM last used", "epoch_ms", help="Experiment management; UTC"),
            Column("opikLastUsedAt", "Opik last used", "epoch_ms", help="UTC"),
            Column("experimentCount", "Experiments", "int"),
            Column("dataLoggedMb", "Data logged", "decimal", "MB"),
            Column("opikSpanCount", "Opik spans", "int", help="Missing means no Opik."),
        ),
        "workspaces": (
            Column("name", "Workspace", of="workspace"),
            Column("numberOfMembers", "Members", "int"),
            Column("numberOfExperiments", "Experiments", "int"),
            Column("totalSizeInMb", "Size", "decimal", "MB"),
            Column("numberOfProjects", "Projects", "int"),
        ),
        "members": (
            Column("workspace", "Workspace"),
            Column("userName", "User", personal=True),
            Column("email", "E-mail", personal=True),
            Column("numberOfExperiments", "Experiments", "int"),
            Column("totalSizeInMb", "Size", "decimal", "MB"),
        ),
        "projects": (
            Column("workspace", "Workspace"),
            Column("name", "Project"),
            Column("numberOfExperiments", "Experiments", "int"),
            Column("totalSizeInMb", "Size", "decimal", "MB"),
        ),
    }.items()
}

_DERIVED: Mapping[str, Column] = {
    column.key: column
    for column in (
        Column("status", "Status", help="Licensed is neither suspended nor deleted."),
        Column("account", "Account", help="Of a person, or of a program."),
        Column("active", "Active", "bool", help="Licensed, and seen within the active window."),
        Column("size_percent", "Share of size", "percent"),
        Column("active_members", "Active members", "int"),
        Column("created_proxy", "Created (proxy)", "epoch_ms", help="Of its oldest member; UTC"),
    )
}

_SUMMED = frozenset(
    {
        *("uiUsageCount", "sdkUsageCount", "experimentCount", "dataLoggedMb", "opikSpanCount"),
        *("numberOfExperiments", "totalSizeInMb", "numberOfProjects"),
    }
)
"""Columns whose sum means something; members are not among them: one may be in many workspaces."""
