"""Which columns and rows of a table a person gets to see, as text: shared by paper and terminal."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from lib.exports.formats import cell, visible
from lib.quantities import counted
from lib.reports.report import Column, Table

MOST_NAMED = 8
"""Columns without room that are named; a report of many metrics would fill the terminal with them."""


@dataclass(frozen=True)
class Shown:
    """One column as text.

    Args:
        cells: as many rows as were asked for.
        total: the text of the row of totals; empty where a total makes no sense.
    """

    column: Column
    cells: list[str]
    total: str

    @property
    def is_number(self) -> bool:
        """Numbers stand flush right; text, dates and times flush left."""
        return self.column.kind in ("int", "decimal", "float", "percent", "bytes", "duration")

    @property
    def may_be_cut(self) -> bool:
        """Text may end in ``…``; a number or a date without its last digits would be another one."""
        return self.column.kind in ("text", "list")


def shown_columns(table: Table, *, rows: int | None = None, brief: bool = True) -> list[Shown]:
    """The columns to draw: ``table.brief`` when asked for and given, else all that hold anything.

    The first column of the row of totals says TOTAL, unless it has a total of its own.
    """
    by_key = {column.key: column for column in table.columns}
    keys: Iterable[str] = table.brief if brief and table.brief else table.filled
    shown = [_shown(by_key[key], table, rows) for key in keys if key in by_key]
    if shown and table.totals and not shown[0].total:
        first = shown[0]
        shown[0] = Shown(first.column, first.cells, "TOTAL")
    return shown


def _shown(column: Column, table: Table, rows: int | None) -> Shown:
    cells = table.frame[column.key]
    values = (cells if rows is None else cells.head(rows)).tolist()
    totals = table.totals or {}
    total = cell(totals[column.key], column.written, column.unit) if column.key in totals else ""
    return Shown(
        column,
        [cell(value, column.written, column.unit, column.missing) for value in values],
        total,
    )


def fitting(columns: Sequence[Shown], least: Sequence[float], room: float) -> list[int]:
    """Places of the columns that fit when each takes its least width; in order, at least one.

    The first column is served first; then those without which two rows are the same, out of half of
    the room: a project's name without its workspace is another project's, too; then counts and
    amounts, since a usage table that has lost its numbers tells nothing; then percentages; then the
    rest.
    """
    naming = _naming(columns)
    for_numbers = room / 2
    kept: list[int] = []
    for place in sorted(range(len(columns)), key=lambda place: _rank(columns, place, naming)):
        spared = for_numbers if place in naming else 0.0
        if not kept or least[place] <= room - spared:
            kept.append(place)
            room -= least[place]
    return sorted(kept)


def _rank(columns: Sequence[Shown], place: int, naming: Sequence[int]) -> tuple[int, int]:
    shown = columns[place]
    ranks = (
        place == 0,
        place in naming,
        shown.is_number and shown.column.kind != "percent",
        shown.is_number,
    )
    return ranks.index(True) if any(ranks) else len(ranks), place


def _naming(columns: Sequence[Shown]) -> list[int]:
    """Places of the first texts that tell the rows apart together; none if all together do not."""
    texts = [place for place, shown in enumerate(columns) if not shown.is_number]
    for last in range(1, len(texts) + 1):
        rows = list(zip(*(columns[place].cells for place in texts[:last]), strict=True))
        if len(set(rows)) == len(rows):
            return texts[:last]
    return []


def heading_width(label: str, measure: Callable[[str], float]) -> float:
    """The width at which a heading takes at most two lines."""
    words = label.split()
    breaks = (
        max(measure(" ".join(words[:cut])), measure(" ".join(words[cut:])))
        for cut in range(1, len(words) + 1)
    )
    return min(breaks, default=0.0)


def shared_out(least: Sequence[float], wished: Sequence[float], room: float) -> list[float]:
    """Widths from least to wished that fill the room.

    The columns that lack little are served first: one column of long names must not cut short ones.
    """
    widths = list(least)
    spare = max(room - sum(widths), 0.0)
    lacking = sorted(range(len(widths)), key=lambda at: wished[at] - widths[at])
    for place, at in enumerate(lacking):
        gain = max(min(wished[at] - widths[at], spare / (len(lacking) - place)), 0.0)
        widths[at] += gain
        spare -= gain
    return widths


def left_out(
    table: Table,
    *,
    shown: Sequence[str],
    rows: int,
    place: str,
    rows_place: str = "",
    named: bool = False,
) -> list[str]:
    """What was not shown and where to find it, one line each.

    Args:
        shown: keys of the columns that were; ones without any value are not missed.
        rows: how many rows were shown.
        place: ``see the CSV``.
        rows_place: where the rows are, if not only there.
        named: whether to name the columns, so many of them.
    """
    by_key = {column.key: column for column in table.columns}
    missed = [visible(by_key[key].label) for key in table.filled if key not in shown]
    more_rows = len(table.frame) - rows
    lines = []
    if more_rows > 0:
        whole = " TOTAL covers all rows." if table.totals else ""
        lines.append(f"{counted(more_rows, 'more rows')}: {rows_place or place}.{whole}")
    if missed:
        rest = [counted(len(missed) - MOST_NAMED, "others")] if len(missed) > MOST_NAMED else []
        names = f" ({', '.join([*missed[:MOST_NAMED], *rest])})" if named else ""
        lines.append(f"{counted(len(missed), 'more columns')}{names}: {place}.")
    return lines
