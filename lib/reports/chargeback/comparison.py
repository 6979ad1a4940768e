"""Two chargeback reports side by side: what is new, gone and changed, like for like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from lib.reports.chargeback.select import Side
from lib.reports.report import Column, ColumnKind, Table
from lib.usage.exact import exactly, values_of

Kind = Literal["workspace", "project", "user"]


@dataclass(frozen=True)
class Compared:
    """One amount that is compared, and the field that holds it for each kind of record."""

    key: str
    label: str
    kind: ColumnKind
    fields: Mapping[Kind, str]


AMOUNTS = (
    Compared(
        "size_mb",
        "Size",
        "decimal",
        {"workspace": "totalSizeInMb", "project": "totalSizeInMb", "user": "dataLoggedMb"},
    ),
    Compared(
        "experiments",
        "Experiments",
        "int",
        {
            "workspace": "numberOfExperiments",
            "project": "numberOfExperiments",
            "user": "experimentCount",
        },
    ),
    Compared("members", "Members", "int", {"workspace": "numberOfMembers"}),
    Compared("projects", "Projects", "int", {"workspace": "numberOfProjects"}),
    Compared("ui_usage", "UI usage", "int", {"user": "uiUsageCount"}),
    Compared("sdk_usage", "SDK usage", "int", {"user": "sdkUsageCount"}),
    Compared("opik_spans", "Opik spans", "int", {"user": "opikSpanCount"}),
)
"""What is compared. Times are not: each visit would make a user a changed one."""

FRAMES: Mapping[Kind, tuple[str, tuple[str, ...]]] = {
    "workspace": ("workspaces", ("name",)),
    "project": ("projects", ("workspace", "name")),
    "user": ("users", ("username",)),
}
"""Each kind of record: its frame, and the columns that tell one record from another."""

_NAMES = {("project", "workspace"): "workspace", ("user", "username"): "user"}
"""Where a record's names stand in the rows, unless under ``name``: people have a column of their own."""

_STATUS = "suspended"


@dataclass(frozen=True)
class Comparison:
    """What differs between two reports.

    Args:
        rows: the frame of the table of changes.
        counts: kind and change to the number of records.
        unlike: kind and field that only one of the reports has, so that it is not compared.
        unlisted: kinds that only one of the reports lists at all.
    """

    rows: pd.DataFrame
    counts: Mapping[tuple[Kind, str], int]
    unlike: tuple[tuple[Kind, str], ...] = field(default=())
    unlisted: tuple[Kind, ...] = field(default=())


def compare(before: Side, after: Side) -> Comparison:
    """What is new, gone and changed. A record that was renamed is gone under one name, new under the other.

    Returns:
        Rows with ``kind``, ``workspace`` (of a project), ``name`` (of a workspace or project),
        ``user`` (of a user), ``change`` (``new``, ``gone`` or ``changed``), ``fields`` (those that
        differ), ``status_before``, ``status_after``, and per amount ``_before``, ``_after`` and
        ``_difference``, which counts what is not there as nothing.
    """
    parts, counts = [], {}
    unlike: list[tuple[Kind, str]] = []
    unlisted: list[Kind] = []
    for kind, (frame, _) in FRAMES.items():
        sizes = [len(getattr(side.report, frame)) for side in (before, after)]
        if not all(sizes):
            if any(sizes):
                unlisted.append(kind)
            continue
        part = _changes(kind, before, after)
        parts.append(part)
        for change, number in part["change"].value_counts().items():
            counts[kind, str(change)] = int(number)
        unlike += [
            (kind, name) for name in _fields(kind) if _only_one_has(before, after, kind, name)
        ]
    rows = pd.concat(parts, ignore_index=True) if parts else _empty()
    return Comparison(rows, counts, tuple(unlike), tuple(unlisted))


def _fields(kind: Kind) -> list[str]:
    names = [amount.fields[kind] for amount in AMOUNTS if kind in amount.fields]
    return [*names, _STATUS] if kind == "user" else names


def field_label(kind: Kind, name: str) -> str:
    """What sentences call a field that is compared: ``UI usage`` for ``uiUsageCount``."""
    labels = (amount.label for amount in AMOUNTS if amount.fields.get(kind) == name)
    label = next(labels, name)
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _only_one_has(before: Side, after: Side, kind: Kind, name: str) -> bool:
    frame = FRAMES[kind][0]
    return before.has(frame, name) != after.has(frame, name)


def _both_have(before: Side, after: Side, kind: Kind, name: str) -> bool:
    frame = FRAMES[kind][0]
    return before.has(frame, name) and after.has(frame, name)


def _empty() -> pd.DataFrame:
    return pd.DataFrame({column.key: pd.Series(dtype=object) for column in _COLUMNS})


def _changes(kind: Kind, before: Side, after: Side) -> pd.DataFrame:
    frame, keys = FRAMES[kind]
    old, new = getattr(before, frame), getattr(after, frame)
    at_old, at_new = _places([old[key] for key in keys], [new[key] for key in keys])
    in_both = (at_old >= 0) & (at_new >= 0)
    amounts = {
        amount.key: (old[amount.fields[kind]], new[amount.fields[kind]])
        for amount in AMOUNTS
        if kind in amount.fields and _both_have(before, after, kind, amount.fields[kind])
    }
    compared = {
        amount.fields[kind]: amounts[amount.key] for amount in AMOUNTS if amount.key in amounts
    }
    status = (status_of(before), status_of(after)) if kind == "user" else None
    if status and not _only_one_has(before, after, kind, _STATUS):
        compared["status"] = status
    differs = {name: _differs(*pair, at_old, at_new) for name, pair in compared.items()}
    changed = np.logical_or.reduce([*differs.values(), np.zeros(len(in_both), bool)])
    rows = np.flatnonzero(changed | ~in_both)
    was, now = at_old[rows], at_new[rows]
    made: dict[str, Any] = {
        "kind": [kind] * len(rows),
        "change": np.where(was < 0, "new", np.where(now < 0, "gone", "changed")),
        "fields": _listed(differs, rows),
    }
    for key in keys:
        pair = zip(_taken(old[key], was), _taken(new[key], now), strict=True)
        made[_NAMES.get((kind, key), "name")] = [b if a is None else a for a, b in pair]
    for key, (one, other) in {**amounts, **({"status": status} if status else {})}.items():
        made[f"{key}_before"], made[f"{key}_after"] = _taken(one, was), _taken(other, now)
    with exactly():
        for key in amounts:
            cells = zip(made[f"{key}_before"], made[f"{key}_after"], was, now, strict=True)
            made[f"{key}_difference"] = [_difference(*four) for four in cells]
    order = _order([made[f"{key}_difference"] for key in amounts], len(rows))
    nothing = [None] * len(rows)
    return pd.DataFrame(
        {
            column.key: pd.Series(made.get(column.key, nothing), dtype=object).take(order)
            for column in _COLUMNS
        }
    )


def _places(
    old: Sequence["pd.Series[Any]"], new: Sequence["pd.Series[Any]"]
) -> tuple["np.ndarray[Any, Any]", "np.ndarray[Any, Any]"]:
    """Where each record stands in both reports, -1 where it does not.

    Of records with the same names the first goes with the first, the second with the second.
    """
    split = len(old[0])
    code = np.zeros(split + len(new[0]), dtype="int64")
    for pair in zip(old, new, strict=True):
        code = _joined(code, pd.concat(pair))
    sides = [pd.Series(code[:split]), pd.Series(code[split:])]
    code = _joined(code, pd.concat([side.groupby(side).cumcount() for side in sides]))
    places = np.full((2, int(code.max(initial=-1)) + 1), -1)
    places[0, code[:split]] = np.arange(split)
    places[1, code[split:]] = np.arange(len(code) - split)
    return places[0], places[1]


def _joined(code: "np.ndarray[Any, Any]", more: "pd.Series[Any]") -> "np.ndarray[Any, Any]":
    part, names = pd.factorize(more, use_na_sentinel=False)
    joined: np.ndarray[Any, Any] = pd.factorize(code * len(names) + part)[0]
    return joined


def _differs(
    old: "pd.Series[Any]",
    new: "pd.Series[Any]",
    at_old: "np.ndarray[Any, Any]",
    at_new: "np.ndarray[Any, Any]",
) -> "np.ndarray[Any, Any]":
    """Where a record is on both sides, has a value on both, and they differ."""
    in_both = np.flatnonzero((at_old >= 0) & (at_new >= 0))
    before, after = old.array.take(at_old[in_both]), new.array.take(at_new[in_both])
    differs = np.zeros(len(at_old), dtype=bool)
    unequal = np.asarray(pd.array(before != after, dtype="boolean").fillna(False), dtype=bool)
    differs[in_both] = unequal & ~pd.isna(before) & ~pd.isna(after)
    return differs


def _taken(cells: "pd.Series[Any]", at: "np.ndarray[Any, Any]") -> list[Any]:
    """The cells at some places, None where there is no place or no value."""
    return values_of(pd.Series(cells.array.take(at, allow_fill=True)))


def _difference(was: Any, now: Any, at_old: int, at_new: int) -> Any:
    # What is not there has nothing; what is there without an amount has an unknown one
    if (at_old >= 0 and was is None) or (at_new >= 0 and now is None):
        return None
    return (now if at_new >= 0 else 0) - (was if at_old >= 0 else 0)


def _order(differences: Sequence[list[Any]], rows: int) -> "np.ndarray[Any, Any]":
    """Largest differences first: in size, then in counts."""
    keys = [
        [-abs(float(value)) if value is not None else 0.0 for value in cells]
        for cells in differences
    ]
    return np.lexsort([*reversed(keys)]) if keys else np.arange(rows)


def _listed(differs: Mapping[str, Any], rows: "np.ndarray[Any, Any]") -> list[str | None]:
    texts = [""] * len(rows)
    for name, where in differs.items():
        for row in np.flatnonzero(where[rows]):
            texts[row] += f", {name}" if texts[row] else name
    return [text or None for text in texts]


def status_of(side: Side) -> "pd.Series[Any]":
    """``licensed``, ``suspended``, ``deleted`` or ``suspended; deleted`` per user."""
    suspended, deleted = side.marks["suspended"].to_numpy(), side.marks["deleted"].to_numpy()
    words = np.array(["licensed", "suspended", "deleted", "suspended; deleted"], dtype=object)
    return pd.Series(words[suspended + 2 * deleted], side.marks.index, dtype=object)


def changes_table(comparison: Comparison, against: str) -> Table:
    """The changes, with the columns that hold anything.

    Args:
        against: what the report is compared with.
    """
    rows = comparison.rows
    kept = [
        column for column in _COLUMNS if column.key in _ALWAYS or rows[column.key].notna().any()
    ]
    frame = pd.DataFrame({column.key: _typed(rows[column.key], column) for column in kept})
    # Of a project or user no page shows nothing else
    workspaces = rows["name"].where(rows["kind"] == "workspace")
    return Table(
        "changes",
        "Changes",
        frame,
        tuple(kept),
        brief=tuple(key for key in _BRIEF if key in frame),
        stands_for=pd.DataFrame({"workspace": workspaces.to_numpy(object)}),
        note=f"Against {against}. Sizes and counts are levels; differences are after less before, "
        "and count a record that is not there as nothing.",
    )


def _typed(cells: "pd.Series[Any]", column: Column) -> "pd.Series[Any]":
    if column.kind != "int":
        return cells
    try:
        return cells.astype("Int64")
    except (OverflowError, TypeError):  # a difference of two numbers of 64 bits may not fit
        return cells


def _columns() -> Iterator[Column]:
    yield Column("kind", "Kind")
    yield Column("workspace", "Workspace", help="Of a project.")
    yield Column("name", "Name", help="Of a workspace or project.")
    yield Column("user", "User", help="Of a user.", personal=True)
    yield Column("change", "Change")
    yield Column("fields", "Changed fields")
    yield Column("status_before", "Status before")
    yield Column("status_after", "Status after")
    for amount in AMOUNTS:
        for moment in ("before", "after", "difference"):
            unit = "MB" if amount.kind == "decimal" else ""
            yield Column(f"{amount.key}_{moment}", f"{amount.label} {moment}", amount.kind, unit)


_COLUMNS = tuple(_columns())
_ALWAYS = ("kind", "workspace", "name", "change", "fields")
_BRIEF = (
    *("kind", "workspace", "name", "user", "change", "fields"),
    *("size_mb_before", "size_mb_after", "size_mb_difference", "experiments_difference"),
    *("ui_usage_difference", "sdk_usage_difference"),
)
