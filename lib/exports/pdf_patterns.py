"""What tells the series of a chart apart on paper without its colours: patterns of bars, shapes of points."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lib.exports.pdf_paper import Paper

Point = tuple[float, float]
Pattern = Literal["rising", "falling", "level", "upright"]
"""Which way thin lines run over a colour."""

_HATCH, _LEAST_HATCHED = 1.3, 1.2
"""Millimetres between the lines of a pattern, and of the narrowest bar that has one."""

_PATTERNS: Sequence[Sequence[Pattern]] = (
    *((), ("rising",), ("falling",), ("level",), ("upright",)),
    *(("rising", "falling"), ("level", "upright"), ("rising", "level"), ()),
)
"""Of series, in their order, so that no two need colours to be told apart; the ninth is pale."""

_SHAPES = (
    ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    ((0, -1.4), (1.2, 0.9), (-1.2, 0.9)),
    ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    ((0, 1.4), (1.2, -0.9), (-1.2, -0.9)),
)
"""Of the points of lines that are not the first, by half their size; the first has circles."""


@dataclass(frozen=True)
class Box:
    """A rectangle on a page, in millimetres from its upper left corner."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height


def fill(page: Paper, box: Box, series: int) -> None:
    """A part of a bar in the colour that is set, with the pattern of its series."""
    page.rect(box.left, box.top, box.width, box.height, style="F")
    if min(box.width, box.height) < _LEAST_HATCHED:
        return
    page.set_draw_color(Paper.GROUND)
    page.set_line_width(0.12)
    for pattern in _PATTERNS[series % len(_PATTERNS)]:
        for start, end in hatch(box, pattern):
            page.line(*start, *end)


def hatch(box: Box, pattern: Pattern) -> Iterator[tuple[Point, Point]]:
    """The lines of a pattern within a box; they lie on one grid of the page, so that parts fit together."""
    if pattern == "level":
        for y in _grid(box.top, box.bottom):
            yield (box.left, y), (box.right, y)
    elif pattern == "upright":
        for x in _grid(box.left, box.right):
            yield (x, box.top), (x, box.bottom)
    else:
        slope = 1 if pattern == "falling" else -1
        ends = (box.top - slope * box.left, box.top - slope * box.right)
        for at in _grid(min(ends), max(ends) + box.height):
            # y = slope * x + at, as far as it lies within
            sides = sorted((slope * (box.top - at), slope * (box.bottom - at)))
            left, right = max(box.left, sides[0]), min(box.right, sides[1])
            if left < right:
                yield (left, slope * left + at), (right, slope * right + at)


def _grid(low: float, high: float) -> Iterator[float]:
    """Multiples of the distance between lines, strictly between two places."""
    first = math.floor(low / _HATCH) + 1
    return (step * _HATCH for step in range(first, math.ceil(high / _HATCH)))


def draw_dot(page: Paper, x: float, y: float, half: float, series: int) -> None:
    """A point of a line, in the shape of its series."""
    shape = series % (len(_SHAPES) + 1)
    if not shape:
        page.circle(x, y, half, style="F")
        return
    corners = [(x + half * right, y + half * down) for right, down in _SHAPES[shape - 1]]
    page.polygon(corners, style="F")
