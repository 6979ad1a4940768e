"""Tables on paper, cell by cell: fpdf's own tables need twelve times as long."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from lib.exports.columns import Shown, fitting, heading_width, left_out, shared_out, shown_columns
from lib.exports.pdf_flow import Block
from lib.exports.pdf_paper import LEADING, POINT, Paper
from lib.reports.report import Table

MAX_ROWS = 2_000
SIZE, TITLE_SIZE, NOTE_SIZE = 7.0, 11.0, 7.5
LINE = SIZE * POINT * LEADING
ROW, DENSE_ROW = 4.3, 3.7
PADDING = 1.5
BEFORE_HEADINGS = 1.0
BELOW_HEADINGS = 0.8
BEFORE_REMARK = 0.8
IN_CSV, IN_DETAIL = "see the CSV", "see the CSV, or the detailed PDF"
KEPT_TOGETHER = 3
"""So many rows end a table on a page of their own, at the least: fewer tell nothing without the others."""

WIDEST_TEXT = 62.0
NARROWEST_TEXT, NARROWEST_NAME = 20.0, 30.0
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
    placed = _placed(page, shown, page.l_margin, page.epw)
    remarks = left_out(table, shown=_keys(placed), rows=rows, place=IN_CSV)
    tail = (1 + len(remarks)) * ROW
    front = _front_height(page, table, placed, page.epw)
    page.room_for(front + min(rows, KEPT_TOGETHER + 2) * ROW + tail)
    _draw_title(page, table, page.l_margin, page.epw)
    if rows:
        _draw_headings(page, placed)
        for row in range(rows):
            to_come = rows - row
            # The last rows take the totals and remarks along
            together = ROW if to_come > KEPT_TOGETHER else to_come * ROW + tail
            if to_come >= KEPT_TOGETHER and page.room_for(together):
                _draw_headings(page, placed)
            _draw_row(page, placed, row, ROW)
    _draw_end(page, placed, rows, remarks, ROW)
    page.y += 7


def table_block(page: Paper, table: Table, width: float, most: int) -> Block:
    """The first rows of a table, ``most`` at most, for a place beside others."""
    rows = min(len(table.frame), most)
    placed = _placed(page, shown_columns(table, rows=most), 0.0, width)
    remarks = left_out(
        table,
        shown=_keys(placed),
        rows=rows,
        place=IN_CSV,
        rows_place=IN_DETAIL,
    )

    def draw(left: float) -> None:
        moved = [replace(column, left=left + column.left) for column in placed]
        _draw_title(page, table, left, width)
        if rows:
            _draw_headings(page, moved)
            for row in range(rows):
                _draw_row(page, moved, row, DENSE_ROW)
        _draw_end(page, moved, rows, remarks, DENSE_ROW)

    height = (
        _front_height(page, table, placed, width)
        + (rows + any(column.shown.total for column in placed)) * DENSE_ROW * (rows > 0)
        + sum(
            BEFORE_REMARK + LINE * len(page.lines(remark, width, size=SIZE)) for remark in remarks
        )
    )
    return Block(height, draw)


def _keys(placed: Sequence[_Placed]) -> list[str]:
    return [column.shown.column.key for column in placed]


def _front_height(page: Paper, table: Table, placed: list[_Placed], width: float) -> float:
    """Millimetres of what stands above the first row, or of all when there is none."""
    title = page.lines(table.title, width, size=TITLE_SIZE, bold=True)
    note = page.lines(table.note, width, size=NOTE_SIZE)
    headings = LINE if table.frame.empty else LINE * _heading_lines(placed) + BELOW_HEADINGS
    words = (len(title) * TITLE_SIZE + len(note) * NOTE_SIZE) * POINT * LEADING
    return words + BEFORE_HEADINGS + headings


def _draw_title(page: Paper, table: Table, left: float, width: float) -> None:
    page.paragraph(table.title, size=TITLE_SIZE, bold=True, left=left, width=width)
    if table.note:
        page.paragraph(table.note, size=NOTE_SIZE, colour=page.FAINT, left=left, width=width)
    page.y += BEFORE_HEADINGS


def _draw_row(page: Paper, placed: list[_Placed], row: int, height: float) -> None:
    for column in placed:
        _draw_cell(page, column, column.shown.cells[row], height)
    page.y += height
    page.hairline(placed[0].left, _right(placed))


def _draw_end(
    page: Paper, placed: list[_Placed], rows: int, remarks: list[str], height: float
) -> None:
    """The totals of a table, or that it has no rows; and what was left out."""
    left = placed[0].left
    if not rows:
        page.paragraph("No rows.", size=SIZE, colour=page.FAINT, left=left)
    elif any(column.shown.total for column in placed):
        page.hairline(left, _right(placed), strong=True)
        for column in placed:
            _draw_cell(page, column, column.shown.total, height, bold=True)
        page.y += height
        page.hairline(left, _right(placed), strong=True)
    for remark in remarks:
        page.y += BEFORE_REMARK
        page.paragraph(remark, size=SIZE, colour=page.FAINT, left=left)


def _draw_headings(page: Paper, placed: list[_Placed]) -> None:
    height = LINE * _heading_lines(placed)
    for column in placed:
        top = page.y + height - LINE * len(column.heading)
        for line in column.heading:
            _draw_text(page, column, line, top, bold=True)
            top += LINE
    page.y += height + BELOW_HEADINGS
    page.hairline(placed[0].left, _right(placed), strong=True)


def _heading_lines(placed: list[_Placed]) -> int:
    return max(len(column.heading) for column in placed)


def _draw_cell(
    page: Paper, column: _Placed, text: str, height: float, *, bold: bool = False
) -> None:
    _draw_text(page, column, text, page.y + (height - SIZE * POINT * 1.2) / 2, bold=bold)


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


def _placed(page: Paper, columns: list[Shown], left: float, room: float) -> list[_Placed]:
    """The columns that fit the room, with their places and broken headings."""
    least = [_least(page, shown, first=not place) for place, shown in enumerate(columns)]
    kept = fitting(columns, least, room)
    widths: list[float] = [min(least[place], room) for place in kept]
    # Cells come before headings, which may well take two lines
    widths = shared_out(widths, [_wished(page, columns[place]) for place in kept], room)
    widths = shared_out(widths, [_label(page, columns[place]) for place in kept], room)
    stretch = max(min(STRETCH, room / sum(widths)), 1.0) if widths else 1.0
    placed = []
    for place, width in zip(kept, widths, strict=True):
        wide = width * stretch
        label = columns[place].column.label
        heading = page.lines(label, wide - 2 * PADDING, size=SIZE, bold=True)
        placed.append(_Placed(columns[place], left, wide, heading))
        left += wide
    return placed


def _least(page: Paper, shown: Shown, *, first: bool) -> float:
    """The width at which no number or date is cut and the heading takes at most two lines."""
    cells = _cells(page, shown)
    narrowest = NARROWEST_NAME if first else NARROWEST_TEXT
    heading = heading_width(shown.column.label, partial(page.measure, size=SIZE, bold=True))
    return max(
        min(cells, narrowest) if shown.may_be_cut else cells,
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
