"""Experiments as measures: what started on each day, by workspace, project and user."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from math import fsum
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.rules import (
    Bools,
    Floats,
    Ints,
    floats,
    gpu_times,
    idle_times,
    ints,
    is_dated,
    latest_ms,
    run_times,
)
from lib.sources.comet.experiments.tables import EXPERIMENTS, GPU
from lib.status import plain_status
from lib.usage.measure import Counted, Name, measures
from lib.usage.metrics import Metric

PLATFORM = "comet-usage"

Sums = list[int] | list[Decimal] | list[float]

_DAY_MS = 86_400_000
_PLACES = {"sub_account": "workspace", "resource": "project", "principal": "user"}


def _whole(values: Floats, group: Ints, size: int) -> list[int]:
    """Sums of whole numbers, of each group."""
    sums = np.zeros(size, np.int64)
    np.add.at(sums, group, values.astype(np.int64))
    return sums.tolist()


def _seconds(values: Floats, group: Ints, size: int) -> list[Decimal]:
    """Sums of milliseconds in seconds, exact."""
    return [Decimal(number).scaleb(-3) for number in _whole(values, group, size)]


def _percent(values: Floats, group: Ints, size: int) -> list[float]:
    """Sums that are the same in whatever order the values come."""
    rows = values[np.argsort(group, kind="stable")].tolist()
    ends = np.cumsum(np.bincount(group, minlength=size)).tolist()
    return [fsum(rows[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


class _Amount(NamedTuple):
    """What is added up over the experiments that have a value.

    Args:
        of: the value of each experiment, NaN where it has none.
        metric: of the sums, which are null where no experiment has a value.
        number: of how many have one, where that is counted.
    """

    of: str
    add: Callable[[Floats, Ints, int], Sums]
    metric: Metric
    number: Metric | None = None


def _number(key: str, of: str) -> Metric:
    return Metric(key, f"Experiments with {of}", "experiments", inside="experiments")


_RUN_TIME = _Amount(
    "run_ms",
    _seconds,
    Metric("run_time_seconds", "Run time", "seconds"),
    _number("experiments_with_run_time", "run time"),
)
_GPU_AMOUNTS = (
    _Amount("gpus", _whole, Metric("gpus", "GPUs", "GPUs")),
    _Amount(
        "gpus_timed",
        _whole,
        Metric("gpus_with_time", "GPUs of known time", "GPUs", inside="gpus"),
    ),
    _Amount(
        "gpu_ms",
        _seconds,
        Metric("gpu_seconds", "GPU time", "seconds"),
        _number("experiments_with_gpu", "GPU time"),
    ),
    _Amount(
        "rated_ms",
        _seconds,
        Metric(
            "rated_gpu_seconds", "GPU time of known utilisation", "seconds", inside="gpu_seconds"
        ),
    ),
    _Amount(
        "idle_ms",
        _seconds,
        Metric("idle_gpu_seconds", "Idle GPU time", "seconds", inside="rated_gpu_seconds"),
    ),
    _Amount(
        "gpu_mean",
        _percent,
        Metric("gpu_utilisation_percent", "Sum of GPU utilisation (mean)", "%"),
        _number("experiments_with_gpu_utilisation", "GPU utilisation (mean)"),
    ),
    _Amount(
        "gpu_peak",
        _percent,
        Metric("gpu_utilisation_peak_percent", "Sum of GPU utilisation (peak)", "%"),
        _number("experiments_with_gpu_utilisation_peak", "GPU utilisation (peak)"),
    ),
    _Amount(
        "memory_mean",
        _percent,
        Metric("gpu_memory_percent", "Sum of GPU memory (mean)", "%"),
        _number("experiments_with_gpu_memory", "GPU memory (mean)"),
    ),
    _Amount(
        "memory_peak",
        _percent,
        Metric("gpu_memory_peak_percent", "Sum of GPU memory (peak)", "%"),
        _number("experiments_with_gpu_memory_peak", "GPU memory (peak)"),
    ),
)
"""A sum of percent means nothing by itself: by its number of experiments it is their mean."""


def _metrics(*amounts: _Amount) -> list[Metric]:
    return [metric for amount in amounts for metric in (amount.metric, amount.number) if metric]


_EXPERIMENTS = Metric("experiments", "Experiments", "experiments")
_OF_ALL = (_EXPERIMENTS, *_metrics(_RUN_TIME))
_OF_GPUS = (*_metrics(*_GPU_AMOUNTS),)

LEDGER_METRICS: Mapping[str, Metric] = {metric.key: metric for metric in (*_OF_ALL, *_OF_GPUS)}
"""Every metric of the measures; all are flows of the day in which an experiment starts."""

COUNTS = frozenset(
    metric.key for metric in LEDGER_METRICS.values() if metric.unit == _EXPERIMENTS.unit
)
"""The metrics of how many experiments there are, and of how many something is known: what is deleted lowers them."""


def measures_of(answer: CometUsageAnswer, now: datetime) -> pa.Table:
    """All experiments of known start, archived ones too, by UTC day, workspace, project and user.

    Where no experiment of such a group has samples of a GPU, there are no measures of GPUs.
    """
    values = _values(answer.experiments, now)
    frame, group = _groups(values)
    size = len(frame)
    frame[_EXPERIMENTS.key] = np.bincount(group, minlength=size)
    for amount in (_RUN_TIME, *_GPU_AMOUNTS):
        cells = floats(values[amount.of])
        known = ~np.isnan(cells)
        numbers = np.bincount(group[known], minlength=size)
        sums = pd.Series(amount.add(cells[known], group[known], size), frame.index, dtype=object)
        frame[amount.metric.key] = sums.where(numbers > 0, None)
        if amount.number is not None:
            frame[amount.number.key] = numbers
    on_gpu = np.bincount(group[_is_on_gpu(values)], minlength=size) > 0
    return pa.concat_tables(
        measures(PLATFORM, answer.host, rows, map(_counted, metrics))
        for rows, metrics in ((frame, _OF_ALL), (frame[on_gpu], _OF_GPUS))
    )


def names_of(_answer: CometUsageAnswer) -> list[Name]:
    """None: Comet tells the names of workspaces, projects and users, and no ids beside them."""
    return []


def facts_of(answer: CometUsageAnswer, now: datetime) -> dict[str, Any]:
    """What stands beside the measures, as JSON can hold it: how each source answered, and notes."""
    kept, _, _ = _dated(answer.experiments, now)
    undated = int((~kept).sum())
    left_out = (
        [f"Without a usable start time, and therefore in no measure; experiments: {undated:,}."]
        if undated
        else []
    )
    return {
        "host": answer.host,
        "statuses": [plain_status(status) for status in answer.statuses],
        "notes": [*answer.notes, *left_out],
    }


def unknown_metrics(answer: CometUsageAnswer) -> frozenset[str]:
    """All metrics where a list or project failed, wholly or in part; else those of GPUs, where these did."""
    lacks = {one.lacks for one in answer.statuses if one.status in ("failed", "partial")}
    metrics = LEDGER_METRICS if lacks - {GPU} else [metric.key for metric in _OF_GPUS if lacks]
    return frozenset(metrics)


def _counted(metric: Metric) -> Counted:
    return Counted(metric.key, metric.key, metric.unit, metric.nature, nulls=True)


def _dated(frame: pd.DataFrame, now: datetime) -> tuple[Bools, Ints, int]:
    """Which experiments have a usable start, all starts, and the moment that none may lie after."""
    start, latest = ints(frame["start_ms"]), latest_ms(now)
    return is_dated(start, latest), start, latest


def _values(frame: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """The experiments of usable start: ``day``, the names, and the value of each amount."""
    kept, start, latest = _dated(frame, now)
    run_ms, _ = run_times(frame, kept, start[kept], latest)
    chosen = frame[kept]
    gpu_ms = gpu_times(chosen["gpu_seconds"])
    idle_ms = idle_times(gpu_ms, floats(chosen["gpu_mean"]))
    copied = ("gpus", "gpus_timed", "gpu_mean", "gpu_peak", "memory_mean", "memory_peak")
    return pd.DataFrame(
        {
            "day": start[kept] // _DAY_MS,
            **{name: pd.Categorical(chosen[name]) for name in _PLACES.values()},
            "run_ms": np.where(run_ms > 0, run_ms, np.nan),
            "gpu_ms": gpu_ms,
            "rated_ms": np.where(np.isnan(idle_ms), np.nan, gpu_ms),
            "idle_ms": idle_ms,
            **{name: floats(chosen[name]) for name in copied},
        }
    )


def _is_on_gpu(values: pd.DataFrame) -> Bools:
    """Whether anything is known of an experiment's GPUs."""
    amounts = [amount.of for amount in _GPU_AMOUNTS]
    known: Bools = values[amounts].notna().any(axis=1).to_numpy(bool)
    return known


def _groups(values: pd.DataFrame) -> tuple[pd.DataFrame, Ints]:
    """One row per day, workspace, project and user, and the place of each experiment's."""
    _, group = np.unique(values["day"].to_numpy(np.int64), return_inverse=True)
    for name in _PLACES.values():
        cells = values[name].cat
        codes = cells.codes.to_numpy(np.int64) + 1
        _, group = np.unique(group * (len(cells.categories) + 1) + codes, return_inverse=True)
    _, firsts = np.unique(group, return_index=True)
    rows = values.iloc[firsts]
    start = pd.to_datetime(rows["day"].to_numpy() * _DAY_MS, unit="ms", utc=True)
    frame = pd.DataFrame(
        {
            "start": start,
            "end": start + pd.Timedelta(days=1),
            "part": EXPERIMENTS,
            **{key: rows[name].astype(object).to_numpy() for key, name in _PLACES.items()},
        }
    )
    return frame, group.astype(np.int64)
