"""The charts of the experiment report: four measures over buckets, for the screen and for paper."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.charts import (
    MOST_SERIES,
    MOST_STEPS,
    OTHER,
    Buckets,
    Chart,
    Levels,
    Stacks,
    distinct_labels,
)
from lib.periods import CALENDAR_UNITS, CalendarUnit, bucket_key, bucket_range, span
from lib.reports.experiments.figures import Earlier
from lib.reports.experiments.select import ChosenRows, bucket_places, span_of
from lib.reports.report import ChartSpec
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.rules import Floats, Ints

NO_USER = "no user named"

_MOST_POINTS = 12_000
_MOST_BESIDE = 16
_MOST_KEYS_BESIDE = 80
"""More series or buckets than these take a page's whole width."""

Grid = npt.NDArray[Any]


@dataclass(frozen=True)
class _Measure:
    """One chart: ``field`` of ``ChosenRows`` holds its values, one each experiment; averages are levels."""

    key: str
    label: str
    unit: str
    field: Literal["", "gpu", "memory", "gpu_ms"] = ""
    scale: float = 1.0

    @property
    def is_level(self) -> bool:
        return self.unit == "%"


_MEASURES = (
    _Measure("experiments", "Experiments", "experiments"),
    _Measure("gpu_utilisation", "GPU utilisation", "%", "gpu"),
    _Measure("gpu_memory", "GPU memory utilisation", "%", "memory"),
    _Measure("gpu_hours", "GPU hours", "hours", "gpu_ms", 1 / 3_600_000),
)


@dataclass(frozen=True)
class _Sums:
    """One measure over buckets (rows) and series (columns): sums, and how many experiments have a value."""

    measure: _Measure
    sums: Grid
    counts: Grid

    @property
    def values(self) -> Grid:
        """Averages of a level, sums of a flow; NaN where no experiment has a value."""
        divisor = np.where(self.counts > 0, self.counts if self.measure.is_level else 1, np.nan)
        return self.sums / divisor

    def over(self, axis: int | None) -> Any:
        """The same over all buckets (0), all series (1) or everything (None)."""
        return _Sums(self.measure, self.sums.sum(axis), self.counts.sum(axis)).values

    def folded(self, kept: Sequence[int]) -> "_Sums":
        """The series kept, and all others as one more: an average stays one over experiments."""
        rest = np.ones(self.sums.shape[1], bool)
        rest[[*kept]] = False
        parts = [
            np.column_stack([grid[:, [*kept]], grid[:, rest].sum(1)])
            for grid in (self.sums, self.counts)
        ]
        return _Sums(self.measure, *parts)


@dataclass(frozen=True)
class _Axis:
    unit: CalendarUnit
    buckets: range

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(bucket_key(self.unit, number) for number in self.buckets)


def usage_charts(
    rows: ChosenRows, query: CometUsageQuery, earlier: Earlier | None = None
) -> tuple[tuple[ChartSpec, ...], tuple[CalendarUnit, ...]]:
    """Charts of what there is data for: experiments, GPU utilisation, GPU memory and GPU hours.

    More series than have a colour of their own are drawn twice: for the screen the largest and the
    rest as one, for paper all of them, ``query.max_series`` a chart on one scale.

    Args:
        earlier: drawn as a line over all series together.

    Returns:
        The charts, and the coarser units of those that cannot show as many buckets as were asked for.
    """
    if not len(rows):
        return (), ()
    codes, labels, stands_for = _series(rows, query)
    few = min(MOST_SERIES, query.max_series)
    at_once = min(len(labels), query.max_series)
    paper = _axis(query, rows, min(MOST_STEPS, _MOST_POINTS // at_once))
    screen = _axis(query, rows, MOST_STEPS)
    specs: list[ChartSpec] = []
    for measure in _MEASURES:
        if measure.field and np.isnan(getattr(rows, measure.field)).all():
            continue
        every = _sums(rows, measure, codes, len(labels), paper)
        line = partial(_line, earlier, measure)
        if len(labels) <= few:
            spec = _spec(every, paper, labels, query, "both", before=line(paper))
            specs.append(replace(spec, stands_for=stands_for))
            continue
        sums = every
        if screen.unit != paper.unit:
            sums = _sums(rows, measure, codes, len(labels), screen)
        kept = _largest(sums, few)
        shown = [*(labels[place] for place in kept), OTHER]
        part = f"; {few} of {len(labels)} {query.group}s are shown by name"
        spec = _spec(
            sums.folded(kept), screen, shown, query, "screen", part=part, before=line(screen)
        )
        specs.append(replace(spec, stands_for=stands_for.iloc[kept]))
        specs += _on_paper(every, paper, labels, query, line(paper))
    units = {paper.unit, screen.unit if len(labels) > few else paper.unit} - {query.unit}
    return (*specs,), tuple(unit for unit in CALENDAR_UNITS if unit in units)


def _series(rows: ChosenRows, query: CometUsageQuery) -> tuple[Ints, list[str], pd.DataFrame]:
    """The series of each experiment, and of all series that have one, in the order asked for, the
    labels and what they stand for."""
    ids = pd.DataFrame()
    if query.group == "user":
        codes, names = np.where(rows.user < 0, len(rows.users), rows.user), rows.users
    elif query.group == "workspace":
        codes, names = rows.workspace, rows.workspaces
        ids = pd.DataFrame({"workspace": names})
    else:
        ids = rows.projects[["workspace", "project"]]
        pairs = zip(ids["workspace"], ids["project"], strict=True)
        codes, names = rows.project, [f"{workspace}/{project}" for workspace, project in pairs]
    known = {str(number): name for number, name in enumerate(names)}
    labels = [*distinct_labels(known, (OTHER, NO_USER)).values(), NO_USER]
    used = np.bincount(codes, minlength=len(labels)) > 0
    numbers = (np.cumsum(used) - 1).astype(np.int64)
    stands_for = ids.reset_index(drop=True).reindex(range(len(labels)))
    stands_for.insert(0, "label", labels)
    shown = stands_for[used].reset_index(drop=True)
    return numbers[codes], [*shown["label"]], shown


def _axis(query: CometUsageQuery, rows: ChosenRows, most: int) -> _Axis:
    """The finest unit, no finer than asked for, of which there are at most so many; else months."""
    ends = span_of(rows, query)
    units = CALENDAR_UNITS[: CALENDAR_UNITS.index(query.unit) + 1]
    axes = [_Axis(unit, bucket_range(unit, *ends)) for unit in units]
    return next((axis for axis in reversed(axes) if len(axis.buckets) <= most), axes[0])


def _sums(rows: ChosenRows, measure: _Measure, codes: Ints, series: int, axis: _Axis) -> _Sums:
    size = len(axis.buckets) * series
    group = bucket_places(rows, axis.unit, axis.buckets) * series + codes
    if not measure.field:
        counts = np.bincount(group, minlength=size).reshape(-1, series)
        # No experiment is a known number of experiments
        return _Sums(measure, counts.astype(np.float64), np.ones_like(counts))
    values: Floats = getattr(rows, measure.field)
    known = ~np.isnan(values)
    sums = np.bincount(group[known], values[known] * measure.scale, size)
    counts = np.bincount(group[known], minlength=size)
    return _Sums(measure, sums.reshape(-1, series), counts.reshape(-1, series))


def _largest(sums: _Sums, count: int) -> list[int]:
    """Places of the series with the largest sums, or as levels the most experiments, in order."""
    sizes = sums.counts.sum(0) if sums.measure.is_level else sums.sums.sum(0)
    return sorted(np.argsort(-sizes, kind="stable")[:count].tolist())


def _line(earlier: Earlier | None, measure: _Measure, axis: _Axis) -> pd.DataFrame | None:
    """What was before at the same place of the axis; nothing of what is not known in full."""
    if earlier is None or not earlier.knows(measure.key):
        return None
    rows = earlier.rows
    own = _Axis(axis.unit, bucket_range(axis.unit, *span_of(rows, earlier.query)))
    values = _sums(rows, measure, np.zeros(len(rows), np.int64), 1, own).values[:, 0]
    if np.isnan(values).all():
        return None
    both = min(len(axis.keys), len(own.keys))
    return pd.DataFrame(
        {"bucket": axis.keys[:both], "own": own.keys[:both], "value": np.round(values[:both], 4)}
    )


def _on_paper(
    sums: _Sums,
    axis: _Axis,
    labels: Sequence[str],
    query: CometUsageQuery,
    before: pd.DataFrame | None,
) -> Iterator[ChartSpec]:
    """All series, so many a chart, on one scale."""
    starts = range(0, len(labels), query.max_series)
    chunks = [slice(start, start + query.max_series) for start in starts]
    parts = [_Sums(sums.measure, sums.sums[:, places], sums.counts[:, places]) for places in chunks]
    most = max(_tallest(part) for part in parts)
    for place, (chunk, part) in enumerate(zip(chunks, parts, strict=True), start=1):
        shown = labels[chunk]
        if len(chunks) == 1:
            yield _spec(part, axis, shown, query, "paper", most=most, before=before)
            return
        number, last = f"{place} of {len(chunks)}", chunk.start + len(shown)
        said = f"; these are {query.group}s {chunk.start + 1} to {last} of {len(labels)}"
        yield _spec(part, axis, shown, query, "paper", number=number, part=said, most=most)


def _tallest(sums: _Sums) -> float:
    return float(sums.sums.sum(1).max(initial=0.0))


def _spec(
    sums: _Sums,
    axis: _Axis,
    labels: Sequence[str],
    query: CometUsageQuery,
    place: Literal["both", "screen", "paper"],
    *,
    number: str = "",
    part: str = "",
    most: float | None = None,
    before: pd.DataFrame | None = None,
) -> ChartSpec:
    measure = sums.measure
    how = f" ({query.utilisation})" if measure.is_level else ""
    title = f"{measure.label} by {axis.unit}{how}"
    heading = f"{title} ({number})" if number else title
    wide = place == "paper" and (
        len(labels) > _MOST_BESIDE or len(axis.buckets) > _MOST_KEYS_BESIDE
    )
    buckets = Buckets(axis.keys, axis.unit, wide)
    tidy = _tidy(sums, axis, labels)
    chart: Chart
    if measure.is_level:
        chart = Levels(tidy, buckets, (*labels,), before=before)
    else:
        tallest = _tallest(sums) if most is None else most
        if before is not None:
            tallest = max(tallest, float(before["value"].max()))
        chart = Stacks(tidy, buckets, (*labels,), measure.unit, tallest, before)
    line = "" if before is None else f" The grey line is {query.before}."
    return ChartSpec(
        f"{measure.key}_{place}" + (f"_{number.split(maxsplit=1)[0]}" if number else ""),
        heading,
        chart,
        f"{heading}, {span(axis.keys[0], axis.keys[-1])} (UTC): {_trend(sums, axis, labels)}{part}."
        + line,
        group=title,
        by=query.group,
        place=place,
    )


def _tidy(sums: _Sums, axis: _Axis, labels: Sequence[str]) -> pd.DataFrame:
    """``bucket``, ``series``, ``value`` of the cells that hold anything."""
    values = sums.values
    drawn = ~np.isnan(values) if sums.measure.is_level else sums.sums > 0
    bucket, series = np.nonzero(drawn)
    return pd.DataFrame(
        {
            "bucket": np.array(axis.keys, dtype=object)[bucket],
            "series": np.array(labels, dtype=object)[series],
            "value": np.round(values[drawn], 4),
        }
    )


def _trend(sums: _Sums, axis: _Axis, labels: Sequence[str]) -> str:
    """The whole, the extremes, the way from the first to the last bucket, and the largest series."""
    measure = sums.measure
    whole = float(sums.over(None))
    overall = sums.over(1)
    known = np.flatnonzero(~np.isnan(overall))
    if not len(known):
        return "no data"
    form = _FORMS[measure.unit]
    top = known[int(np.argmax(overall[known]))]
    parts = [f"{form.format(whole)} {'on average' if measure.is_level else 'in all'}"]
    if len(known) > 1:
        first, last = known[0], known[-1]
        word = "highest" if measure.is_level else "most"
        parts.append(f"{word} in {axis.keys[top]} ({form.format(overall[top])})")
        way = "up" if overall[last] > overall[first] else "down"
        parts.append(
            f"{way} from {form.format(overall[first])} in {axis.keys[first]} "
            f"to {form.format(overall[last])} in {axis.keys[last]}"
            if overall[last] != overall[first]
            else f"{form.format(overall[first])} in both {axis.keys[first]} and {axis.keys[last]}"
        )
    if len(known) < len(overall):
        missing = len(overall) - len(known)
        parts.append(f"no data in {missing:,} of {len(overall):,} {axis.unit}s")
    if len(labels) > 1 and whole > 0:
        of_series = sums.over(0)
        named = [place for place, label in enumerate(labels) if label != OTHER]
        best = max(named, key=lambda place: np.nan_to_num(of_series[place], nan=-1))
        size = form.format(of_series[best])
        parts.append(
            f"{'highest' if measure.is_level else 'largest'} is {labels[best]} with {size}"
        )
    return "; ".join(parts)


_FORMS = {"experiments": "{:,.0f}", "%": "{:.1f} %", "hours": "{:,.1f} hours"}
"""How a value of each unit is written in a sentence."""
