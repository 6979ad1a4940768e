"""What of a table is in view: the rows that match, in an order, a page at a time, as people read them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from threading import Lock
from typing import Any
from weakref import ref

import numpy as np
import pandas as pd
import pyarrow as pa
from cachetools import LRUCache

from lib.charts import distinct_labels
from lib.exports.formats import cell
from lib.reports.report import Column, Number, Table
from lib.usage.exact import total

ROWS = 20
"""Rows of one page: with their heading and TOTAL they fit a laptop's screen."""

_TEXTS = ("text", "list")

_lock = Lock()


@dataclass(frozen=True)
class View:
    """How somebody wants to see rows of a table.

    Args:
        sort: key of a column; empty keeps the report's order.
        falling: the largest first.
        page: from 1.
        hidden: keys of columns that are not drawn.
    """

    sort: str = ""
    falling: bool = False
    page: int = 1
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seen:
    """One page of a table as text.

    Args:
        columns: that are drawn, in order.
        text: a column for each of them: the rows, and below them the sums.
        rows: how many rows match.
        sums: how many of the last rows of ``text`` are sums.
        ids: of each other row, by what they are ids of.
    """

    columns: tuple[Column, ...]
    text: pd.DataFrame
    rows: int
    sums: int
    ids: tuple[Mapping[Any, object], ...] = ()

    @cached_property
    def arrow(self) -> pa.Table:
        """``text`` as Streamlit sends it, which it would make of a frame on every run."""
        return pa.Table.from_pandas(self.text, preserve_index=False)


_kept: LRUCache[tuple[int, str, View], tuple[ref[Table], Seen]] = LRUCache(500)
"""What people saw last, by table, words and view; an id may be of another table by now."""


def offered_columns(table: Table) -> dict[str, str]:
    """Key and label of every column that holds anything; no label twice."""
    labels = {column.key: column.label for column in table.columns}
    return distinct_labels({key: labels[key] for key in table.filled})


def pages(rows: int) -> int:
    """How many pages so many rows take; at least one."""
    return max(1, -(-rows // ROWS))


def matching(table: Table, find: str) -> pd.DataFrame:
    """The rows of a table in which every word stands in some text, however it is capitalised.

    Columns that are hidden count, too: people look for ids.
    """
    words = find.casefold().split()
    if not words:
        return table.frame
    texts = [
        _folded(table.frame[column.key].fillna(column.missing or pd.NA))
        for column in table.columns
        if column.kind in _TEXTS
    ]
    keep = np.full(len(table.frame), True)
    for word in words:
        held = np.full(len(keep), False)
        for text in texts:
            held |= text.str.contains(word, regex=False, na=False).to_numpy(bool)
        keep &= held
    return table.frame[keep]


def see(table: Table, find: str, matched: pd.DataFrame, view: View) -> Seen:
    """One page of the rows that match, with TOTAL of all rows and, of fewer, what they add up to.

    Made once for all who see the same of a table: most people see its first page.

    Args:
        find: the words that ``matched`` was found by.
    """
    key = id(table), find, view
    with _lock:
        of, kept = _kept.get(key, (None, None))
    if kept is not None and of is not None and of() is table:
        return kept
    seen = _see(table, matched, view)
    with _lock:
        _kept[key] = ref(table), seen
    return seen


def _see(table: Table, matched: pd.DataFrame, view: View) -> Seen:
    by_key = {column.key: column for column in table.columns}
    columns = tuple(by_key[key] for key in offered_columns(table) if key not in view.hidden)
    if view.sort in by_key:
        rest = matched.index.isin(table.rest)
        matched = pd.concat(
            _sorted(rows, by_key[view.sort], falling=view.falling)
            for rows in (matched[~rest], matched[rest])
        )
    start = (min(view.page, pages(len(matched))) - 1) * ROWS
    rows = matched.iloc[start : start + ROWS]
    page = _told(table, rows)
    sums = [*_sums(table, columns, matched)]
    text = {
        column.key: [
            *(
                cell(value, column.written, column.unit, column.missing)
                for value in page[column.key]
            ),
            *(row.get(column.key, "") for row in sums),
        ]
        for column in columns
    }
    seen = pd.DataFrame(text, dtype="str")
    return Seen(columns, seen, len(matched), len(sums), _behind(table, rows))


def _behind(table: Table, rows: pd.DataFrame) -> tuple[dict[Any, Any], ...]:
    """Ids that stand behind each row, by what they are ids of."""
    if table.stands_for is not None:
        places = table.frame.index.get_indexer(rows.index)
        return (*table.stands_for.take(places).to_dict("records"),)
    ids = {
        column.of: rows[column.key].fillna(column.blank_of) if column.blank_of else rows[column.key]
        for column in table.columns
        if column.of and not table.records
    }
    return (*pd.DataFrame(ids, index=rows.index).to_dict("records"),)


def _folded(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    return cells.astype("str").str.casefold()


def _told(table: Table, page: pd.DataFrame) -> pd.DataFrame:
    """The rows with an id for each name that nobody knows."""
    numbers = {column.key for column in table.columns if column.is_number}
    named = {
        column.told_by: page[column.told_by].astype(object).fillna(page[column.key])
        for column in table.columns
        if column.told_by in page and column.told_by not in numbers
    }
    return page.assign(**named)


def _sorted(frame: pd.DataFrame, column: Column, *, falling: bool) -> pd.DataFrame:
    """In the order of a column's values, equal ones as they were; what is missing comes last."""
    values: pd.Series[Any] = frame[column.key].reset_index(drop=True)
    if column.kind in _TEXTS:
        values = _folded(values)
    elif column.kind == "epoch_ms":
        values = values.mask(values == 0)  # never
    return frame.iloc[values.sort_values(ascending=not falling, kind="stable").index]


def _sums(
    table: Table, columns: Sequence[Column], matched: pd.DataFrame
) -> Iterator[Mapping[str, str]]:
    """Rows of sums as text: of the rows that match where those are not all, and TOTAL."""
    if not table.totals:
        return
    totals = table.totals
    rows, all_rows = len(matched), len(table.frame)
    if rows < all_rows:
        partial = {key: total(matched[key]) for key in _additive(table)} if rows else {}
        yield _sum(f"Filtered: {rows:,} of {all_rows:,} rows", columns, totals, partial)
    yield _sum("TOTAL", columns, totals, totals)


def _sum(
    name: str,
    columns: Sequence[Column],
    totals: Mapping[str, Number | None],
    values: Mapping[str, Number | None],
) -> dict[str, str]:
    row = {
        column.key: cell(values[column.key], column.written, column.unit)
        for column in columns
        if column.key in values
    }
    if columns and columns[0].key not in totals:
        row[columns[0].key] = name
    return row


def _additive(table: Table) -> Iterable[str]:
    """Columns whose total is the sum of the rows, so that some of the rows have one, too."""
    for key, whole in (table.totals or {}).items():
        if key in table.frame and whole is not None:
            summed = total(table.frame[key])
            if summed == whole or (isinstance(summed, float) and isclose(summed, whole)):
                yield key
