"""Charts as grids of numbers: what is drawn where on paper, before anything is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib import charts
from lib.charts import (
    MOST_COLOURS,
    Chart,
    Levels,
    OverTime,
    Ranking,
    Stacks,
    hue,
    is_fractional,
    spikes,
)
from lib.exports.ticks import ticks
from lib.quantities import SIZES

PALETTE = (
    *("#1F5FA8", "#2A9D8F", "#D9822B", "#7A5195", "#B8414B", "#6B7A8F", "#8AA34F", "#3BA3D0"),
    "#BAC4D0",  # the ninth is "Other"
)

Grid = npt.NDArray[np.float64]


class Part(NamedTuple):
    """One part of a stacked bar, from its lower to its upper end."""

    place: int
    series: int
    low: float
    high: float


@dataclass(frozen=True)
class Plot:
    """What stands in a chart.

    Args:
        kind: upright bars, lines, bars that lie in rows, or cells that are the darker the larger.
        places: what is written along the axis of bars, points or cells, in order.
        series: names of the columns of ``values``, of cells written beside them; a single one needs
            no legend.
        values: one row each place; NaN where there is nothing to draw.
        marks: of the scale, from its lower to its upper end.
        caption: what is measured.
        wide: made for a page's whole width.
        unit: of the values, where their marks say it.
        before: one line at the same places and on the same scale, of the period compared with.
        spikes: places that stand out.
    """

    kind: Literal["bars", "lines", "rows", "cells"]
    places: Sequence[str]
    series: Sequence[str]
    values: Grid
    marks: Sequence[float]
    caption: str
    wide: bool = False
    before: "Plot | None" = None
    unit: str = ""
    spikes: Sequence[int] = ()

    @property
    def colours(self) -> list[str]:
        """One each series: the theme's, or as many others as are needed."""
        if len(self.series) <= MOST_COLOURS:
            return [*PALETTE[: len(self.series)]]
        return [hue(place) for place in range(len(self.series))]

    def share(self, value: float) -> float:
        """How far up the scale a value lies, from 0 to 1."""
        low, high = self.marks[0], self.marks[-1]
        return (value - low) / (high - low)

    def parts(self) -> list[Part]:
        """The parts of all bars, series by series; what is below 0 hangs from it."""
        parts = []
        ends = np.zeros((len(self.places), 2))
        for series in range(len(self.series)):
            column = self.values[:, series]
            for place in np.flatnonzero(np.nan_to_num(column)):
                value = float(column[place])
                before = float(ends[place, int(value > 0)])
                ends[place, int(value > 0)] = after = before + value
                parts.append(Part(int(place), series, min(before, after), max(before, after)))
        return parts

    def runs(self, series: int) -> list[list[int]]:
        """Places of neighbours that have a value: a line goes through each run, and none between."""
        known = np.flatnonzero(~np.isnan(self.values[:, series]))
        if not len(known):
            return []
        return [run.tolist() for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)]


@singledispatch
def plot_of(chart: Chart) -> Plot:
    """What stands in a chart."""
    raise TypeError(f"no drawing of {type(chart).__name__}")


@plot_of.register
def _over_time(chart: OverTime) -> Plot:
    times = pd.DatetimeIndex(chart.frame["time"].drop_duplicates())
    series = [str(name) for name in chart.frame["series"].cat.categories]
    rows = times.get_indexer(pd.DatetimeIndex(chart.frame["time"]))
    values = _grid(rows, chart.frame["series"].cat.codes.to_numpy(), chart.frame["value"])
    caption = f"{_measured(chart.unit)} by {chart.step.name} (UTC)"
    places = [*times.strftime(chart.step.form)]
    tallest = 0.0 if chart.before is None else chart.before["value"].max()
    marks = _stack_marks(values, chart.unit, least=tallest)
    high = times.get_indexer(pd.DatetimeIndex([*spikes(chart)])).tolist()
    plot = Plot("bars", places, series, values, marks, caption, unit=chart.unit, spikes=high)
    if chart.before is None:
        return plot
    return _with_line(plot, times.get_indexer(pd.DatetimeIndex(chart.before["time"])), chart.before)


@plot_of.register
def _ranking(chart: Ranking) -> Plot:
    labels = [*dict.fromkeys(chart.frame["label"])]
    names = [*chart.frame["series"]] if chart.is_split else [""] * len(chart.frame)
    series = [*dict.fromkeys(names)]
    values = _grid(
        _places(labels, [*chart.frame["label"]]), _places(series, names), chart.frame["value"]
    )
    tallest = 0.0 if chart.before is None else chart.before["value"].max()
    marks = _stack_marks(values, chart.unit, least=tallest)
    plot = Plot("rows", labels, series, values, marks, _measured(chart.unit), unit=chart.unit)
    if chart.before is None:
        return plot
    return _with_line(plot, _places(labels, [*chart.before["label"]]), chart.before, "grey mark")


@plot_of.register
def _stacks(chart: Stacks) -> Plot:
    marks = ticks(0.0, chart.most if chart.most > 0 else 1.0, whole=not is_fractional(chart.unit))
    high = [chart.buckets.keys.index(bucket) for bucket in spikes(chart)]
    return replace(_over_buckets(chart, "bars", marks), spikes=high)


@plot_of.register
def _levels(chart: Levels) -> Plot:
    return _over_buckets(chart, "lines", ticks(0.0, 100.0))


@plot_of.register
def _cells(chart: charts.Grid) -> Plot:
    rows = _places(chart.columns, [*chart.frame["series"]])
    columns = _places(chart.rows, [*chart.frame["label"]])
    size = (len(chart.columns), len(chart.rows))
    values = _grid(rows, columns, chart.frame["value"], size)
    most = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    caption = f"{chart.unit} by {chart.of[0]} and {chart.of[1]}"
    return Plot("cells", chart.columns, chart.rows, values, [0.0, most], caption)


def _over_buckets(
    chart: Stacks | Levels, kind: Literal["bars", "lines"], marks: Sequence[float]
) -> Plot:
    buckets, series = chart.buckets, chart.series
    rows = _places(buckets.keys, [*chart.frame["bucket"]])
    columns = _places(series, [*chart.frame["series"]])
    values = _grid(rows, columns, chart.frame["value"], (len(buckets.keys), len(series)))
    caption = f"{_measured(chart.unit)} by {buckets.unit} (UTC)"
    plot = Plot(kind, buckets.keys, series, values, marks, caption, buckets.wide, unit=chart.unit)
    if chart.before is None:
        return plot
    return _with_line(plot, _places(buckets.keys, [*chart.before["bucket"]]), chart.before)


def _measured(unit: str) -> str:
    """What is measured; sizes have no one unit."""
    return "size" if unit in SIZES else unit


def _with_line(
    plot: Plot, places: npt.NDArray[np.integer], before: pd.DataFrame, drawn: str = "dashed"
) -> Plot:
    """The plot with what was before at these places, as a dashed line; on bars that lie, as marks."""
    size = (len(plot.places), 1)
    values = _grid(places, np.zeros(len(places), np.int64), before["value"], size)
    line = replace(plot, kind="lines", series=("before",), values=values)
    return replace(plot, before=line, caption=f"{plot.caption}; {drawn}: before")


def _places(order: Sequence[str], names: Sequence[str]) -> npt.NDArray[np.int64]:
    place = {name: number for number, name in enumerate(order)}
    return np.array([place[name] for name in names], dtype=np.int64)


def _grid(
    rows: npt.NDArray[np.integer],
    columns: npt.NDArray[np.integer],
    numbers: "pd.Series[float]",
    size: tuple[int, int] | None = None,
) -> Grid:
    """The numbers at their places; without a size as large as they need."""
    if size is None:
        size = (int(rows.max(initial=-1)) + 1, int(columns.max(initial=-1)) + 1)
    values = np.full(size, np.nan)
    values[rows, columns] = numbers.to_numpy("float64", na_value=np.nan)
    values[~np.isfinite(values)] = np.nan
    return values


def _stack_marks(values: Grid, unit: str, least: float = 0.0) -> list[float]:
    """The scale of stacks, up to at least this value."""
    known = np.nan_to_num(values)
    low = float(np.minimum(known, 0).sum(1).min(initial=0.0))
    high = float(np.maximum(known, 0).sum(1).max(initial=np.nan_to_num(least)))
    return ticks(low, high if high > low else low + 1.0, whole=not is_fractional(unit))
