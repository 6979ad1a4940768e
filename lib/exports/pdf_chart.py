"""Charts on paper: two beside each other or one alone, each with its title and what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.exports.pdf_paper import LEADING, POINT, Paper
from lib.exports.pdf_plot import Box, draw_plot, least_height, plot_height
from lib.exports.plot import Plot, plot_of
from lib.reports.report import ChartSpec

GAP = 9.0
MAX_HEIGHT = 69.0
LEAST_HEIGHT = 55.0
"""Charts are drawn this low at the least to stay on the page that has been begun."""

TITLE_HEIGHT = 6.0
CAPTION_SIZE = 7.5
CAPTION_LINE = CAPTION_SIZE * POINT * LEADING
BESIDE = TITLE_HEIGHT + 1 + 2 * CAPTION_LINE
"""Millimetres of a title and a sentence of two lines."""


@dataclass(frozen=True)
class _Placed:
    chart: ChartSpec
    plot: Plot
    height: float
    sentence: list[str]

    @property
    def full_height(self) -> float:
        return TITLE_HEIGHT + self.height + 1 + len(self.sentence) * CAPTION_LINE


def draw_charts(page: Paper, charts: tuple[ChartSpec, ...]) -> None:
    """All charts for paper."""
    for row in _rows([chart for chart in charts if chart.place != "screen"]):
        alone = _is_wide(row[0])
        width = page.epw if alone else (page.epw - GAP) / 2
        most = page.eph - BESIDE if alone else MAX_HEIGHT
        beside = page.left_over - BESIDE
        tallest = min(beside, most) if beside >= LEAST_HEIGHT and not alone else most
        placed = [_placed(page, chart, width, tallest) for chart in row]
        height = max(chart.full_height for chart in placed)
        page.room_for(height)
        for place, chart in enumerate(placed):
            _draw(page, chart, page.l_margin + place * (width + GAP), width)
        page.y += height + 5


def _rows(charts: Sequence[ChartSpec]) -> Iterator[list[ChartSpec]]:
    """Pairs; a chart made for the page's whole width stands alone."""
    row: list[ChartSpec] = []
    for chart in charts:
        if row and (len(row) == 2 or _is_wide(chart) or _is_wide(row[0])):
            yield row
            row = []
        row.append(chart)
    if row:
        yield row


def _is_wide(spec: ChartSpec) -> bool:
    return plot_of(spec.chart).wide


def _placed(page: Paper, chart: ChartSpec, width: float, tallest: float) -> _Placed:
    plot = plot_of(chart.chart)
    height = max(
        min(plot_height(page, plot, width), tallest),
        least_height(page, plot, width),
    )
    return _Placed(chart, plot, height, page.lines(chart.alt, width, size=CAPTION_SIZE))


def _draw(page: Paper, placed: _Placed, left: float, width: float) -> None:
    page.put(left, page.y, placed.chart.title, size=9.5, bold=True, width=width)
    top = page.y + TITLE_HEIGHT
    draw_plot(page, placed.plot, Box(left, top, width, placed.height))
    top += placed.height + 1
    for line in placed.sentence:
        page.put(left, top, line, size=CAPTION_SIZE, colour=page.FAINT)
        top += CAPTION_LINE
