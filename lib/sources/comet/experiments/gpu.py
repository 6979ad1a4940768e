"""From series of GPU metrics to a few figures per experiment: pure, and in one pass over each series."""

from collections import Counter
from dataclasses import dataclass, field
from math import fsum, isfinite
from typing import Any, NamedTuple

from lib.sources.comet.experiments.tables import GPU_PREFIX, GPU_SUFFIXES

GPU_RULES = {
    "timestamps": "last minus first time stamp of the samples",
    "durations": "last minus first of the ever growing durations",
    "intervals": "sum of the durations, which are intervals",
}
"""How GPU seconds were found, in order of trust; see the note of a report."""

RULES = tuple(GPU_RULES)
TIMESTAMPS, DURATIONS, INTERVALS = range(3)
"""Places in ``RULES``: a larger one is trusted less."""

_NUMBERS = frozenset((int, float))


class GpuFigures(NamedTuple):
    """One experiment's GPUs; see ``CometUsageAnswer.experiments`` for the meaning.

    Args:
        gpus: with a usable sample.
        seconds: None where a GPU's samples say nothing of time.
        rule: place in ``RULES``; None with ``seconds``.
    """

    gpus: int
    gpu_mean: float | None
    gpu_peak: float | None
    memory_mean: float | None
    memory_peak: float | None
    seconds: float | None
    rule: int | None


@dataclass
class Skipped:
    """Samples that were left out.

    Args:
        values: ``null`` or ``no number`` to how many values.
        timeless: experiments whose GPU time is not known although there are samples.
    """

    values: Counter[str] = field(default_factory=Counter)
    timeless: int = 0

    def add(self, other: "Skipped") -> None:
        """Counts another one's samples too."""
        self.values.update(other.values)
        self.timeless += other.timeless


def gpu_columns(names: list[str]) -> tuple[str, ...]:
    """The names of columns that say how busy GPUs and their memory were, each once."""
    return tuple(
        dict.fromkeys(
            name for name in names if name.startswith(GPU_PREFIX) and name.endswith(GPU_SUFFIXES)
        )
    )


def gpu_figures(series: Any, run_ms: int | None, skipped: Skipped) -> GpuFigures | None:
    """What the series of one experiment come to; None without a usable sample.

    Args:
        series: the records of ``metrics`` in a reply; anything that is none is passed over. Of two
            with one name the first counts.
        run_ms: how long the experiment ran, None if unknown; tells growing durations from intervals.
        skipped: gets what was left out.
    """
    utilisations: dict[str, tuple[float, float]] = {}
    memories: dict[str, tuple[float, float]] = {}
    spans: dict[str, tuple[float, int] | None] = {}
    for record in series if isinstance(series, list) else ():
        name = record.get("metricName") if isinstance(record, dict) else None
        if not isinstance(name, str) or not name.startswith(GPU_PREFIX):
            continue
        suffix = next((one for one in GPU_SUFFIXES if name.endswith(one)), None)
        if suffix is None:
            continue
        gpu = name.removesuffix(suffix)
        found = utilisations if suffix == GPU_SUFFIXES[0] else memories
        if gpu in found:
            continue
        values = numbers(record.get("values"), skipped.values)
        if not values:
            continue
        found[gpu] = (fsum(values) / len(values), max(values))
        if spans.get(gpu) is None:
            spans[gpu] = span_seconds(record, run_ms)
    if not spans:
        return None
    known = [span for span in spans.values() if span is not None]
    whole = len(known) == len(spans)
    skipped.timeless += not whole
    return GpuFigures(
        len(spans),
        *_means(utilisations),
        *_means(memories),
        fsum(seconds for seconds, _ in known) if whole else None,
        max(rule for _, rule in known) if whole else None,
    )


def _means(found: dict[str, tuple[float, float]]) -> tuple[float | None, float | None]:
    """Of the GPUs' means and of their peaks."""
    if not found:
        return None, None
    number = len(found)
    means, peaks = zip(*found.values(), strict=True)
    return fsum(means) / number, fsum(peaks) / number


def numbers(values: Any, skipped: Counter[str] | None = None) -> list[float]:
    """The finite numbers of a list, also those written as text; the others are counted.

    A list without any other thing comes back as it is.
    """
    if not isinstance(values, list) or not values:
        return []
    if _NUMBERS.issuperset(map(type, values)) and _finite(values):
        return values
    kept = []
    for value in values:
        number = _number(value)
        if number is not None:
            kept.append(number)
        elif skipped is not None:
            skipped["null" if value is None else "no number"] += 1
    return kept


def _finite(values: list[float]) -> bool:
    try:
        return isfinite(fsum(values))
    except (OverflowError, ValueError):
        return False


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    # Sums of larger ones would overflow; no percentage or moment is anywhere near.
    return number if abs(number) < 1e100 else None


def span_seconds(record: dict[str, Any], run_ms: int | None) -> tuple[float, int] | None:
    """How long a series lasted, and the place of the rule; None when it says nothing of time.

    Durations that never shrink are either growing or intervals. Whichever reading comes closer to
    the experiment's run time is taken; where that is unknown, durations that grow are growing.
    """
    moments = numbers(record.get("timestamps"))
    if moments:
        return abs(moments[-1] - moments[0]) / 1_000, TIMESTAMPS
    durations = [one for one in numbers(record.get("durations")) if one >= 0]
    if not durations:
        return None
    first, last, total = durations[0], durations[-1], fsum(durations)
    if len(durations) > 1 and all(map(float.__le__, *_pairs(durations))):
        growing = last > first if run_ms is None else abs(last - run_ms) <= abs(total - run_ms)
        if growing:
            return (last - first) / 1_000, DURATIONS
    return total / 1_000, INTERVALS


def _pairs(values: list[float]) -> tuple[list[float], list[float]]:
    """Each value and the one after it."""
    exact = [float(value) for value in values]
    return exact[:-1], exact[1:]
