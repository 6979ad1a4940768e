"""From series of GPU metrics to a few figures per experiment: pure, and in one pass over each series."""

from collections import Counter
from dataclasses import dataclass, field
from math import fsum, isfinite
from typing import Any, NamedTuple

from lib.sources.comet.experiments.entities import Life
from lib.sources.comet.experiments.tables import GPU_PREFIX, GPU_SUFFIXES

GPU_RULES = {
    "timestamps": "latest minus earliest time stamp of the samples",
    "durations": "last minus first of the ever growing durations",
    "intervals": "sum of the durations, which are intervals",
}
"""How GPU seconds were found, in order of trust; see the note of a report."""

RULES = tuple(GPU_RULES)
TIMESTAMPS, DURATIONS, INTERVALS = range(3)
"""Places in ``RULES``: a larger one is trusted less."""

LARGEST_PERCENT = 100
"""Utilisation is percent of one GPU; a sample beyond is none."""

_NUMBERS = frozenset((int, float))


class GpuFigures(NamedTuple):
    """One experiment's GPUs; see ``CometUsageAnswer.experiments`` for the meaning.

    Args:
        gpus: with a usable sample.
        timed: those of them whose samples say how long they lasted.
        seconds: summed over these; None where there is none.
        rule: place in ``RULES``, the least trusted one; None with ``seconds``.
    """

    gpus: int
    timed: int
    gpu_mean: float | None
    gpu_peak: float | None
    memory_mean: float | None
    memory_peak: float | None
    seconds: float | None
    rule: int | None


@dataclass
class SkippedSamples:
    """Samples that were left out.

    Args:
        values: ``null``, ``no number`` or ``outside 0 to 100`` to how many values.
        moments: time stamps and durations that are none, or do not fit the experiment's life.
        fractions: experiments with samples between 0 and 1 only, which percent seldom are.
    """

    values: Counter[str] = field(default_factory=Counter)
    moments: int = 0
    fractions: int = 0

    def add(self, other: "SkippedSamples") -> None:
        """Counts another one's samples too."""
        self.values.update(other.values)
        self.moments += other.moments
        self.fractions += other.fractions


def gpu_columns(names: list[str]) -> tuple[str, ...]:
    """The names of columns that say how busy GPUs and their memory were, each once."""
    return tuple(
        dict.fromkeys(
            name for name in names if name.startswith(GPU_PREFIX) and name.endswith(GPU_SUFFIXES)
        )
    )


def gpu_figures(series: Any, life: Life, skipped: SkippedSamples) -> GpuFigures | None:
    """What the series of one experiment come to; None without a usable sample.

    Args:
        series: the records of ``metrics`` in a reply; anything that is none is passed over. Of two
            with one name the first counts.
        life: when the experiment can have logged.
        skipped: gets what was left out.
    """
    utilisations: dict[str, tuple[float, float]] = {}
    memories: dict[str, tuple[float, float]] = {}
    spans: dict[str, tuple[float, int] | None] = {}
    for record in series if isinstance(series, list) else ():
        name = record.get("metricName") if isinstance(record, dict) else None
        if not isinstance(name, str) or not name.startswith(GPU_PREFIX):
            continue
        suffix = next((ending for ending in GPU_SUFFIXES if name.endswith(ending)), None)
        if suffix is None:
            continue
        gpu = name.removesuffix(suffix)
        of_kind = utilisations if suffix == GPU_SUFFIXES[0] else memories
        if gpu in of_kind:
            continue
        values = _percents(record.get("values"), skipped.values)
        if not values:
            continue
        of_kind[gpu] = (fsum(values) / len(values), max(values))
        if spans.get(gpu) is None:
            spans[gpu] = span_seconds(record, len(values), life, skipped)
    if not spans:
        return None
    highest = max(peak for of_gpus in (utilisations, memories) for _, peak in of_gpus.values())
    skipped.fractions += 0 < highest <= 1
    known = [span for span in spans.values() if span is not None]
    return GpuFigures(
        len(spans),
        len(known),
        *_means(utilisations),
        *_means(memories),
        fsum(seconds for seconds, _ in known) if known else None,
        max((rule for _, rule in known), default=None),
    )


def _means(of_gpus: dict[str, tuple[float, float]]) -> tuple[float | None, float | None]:
    """Of the GPUs' means and of their peaks."""
    if not of_gpus:
        return None, None
    number = len(of_gpus)
    means, peaks = zip(*of_gpus.values(), strict=True)
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


def _percents(values: Any, skipped: Counter[str]) -> list[float]:
    given = numbers(values, skipped)
    kept = _within(given, 0, LARGEST_PERCENT)
    if len(kept) < len(given):
        skipped[f"outside 0 to {LARGEST_PERCENT}"] += len(given) - len(kept)
    return kept


def _within(values: list[float], least: float, most: float) -> list[float]:
    """Those between two bounds; a list of nothing else comes back as it is."""
    if not values or (least <= min(values) and max(values) <= most):
        return values
    return [value for value in values if least <= value <= most]


def span_seconds(
    record: dict[str, Any], samples: int, life: Life, skipped: SkippedSamples
) -> tuple[float, int] | None:
    """How long a series lasted, and the place of the rule; None when it says nothing of time.

    A list that covers every sample is trusted more than one with gaps, whose span may be too short;
    of two alike the time stamps are.

    Args:
        samples: how many there are at least.
        life: what a time stamp, or a span, does not fit is none.
        skipped: gets how many do not.
    """
    longest = life.last_ms - life.first_ms
    stamps, has_gaps = _moments(record, "timestamps", (life.first_ms, life.last_ms), skipped)
    if stamps and not has_gaps and len(stamps) >= samples:
        return _distance(stamps), TIMESTAMPS
    durations, has_gaps = _moments(record, "durations", (0, longest), skipped)
    span = _by_durations(durations, life.run_ms, longest)
    whole = span is not None and not has_gaps and len(durations) >= samples
    if len(stamps) > 1 and not whole:
        return _distance(stamps), TIMESTAMPS
    return span


def _moments(
    record: dict[str, Any], name: str, bounds: tuple[float, float], skipped: SkippedSamples
) -> tuple[list[float], bool]:
    """The usable numbers of a list, and whether there are others in it."""
    given = record.get(name)
    kept = _within(numbers(given), *bounds)
    lost = len(given) - len(kept) if isinstance(given, list) else 0
    skipped.moments += lost
    return kept, lost > 0


def _distance(moments: list[float]) -> float:
    """Seconds from the earliest to the latest of some milliseconds."""
    return (max(moments) - min(moments)) / 1_000


def _by_durations(
    durations: list[float], run_ms: int | None, longest: float
) -> tuple[float, int] | None:
    """Durations that never shrink are either growing or intervals. Whichever reading comes closer to
    the experiment's run time is taken; where that is unknown, durations that grow are growing.
    """
    if not durations:
        return None
    first, last, total = durations[0], durations[-1], fsum(durations)
    grow = last > first and all(map(float.__le__, *_pairs(durations)))
    if grow and (run_ms is None or abs(last - run_ms) <= abs(total - run_ms)):
        return (last - first) / 1_000, DURATIONS
    return (total / 1_000, INTERVALS) if total <= longest else None


def _pairs(values: list[float]) -> tuple[list[float], list[float]]:
    """Each value and the one after it."""
    exact = [float(value) for value in values]
    return exact[:-1], exact[1:]
