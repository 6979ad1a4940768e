"""The table of changes: what moved most between two periods in each dimension, and what made it."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lib.reports.cells import typed_frame
from lib.reports.compared import (
    CHANGE,
    MARK,
    PERCENT,
    PREVIOUS,
    Parts,
    keys_of,
)
from lib.reports.report import Column, Number, Table
from lib.usage.exact import exact_sum, percent_of, values_of

MOST = 10
"""Rows of one dimension; the others are summed in one more."""

Row = dict[str, Any]

_IDS = "ids"
"""What stands behind a row; no column shows it."""

_ENDS = ("", f"_{PREVIOUS}", f"_{CHANGE}", f"_{PERCENT}")


@dataclass(frozen=True)
class Dimension:
    """One way to split the change.

    Args:
        label: of one row, ``Project``; others: of several, ``projects``.
        table: as ``side_by_side`` returns it, with all its rows.
        keys: the columns of the table that ``parts`` goes by.
        names: column of the table of changes to those of the table that name a row: the first that
            holds anything does.
        nobody: the name of the row that has none.
        of: what a page may be narrowed to by, as in ``Column.of``, and the column of those ids.
        part: what the parts are, ``Model``.
        parts: of a measure; name_part: of an id.
    """

    label: str
    others: str
    table: Table
    keys: Sequence[str]
    names: Mapping[str, Sequence[str]]
    nobody: str = ""
    of: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    parts: Callable[[str], Parts] = lambda _: {}
    name_part: Callable[[Hashable], str] = str


def changes_table(
    dimensions: Sequence[Dimension],
    measures: Sequence[str],
    columns: Sequence[Column],
    against: str,
    *,
    ids: Sequence[Column] = (),
    most: int = MOST,
) -> Table | None:
    """The biggest movers of each dimension by the first measure whose change is known.

    The rows of a dimension, with the one of all others, sum to the change of the whole; where that is
    unknown, so is what the others sum to.

    Args:
        measures: columns of the tables, the one that matters most first.
        columns: name a row; ids: tell rows of one name apart, for files.
        against: what it is compared with, in words that follow "Against".

    Returns:
        None where no change is known, or nothing is there to change.
    """
    told: list[Dimension] = []
    for measure in measures:
        told = [dimension for dimension in dimensions if _is_told(dimension.table, measure)]
        if told:
            break
    if not told:
        return None
    of_table = {column.key: column for column in told[0].table.columns}
    amounts = [replace(of_table[f"{measure}{end}"], json_path=()) for end in _ENDS]
    shown = (
        Column("dimension", "By"),
        *columns,
        replace(of_table[MARK], json_path=()),
        *amounts,
        Column("part", "Moved most by", help="The part with the largest change the same way."),
        replace(amounts[2], key="part_change", label="Its change"),
        Column("part_of", "Its kind"),
        *ids,
    )
    rows = [row for dimension in told for row in _rows(dimension, measure, most)]
    named = ", ".join(dimension.others for dimension in told)
    totals = {column.key: (told[0].table.totals or {}).get(column.key) for column in amounts}
    sums = (
        "The change of the whole is unknown"
        if totals[f"{measure}_{CHANGE}"] is None
        else "The rows of each sum to the change of the whole"
    )
    return Table(
        "changes",
        "Changes",
        typed_frame({column.key: [row.get(column.key) for row in rows] for column in shown}, shown),
        shown,
        totals if len(told) == 1 else None,  # the rows of several sum to it several times
        brief=(
            "dimension",
            *(column.key for column in columns),
            measure,
            f"{measure}_{CHANGE}",
            f"{measure}_{PERCENT}",
            "part",
        ),
        stands_for=_behind(rows),
        rest=frozenset(place for place, row in enumerate(rows) if MARK not in row),
        note=f"Against {against}: the biggest movers by {amounts[0].label.lower()} among {named}. {sums}.",
    )


def _behind(rows: Sequence[Row]) -> pd.DataFrame | None:
    """The ids of each row, where any has some."""
    ids = pd.DataFrame([row.get(_IDS, {}) for row in rows], dtype=object)
    return None if ids.empty else ids


def _is_told(table: Table, measure: str) -> bool:
    return bool(table.frame[f"{measure}_{CHANGE}"].notna().any())


def _rows(dimension: Dimension, measure: str, most: int) -> Iterator[Row]:
    table = dimension.table
    change, previous = f"{measure}_{CHANGE}", f"{measure}_{PREVIOUS}"
    ends = [f"{measure}{end}" for end in _ENDS]
    named = [key for candidates in dimension.names.values() for key in candidates]
    named += dimension.of.values()
    every = {key: values_of(table.frame[key]) for key in {MARK, *ends, *named}}
    keys, parts = keys_of(table, dimension.keys), dimension.parts(measure)
    moved = [at for at, value in enumerate(every[change]) if value is not None and value != 0]
    moved.sort(key=lambda at: -abs(every[change][at]))  # of equal ones as in the table
    top = moved if len(moved) <= most + 1 else moved[:most]
    for at in top:
        row: Row = {"dimension": dimension.label, MARK: every[MARK][at]}
        for name, candidates in dimension.names.items():
            row[name] = next(
                (every[key][at] for key in candidates if every[key][at] is not None),
                dimension.nobody or None,
            )
        row |= {key: every[key][at] for key in ends}
        row[_IDS] = {of: every[key][at] for of, key in dimension.of.items()}
        yield row | _made_by(dimension, parts.get(keys[at], {}), every[change][at])
    others = len(keys) - len(top)
    if others:
        totals = table.totals or {}
        now, was = (
            _rest(totals.get(key), [every[key][at] for at in top]) for key in (measure, previous)
        )
        moves = _rest(totals.get(change), [every[change][at] for at in top])
        yield {
            "dimension": f"{others:,} other {dimension.others}",
            measure: now,
            previous: was,
            change: moves,
            f"{measure}_{PERCENT}": None
            if was is None or moves is None
            else percent_of(moves, was),
        }


def _rest(whole: Number | None, parts: Sequence[Number | None]) -> Number | None:
    if whole is None:
        return None
    rest = exact_sum([whole, *(-part for part in parts if part is not None)])  # type: ignore[list-item]
    return round(rest, 6) if isinstance(rest, float) else rest


def _made_by(dimension: Dimension, parts: Mapping[Hashable, Number], change: Number) -> Row:
    """The part that moved most the same way; a part of a rise may well have fallen."""
    way = 1 if change > 0 else -1
    moved = {part: change * way for part, change in parts.items() if change * way > 0}
    if not moved:
        return {}
    largest = max(moved, key=lambda part: moved[part])
    return {
        "part_of": dimension.part,
        "part": dimension.name_part(largest),
        "part_change": parts[largest],
    }
