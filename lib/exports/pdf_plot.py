"""Draws charts in lines and rectangles: sharp at any size, and their words can be searched for."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from lib.exports.pdf_paper import LEADING, POINT, Align, Paper
from lib.exports.pdf_patterns import Box, draw_dot, fill
from lib.exports.plot import Plot
from lib.exports.ticks import tick_text

SIZE = 6.5
LINE = SIZE * POINT * LEADING
AROUND = 2 * LINE + 2.8
"""Millimetres of the words above a plot and of those below it."""

PLOT_HEIGHT, WIDE_PLOT_HEIGHT, LEAST_PLOT_HEIGHT = 44.0, 92.0, 20.0
BAR_HEIGHT, LEAST_BAR_HEIGHT = 5.6, LINE
_FILLED = 0.86
"""Part of its place that a bar takes."""

_WIDEST_BAR = 18.0
"""Millimetres: one month alone would be a wall."""

_LINE, _HALO, _MARK = 0.35, 1.0, 0.7
"""Millimetres of a line, and of the paper around one that lies on bars."""

_SPIKE = 1.4
"""Millimetres of the mark above a bar that stands out."""

_MOST_DOTS = 80
"""On longer lines only points without neighbours are marked: the line shows all others."""

_MOST_LEGEND_COLUMNS = 5
_SWATCH = 2.2
_LABELS_SHARE = 0.4
"""Of a ranking's width, at most, for the names beside its bars."""

_CELL_HEIGHT = 4.6
_LONGEST_HEAD = 24.0
"""Millimetres of the labels that stand upright above cells."""

_PALEST = 0.1
_FULL, _CREDIT = (31, 95, 168), (217, 130, 43)
"""Of cells above and below zero, before they are mixed with white."""


def plot_height(page: Paper, plot: Plot, width: float) -> float:
    """The height at which nothing of a plot is pressed together."""
    if plot.kind == "cells":
        return _cells_height(page, plot)
    upright = WIDE_PLOT_HEIGHT if plot.wide else PLOT_HEIGHT
    room = BAR_HEIGHT * len(plot.places) if plot.kind == "rows" else upright
    return room + AROUND + LINE * _legend(page, plot, width)[0]


def least_height(page: Paper, plot: Plot, width: float) -> float:
    """The height below which a plot cannot be read."""
    if plot.kind == "cells":
        return _cells_height(page, plot)
    rows = plot.kind == "rows"
    room = LEAST_BAR_HEIGHT * len(plot.places) if rows else LEAST_PLOT_HEIGHT
    return room + AROUND + LINE * _legend(page, plot, width)[0]


def draw_plot(page: Paper, plot: Plot, box: Box) -> None:
    """A plot with its scale, its labels and its legend, all within the box."""
    if plot.kind == "cells":
        _draw_cells(page, plot, box)
        return
    rows, columns = _legend(page, plot, box.width)
    beside = _beside(page, plot, box.width)
    inner = Box(
        box.left + beside,
        box.top + LINE + 1.2,
        box.width - beside - 2.0,
        box.height - AROUND - LINE * rows,
    )
    _text(page, box.left, box.top, plot.caption, width=box.width)
    if plot.kind == "rows":
        _draw_lying_scale(page, plot, inner)
        _draw_names(page, plot, inner, beside)
        _draw_lying_bars(page, plot, inner)
        if plot.before is not None:
            _draw_lying_marks(page, plot.before, inner)
    else:
        _draw_scale(page, plot, inner, beside)
        _draw_places(page, plot, inner)
        if plot.kind == "bars":
            _draw_bars(page, plot, inner)
            _draw_spikes(page, plot, inner)
        else:
            _draw_lines(page, plot, inner, plot.colours)
        if plot.before is not None:
            # It may lie on bars, whose colours it is too close to
            _draw_lines(page, plot.before, inner, [Paper.GROUND], width=_HALO)
            page.set_dash_pattern(dash=1.1, gap=0.9)
            _draw_lines(page, plot.before, inner, [Paper.FAINT])
            page.set_dash_pattern()
    if rows:
        legend = Box(box.left, inner.bottom + LINE + 1.6, box.width, LINE * rows)
        _draw_legend(page, plot, legend, columns)


def _beside(page: Paper, plot: Plot, width: float) -> float:
    """Millimetres of the words on the left."""
    words = (
        plot.places if plot.kind == "rows" else [tick_text(mark, plot.unit) for mark in plot.marks]
    )
    widest = max((page.measure(word, size=SIZE) for word in words), default=0.0)
    return min(widest + 1.5, width * _LABELS_SHARE)


# Upright


def _draw_scale(page: Paper, plot: Plot, box: Box, beside: float) -> None:
    for mark in plot.marks:
        y = box.bottom - plot.share(mark) * box.height
        _line(page, (box.left, y), (box.right, y), strong=mark == 0)
        width = beside - 1.0
        _text(
            page,
            box.left - beside,
            y - LINE / 2,
            tick_text(mark, plot.unit),
            width=width,
            right=True,
        )


def _draw_places(page: Paper, plot: Plot, box: Box) -> None:
    """As many labels below the places as stand clear of each other."""
    slot = box.width / max(len(plot.places), 1)
    widths = [page.measure(label, size=SIZE) for label in plot.places]
    every = int((max(widths, default=0.0) + 2.5) // slot) + 1
    for place in range(0, len(plot.places), every):
        middle = box.left + (place + 0.5) * slot
        left = min(max(middle - widths[place] / 2, box.left - 4.0), box.right + 2.0 - widths[place])
        _text(page, left, box.bottom + 0.8, plot.places[place])


def _draw_bars(page: Paper, plot: Plot, box: Box) -> None:
    slot, width = box.width / max(len(plot.places), 1), _bar_width(plot, box)
    colours = plot.colours
    for series, parts in groupby(plot.parts(), key=lambda part: part.series):
        page.set_fill_color(colours[series])
        for part in parts:
            low, high = plot.share(part.low), plot.share(part.high)
            left = box.left + (part.place + 0.5) * slot - width / 2
            top = box.bottom - high * box.height
            fill(page, Box(left, top, width, (high - low) * box.height), series)


def _draw_spikes(page: Paper, plot: Plot, box: Box) -> None:
    slot = box.width / max(len(plot.places), 1)
    page.set_fill_color(Paper.FAINT)
    for place in plot.spikes:
        middle = box.left + (place + 0.5) * slot
        tip = box.bottom - plot.share(float(np.nansum(plot.values[place]))) * box.height - 0.5
        half = _SPIKE / 2
        page.polygon(
            [(middle, tip), (middle - half, tip - _SPIKE), (middle + half, tip - _SPIKE)], style="F"
        )


def _bar_width(plot: Plot, box: Box) -> float:
    return min(box.width / max(len(plot.places), 1) * _FILLED, _WIDEST_BAR)


def _draw_lines(
    page: Paper, plot: Plot, box: Box, colours: Sequence[str], *, width: float = _LINE
) -> None:
    slot = box.width / max(len(plot.places), 1)
    page.set_line_width(width)
    for series, colour in enumerate(colours):
        page.set_draw_color(colour)
        page.set_fill_color(colour)
        for run in plot.runs(series):
            points = [
                (
                    box.left + (place + 0.5) * slot,
                    box.bottom - plot.share(float(plot.values[place, series])) * box.height,
                )
                for place in run
            ]
            if len(points) > 1:
                page.polyline(points)
            if len(plot.places) == 1:  # no line: one as wide as a bar
                (_, y), half = points[0], _bar_width(plot, box) / 2
                page.line(box.left + slot / 2 - half, y, box.left + slot / 2 + half, y)
            elif len(points) == 1 or len(plot.places) <= _MOST_DOTS:
                for x, y in points:
                    draw_dot(page, x, y, 0.33 + width / 2, series)


# Lying


def _draw_lying_scale(page: Paper, plot: Plot, box: Box) -> None:
    for mark in plot.marks:
        x = box.left + plot.share(mark) * box.width
        _line(page, (x, box.top), (x, box.bottom), strong=mark == 0)
        text = tick_text(mark, plot.unit)
        width = page.measure(text, size=SIZE)
        _text(page, min(x - width / 2, box.right + 2.0 - width), box.bottom + 0.8, text)


def _draw_names(page: Paper, plot: Plot, box: Box, beside: float) -> None:
    slot = box.height / max(len(plot.places), 1)
    left, width = box.left - beside, beside - 1.5
    for place, name in enumerate(plot.places):
        top = box.top + (place + 0.5) * slot - LINE / 2
        _text(page, left, top, name, width=width, colour=page.INK, right=True)


def _draw_lying_bars(page: Paper, plot: Plot, box: Box) -> None:
    slot = box.height / max(len(plot.places), 1)
    colours = plot.colours
    for part in plot.parts():
        low, high = plot.share(part.low), plot.share(part.high)
        page.set_fill_color(colours[part.series])
        top = box.top + (part.place + (1 - _FILLED) / 2) * slot
        left = box.left + low * box.width
        fill(page, Box(left, top, (high - low) * box.width, slot * _FILLED), part.series)


def _draw_lying_marks(page: Paper, plot: Plot, box: Box) -> None:
    """Upright marks across the bars, on a halo: they may lie on colours that they are too close to."""
    slot = box.height / max(len(plot.places), 1)
    for colour, width in ((Paper.GROUND, _MARK + 0.6), (Paper.FAINT, _MARK)):
        page.set_fill_color(colour)
        for place in np.flatnonzero(~np.isnan(plot.values[:, 0])):
            x = box.left + plot.share(float(plot.values[place, 0])) * box.width
            top = box.top + (place + 0.08) * slot
            page.rect(x - width / 2, top, width, slot * 0.84, style="F")


# Cells


def _cells_height(page: Paper, plot: Plot) -> float:
    return LINE + 1.2 + _head_height(page, plot) + _CELL_HEIGHT * len(plot.series) + 1.0


def _head_height(page: Paper, plot: Plot) -> float:
    widest = max((page.measure(name, size=SIZE) for name in plot.places), default=0.0)
    return min(widest, _LONGEST_HEAD) + 1.0


def _draw_cells(page: Paper, plot: Plot, box: Box) -> None:
    """Rows of cells with their names on the left, and the names of columns upright above."""
    _text(page, box.left, box.top, plot.caption, width=box.width)
    widest = max((page.measure(name, size=SIZE) for name in plot.series), default=0.0)
    beside = min(widest + 1.5, box.width * _LABELS_SHARE)
    top = box.top + LINE + 1.2 + _head_height(page, plot)
    slot = (box.width - beside) / max(len(plot.places), 1)
    for place, name in enumerate(plot.places):
        x = box.left + beside + (place + 0.5) * slot - LINE / 2
        with page.rotation(90, x, top - 0.8):
            _text(page, x, top - 0.8, name, width=_LONGEST_HEAD, colour=page.INK)
    page.set_draw_color(page.HAIRLINE)
    page.set_line_width(0.1)
    for row, name in enumerate(plot.series):
        y = top + row * _CELL_HEIGHT
        middle = y + (_CELL_HEIGHT - LINE) / 2
        width = beside - 1.5
        _text(page, box.left, middle, name, width=width, colour=page.INK, right=True)
        for place in range(len(plot.places)):
            page.set_fill_color(*_shade(plot, place, row))
            page.rect(box.left + beside + place * slot, y, slot, _CELL_HEIGHT, style="DF")


def _shade(plot: Plot, place: int, row: int) -> tuple[int, ...]:
    """White where a cell holds nothing."""
    value = float(plot.values[place, row])
    if not abs(value) > 0:  # nor of what is not known
        return (255, 255, 255)
    # By the root, as on the screen: beside one large cell all others would look alike
    part = _PALEST + (1 - _PALEST) * plot.share(abs(value)) ** 0.5
    return tuple(round(255 - part * (255 - full)) for full in (_FULL if value > 0 else _CREDIT))


# Legend


def _legend(page: Paper, plot: Plot, width: float) -> tuple[int, int]:
    """Rows and columns of the legend; a single series needs none."""
    if len(plot.series) < 2:
        return 0, 0
    widest = max(page.measure(name, size=SIZE) for name in plot.series) + _SWATCH + 5.0
    columns = min(max(int(width // widest), 1), _MOST_LEGEND_COLUMNS, len(plot.series))
    return -(-len(plot.series) // columns), columns


def _draw_legend(page: Paper, plot: Plot, box: Box, columns: int) -> None:
    width = box.width / columns
    for number, (name, colour) in enumerate(zip(plot.series, plot.colours, strict=True)):
        row, column = divmod(number, columns)
        left, top = box.left + column * width, box.top + row * LINE
        page.set_fill_color(colour)
        swatch = Box(left, top + (LINE - _SWATCH) / 2, _SWATCH, _SWATCH)
        if plot.kind == "lines":
            draw_dot(page, swatch.left + _SWATCH / 2, swatch.top + _SWATCH / 2, 0.9, number)
        else:
            fill(page, swatch, number)
        room = width - _SWATCH - 2.4
        _text(page, left + _SWATCH + 1.2, top, name, width=room, colour=page.INK)


def _text(
    page: Paper,
    left: float,
    top: float,
    text: str,
    *,
    width: float | None = None,
    colour: str = Paper.FAINT,
    right: bool = False,
) -> None:
    align: Align = "right" if right else "left"
    page.put(left, top + 0.3, text, size=SIZE, colour=colour, width=width, align=align)


def _line(
    page: Paper, start: tuple[float, float], end: tuple[float, float], *, strong: bool
) -> None:
    page.set_draw_color(page.RULE if strong else page.HAIRLINE)
    page.set_line_width(0.2 if strong else 0.1)
    page.line(*start, *end)
