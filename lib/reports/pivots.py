"""Two dimensions of one amount: a row for each of one, a column for each of the other, nothing lost."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from lib.charts import OTHER, Grid, distinct_labels
from lib.quantities import counted
from lib.reports.cells import typed_frame
from lib.reports.report import ChartSpec, Column, ColumnKind, Number, Table
from lib.usage.exact import Exact, exact_sum, may_share, percent_of

MOST_COLUMNS = 12
"""Columns of the largest; all others are one more, "Other"."""

MOST_ROWS_DRAWN, MOST_COLUMNS_DRAWN = 15, 13
"""Cells of a heat map at the most."""

TOTAL = "total"
_OTHER = "other"
_NOBODY = "none"
_NOTHING = (("", ""),)

Id = str | None
Cells = Iterable[tuple[Id, Id, Exact | None]]
"""Ids of a row and a column with an amount of both, None where it is unknown; pairs may repeat. An id
of None stands for what belongs to nobody."""

_Sums = Mapping[Id, Exact | None]


@dataclass(frozen=True)
class Rows:
    """The dimension whose ids have a row each.

    Args:
        of: what a row is: ``project``.
        id: its column of ids.
        name: its column of names, if ids have some.
        names: id to name.
        nobody: what people read where an id is None.
    """

    of: str
    id: Column
    names: Mapping[str, str]
    nobody: str
    name: Column | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Names first; without them the ids say whose nobody's row is."""
        if self.name is None:
            return (replace(self.id, missing=self.nobody),)
        return self.name, self.id

    def named(self, identity: Id) -> Id:
        """The name of an id; None where it has none."""
        return self.nobody if identity is None else self.names.get(identity)


@dataclass(frozen=True)
class Heads:
    """The dimension whose ids have a column each.

    Args:
        of: what a column is: ``model``.
        key: starts the keys of its columns: ``model:gpt-5``.
        names: id to name; an id without one stands for itself.
        nobody: the heading where an id is None.
        order: all ids in order, months say; without it the largest come first, and few.
        ours: the headings are no names of upstream.
        behind: of an id, what it stands for, as in ``Column.heads``.
    """

    of: str
    key: str
    names: Mapping[str, str]
    nobody: str
    order: tuple[str, ...] = ()
    ours: bool = False
    behind: Callable[[str], tuple[tuple[str, str], ...]] = lambda _: ()


@dataclass(frozen=True)
class Amount:
    """What is crossed.

    Args:
        label: ``Cost``.
        unit: of the amounts, as in a chart: ``USD``, ``tokens``, ``hours``.
        written: the unit that stands in a cell: of money and sizes.
        per: so many of what is added make one of the unit, which then is a float.
        empty: what a cell holds of which nothing is told: 0 where all is known.
    """

    label: str
    kind: ColumnKind
    unit: str
    written: str = ""
    per: int = 1
    empty: Exact | None = None

    @property
    def words(self) -> str:
        """The label within a sentence."""
        return self.label if self.label[:2].isupper() else self.label.lower()

    def of(self, value: Exact | None) -> Number | None:
        """An exact amount in the unit."""
        return value if value is None or self.per == 1 else float(value) / self.per


@dataclass(frozen=True)
class Pivot:
    """One crossing: its table, and the parts of it that a heat map shows."""

    table: Table
    rows: Rows
    heads: tuple[Column, ...]
    of: tuple[str, str]
    amount: Amount

    def heat_map(self) -> Iterator[ChartSpec]:
        """The first rows and columns as shades; nothing of a single row or column, or of no amount."""
        frame = self.table.frame.head(MOST_ROWS_DRAWN)
        heads = self.heads[-MOST_COLUMNS_DRAWN:]
        if min(len(frame), len(heads)) < 2:
            return
        labels = self._row_labels(frame)
        cells = [
            (label, head.label, value)
            for head in heads
            for label, value in zip(labels, _values(frame[head.key]), strict=True)
        ]
        drawn = pd.DataFrame(cells, columns=["label", "series", "value"])
        drawn["value"] = drawn["value"].astype("Float64").astype("float64")
        if not (drawn["value"] > 0).any():
            return
        columns = tuple(head.label for head in heads)
        chart = Grid(drawn, labels, columns, self.amount.unit, self.of)
        by = f"{self.table.title}, {self.amount.words}"
        yield ChartSpec(
            self.table.key, self.table.title, chart, self._said(cells), "Heat map", by, "detail"
        )

    def _row_labels(self, frame: pd.DataFrame) -> tuple[str, ...]:
        ids = _values(frame[self.rows.id.key])
        named = [identity for identity in ids if identity is not None]
        labels = _labels(named, self.rows.names, (self.rows.nobody, OTHER))
        return tuple(labels.get(identity, self.rows.nobody) for identity in ids)

    def _said(self, cells: Sequence[tuple[str, str, Any]]) -> str:
        known = [cell for cell in cells if cell[2] is not None]
        label, head, most = max(known, key=lambda cell: cell[2])
        totals = self.table.totals or {}
        whole = totals[TOTAL]
        every = [cell for column in self.heads for cell in _values(self.table.frame[column.key])]
        share = percent_of(most, whole) if whole is not None and may_share(every) else None
        told = f", {share:.0f} % of all" if share is not None else ""
        drawn, rows = min(len(self.table.frame), MOST_ROWS_DRAWN), len(self.table.frame)
        columns = min(len(self.heads), MOST_COLUMNS_DRAWN)
        left_out = [
            f"{some:,} of {all_of:,} {what}"
            for some, all_of, what in (
                (drawn, rows, "rows"),
                (columns, len(self.heads), "columns"),
            )
            if some < all_of
        ]
        part = f" Shown are {' and '.join(left_out)}." if left_out else ""
        return (
            f"{self.table.title}, {self.amount.words}: most is {label} × {head} with "
            f"{counted(most, self.amount.unit)}{told}.{part}"
        )


def pivot(key: str, rows: Rows, heads: Heads, amount: Amount, cells: Cells) -> Pivot:
    """One row for each id of a dimension, one column for each of another, and totals of both.

    Every amount is in one cell, so that rows and columns sum to the same. A row's total stands first,
    where no width cuts it off.

    Args:
        key: of the table.
    """
    cells = [*cells]
    of_column = _sums(((of, value) for _, of, value in cells), heads.order)
    shown, others = _shown(heads, of_column)
    columns = _columns(rows, heads, amount, shown, others=bool(others))
    # All others share the last column
    place_of = {of: place for place, of in enumerate(shown)} | dict.fromkeys(others, len(shown))
    folded: dict[Id, dict[str, list[Exact | None]]] = {}
    for row, of, value in cells:
        folded.setdefault(row, {}).setdefault(columns[place_of[of]].key, []).append(value)
    of_row = {
        row: _sum(value for values in parts.values() for value in values)
        for row, parts in folded.items()
    }
    order = sorted(folded, key=lambda row: (*_rank(of_row[row]), row is None, row or ""))
    total = Column(
        TOTAL,
        "Total",
        amount.kind,
        amount.written,
        help=f"{amount.label} of all {heads.of}s.",
    )
    data: dict[str, list[Any]] = {}
    if rows.name is not None:
        data[rows.name.key] = [rows.named(row) for row in order]
    data[rows.id.key] = order
    data[TOTAL] = [amount.of(of_row[row]) for row in order]
    totals: dict[str, Number | None] = {TOTAL: amount.of(_sum(value for _, _, value in cells))}
    for column in columns:
        found = [folded[row].get(column.key) for row in order]
        data[column.key] = [
            amount.of(amount.empty if values is None else _sum(values)) for values in found
        ]
        every = [value for values in found if values is not None for value in values]
        totals[column.key] = amount.of(_sum(every) if every else amount.empty)
    written = (*rows.columns, total, *columns)
    table = Table(
        key,
        f"{rows.of.capitalize()} × {heads.of}",
        typed_frame(data, written),
        written,
        totals,
        note=_note(rows, heads, amount, len(shown), len(others)),
        crossed=True,
    )
    return Pivot(table, rows, columns, (rows.of, heads.of), amount)


def _shown(heads: Heads, sums: _Sums) -> tuple[list[Id], list[Id]]:
    """The ids that have a column each, and those that share one."""
    if heads.order:
        return [*heads.order, *(of for of in sums if of not in {*heads.order})], []
    ranked = sorted(sums, key=lambda of: (*_rank(sums[of]), of is None, of or ""))
    most = len(ranked) if len(ranked) <= MOST_COLUMNS + 1 else MOST_COLUMNS
    return ranked[:most], ranked[most:]


def _columns(
    rows: Rows, heads: Heads, amount: Amount, shown: Sequence[Id], *, others: bool
) -> tuple[Column, ...]:
    """A column for each id, and the last for all others."""
    named = [of for of in shown if of is not None]
    taken = [word for column in rows.columns for word in (column.key, column.label)]
    reserved = (heads.nobody, OTHER, "Total", _NOBODY, _OTHER, TOTAL, *taken)
    labels = _labels(named, heads.names, reserved)
    columns = [
        Column(_NOBODY, heads.nobody, amount.kind, amount.written, heads=_NOTHING)
        if of is None
        else Column(
            of if heads.ours else f"{heads.key}:{of}",
            labels[of],
            amount.kind,
            amount.written,
            json_path=(heads.key, of),
            names="" if heads.ours else heads.of,
            heads=heads.behind(of),
        )
        for of in shown
    ]
    if others:
        columns.append(
            Column(
                _OTHER,
                OTHER,
                amount.kind,
                amount.written,
                help=f"All other {heads.of}s.",
                heads=_NOTHING,
            )
        )
    return tuple(columns)


def _labels(
    ids: Sequence[str], names: Mapping[str, str], reserved: Iterable[str]
) -> Mapping[str, str]:
    """A short label per id. Where ids are names themselves, no part of one tells two of them apart:
    it would be read where the name is hidden."""
    keys = ids if names else [*map(str, range(len(ids)))]
    named = {key: names.get(of, of) for key, of in zip(keys, ids, strict=True)}
    labels = distinct_labels(named, reserved)
    return {of: labels[key] for key, of in zip(keys, ids, strict=True)}


def _note(rows: Rows, heads: Heads, amount: Amount, shown: int, others: int) -> str:
    folded = ""
    if others:
        folded = (
            f" The {shown} largest {heads.of}s have a column each, {others:,} more are in {OTHER}."
        )
    return f"{amount.label} by {rows.of} and {heads.of}.{folded}"


def _sums(pairs: Iterable[tuple[Id, Exact | None]], order: Iterable[Id]) -> _Sums:
    values: dict[Id, list[Exact | None]] = {of: [] for of in order}
    for of, value in pairs:
        values.setdefault(of, []).append(value)
    return {of: _sum(found) for of, found in values.items()}


def _sum(values: Iterable[Exact | None]) -> Exact | None:
    known = [value for value in values if value is not None]
    return exact_sum(known) if known else None


def _rank(value: Exact | None) -> tuple[bool, Exact]:
    return value is None, 0 if value is None else -value


def _values(cells: "pd.Series[Any]") -> list[Any]:
    return [None if pd.isna(value) else value for value in cells.tolist()]
