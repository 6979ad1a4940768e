"""Charts on paper: two beside each other or one alone, each with its title and what it says."""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lib.exports.chart_engine import SCALE
from lib.exports.chart_png import WIDTH, chart_png
from lib.exports.pdf_page import LEADING, POINT, Page
from lib.reports.report import ChartSpec

GAP = 9.0
MAX_HEIGHT = 69.0
LEAST_HEIGHT = 55.0
"""Charts are drawn this low at the least to stay on the page that has been begun."""

PIXEL = 0.27
"""Millimetres of one chart pixel, at most: a small chart is not blown up beyond this."""

TITLE_HEIGHT = 6.0
CAPTION_SIZE = 7.5
BESIDE = TITLE_HEIGHT + 1 + 2 * CAPTION_SIZE * POINT * LEADING
"""Millimetres of a title and a sentence of two lines."""


@dataclass(frozen=True)
class _Picture:
    chart: ChartSpec
    png: bytes
    width: float
    height: float
    caption: list[str]

    @property
    def full_height(self) -> float:
        return TITLE_HEIGHT + self.height + 1 + len(self.caption) * CAPTION_SIZE * POINT * LEADING


def draw_charts(page: Page, charts: tuple[ChartSpec, ...]) -> None:
    """All charts for paper. One that cannot be drawn leaves its title, its sentence and a remark."""
    for row in _rows([chart for chart in charts if chart.place != "screen"]):
        alone = _is_wide(row[0])
        width = page.epw if alone else (page.epw - GAP) / 2
        most = page.eph - BESIDE if alone else MAX_HEIGHT
        beside = page.left_over - BESIDE
        tallest = min(beside, most) if beside >= LEAST_HEIGHT and not alone else most
        pictures = [_picture(page, chart, width, tallest) for chart in row]
        height = max(picture.full_height for picture in pictures)
        page.room_for(height)
        for place, picture in enumerate(pictures):
            _draw(page, picture, page.l_margin + place * (width + GAP), width)
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


def _is_wide(chart: ChartSpec) -> bool:
    width = chart.chart.width
    return isinstance(width, int) and width > WIDTH


def _picture(page: Page, chart: ChartSpec, room: float, tallest: float) -> _Picture:
    png, width, height, caption = b"", 0.0, 0.0, chart.alt
    try:
        png = chart_png(chart.chart)
    except ValueError:
        # The numbers must still reach the reader; the picture is the lesser loss
        caption = f"{chart.alt} (This chart could not be drawn.)".strip()
    else:
        width, height = _fitted(png, room, tallest)
    return _Picture(chart, png, width, height, page.lines(caption, room, size=CAPTION_SIZE))


def _fitted(png: bytes, room: float, tallest: float) -> tuple[float, float]:
    pixels: tuple[int, int] = struct.unpack(">II", png[16:24])
    width, height = (side / SCALE * PIXEL for side in pixels)
    factor = min(1.0, room / width, tallest / height)
    return width * factor, height * factor


def _draw(page: Page, picture: _Picture, left: float, width: float) -> None:
    page.put(left, page.y, picture.chart.title, size=9.5, bold=True, width=width)
    top = page.y + TITLE_HEIGHT
    if picture.png:
        page.image(
            io.BytesIO(picture.png),
            left,
            top,
            picture.width,
            picture.height,
            alt_text=page.drawn(picture.chart.alt),
        )
    top += picture.height + 1
    for line in picture.caption:
        page.put(left, top, line, size=CAPTION_SIZE, colour=page.FAINT)
        top += CAPTION_SIZE * POINT * LEADING
