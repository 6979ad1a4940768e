"""What stands before charts and tables: what the report is, what failed, its figures and notes."""

from collections.abc import Sequence

from lib.exports.formats import delta, failures, figure, provenance, visible
from lib.exports.pdf_flow import Block
from lib.exports.pdf_paper import LEADING, POINT, Paper
from lib.reports.report import Figure, Report

HEADLINE_FIGURES = 6
"""As many as the screen has in front; the others stand in lines below."""

CARD_HEIGHT, CARD_INSET = 14.5, 3.0
CHANGE_SIZE = 7.0
CHANGE_LINE = CHANGE_SIZE * POINT * LEADING
CARDS_PER_ROW, HEADLINES_PER_ROW = (4, 5), (3,)
LINES_PER_ROW = 3
GAP = 3.0
LINE_HEIGHT = 4.4
HEADING_SIZE, TEXT_SIZE = 10.0, 8.0
INDENT = 5.0


def draw_title(page: Paper, report: Report) -> None:
    """The title and what the report is of."""
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


def draw_failures(page: Paper, report: Report) -> None:
    """The sources that failed, in part or altogether."""
    lines = failures(report)
    heading = "Sources that did not answer in full"
    _draw_bullets(page, heading, lines, left=page.l_margin, width=page.epw, colour=page.WARNING)


def draw_notes(page: Paper, notes: Sequence[str]) -> None:
    """All notes."""
    _draw_bullets(page, "Notes", notes, left=page.l_margin, width=page.epw, colour=page.INK)


def notes_block(page: Paper, notes: Sequence[str], width: float) -> Block:
    """All notes, for a place beside others."""
    lines = sum(len(page.lines(note, width - INDENT, size=TEXT_SIZE)) for note in notes)
    height = (HEADING_SIZE + lines * TEXT_SIZE) * POINT * LEADING + GAP

    def draw(left: float) -> None:
        _draw_bullets(page, "Notes", notes, left=left, width=width, colour=page.INK)

    return Block(height, draw)


def _draw_bullets(
    page: Paper, heading: str, lines: Sequence[str], *, left: float, width: float, colour: str
) -> None:
    if not lines:
        return
    page.room_for((HEADING_SIZE + 2 * TEXT_SIZE) * POINT * LEADING)
    page.paragraph(heading, size=HEADING_SIZE, bold=True, colour=colour, left=left, width=width)
    for line in lines:
        page.room_for(TEXT_SIZE * POINT * LEADING)
        page.put(left + 1, page.y, "•", size=TEXT_SIZE, colour=colour)
        page.paragraph(line, size=TEXT_SIZE, left=left + INDENT, width=width - INDENT)
    page.y += GAP


def draw_figures(page: Paper, figures: Sequence[Figure]) -> None:
    """All figures as cards."""
    _draw_cards(page, figures, CARDS_PER_ROW)


def draw_headline(page: Paper, figures: Sequence[Figure]) -> None:
    """The first figures as cards, the others in lines."""
    _draw_cards(page, figures[:HEADLINE_FIGURES], HEADLINES_PER_ROW)
    _draw_lines(page, figures[HEADLINE_FIGURES:])


def _draw_cards(page: Paper, figures: Sequence[Figure], counts: tuple[int, ...]) -> None:
    if not figures:
        return
    per_row = min(counts, key=lambda count: (-len(figures) % count, count))
    width = (page.epw - GAP * (per_row - 1)) / per_row
    for start in range(0, len(figures), per_row):
        row = figures[start : start + per_row]
        changes = [_change_lines(page, shown, width - 2 * CARD_INSET) for shown in row]
        most = max(map(len, changes))
        height = CARD_HEIGHT + (most * CHANGE_LINE + 1 if most else 0)
        page.room_for(height)
        for place, shown in enumerate(row):
            _draw_card(page, shown, page.l_margin + place * (width + GAP), width, height)
        page.y += height + GAP
    page.y += 1


def _draw_card(page: Paper, shown: Figure, left: float, width: float, height: float) -> None:
    page.set_draw_color(page.HAIRLINE)
    page.set_fill_color(page.CARD)
    page.rect(left, page.y, width, height, style="DF")
    inside, room = left + CARD_INSET, width - 2 * CARD_INSET
    mark = "incomplete" if shown.incomplete else ""
    marked = page.measure(mark, size=7)
    page.put(inside, page.y + 2, shown.label, size=8, colour=page.FAINT, width=room - marked - 2)
    page.put(inside + room - marked, page.y + 2.2, mark, size=7, colour=page.WARNING)
    value = figure(shown)
    size = min(15.0, 15.0 * room / max(page.measure(value, size=15, bold=True), 1))
    page.put(inside, page.y + 6.5, value, size=size, bold=True)
    for place, line in enumerate(_change_lines(page, shown, room)):
        top = page.y + 14 + place * CHANGE_LINE
        page.put(inside, top, line, size=CHANGE_SIZE, colour=page.FAINT)


def _change_lines(page: Paper, shown: Figure, room: float) -> list[str]:
    """The whole change, since its end may say that a month still runs."""
    if shown.delta is None:
        return []
    change = f"{delta(shown.delta, shown.unit)} vs {visible(shown.delta.against)}"
    return page.lines(change, room, size=CHANGE_SIZE)


def _draw_lines(page: Paper, figures: Sequence[Figure]) -> None:
    widest = max((_line_width(page, shown) for shown in figures), default=0.0)
    per_row = max(min(LINES_PER_ROW, int(page.epw / (widest + 2 * GAP))), 1)
    width = (page.epw - GAP * (per_row - 1)) / per_row
    for start in range(0, len(figures), per_row):
        page.room_for(LINE_HEIGHT)
        for place, shown in enumerate(figures[start : start + per_row]):
            left = page.l_margin + place * (width + GAP) + GAP
            _draw_line(page, shown, left, width - 2 * GAP)
        page.y += LINE_HEIGHT
    compared = dict.fromkeys(visible(shown.delta.against) for shown in figures if shown.delta)
    if compared:
        said = f"Changes are vs {', '.join(compared)}."
        page.paragraph(said, size=CHANGE_SIZE, colour=page.FAINT, left=page.l_margin + GAP)
    page.y += GAP if figures else 0


def _line_width(page: Paper, shown: Figure) -> float:
    """Millimetres at which nothing of a line is cut."""
    value = page.measure(figure(shown), size=TEXT_SIZE, bold=True)
    beside = sum(page.measure(words, size=CHANGE_SIZE) + 2 for words, _ in _beside(page, shown))
    return page.measure(shown.label, size=TEXT_SIZE) + 3 + beside + value + GAP


def _beside(page: Paper, shown: Figure) -> list[tuple[str, str]]:
    """What stands left of a value, from right to left: words and their colour."""
    marks = [("incomplete", page.WARNING)] if shown.incomplete else []
    changes = [(delta(shown.delta, shown.unit), page.FAINT)] if shown.delta else []
    return marks + changes


def _draw_line(page: Paper, shown: Figure, left: float, room: float) -> None:
    """Label, change, mark and value of a figure."""
    value, right = figure(shown), left + room
    size = min(TEXT_SIZE, TEXT_SIZE * room / max(page.measure(value, size=TEXT_SIZE, bold=True), 1))
    right -= page.measure(value, size=size, bold=True)
    page.put(right, page.y, value, size=size, bold=True)
    for words, colour in _beside(page, shown):
        right -= page.measure(words, size=CHANGE_SIZE) + 2
        page.put(right, page.y + 0.3, words, size=CHANGE_SIZE, colour=colour)
    label_room = max(right - left - 2, 0)
    page.put(left, page.y, shown.label, size=TEXT_SIZE, colour=page.FAINT, width=label_room)
