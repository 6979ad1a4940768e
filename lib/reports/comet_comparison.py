"""Two chargeback reports side by side: what is new, gone and changed, like for like."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from lib.reports.comet_chargeback_sums import Side, exactly, values_of
from lib.reports.report import Column, ColumnKind, Table

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
        "MB",
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

_NAMES = {("project", "workspace"): "workspace"}
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
        Rows with ``kind``, ``workspace`` (of a project), ``name``, ``change`` (``new``, ``gone`` or
        ``changed``), ``fields`` (those that differ), ``status_before``, ``status_after``, and per
        amount ``_before``, ``_after`` and ``_difference``, which counts what is not there as nothing.
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
    names = [one.fields[kind] for one in AMOUNTS if kind in one.fields]
    return [*names, _STATUS] if kind == "user" else names


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
    there, here = at_old >= 0, at_new >= 0
    both = there & here
    amounts: dict[str, tuple[Any, Any]] = {}
    differs: dict[str, Any] = {}
    for one in AMOUNTS:
        name = one.fields.get(kind, "")
        if name and _both_have(before, after, kind, name):
            pair = _taken(old[name], at_old), _taken(new[name], at_new)
            amounts[one.key] = pair
            known = both & ~_missing(pair[0]) & ~_missing(pair[1])
            differs[name] = known & (pair[0] != pair[1])
    status = None
    if kind == "user":
        status = _taken(status_of(before), at_old), _taken(status_of(after), at_new)
        if not _only_one_has(before, after, kind, _STATUS):
            differs["status"] = both & (status[0] != status[1])
    changed = np.logical_or.reduce([*differs.values(), np.zeros(len(both), bool)])
    rows = np.flatnonzero(changed | ~both)
    rows = rows[_order(amounts, rows)]
    named = {key: _either(_taken(old[key], at_old), _taken(new[key], at_new)) for key in keys}
    change = np.where(there, np.where(here, "changed", "gone"), "new").astype(object)
    made: dict[str, Any] = {"kind": [kind] * len(rows), "change": change[rows]}
    made |= {_NAMES.get((kind, key), "name"): named[key][rows] for key in keys}
    made["fields"] = _listed(differs, rows)
    if status is not None:
        made["status_before"], made["status_after"] = status[0][rows], status[1][rows]
    for key, (was, now) in amounts.items():
        made[f"{key}_before"], made[f"{key}_after"] = was[rows], now[rows]
        pairs = zip(was[rows], now[rows], there[rows], here[rows], strict=True)
        with exactly():
            made[f"{key}_difference"] = [_difference(*pair) for pair in pairs]
    return pd.DataFrame(
        {
            column.key: pd.Series(made.get(column.key, [None] * len(rows)), dtype=object)
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
    for one, other in zip(old, new, strict=True):
        code = _joined(code, [*values_of(one), *values_of(other)])
    sides = [pd.Series(code[:split]), pd.Series(code[split:])]
    nth = np.concatenate([side.groupby(side).cumcount().to_numpy() for side in sides])
    code = _joined(code, nth)
    found = np.full((2, int(code.max(initial=-1)) + 1), -1)
    found[0, code[:split]] = np.arange(split)
    found[1, code[split:]] = np.arange(len(code) - split)
    return found[0], found[1]


def _joined(code: "np.ndarray[Any, Any]", more: Any) -> "np.ndarray[Any, Any]":
    part, names = pd.factorize(np.array(more, dtype=object), use_na_sentinel=False)
    joined: np.ndarray[Any, Any] = pd.factorize(code * len(names) + part)[0]
    return joined


def _taken(cells: "pd.Series[Any]", at: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The cells at some places as objects, None where there is no place or no value."""
    values = np.empty(len(cells) + 1, dtype=object)
    values[: len(cells)] = values_of(cells)
    found: np.ndarray[Any, Any] = values[at]
    return found


def _missing(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    return np.array([value is None for value in values], dtype=bool)


def _either(one: "np.ndarray[Any, Any]", other: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    first: np.ndarray[Any, Any] = np.where(_missing(one), other, one)
    return first


def _difference(was: Any, now: Any, there: bool, here: bool) -> Any:
    # What is not there has nothing; what is there without an amount has an unknown one
    if (there and was is None) or (here and now is None):
        return None
    return (now if here else 0) - (was if there else 0)


def _order(amounts: Mapping[str, tuple[Any, Any]], rows: "np.ndarray[Any, Any]") -> Any:
    """Largest differences first: in size, then in counts."""
    keys = [-np.abs(_floats(now[rows]) - _floats(was[rows])) for was, now in amounts.values()]
    return np.lexsort([*reversed(keys)]) if keys else np.arange(len(rows))


def _floats(values: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    return np.array([0.0 if value is None else float(value) for value in values], dtype="float64")


def _listed(differs: Mapping[str, Any], rows: "np.ndarray[Any, Any]") -> list[str | None]:
    texts = [""] * len(rows)
    for name, where in differs.items():
        for at in np.flatnonzero(where[rows]):
            texts[at] += f", {name}" if texts[at] else name
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
    kept = [one for one in _COLUMNS if one.key in _ALWAYS or rows[one.key].notna().any()]
    frame = pd.DataFrame({column.key: _typed(rows[column.key], column) for column in kept})
    return Table(
        "changes",
        "Changes",
        frame,
        tuple(kept),
        brief=tuple(key for key in _BRIEF if key in frame),
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
    yield Column("name", "Name")
    yield Column("change", "Change")
    yield Column("fields", "Changed fields")
    yield Column("status_before", "Status before")
    yield Column("status_after", "Status after")
    for one in AMOUNTS:
        for moment in ("before", "after", "difference"):
            unit = "MB" if one.kind == "decimal" else ""
            yield Column(f"{one.key}_{moment}", f"{one.label} {moment}", one.kind, unit)


_COLUMNS = tuple(_columns())
_ALWAYS = ("kind", "workspace", "name", "change", "fields")
_BRIEF = (
    *("kind", "workspace", "name", "change", "fields"),
    *("size_mb_before", "size_mb_after", "size_mb_difference", "experiments_difference"),
    *("ui_usage_difference", "sdk_usage_difference"),
)
