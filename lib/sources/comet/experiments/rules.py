"""What is told of an experiment: when it started, how long it ran, and whether its GPUs were idle."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.periods import EARLIEST, epoch
from lib.sources.comet.experiments.entities import CLOCK_SKEW_MS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

IDLE_PERCENT = 5.0
"""An experiment whose GPUs are used less than this, on the mean of their samples, is idle."""


def latest_ms(now: datetime) -> int:
    """Milliseconds since 1970 of the first moment that is too far in the future to have happened."""
    return int(now.astimezone(UTC).timestamp() * 1_000) + CLOCK_SKEW_MS


def is_dated(start: Ints, latest: int) -> Bools:
    """Whether a start is one that can be, so that the experiment belongs to a day."""
    dated: Bools = (start >= epoch(EARLIEST) * 1_000) & (start < latest)
    return dated


def run_times(
    frame: pd.DataFrame, kept: Bools, start: Ints, latest: int
) -> tuple[Ints, dict[str, int]]:
    """Run times in milliseconds, 0 where none is known, and why.

    Args:
        frame: of ``CometUsageAnswer.experiments``.
        kept: which of them are asked for.
        start: of those.
        latest: milliseconds since 1970; nothing can have ended later.
    """
    end, told = ints(frame["end_ms"])[kept], ints(frame["duration_ms"])[kept]
    running = bools(frame["running"])[kept]
    ended = (end > 0) & ~running
    spans = end - start
    fallback = (end <= 0) & ~running & (told > 0)
    in_future = np.where(ended, end, np.where(fallback, start + told, 0)) >= latest
    run_ms = np.where(ended & (spans > 0), spans, np.where(fallback, told, 0))
    return np.where(in_future, 0, run_ms), {
        "running": int((~ended & ~fallback).sum()),
        "not_positive": int((ended & (spans <= 0)).sum()),
        "from_duration": int((fallback & ~in_future).sum()),
        "in_future": int(in_future.sum()),
    }


def gpu_times(seconds: "pd.Series[Any]") -> Floats:
    """GPU times in whole milliseconds; NaN where none is known."""
    return np.rint(floats(seconds) * 1_000)


def idle_times(gpu_ms: Floats, mean: Floats) -> Floats:
    """GPU times of idle experiments, 0 of others; NaN where time or utilisation is not known."""
    idle: Floats = np.where(np.isnan(mean), np.nan, gpu_ms * (mean < IDLE_PERCENT))
    return idle


def ints(column: "pd.Series[Any]") -> Ints:
    """Whole numbers, 0 where missing."""
    return column.astype("Int64").to_numpy("int64", na_value=0).astype(np.int64, copy=False)


def floats(column: "pd.Series[Any]") -> Floats:
    """Numbers, NaN where missing."""
    values = column.astype("Float64").to_numpy("float64", na_value=np.nan)
    return values.astype(np.float64, copy=False)


def bools(column: "pd.Series[Any]") -> Bools:
    """Truth, false where missing."""
    return column.astype("boolean").to_numpy("bool", na_value=False)
