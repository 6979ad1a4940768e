"""Charts on paper: two beside each other, each with its title and the sentence that states its trend."""

import io
import struct
from dataclasses import dataclass

from lib.exports.chart_png import SCALE, chart_png
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
    """All charts in pairs. One that cannot be drawn leaves its title, its sentence and a remark."""
    width = (page.epw - GAP) / 2
    for start in range(0, len(charts), 2):
        beside = page.left_over - BESIDE
        tallest = min(beside, MAX_HEIGHT) if beside >= LEAST_HEIGHT else MAX_HEIGHT
        pair = [_picture(page, chart, width, tallest) for chart in charts[start : start + 2]]
        height = max(picture.full_height for picture in pair)
        page.room_for(height)
        for place, picture in enumerate(pair):
            _draw(page, picture, page.l_margin + place * (width + GAP), width)
        page.y += height + 5


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
