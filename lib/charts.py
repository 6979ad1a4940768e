"""What a chart shows, without a word on how: tidy frames, aggregated, in UTC, for screen and paper."""

import colorsys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib.periods import Period

MOST_SERIES = 8
"""Series that get a colour of their own; the rest is one more, "Other"."""

MOST_COLOURS = MOST_SERIES + 1
"""Series that the colours of a theme tell apart."""

MOST_STEPS = 555
"""Steps on the time axis at the most: with nine series a chart stays under 5,000 points."""

LEAST_STEPS, MOST_SPIKES = 7, 3
"""Among fewer steps nothing stands out; if more than so many are that high, the others are low."""

SPIKE, USUAL = 2.0, 5.0
"""Times the median step at the least, and times as far from it as half of all steps are."""

OTHER = "Other"
_LONGEST_LABEL = 38


@dataclass(frozen=True)
class Step:
    """One width of bars on a time axis; ``period`` is its pandas code, ``seconds`` at the least,
    ``form`` how its times are written."""

    name: str
    seconds: int
    period: str
    form: str


STEPS = (
    Step("minute", 60, "min", "%H:%M"),
    Step("hour", 3_600, "h", "%d %b %H:%M"),
    Step("day", 86_400, "D", "%d %b"),
    Step("month", 2_419_200, "M", "%b %Y"),
)


@dataclass(frozen=True)
class OverTime:
    """Stacked bars over UTC time.

    Args:
        frame: as ``fold`` returns it.
        unit: of the values: ``tokens`` or an ISO currency code.
        before: as ``ghost`` returns it, of the period compared with.
    """

    frame: pd.DataFrame
    step: Step
    unit: str
    before: pd.DataFrame | None = None


@dataclass(frozen=True)
class Ranking:
    """Horizontal bars, the first one on top.

    Args:
        frame: ``label`` text, ``value`` float, in the order to draw; each label once, or with
            ``series`` text for bars of stacked parts.
        before: ``label`` and ``value`` of the bars that were there in what it is compared with.
    """

    frame: pd.DataFrame
    unit: str
    before: pd.DataFrame | None = None

    @property
    def is_split(self) -> bool:
        """Whether the bars have parts."""
        return "series" in self.frame


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


@dataclass(frozen=True)
class Stacks:
    """Stacked bars over buckets.

    Args:
        frame: ``bucket``, ``series`` text, ``value`` float; what is 0 may be left out.
        series: all of ``frame``, in the order to draw.
        most: the tallest stack of all charts that share the scale, and what was before.
        before: ``bucket`` it is drawn at, ``own`` text, ``value`` float; of the period compared with.
    """

    frame: pd.DataFrame
    buckets: Buckets
    series: tuple[str, ...]
    unit: str
    most: float
    before: pd.DataFrame | None = None


@dataclass(frozen=True)
class Levels:
    """Lines of percentages over buckets on a scale from 0 to 100 %, broken where there is no data.

    Args:
        frame: ``bucket``, ``series`` text, ``value`` float percent; null or absent is a gap.
        series: all of ``frame``, in the order to draw.
        before: as of ``Stacks``; over all series.
    """

    frame: pd.DataFrame
    buckets: Buckets
    series: tuple[str, ...]
    unit: str = "%"
    before: pd.DataFrame | None = None


@dataclass(frozen=True)
class Grid:
    """Amounts of two dimensions at once, the larger the darker.

    Args:
        frame: ``label`` text of the row, ``series`` text of the column, ``value`` float, null where
            nothing is known; one row each cell, all of them.
        rows, columns: labels in the order to draw.
        of: what a row is and what a column is: ``("project", "model")``.
    """

    frame: pd.DataFrame
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    unit: str
    of: tuple[str, str]


Chart = OverTime | Ranking | Stacks | Levels | Grid


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
    codes, names = pd.factorize(frame["series"], sort=True)
    sizes = np.bincount(codes, frame["value"], len(names))
    largest = [at for at in np.argsort(-sizes, kind="stable")[:MOST_SERIES] if names[at] != OTHER]
    order = [*names[largest]]
    if len(names) > len(order):
        order.append(OTHER)
    series_of_name = np.full(len(names), len(order) - 1)
    series_of_name[largest] = np.arange(len(largest))
    at_step, apart = _steps_of(frame["time"], step)
    starts = _steps(step, period).union(apart).start_time
    places = starts.get_indexer(apart.start_time)[at_step], series_of_name[codes]
    sums = np.zeros((len(starts), len(order)))
    np.add.at(sums, places, frame["value"])
    has = np.zeros(sums.shape, bool)
    has[places] = True
    gaps = ~has.any(axis=1)
    sums[gaps, 0], has[gaps, 0] = np.nan, True
    step_places, series = np.nonzero(has)
    return pd.DataFrame(
        {
            "time": starts.tz_localize("UTC")[step_places],
            "series": pd.Categorical.from_codes(series, pd.Index(order), ordered=True),
            "value": sums[has],
        }
    )


def ghost(frame: pd.DataFrame, step: Step, period: Period, before: Period) -> pd.DataFrame:
    """What was before, step by step at the same place of this period.

    Args:
        frame: ``time`` datetime64 UTC in the period before, ``value`` float.

    Returns:
        ``time`` where it is drawn, ``own`` when it was, ``value``, null where there is none; steps
        beyond the end of this period have no place.
    """
    at_step, apart = _steps_of(frame["time"], step)
    sums = frame["value"].groupby(apart[at_step]).sum(min_count=1)
    here, own = (_steps(step, days) for days in (period, before))
    pairs = pd.DataFrame({"time": here[: len(own)], "own": own[: len(here)]})
    pairs["value"] = sums.reindex(pairs["own"]).to_numpy("float64")
    starts = {key: pairs[key].dt.start_time.dt.tz_localize("UTC") for key in ("time", "own")}
    return pairs.assign(**starts)


def _steps_of(times: "pd.Series[Any]", step: Step) -> tuple["np.ndarray[Any, Any]", pd.PeriodIndex]:
    """Each time's place among the steps that times lie in: buckets share few, which are found once."""
    codes, apart = pd.factorize(times)
    # Periods know no time zone: the times are UTC before and after.
    in_step = pd.DatetimeIndex(apart).tz_localize(None).to_period(step.period)
    places, steps = pd.factorize(in_step, sort=True)
    return places[codes], pd.PeriodIndex(steps)


def _steps(step: Step, period: Period) -> pd.PeriodIndex:
    return pd.period_range(str(period.start), f"{period.end} 23:59", freq=step.period)


def spikes(chart: OverTime | Stacks) -> dict[Any, float]:
    """The steps that stand out, in order, and how many times the median step each is.

    The median is of the steps with anything. There are none where parts are below zero.
    """
    values = chart.frame["value"]
    if (values < 0).any():
        return {}
    sums = values.groupby(chart.frame["time" if isinstance(chart, OverTime) else "bucket"]).sum()
    used = sums[sums > 0]
    usual = used.median()
    far = (used >= SPIKE * usual) & (used - usual > USUAL * (used - usual).abs().median())
    times = used[far] / usual
    return times.to_dict() if len(used) >= LEAST_STEPS and len(times) <= MOST_SPIKES else {}


def told_spikes(chart: Chart) -> str:
    """``Spike: 2026-11-03, 2.4 times the median day.``; nothing where no step stands out."""
    if not isinstance(chart, OverTime | Stacks):
        return ""
    times_of_step = spikes(chart)
    if not times_of_step:
        return ""
    unit = chart.step.name if isinstance(chart, OverTime) else chart.buckets.unit
    named = " and ".join(
        f"{_named(at, unit)}, {times:.1f} times" for at, times in times_of_step.items()
    )
    return f"Spike{'s' if len(times_of_step) > 1 else ''}: {named} the median {unit}."


def _named(at: Any, unit: str) -> str:
    """A step as sentences name it."""
    if isinstance(at, str):
        return at
    forms = {"month": "%Y-%m", "day": "%Y-%m-%d"}
    return f"{at:{forms.get(unit, '%Y-%m-%d %H:%M')}}"


def is_fractional(unit: str) -> bool:
    """Whether values of a unit have decimals: money, megabytes and hours do, what is counted does not."""
    is_money = len(unit) == 3 and unit.isupper()
    return is_money or unit in ("MB", "hours", "%")


def hue(place: int) -> str:
    """Colours without end; neighbours lie far apart."""
    lightness = (0.42, 0.62, 0.3)[place % 3]
    red, green, blue = colorsys.hls_to_rgb(place * 0.381966 % 1, lightness, 0.55)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


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


def ids_behind(labels: Mapping[str, str], of: str) -> pd.DataFrame:
    """What the labels of a chart stand for, as ``ChartSpec.stands_for`` takes it.

    Args:
        labels: id to label.
        of: what the ids are of, as in ``Column.of``.
    """
    return pd.DataFrame({"label": [*labels.values()], of: [*labels]}, dtype="str")


def _shorten(text: str) -> str:
    line = " ".join(text.split()) or "(blank)"
    return line if len(line) <= _LONGEST_LABEL else line[: _LONGEST_LABEL - 1] + "…"
