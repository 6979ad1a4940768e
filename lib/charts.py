"""Tidy frame in, Altair chart out: aggregated, in UTC, coloured by the theme of whoever draws it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import altair as alt
import pandas as pd

from lib.periods import Period

MOST_SERIES = 8
"""Series that get a colour of their own; the rest is one more, "Other"."""

MOST_STEPS = 555
"""Steps on the time axis at the most: with nine series a chart stays under 5,000 points."""

OTHER = "Other"
_LONGEST_LABEL = 38


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
