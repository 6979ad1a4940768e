"""Tables on paper, cell by cell: fpdf's own tables need twelve times as long."""

from dataclasses import dataclass
from functools import partial

from lib.exports.columns import Shown, fitting, heading_width, left_out, shared_out, shown_columns
from lib.exports.pdf_paper import LEADING, POINT, Paper
from lib.reports.report import Table

MAX_ROWS = 2_000
SIZE = 7.0
ROW = 4.3
HEADING_LINE = SIZE * POINT * LEADING
PADDING = 1.5
WIDEST_TEXT = 62.0
NARROWEST_TEXT = 20.0
STRETCH = 1.5
"""A table with room to spare is widened up to this factor; beyond it, rows are hard to follow."""


@dataclass(frozen=True)
class _Placed:
    shown: Shown
    left: float
    width: float
    heading: list[str]


def draw_table(page: Paper, table: Table) -> None:
    """A table with its title, repeated headings, a row of totals, and what was left out."""
    shown = shown_columns(table, rows=MAX_ROWS)
    rows = min(len(table.frame), MAX_ROWS)
    placed = _placed(page, shown)
    page.room_for(9 + 2 * HEADING_LINE + (min(rows, 3) + 1) * ROW)
    page.paragraph(table.title, size=11, bold=True)
    if table.note:
        page.paragraph(table.note, size=7.5, colour=page.FAINT)
    page.y += 1
    if rows:
        _draw_rows(page, placed, rows)
        if any(column.shown.total for column in placed):
            _draw_total(page, placed)
    else:
        page.paragraph("No rows.", size=SIZE, colour=page.FAINT)
    for line in left_out(table, columns=len(placed), rows=rows, place="see the CSV"):
        page.y += 0.8
        page.paragraph(line, size=SIZE, colour=page.FAINT)
    page.y += 7


def _draw_rows(page: Paper, placed: list[_Placed], rows: int) -> None:
    _draw_headings(page, placed)
    for row in range(rows):
        # The last row takes the row of totals along: a total alone on a page says nothing
        if page.room_for(ROW if row < rows - 1 else 2 * ROW):
            _draw_headings(page, placed)
        for column in placed:
            _draw_cell(page, column, column.shown.cells[row])
        page.y += ROW
        page.hairline(page.l_margin, _right(placed))


def _draw_headings(page: Paper, placed: list[_Placed]) -> None:
    height = HEADING_LINE * max(len(column.heading) for column in placed)
    for column in placed:
        top = page.y + height - HEADING_LINE * len(column.heading)
        for line in column.heading:
            _draw_text(page, column, line, top, bold=True)
            top += HEADING_LINE
    page.y += height + 0.8
    page.hairline(page.l_margin, _right(placed), strong=True)


def _draw_total(page: Paper, placed: list[_Placed]) -> None:
    page.hairline(page.l_margin, _right(placed), strong=True)
    for column in placed:
        _draw_cell(page, column, column.shown.total, bold=True)
    page.y += ROW
    page.hairline(page.l_margin, _right(placed), strong=True)


def _draw_cell(page: Paper, column: _Placed, text: str, *, bold: bool = False) -> None:
    _draw_text(page, column, text, page.y + (ROW - SIZE * POINT * 1.2) / 2, bold=bold)


def _draw_text(page: Paper, column: _Placed, text: str, top: float, *, bold: bool) -> None:
    page.put(
        column.left + PADDING,
        top,
        text,
        size=SIZE,
        bold=bold,
        width=column.width - 2 * PADDING,
        align="right" if column.shown.is_number else "left",
    )


def _right(placed: list[_Placed]) -> float:
    return placed[-1].left + placed[-1].width


def _placed(page: Paper, columns: list[Shown]) -> list[_Placed]:
    """The columns that fit the width, with their places and broken headings."""
    least = [_least(page, shown) for shown in columns]
    kept = fitting(columns, least, page.epw)
    widths: list[float] = [min(least[place], page.epw) for place in kept]
    # Cells come before headings, which may well take two lines
    widths = shared_out(widths, [_wished(page, columns[place]) for place in kept], page.epw)
    widths = shared_out(widths, [_label(page, columns[place]) for place in kept], page.epw)
    stretch = max(min(STRETCH, page.epw / sum(widths)), 1.0) if widths else 1.0
    placed, left = [], page.l_margin
    for place, width in zip(kept, widths, strict=True):
        wide = width * stretch
        label = columns[place].column.label
        heading = page.lines(label, wide - 2 * PADDING, size=SIZE, bold=True)
        placed.append(_Placed(columns[place], left, wide, heading))
        left += wide
    return placed


def _least(page: Paper, shown: Shown) -> float:
    """The width at which no number or date is cut and the heading takes at most two lines."""
    cells = _cells(page, shown)
    heading = heading_width(shown.column.label, partial(page.measure, size=SIZE, bold=True))
    return max(
        min(cells, NARROWEST_TEXT) if shown.may_be_cut else cells,
        min(heading + 2 * PADDING + 0.1, WIDEST_TEXT),
    )


def _wished(page: Paper, shown: Shown) -> float:
    """The width at which no cell is cut, within reason."""
    cells = _cells(page, shown)
    return min(cells, WIDEST_TEXT) if shown.may_be_cut else cells


def _label(page: Paper, shown: Shown) -> float:
    """The width at which the heading takes one line, within reason."""
    width = page.measure(shown.column.label, size=SIZE, bold=True) + 2 * PADDING + 0.1
    return min(width, WIDEST_TEXT)


def _cells(page: Paper, shown: Shown) -> float:
    cells = max((page.measure(text, size=SIZE) for text in set(shown.cells)), default=0.0)
    return max(cells, page.measure(shown.total, size=SIZE, bold=True)) + 2 * PADDING
