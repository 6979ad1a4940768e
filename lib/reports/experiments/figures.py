"""The sums of experiments over time, and the figures that show them."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.periods import Period, bucket_key, from_epoch, span
from lib.reports.compared import change_of
from lib.reports.experiments.select import ChosenRows, bucket_places, sum_up
from lib.reports.experiments.tables import IDLE_HELP
from lib.reports.report import Delta, Figure, Number
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.rules import IDLE_PERCENT
from lib.sources.comet.experiments.tables import GPU
from lib.usage.exact import percent_of

Sums = Mapping[str, Any]


@dataclass(frozen=True)
class Earlier:
    """The period that figures and charts are compared with.

    Args:
        against: which days that are, in words that follow "vs".
        doubtful: figures whose value some experiments lack.
        whole: every project and list answered in full.
    """

    rows: ChosenRows
    query: CometUsageQuery
    sums: Sums
    against: str
    doubtful: Collection[str]
    whole: bool

    def knows(self, key: str) -> bool:
        """Whether a figure can be compared."""
        return self.whole and key not in self.doubtful

    def delta(self, key: str, now: Number | None) -> Delta | None:
        """The change of a figure, where both values are known."""
        before = self.sums[key]
        change = change_of(now, before)
        if change is None or not self.knows(key):
            return None
        return Delta(before, change, percent_of(change, before), self.against)


def days_of(rows: ChosenRows) -> Period | None:
    """All time is from the first start to the last."""
    if not len(rows):
        return None
    first, last = (from_epoch(ms // 1_000).date() for ms in (rows.first_ms, rows.last_ms))
    return Period(first, last)


def usage_sums(rows: ChosenRows, *, unknown: bool, whole: bool = True) -> Sums:
    """The figures over all experiments; all None when nothing is known.

    Args:
        whole: every project and list answered in full; without them no share is told.
    """
    sums = sum_up(rows)
    seconds, timed = sums["run_time_seconds"], sums["experiments_with_run_time"]
    sums["average_run_time_seconds"] = seconds / timed if seconds and timed else None
    idle, rated = sums["idle_gpu_hours"], sums["rated_gpu_hours"]
    sums["idle_gpu_percent"] = percent_of(idle, rated) if whole and rated else None
    sums["workspaces"] = len(np.unique(rows.workspace))
    sums["projects"] = len(np.unique(rows.project))
    return dict.fromkeys(sums) if unknown else sums


def usage_totals(sums: Sums, rows: ChosenRows) -> dict[str, Number | str | None]:
    """The control totals of the JSON form; None where one is unknown."""
    keys = ("experiments", "users", "run_time_seconds", "experiments_with_run_time", "gpu_hours")
    return {
        **{key: sums[key] for key in keys},
        "mean_gpu_utilisation": rows.both["gpu_mean"],
        "peak_gpu_utilisation": rows.both["gpu_peak"],
        "mean_gpu_memory_utilisation": rows.both["memory_mean"],
        "peak_gpu_memory_utilisation": rows.both["memory_peak"],
        "average_run_time_seconds": sums["average_run_time_seconds"],
        "idle_gpu_hours": sums["idle_gpu_hours"],
        "idle_gpu_percent": sums["idle_gpu_percent"],
        "workspaces": sums["workspaces"],
        "projects": sums["projects"],
        "gpus_without_time": rows.gpus.timeless if sums["experiments"] is not None else None,
    }


_FIGURES = (
    ("experiments", "Experiments", "experiments", "That start in the range."),
    ("users", "Users", "users", "Distinct users with an experiment."),
    ("run_time_seconds", "Total run time", "seconds", "From start to end."),
    (
        "average_run_time_seconds",
        "Average run time",
        "seconds",
        "Over the experiments with a run time.",
    ),
    (
        "experiments_with_run_time",
        "Experiments with run time",
        "experiments",
        "The others run still, or say nothing usable of their end.",
    ),
    ("workspaces", "Active workspaces", "workspaces", "With an experiment in the range."),
    ("projects", "Active projects", "projects", "With an experiment in the range."),
)
"""Key of the sums, label, unit and explanation of the figures that are plain sums."""

_GPU_FIGURES = (
    ("gpu_utilisation", "GPU use", "%"),
    ("gpu_memory_utilisation", "GPU memory", "%"),
    ("gpu_hours", "GPU hours", "hours"),
)


_FIRST = ("experiments", "users", "run_time_seconds", "gpu_hours", "idle_gpu_percent", "workspaces")
"""Figures that stand above everything else."""

_IDLE_SHARE = f"Idle GPU hours ÷ GPU hours of known utilisation; idle is under {IDLE_PERCENT:g} % on the mean."


def usage_figures(
    sums: Sums,
    rows: ChosenRows,
    query: CometUsageQuery,
    buckets: range,
    answer: CometUsageAnswer,
    *,
    earlier: Earlier | None = None,
) -> Iterator[Figure]:
    """The headline numbers; all are marked, and not compared, when a project or list failed."""
    troubled = [status for status in answer.statuses if status.status in ("failed", "partial")]
    incomplete = any(status.lacks != GPU for status in troubled)
    plain = {
        key: Figure(
            key,
            label,
            sums[key],
            unit,
            help_text,
            earlier.delta(key, sums[key]) if earlier else None,
            incomplete,
            is_sum=key != "average_run_time_seconds",
        )
        for key, label, unit, help_text in _FIGURES
    }
    of_gpus = _of_gpus(sums, rows, query, earlier, incomplete=bool(troubled))
    figures = plain | {figure.key: figure for figure in of_gpus}
    yield from (figures.pop(key) for key in _FIRST)
    yield from figures.values()
    for key, label, value, unit, help_text in _times(rows, query, buckets):
        yield Figure(key, label, value, unit, help_text, incomplete=incomplete)


def _of_gpus(
    sums: Sums,
    rows: ChosenRows,
    query: CometUsageQuery,
    earlier: Earlier | None,
    *,
    incomplete: bool,
) -> Iterator[Figure]:
    def delta(key: str) -> Delta | None:
        return earlier.delta(key, sums[key]) if earlier else None

    of_gpu = {
        "mean": ", mean of samples",
        "peak": ", mean of peaks",
    }[query.utilisation]
    for key, label, unit in _GPU_FIGURES:
        is_share = unit == "%"
        how = of_gpu if is_share else ""
        help_text = "See the notes for what is averaged." if is_share else "Summed over all GPUs."
        short = key == "gpu_hours" and rows.gpus.timeless > 0
        marked = incomplete or short
        yield Figure(
            key, label + how, sums[key], unit, help_text, delta(key), marked, is_sum=not is_share
        )
    key, idle = "idle_gpu_hours", sums["idle_gpu_hours"]
    short = idle is not None and (rows.gpus.timeless > 0 or rows.unrated_hours > 0)
    marked = incomplete or short
    yield Figure(key, "Idle GPU hours", idle, "hours", IDLE_HELP, delta(key), marked)
    key, label = "idle_gpu_percent", "Idle share of GPU hours"
    yield Figure(key, label, sums[key], "%", _IDLE_SHARE, delta(key), incomplete, is_sum=False)


def _times(
    rows: ChosenRows, query: CometUsageQuery, buckets: range
) -> Iterator[tuple[str, str, int | None, str, str]]:
    """When: the days between the first and the last start, and the bucket with the most experiments."""
    unit = query.unit
    days = days_of(rows)
    if days is None:
        yield "date_range", "Date range", None, "days", ""
        yield "time_span", "Time span", None, f"{unit}s", ""
        yield "peak_bucket", f"Peak {unit}", None, "", ""
        return
    places = bucket_places(rows, unit, buckets)
    length = int(places.max() - places.min()) + 1
    counts = np.bincount(places, minlength=len(buckets))
    peak = int(counts.argmax())
    ties = int((counts == counts[peak]).sum()) - 1
    tied = f" Of {ties + 1} equal ones the earliest." if ties else ""
    yield (
        "date_range",
        span(days.start, days.end),
        days.days,
        "days",
        "First to last start of an experiment, UTC.",
    )
    yield "time_span", "Time span", length, f"{unit}s", f"{unit.capitalize()}s from first to last."
    yield (
        "peak_bucket",
        f"Peak {unit}: {bucket_key(unit, buckets[peak])}",
        int(counts[peak]),
        "",
        f"Most experiments in one {unit} (UTC).{tied}",
    )
