"""Charts on the screen: a chart's data in, an Altair chart out, coloured by the theme of the page."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any
from weakref import finalize

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa

from lib.charts import (
    MOST_COLOURS,
    Buckets,
    Chart,
    Grid,
    Levels,
    OverTime,
    Ranking,
    Stacks,
    hue,
    spikes,
)
from lib.ui.chart_parts import amounts, legend, of_whole, told, value, whole_tooltips

_HEIGHT = 320

_BAR = alt.Step(24)
"""Of each bar that lies."""

_BEFORE = "#7d848f"
"""Of the line of what was before: seen on light and dark, and none of the series."""

_SPIKE = alt.Chart().mark_point(
    shape="triangle-down", filled=True, color=_BEFORE, opacity=1, size=60, yOffset=-8
)
"""Above a bar that stands out; the sentence below the chart says which and how far."""

_GROUND = alt.ExprRef("background")
"""What the page lies on, light or dark: Vega's own name for it."""

_FULL, _CREDIT = "#2b7bd1", "#d9822b"
"""Of cells above and below zero; how much of it is seen tells the size, on light and dark alike."""

_PALEST = 0.08
"""Of a cell that holds something, however small; an empty one has no colour at all."""

_HEADS = alt.Axis(orient="top", labelAngle=-40, labelLimit=100, labelOverlap=False)
"""Each column of cells has its label, above them as in a table."""

_TIME_UNITS = {
    "minute": alt.TimeUnitParams(unit="yearmonthdatehoursminutes", utc=True),
    "hour": alt.TimeUnitParams(unit="yearmonthdatehours", utc=True),
    "day": alt.TimeUnitParams(unit="yearmonthdate", utc=True),
    "month": alt.TimeUnitParams(unit="yearmonth", utc=True),
}

_FEW, _WIDEST = 4, 72
"""So few bars have so many pixels each: one month alone would be a wall."""

_LABELS = {"month": 10, "week": 9, "day": 7, "hour": 6}
"""Labels that fit on an axis of buckets."""


Drawing = tuple[pa.Table, dict[str, Any]]
"""Data, as Streamlit sends them, and what Vega-Lite shall make of them."""

Drawn = alt.Chart | alt.LayerChart

CLICKED = "clicked"
"""The selection of a drawing in which something leads somewhere."""

LABELS_IN: dict[type[Chart], str] = {OverTime: "series", Stacks: "series", Ranking: "label"}
"""The column that tells the bars of a chart apart; lines are too thin to be clicked."""

_drawings: dict[tuple[int, frozenset[str]], Drawing] = {}


def drawing(chart: Chart, leading: frozenset[str] = frozenset()) -> Drawing:
    """``altair_chart`` taken apart, once per chart: every click of everybody shows all of them.

    Altair checks each drawing against its schema, which took longer than the rest of a page; the
    tests do that. Streamlit would turn a frame into Arrow on every run.

    Args:
        leading: labels of bars that can be clicked.
    """
    key = id(chart), leading
    if key not in _drawings:
        drawn = altair_chart(chart)
        data: Any = drawn.data
        drawn.data = alt.Undefined
        spec = drawn.to_dict(validate=False)
        for drawn_part in (spec, *spec.get("layer", ())):
            for part in (
                "data",
                "datasets",
                "config",
            ):  # none, and sizes that the page knows better
                drawn_part.pop(part, None)
        if leading:
            data = _let_click(data, spec, LABELS_IN[type(chart)], leading)
        _drawings[key] = pa.Table.from_pandas(data, preserve_index=False), spec
        finalize(chart, _drawings.pop, key, None)
    return _drawings[key]


def _let_click(
    data: pd.DataFrame, spec: dict[str, Any], column: str, leading: frozenset[str]
) -> pd.DataFrame:
    """Bars that can be clicked, with a pointer that says so."""
    bars = spec.get("layer", [spec])[0]
    bars["params"] = [{"name": CLICKED, "select": {"type": "point", "fields": [column]}}]
    bars["mark"]["cursor"] = {"expr": "datum.leads ? 'pointer' : 'default'"}
    return data.assign(leads=data[column].isin(leading))


@singledispatch
def altair_chart(chart: Chart) -> Drawn:
    """A chart for the screen, with the exact values of what the pointer is on."""
    raise TypeError(f"no drawing of {type(chart).__name__}")


@altair_chart.register
def _over_time(chart: OverTime) -> Drawn:
    order = list(chart.frame["series"].cat.categories)
    rank = {name: place for place, name in enumerate(order)}
    data = told(chart.frame, chart.unit).assign(
        series=chart.frame["series"].astype(str),
        rank=[rank[name] for name in chart.frame["series"]],
    )
    unit = _TIME_UNITS[chart.step.name]
    axis = alt.Axis(format=chart.step.form, labelOverlap=True, labelAngle=0)
    when = alt.Tooltip("own:T", timeUnit=unit, title=f"{chart.step.name} before (UTC)")
    bars: alt.Chart = (
        alt.Chart(of_whole(data, "time", chart.unit))
        # Without that, steps of which nothing is known would leave the axis
        .mark_bar(size=_width(data["time"].nunique()), invalid="show")
        .encode(
            x=alt.X("time:O", timeUnit=unit, title=None, axis=axis),
            y=alt.Y("value:Q", title=None, axis=amounts(chart.unit)),
            color=alt.Color("series:N", sort=order, title=None, legend=legend(len(order))),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("time:T", timeUnit=unit, title=f"{chart.step.name} (UTC)"),
                alt.Tooltip("series:N", title="of"),
                value(chart.unit),
                *whole_tooltips(chart.step.name),
            ],
        )
        .properties(height=_HEIGHT)
    )
    return _layered(bars, chart, when)


@altair_chart.register
def _ranking(chart: Ranking) -> Drawn:
    tooltip = [
        alt.Tooltip("label:N", title="of"),
        value(chart.unit),
    ]
    parts: dict[str, Any] = {}
    data = told(chart.frame, chart.unit)
    if chart.is_split:
        order = [*dict.fromkeys(chart.frame["series"])]
        data = data.assign(rank=[order.index(name) for name in chart.frame["series"]])
        parts["order"] = alt.Order("rank:Q")  # else stacked by their names
        parts["color"] = alt.Color("series:N", sort=order, title=None, legend=legend(len(order)))
        tooltip.insert(1, alt.Tooltip("series:N", title="part"))
    labels = [*dict.fromkeys(chart.frame["label"])]
    drawn: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=None, axis=amounts(chart.unit)),
            y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=240)),
            tooltip=tooltip,
            **parts,
        )
        .properties(height=_BAR)
    )
    return drawn if chart.before is None else _marked(drawn, chart.before, chart.unit)


def _marked(drawn: alt.Chart, before: pd.DataFrame, unit: str) -> alt.LayerChart:
    """The bars with a mark on each where it was before."""
    tables = [drawn.data.assign(layer="parts"), told(before, unit).assign(layer="before")]
    drawn.data = alt.Undefined
    marks = (
        alt.Chart()
        .mark_tick(color=_BEFORE, stroke=_GROUND, strokeWidth=1, thickness=5, size=20)
        .encode(
            x=drawn.encoding.x,
            y=drawn.encoding.y,
            tooltip=[alt.Tooltip("label:N", title="of"), value(unit, before=True)],
        )
        .transform_filter("datum.layer == 'before'")
    )
    layers = [drawn.transform_filter("datum.layer == 'parts'"), marks]
    return alt.LayerChart(data=pd.concat(tables, ignore_index=True), layer=layers, height=_BAR)


@altair_chart.register
def _stacks(chart: Stacks) -> Drawn:
    rank = {name: place for place, name in enumerate(chart.series)}
    data = told(chart.frame, chart.unit).assign(
        rank=chart.frame["series"].map(rank).astype("int64")
    )
    domain = [0, chart.most] if chart.most > 0 else [0, 1]
    bars: alt.Chart = (
        alt.Chart(of_whole(data, "bucket", chart.unit))
        .mark_bar(size=_width(len(chart.buckets.keys)))
        .encode(
            x=_bucket_axis(chart.buckets),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(domain=domain, nice=chart.most > 0),
                axis=amounts(chart.unit),
            ),
            color=_series_colours(chart.series),
            order=alt.Order("rank:Q"),
            tooltip=[
                *_bucket_tooltips(chart.buckets, chart.unit),
                *whole_tooltips(chart.buckets.unit),
            ],
        )
        .properties(height=_HEIGHT)
    )
    return _layered(bars, chart, _own_bucket(chart.buckets))


@altair_chart.register
def _levels(chart: Levels) -> Drawn:
    lines: alt.Chart = (
        alt.Chart(told(_broken_lines(chart.frame, chart.buckets.keys), chart.unit))
        .mark_line(point=alt.OverlayMarkDef(size=16), strokeWidth=1.5)
        .encode(
            x=_bucket_axis(chart.buckets),
            y=alt.Y(
                "value:Q",
                title=None,
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(tickCount=5, labelExpr="datum.value + ' %'"),
            ),
            color=_series_colours(chart.series),
            tooltip=_bucket_tooltips(chart.buckets, chart.unit),
        )
        .properties(height=_HEIGHT)
    )
    return _layered(lines, chart, _own_bucket(chart.buckets))


@altair_chart.register
def _grid(chart: Grid) -> alt.Chart:
    sizes = chart.frame["value"].abs()
    # By the root: beside one large cell all others would look alike
    shade = _PALEST + (1 - _PALEST) * (sizes / (sizes.max() or 1)) ** 0.5
    data = told(chart.frame, chart.unit).assign(shade=shade.where(sizes > 0, 0).fillna(0))
    of_row, of_column = chart.of
    drawn: alt.Chart = (
        alt.Chart(data)
        .mark_rect(stroke=_BEFORE, strokeWidth=0.5, strokeOpacity=0.5)
        .encode(
            x=alt.X("series:N", sort=[*chart.columns], title=None, axis=_HEADS),
            y=alt.Y("label:N", sort=[*chart.rows], title=None, axis=alt.Axis(labelLimit=240)),
            color=alt.condition("datum.value < 0", alt.value(_CREDIT), alt.value(_FULL)),
            fillOpacity=alt.FillOpacity("shade:Q", scale=None, legend=None),
            tooltip=[
                alt.Tooltip("label:N", title=of_row),
                alt.Tooltip("series:N", title=of_column),
                value(chart.unit),
            ],
        )
        # The last label leans over the edge
        .properties(height=alt.Step(24), padding={"right": 60})
    )
    return drawn


def _layered(drawn: alt.Chart, chart: OverTime | Stacks | Levels, own: alt.Tooltip) -> Drawn:
    """The chart with what was before as a dashed line over it, each point with its own day, and with
    marks above what stands out."""
    # One table for all: a drawing has one, which Streamlit sends apart from it
    tables = [drawn.data.assign(layer="parts")]
    layers = [drawn]
    x, y = drawn.encoding.x, drawn.encoding.y
    if chart.before is not None:
        tables.append(told(chart.before, chart.unit).assign(layer="before"))
        tooltip = [own, value(chart.unit, before=True)]
        layers += [
            mark.encode(x=x, y=y, tooltip=tooltip).transform_filter("datum.layer == 'before'")
            for mark in _marks_before(len(chart.before))
        ]
    if not isinstance(chart, Levels) and (times_of_step := spikes(chart)):
        by = "time" if isinstance(chart, OverTime) else "bucket"
        sums = chart.frame.groupby(by, as_index=False)["value"].sum()
        high = sums[sums[by].isin([*times_of_step])]
        tables.append(high.assign(layer="spike"))
        layers.append(_SPIKE.encode(x=x, y=y).transform_filter("datum.layer == 'spike'"))
    if len(layers) == 1:
        return drawn
    drawn.data = alt.Undefined
    layers[0] = drawn.transform_filter("datum.layer == 'parts'")
    return alt.LayerChart(data=pd.concat(tables, ignore_index=True), layer=layers, height=_HEIGHT)


def _width(bars: int) -> Any:
    """Of each bar; many share what room there is."""
    return _WIDEST if bars <= _FEW else alt.Undefined


def _marks_before(steps: int) -> list[alt.Chart]:
    """A dashed line on a halo; of a single step, which has no line, an edged bar's width of one.

    Both may lie on bars, whose colours the line alone is too close to.
    """
    if steps == 1:
        return [
            alt.Chart().mark_tick(
                color=_BEFORE,
                stroke=_GROUND,
                strokeWidth=1,
                thickness=5,
                orient="horizontal",
                size=_WIDEST,
            )
        ]
    halo = alt.OverlayMarkDef(size=90, color=_GROUND, opacity=1)
    point = alt.OverlayMarkDef(size=40, color=_BEFORE)
    return [
        alt.Chart().mark_line(color=_GROUND, strokeWidth=5, point=halo),
        alt.Chart().mark_line(color=_BEFORE, strokeDash=[5, 4], strokeWidth=2, point=point),
    ]


def _broken_lines(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The known values, and a null after each run of buckets that have one: that ends the line."""
    order = {key: number for number, key in enumerate(keys)}
    known = frame.dropna(subset="value")
    known = known.assign(at=known["bucket"].map(order).astype("int64"))
    known = known.sort_values(["series", "at"], ignore_index=True)
    following = known.shift(-1)
    ends = (following["series"] == known["series"]) & (following["at"] > known["at"] + 1)
    breaks = known[ends]
    nulls = breaks.assign(
        bucket=[keys[number + 1] for number in breaks["at"]], at=breaks["at"] + 1, value=np.nan
    )
    lines = pd.concat([known, nulls]) if len(nulls) else known
    return lines.sort_values(["series", "at"], ignore_index=True)[["bucket", "series", "value"]]


def _own_bucket(buckets: Buckets) -> alt.Tooltip:
    return alt.Tooltip("own:O", title=f"{buckets.unit} before (UTC)")


def _bucket_axis(buckets: Buckets) -> alt.X:
    every = -(-len(buckets.keys) // _LABELS.get(buckets.unit, 8)) or 1
    axis = alt.Axis(values=[*buckets.keys[::every]], labelAngle=0, labelOverlap=True)
    return alt.X(
        "bucket:O",
        title=None,
        axis=axis,
        scale=alt.Scale(domain=[*buckets.keys]),
    )


def _series_colours(series: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=[*series])
    if len(series) > MOST_COLOURS:
        scale = alt.Scale(domain=[*series], range=[*map(hue, range(len(series)))])
    return alt.Color(
        "series:N", sort=[*series], title=None, legend=legend(len(series)), scale=scale
    )


def _bucket_tooltips(buckets: Buckets, unit: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("bucket:O", title=f"{buckets.unit} (UTC)"),
        alt.Tooltip("series:N", title="of"),
        value(unit),
    ]
