"""Charts on paper: two or three beside each other or one alone, each with its title and what it says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.exports.pdf_paper import LEADING, POINT, Paper
from lib.exports.pdf_patterns import Box
from lib.exports.pdf_plot import draw_plot, least_height, plot_height
from lib.exports.plot import Plot, plot_of
from lib.reports.report import ChartSpec

GAP = 9.0
MAX_HEIGHT = 69.0
LEAST_SHAPE = 0.42
"""Height by width: so low are charts drawn at the least to stay on the page that has been begun."""

TITLE_HEIGHT = 6.0
CAPTION_SIZE = 7.5
CAPTION_LINE = CAPTION_SIZE * POINT * LEADING


@dataclass(frozen=True)
class _Placed:
    chart: ChartSpec
    plot: Plot
    height: float
    sentence: list[str]

    @property
    def full_height(self) -> float:
        return TITLE_HEIGHT + self.height + 1 + len(self.sentence) * CAPTION_LINE


def charts_in_detail(charts: Sequence[ChartSpec]) -> list[ChartSpec]:
    """All charts for paper."""
    return [chart for chart in charts if chart.place != "screen"]


def main_charts(charts: Sequence[ChartSpec]) -> list[ChartSpec]:
    """Of each group the first chart, in the form of the screen: it has the largest series only."""
    groups: dict[str, ChartSpec] = {}
    for chart in charts:
        if chart.place in ("both", "screen"):
            groups.setdefault(chart.group or chart.key, chart)
    return list(groups.values())


def draw_charts(page: Paper, charts: Sequence[ChartSpec], beside: int) -> None:
    """Charts, so many beside each other at most."""
    for row in _rows(charts, beside):
        alone = _is_wide(row[0])
        width = page.epw if alone else (page.epw - GAP * (beside - 1)) / beside
        sentences = [page.lines(chart.sentence, width, size=CAPTION_SIZE) for chart in row]
        words = TITLE_HEIGHT + 1 + max(map(len, sentences)) * CAPTION_LINE
        most = page.eph - words if alone else MAX_HEIGHT
        room = page.left_over - words
        tallest = min(room, most) if room >= LEAST_SHAPE * width and not alone else most
        placed = [
            _placed(page, chart, sentence, width, tallest)
            for chart, sentence in zip(row, sentences, strict=True)
        ]
        height = max(chart.full_height for chart in placed)
        page.room_for(height)
        for place, chart in enumerate(placed):
            _draw(page, chart, page.l_margin + place * (width + GAP), width)
        page.y += height + 5


def _rows(charts: Sequence[ChartSpec], beside: int) -> Iterator[list[ChartSpec]]:
    """So many charts each; a chart made for the page's whole width stands alone."""
    row: list[ChartSpec] = []
    for chart in charts:
        if row and (len(row) == beside or _is_wide(chart) or _is_wide(row[0])):
            yield row
            row = []
        row.append(chart)
    if row:
        yield row


def _is_wide(spec: ChartSpec) -> bool:
    return plot_of(spec.chart).wide


def _placed(
    page: Paper, chart: ChartSpec, sentence: list[str], width: float, tallest: float
) -> _Placed:
    plot = plot_of(chart.chart)
    height = max(
        min(plot_height(page, plot, width), tallest),
        least_height(page, plot, width),
    )
    return _Placed(chart, plot, height, sentence)


def _draw(page: Paper, placed: _Placed, left: float, width: float) -> None:
    page.put(left, page.y, placed.chart.title, size=9.5, bold=True, width=width)
    top = page.y + TITLE_HEIGHT
    draw_plot(page, placed.plot, Box(left, top, width, placed.height))
    top += placed.height + 1
    for line in placed.sentence:
        page.put(left, top, line, size=CAPTION_SIZE, colour=page.FAINT)
        top += CAPTION_LINE
