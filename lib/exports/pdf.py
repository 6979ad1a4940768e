"""Report to PDF, A4 landscape: facts, figures, charts and tables, each page marked with what it is."""

from typing import TYPE_CHECKING

from lib.exports.formats import delta, failures, figure, provenance, visible
from lib.reports.report import Figure, Report

if TYPE_CHECKING:
    from lib.exports.pdf_paper import Paper

CARD_HEIGHT, CARD_HEIGHT_WITH_CHANGE = 14.5, 19.0
CARDS_PER_ROW = (4, 5)
GAP = 3.0


def to_pdf(report: Report, page: "Paper | None" = None) -> bytes:
    """The report on paper; the same bytes for the same report.

    Tables hold at most ``pdf_table.MAX_ROWS`` rows and the columns that fit; what is left out is
    said, with the CSV as the place to find it. Names are drawn as they are: no markup is interpreted,
    and a character that no font here has becomes its number, ``[0E44]``.

    Args:
        page: an empty document made ready before; it is used up.
    """
    # fpdf takes most of a second to import, and few readers ask for paper
    from lib.exports.pdf_paper import Paper  # noqa: PLC0415

    page = page or Paper()
    try:
        page.begin(report)
        _draw(page, report)
        return bytes(page.output())
    finally:
        page.close_fonts()


def _draw(page: "Paper", report: Report) -> None:
    from lib.exports.pdf_chart import draw_charts  # noqa: PLC0415  # as above
    from lib.exports.pdf_table import draw_table  # noqa: PLC0415

    _draw_title(page, report)
    _draw_bullets(page, "Sources that did not answer in full", failures(report), warning=True)
    _draw_figures(page, report.figures)
    _draw_bullets(page, "Notes", report.notes)
    draw_charts(page, report.charts)
    for table in report.tables:
        draw_table(page, table)


def _draw_title(page: "Paper", report: Report) -> None:
    page.paragraph(report.title, size=18, bold=True)
    page.y += 1.5
    lines = provenance(report)
    half = (len(lines) + 1) // 2
    top, bottom = page.y, page.y
    for column, part in enumerate((lines[:half], lines[half:])):
        page.y = top
        left = page.l_margin + column * (page.epw + GAP) / 2
        for label, text in part:
            page.put(left, page.y, label, size=8, colour=page.FAINT)
            page.paragraph(text, size=8, left=left + 24, width=page.epw / 2 - GAP - 24)
        bottom = max(bottom, page.y)
    page.y = bottom + GAP


def _draw_bullets(
    page: "Paper", heading: str, lines: tuple[str, ...], *, warning: bool = False
) -> None:
    if not lines:
        return
    page.room_for(14)
    colour = page.WARNING if warning else page.INK
    page.paragraph(heading, size=10, bold=True, colour=colour)
    for line in lines:
        page.room_for(5)
        page.put(page.l_margin + 1, page.y, "•", size=8, colour=colour)
        page.paragraph(line, size=8, left=page.l_margin + 5)
    page.y += GAP


def _draw_figures(page: "Paper", figures: tuple[Figure, ...]) -> None:
    if not figures:
        return
    per_row = min(CARDS_PER_ROW, key=lambda count: (-len(figures) % count, count))
    width = (page.epw - GAP * (per_row - 1)) / per_row
    for start in range(0, len(figures), per_row):
        row = figures[start : start + per_row]
        height = CARD_HEIGHT_WITH_CHANGE if any(shown.delta for shown in row) else CARD_HEIGHT
        page.room_for(height)
        for place, shown in enumerate(row):
            _draw_card(page, shown, page.l_margin + place * (width + GAP), width, height)
        page.y += height + GAP
    page.y += 1


def _draw_card(page: "Paper", shown: Figure, left: float, width: float, height: float) -> None:
    page.set_draw_color(page.HAIRLINE)
    page.set_fill_color(page.CARD)
    page.rect(left, page.y, width, height, style="DF")
    inside, room = left + 3, width - 6
    mark = "incomplete" if shown.incomplete else ""
    marked = page.measure(mark, size=7)
    page.put(inside, page.y + 2, shown.label, size=8, colour=page.FAINT, width=room - marked - 2)
    page.put(inside + room - marked, page.y + 2.2, mark, size=7, colour=page.WARNING)
    value = figure(shown)
    size = min(15.0, 15.0 * room / max(page.measure(value, size=15, bold=True), 1))
    page.put(inside, page.y + 6.5, value, size=size, bold=True)
    if shown.delta:
        change = f"{delta(shown.delta, shown.unit)} vs {visible(shown.delta.against)}"
        page.put(inside, page.y + 14, change, size=7, colour=page.FAINT, width=room)
