"""Tidy frame in, Altair chart out: aggregated, in UTC, coloured by the theme of whoever draws it."""

import colorsys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
import pandas as pd

from lib.periods import Period

MOST_SERIES = 8
"""Series that get a colour of their own; the rest is one more, "Other"."""

MOST_STEPS = 555
"""Steps on the time axis at the most: with nine series a chart stays under 5,000 points."""

OTHER = "Other"
_LONGEST_LABEL = 38

_LABELS = {"month": 10, "week": 9, "day": 7, "hour": 6}
_WIDE_LABELS = {"month": 20, "week": 18, "day": 14, "hour": 11}
"""Labels that fit on an axis of buckets."""

_WIDE, _WIDE_HEIGHT = 940, 360
"""Pixels of a chart for a page's whole width."""


@dataclass(frozen=True)
class Step:
    """One width of bars on a time axis; ``period`` is its pandas code, ``seconds`` at the least."""

    name: str
    seconds: int
    period: str
    unit: alt.TimeUnitParams


STEPS = (
    Step("minute", 60, "min", alt.TimeUnitParams(unit="yearmonthdatehoursminutes", utc=True)),
    Step("hour", 3_600, "h", alt.TimeUnitParams(unit="yearmonthdatehours", utc=True)),
    Step("day", 86_400, "D", alt.TimeUnitParams(unit="yearmonthdate", utc=True)),
    Step("month", 2_419_200, "M", alt.TimeUnitParams(unit="yearmonth", utc=True)),
)


def choose_step(width_seconds: int, days: int) -> Step:
    """The finest step, no finer than the data, that keeps a range within ``MOST_STEPS``."""
    for step in STEPS:
        if step.seconds >= width_seconds and days * 86_400 / step.seconds <= MOST_STEPS:
            return step
    return STEPS[-1]


def fold(frame: pd.DataFrame, step: Step, period: Period) -> pd.DataFrame:
    """Values per step and series, largest series first, the small ones folded into "Other".

    Args:
        frame: ``time`` datetime64 UTC, ``series`` text without nulls, ``value`` float.
        period: every step of it is in the result; one without data has a null value.

    Returns:
        ``time``, ``series`` (ordered categorical), ``value``; at most ``MOST_SERIES`` + 1 series.
    """
    sizes = frame.groupby("series")["value"].sum()
    order = [name for name in sizes.nlargest(MOST_SERIES).index if name != OTHER]
    names = frame["series"].where(frame["series"].isin(order), OTHER)
    if len(sizes) > len(order):
        order.append(OTHER)
    # Periods know no time zone: the times are UTC before and after.
    times = frame["time"].dt.tz_localize(None).dt.to_period(step.period).dt.start_time
    folded = (
        frame.assign(time=times, series=pd.Categorical(names, order, ordered=True))
        .groupby(["time", "series"], observed=True, as_index=False)["value"]
        .sum()
    )
    steps = pd.period_range(str(period.start), f"{period.end} 23:59", freq=step.period)
    gaps = steps.start_time.difference(pd.DatetimeIndex(folded["time"]))
    empty = pd.DataFrame({"time": gaps, "series": order[0], "value": float("nan")})
    empty["series"] = pd.Categorical(empty["series"], order, ordered=True)
    filled = pd.DataFrame(pd.concat([folded, empty]) if len(gaps) else folded)
    filled["time"] = filled["time"].dt.tz_localize("UTC")
    return filled.sort_values(["time", "series"], ignore_index=True)


def draw_over_time(frame: pd.DataFrame, step: Step, unit: str) -> alt.Chart:
    """Stacked bars over UTC time.

    Args:
        frame: as ``fold`` returns it.
        unit: of the values: ``tokens`` or an ISO currency code.
    """
    order = list(frame["series"].cat.categories)
    form = _form(unit)
    rank = {name: place for place, name in enumerate(order)}
    data = frame.assign(
        series=frame["series"].astype(str), rank=[rank[name] for name in frame["series"]]
    )
    chart: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X("time:O", timeUnit=step.unit, title=None, axis=_time_axis(step)),
            y=alt.Y("value:Q", title=unit, axis=alt.Axis(format="~s", tickCount=5)),
            color=alt.Color("series:N", sort=order, title=None, legend=_legend(len(order))),
            order=alt.Order("rank:Q"),
            tooltip=[
                alt.Tooltip("time:T", timeUnit=step.unit, title=f"{step.name} (UTC)"),
                alt.Tooltip("series:N", title="of"),
                alt.Tooltip("value:Q", title=unit, format=form),
            ],
        )
        .properties(height=380)
    )
    return chart


def draw_ranking(frame: pd.DataFrame, unit: str) -> alt.Chart:
    """Horizontal bars, largest on top.

    Args:
        frame: ``label`` text, each once, ``value`` float, in the order to draw.
    """
    form = _form(unit)
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=unit, axis=alt.Axis(format="~s", tickCount=5)),
            y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=240)),
            tooltip=[
                alt.Tooltip("label:N", title="of"),
                alt.Tooltip("value:Q", title=unit, format=form),
            ],
        )
        .properties(height=alt.Step(24))
    )
    return chart


def draw_split_ranking(frame: pd.DataFrame, unit: str) -> alt.Chart:
    """Horizontal bars of stacked parts, in the order given.

    Args:
        frame: ``label`` text, ``series`` text, ``value`` float; labels and series in the order to draw.
    """
    labels = [*dict.fromkeys(frame["label"])]
    order = [*dict.fromkeys(frame["series"])]
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("value:Q", title=unit, axis=alt.Axis(format="~s", tickCount=5)),
            y=alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=240)),
            color=alt.Color("series:N", sort=order, title=None, legend=_legend(len(order))),
            tooltip=[
                alt.Tooltip("label:N", title="of"),
                alt.Tooltip("series:N", title="part"),
                alt.Tooltip("value:Q", title=unit, format=_form(unit)),
            ],
        )
        .properties(height=alt.Step(24))
    )
    return chart


@dataclass(frozen=True)
class Buckets:
    """A time axis of named buckets, and how large a chart over it is drawn.

    Args:
        keys: all of them in order, also those without data; ``2024-W36``.
        unit: ``week``.
        wide: for a page's whole width: more series, a longer legend, colours beyond the theme's.
    """

    keys: tuple[str, ...]
    unit: str
    wide: bool = False


def draw_stacks(
    frame: pd.DataFrame, buckets: Buckets, series: Sequence[str], unit: str, *, most: float
) -> alt.Chart:
    """Stacked bars over buckets.

    Args:
        frame: ``bucket``, ``series`` text, ``value`` float; what is 0 may be left out.
        series: all of ``frame``, in the order to draw.
        most: the tallest stack of all charts that share the scale.
    """
    rank = {name: place for place, name in enumerate(series)}
    data = frame.assign(rank=frame["series"].map(rank).astype("int64"))
    scale = alt.Scale(domain=[0, most], nice=True) if most > 0 else alt.Scale(domain=[0, 1])
    chart: alt.Chart = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=_bucket_axis(buckets),
            y=alt.Y(
                "value:Q",
                title=unit,
                scale=scale,
                axis=alt.Axis(format="~s", tickCount=5, tickMinStep=1),
            ),
            color=_series_colours(buckets, series),
            order=alt.Order("rank:Q"),
            tooltip=_bucket_tooltips(buckets, unit, ",.2f" if unit == "hours" else ",.0f"),
        )
    )
    return _sized(chart, buckets)


def draw_levels(frame: pd.DataFrame, buckets: Buckets, series: Sequence[str]) -> alt.Chart:
    """Lines of percentages over buckets on a scale from 0 to 100 %, broken where there is no data.

    Args:
        frame: ``bucket``, ``series`` text, ``value`` float percent; null or absent is a gap.
        series: all of ``frame``, in the order to draw.
    """
    chart: alt.Chart = (
        alt.Chart(_broken_lines(frame, buckets.keys))
        .mark_line(point=alt.OverlayMarkDef(size=16), strokeWidth=1.5)
        .encode(
            x=_bucket_axis(buckets),
            y=alt.Y(
                "value:Q",
                title="%",
                scale=alt.Scale(domain=[0, 100]),
                axis=alt.Axis(tickCount=5),
            ),
            color=_series_colours(buckets, series),
            tooltip=_bucket_tooltips(buckets, "%", ".1f"),
        )
    )
    return _sized(chart, buckets)


def _broken_lines(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The known values, and a null after each run of buckets that have one: that ends the line."""
    place = {key: at for at, key in enumerate(keys)}
    known = frame.dropna(subset="value")
    known = known.assign(at=known["bucket"].map(place).astype("int64"))
    known = known.sort_values(["series", "at"], ignore_index=True)
    following = known.shift(-1)
    ends = (following["series"] == known["series"]) & (following["at"] > known["at"] + 1)
    breaks = known[ends]
    nulls = breaks.assign(
        bucket=[keys[at + 1] for at in breaks["at"]], at=breaks["at"] + 1, value=np.nan
    )
    both = pd.concat([known, nulls]) if len(nulls) else known
    return both.sort_values(["series", "at"], ignore_index=True)[["bucket", "series", "value"]]


def _bucket_axis(buckets: Buckets) -> alt.X:
    shown = _WIDE_LABELS if buckets.wide else _LABELS
    every = -(-len(buckets.keys) // shown.get(buckets.unit, 8)) or 1
    axis = alt.Axis(values=[*buckets.keys[::every]], labelAngle=0, labelOverlap=True)
    return alt.X(
        "bucket:O",
        title=f"{buckets.unit} (UTC)",
        axis=axis,
        scale=alt.Scale(domain=[*buckets.keys]),
    )


def _series_colours(buckets: Buckets, series: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=[*series])
    if len(series) > MOST_SERIES + 1:
        scale = alt.Scale(domain=[*series], range=[*map(_hue, range(len(series)))])
    legend = _legend(len(series))
    if legend is not None:
        # Without a limit of its own a legend ends after thirty
        legend.symbolLimit = len(series)
        legend.columns = 5 if buckets.wide else 2
    return alt.Color("series:N", sort=[*series], title=None, legend=legend, scale=scale)


def _hue(place: int) -> str:
    """Colours without end; neighbours lie far apart."""
    lightness = (0.42, 0.62, 0.3)[place % 3]
    red, green, blue = colorsys.hls_to_rgb(place * 0.381966 % 1, lightness, 0.55)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def _bucket_tooltips(buckets: Buckets, unit: str, form: str) -> list[alt.Tooltip]:
    return [
        alt.Tooltip("bucket:O", title=f"{buckets.unit} (UTC)"),
        alt.Tooltip("series:N", title="of"),
        alt.Tooltip("value:Q", title=unit, format=form),
    ]


def _sized(chart: alt.Chart, buckets: Buckets) -> alt.Chart:
    sized: alt.Chart = (
        chart.properties(width=_WIDE, height=_WIDE_HEIGHT)
        if buckets.wide
        else chart.properties(height=380)
    )
    return sized


def distinct_labels(names: dict[str, str], reserved: Iterable[str] = ()) -> dict[str, str]:
    """A short label per id, never the same for two ids.

    Args:
        names: id to name; two ids may share a name.
        reserved: labels that mean something else, and that no id gets.
    """
    short = {key: _shorten(name) for key, name in names.items()}
    seen = Counter((*short.values(), *reserved))
    taken = {*reserved}
    labels: dict[str, str] = {}
    for key, label in short.items():
        unique = label if seen[label] == 1 else f"{label} ({key[-8:]})"
        while unique in taken:
            unique = f"{unique} ({key})"
        taken.add(unique)
        labels[key] = unique
    return labels


def _shorten(text: str) -> str:
    line = " ".join(text.split()) or "(blank)"
    return line if len(line) <= _LONGEST_LABEL else line[: _LONGEST_LABEL - 1] + "…"


def _form(unit: str) -> str:
    """Money and megabytes have cents; what is counted has none."""
    is_money = len(unit) == 3 and unit.isupper()
    return ",.2f" if is_money or unit == "MB" else ",.0f"


def _time_axis(step: Step) -> alt.Axis:
    forms = {"minute": "%H:%M", "hour": "%d %b %H:%M", "day": "%d %b", "month": "%b %Y"}
    return alt.Axis(format=forms[step.name], labelOverlap=True, labelAngle=0)


def _legend(series: int) -> alt.Legend | None:
    if series <= 1:
        return None
    return alt.Legend(
        orient="bottom", columns=2, labelLimit=180, symbolType="square", offset=6, rowPadding=3
    )
