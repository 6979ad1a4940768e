"""Experiments, users, run time and GPU use of a Comet server as one report."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from lib.periods import Period, bucket_key, from_epoch
from lib.reports.experiments.charts import usage_charts
from lib.reports.experiments.notes import usage_notes
from lib.reports.experiments.select import Rows, bucket_places, buckets_of, select, sum_up
from lib.reports.experiments.tables import (
    by_bucket_table,
    by_project_table,
    by_user_table,
    by_workspace_table,
)
from lib.reports.report import Figure, Number, Report
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.tables import PROJECTS

KIND = "comet-usage"
TITLE = "Comet usage charts"

Sums = Mapping[str, Any]


def build_comet_usage(
    answer: CometUsageAnswer, query: CometUsageQuery, *, now: datetime, demo: bool = False
) -> Report:
    """Everything a person sees or downloads about experiments over time.

    Args:
        answer: what the loader brought; experiments outside the question are left out.
        query: what was asked.
        now: the moment of building, UTC.
        demo: the data is made up.

    Raises:
        InputError: the range has too many buckets; it names a unit that fits.
    """
    now = now.astimezone(UTC)
    rows = select(answer, query, now)
    buckets = buckets_of(rows, query)
    failed = _failed(answer)
    unknown = not len(rows) and not _answered(answer)
    sums = _sums(rows, unknown=unknown)
    charts, coarser = usage_charts(rows, query)
    filters = query.described()
    if query.period is None:
        filters = {"range": "all time", **filters}
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period or _days(rows),
        filters=filters,
        generated_at=now,
        sources=answer.statuses,
        totals=_control_totals(sums, rows),
        figures=tuple(_figures(sums, rows, query, buckets, answer)),
        charts=charts,
        tables=(
            by_bucket_table(rows, query, buckets, sums, unknown=unknown),
            by_project_table(rows, query, sums, failed),
            by_workspace_table(rows, query, sums, failed),
            by_user_table(rows, query, sums),
        ),
        notes=tuple(
            usage_notes(
                rows,
                answer,
                query,
                coarser,
                running_day=query.period is not None and query.period.end == now.date(),
            )
        ),
        host=answer.host,
        demo=demo,
        main_table="by_bucket",
    )


def _failed(answer: CometUsageAnswer) -> list[tuple[str, str]]:
    """Workspace and project of those that did not answer."""
    lost = {status.part for status in answer.statuses if status.status == "failed"}
    pairs = zip(answer.projects["workspace"], answer.projects["project"], strict=True)
    return [pair for pair in pairs if f"{pair[0]}/{pair[1]}" in lost]


def _answered(answer: CometUsageAnswer) -> bool:
    """Whether no experiments means that there are none."""
    said = [status for status in answer.statuses if status.status in ("ok", "partial")]
    failed = any(status.status == "failed" for status in answer.statuses)
    return not failed or any(status.part != PROJECTS for status in said)


def _days(rows: Rows) -> Period | None:
    """All time is from the first start to the last."""
    if not len(rows):
        return None
    first, last = (from_epoch(ms // 1_000).date() for ms in (rows.first_ms, rows.last_ms))
    return Period(first, last)


def _sums(rows: Rows, *, unknown: bool) -> Sums:
    """The figures over all experiments; all None when nothing is known."""
    sums = sum_up(rows)
    seconds, timed = sums["run_time_seconds"], sums["experiments_with_run_time"]
    sums["average_run_time_seconds"] = seconds / timed if seconds and timed else None
    sums["workspaces"] = len(np.unique(rows.workspace))
    sums["projects"] = len(np.unique(rows.project))
    return dict.fromkeys(sums) if unknown else sums


def _control_totals(sums: Sums, rows: Rows) -> dict[str, Number | str | None]:
    keys = ("experiments", "users", "run_time_seconds", "experiments_with_run_time", "gpu_hours")
    return {
        **{key: sums[key] for key in keys},
        "mean_gpu_utilisation": rows.both["gpu_mean"],
        "peak_gpu_utilisation": rows.both["gpu_peak"],
        "mean_gpu_memory_utilisation": rows.both["memory_mean"],
        "peak_gpu_memory_utilisation": rows.both["memory_peak"],
        "average_run_time_seconds": sums["average_run_time_seconds"],
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


def _figures(
    sums: Sums, rows: Rows, query: CometUsageQuery, buckets: range, answer: CometUsageAnswer
) -> Iterator[Figure]:
    incomplete = any(one.status in ("failed", "partial") for one in answer.statuses)
    for key, label, unit, help_text in _FIGURES:
        yield Figure(key, label, sums[key], unit, help_text, incomplete=incomplete)
    for figure in _times(rows, query, buckets):
        key, label, value, unit, help_text = figure
        yield Figure(key, label, value, unit, help_text, incomplete=incomplete)
    of_gpu = {
        "mean": ", mean of samples",
        "peak": ", mean of peaks",
    }[query.utilisation]
    for key, label, unit in _GPU_FIGURES:
        how = of_gpu if unit == "%" else ""
        help_text = "See the notes for what is averaged." if how else "Summed over all GPUs."
        short = key == "gpu_hours" and rows.gpus.timeless > 0
        yield Figure(key, label + how, sums[key], unit, help_text, incomplete=incomplete or short)


def _times(
    rows: Rows, query: CometUsageQuery, buckets: range
) -> Iterator[tuple[str, str, int | None, str, str]]:
    """When: the days between the first and the last start, and the bucket with the most experiments."""
    unit = query.unit
    days = _days(rows)
    if days is None:
        yield "date_range", "Date range", None, "days", ""
        yield "time_span", "Time span", None, f"{unit}s", ""
        yield "peak_bucket", f"Peak {unit}", None, "", ""
        return
    places = bucket_places(rows, unit, buckets)
    span = int(places.max() - places.min()) + 1
    counts = np.bincount(places, minlength=len(buckets))
    peak = int(counts.argmax())
    ties = int((counts == counts[peak]).sum()) - 1
    tied = f" Of {ties + 1} equal ones the earliest." if ties else ""
    yield (
        "date_range",
        f"{days.start} to {days.end}",
        days.days,
        "days",
        "First to last start of an experiment, UTC.",
    )
    yield "time_span", "Time span", span, f"{unit}s", f"{unit.capitalize()}s from first to last."
    yield (
        "peak_bucket",
        f"Peak {unit}: {bucket_key(unit, buckets[peak])}",
        int(counts[peak]),
        "",
        f"Most experiments in one {unit} (UTC).{tied}",
    )
