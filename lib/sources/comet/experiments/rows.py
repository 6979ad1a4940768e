"""Experiments of one project, kept in arrays: about 150 bytes each, and nothing to import for them."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan

from lib.sources.comet.experiments.entities import ExperimentPage
from lib.sources.comet.experiments.gpu import GpuFigures

MOMENTS = ("start_ms", "end_ms", "duration_ms")
FLOATS = ("gpu_mean", "gpu_peak", "memory_mean", "memory_peak", "gpu_seconds")
_MOST_GPUS = 32_767
_NONE = GpuFigures(0, 0, None, None, None, None, None, None)
_KEY_BYTES = 90


@dataclass(frozen=True)
class ExperimentRows:
    """Experiments of one project, in arrays of equal length.

    Args:
        users: places in ``names``; -1 where the server names none.
        names: of users, each once.
        moments: of ``MOMENTS``, one array each, in milliseconds; 0 where not known.
        gpus: number of GPUs with samples; 0 for none.
        timed: how many of them have a known GPU time.
        figures: of ``FLOATS``, one array each; NaN where not known.
        rules: places in ``RULES``; -1 for none.
        running: 1 while it runs, 0 when it does not, -1 where the server does not say.
        archived: whether they came as archived ones.
    """

    keys: tuple[str, ...]
    users: "array[int]"
    names: tuple[str, ...]
    moments: tuple["array[int]", ...]
    gpus: "array[int]"
    timed: "array[int]"
    figures: tuple["array[float]", ...]
    rules: "array[int]"
    running: "array[int]"
    archived: bool

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        whole = (self.users, *self.moments, self.gpus, self.timed, self.rules, self.running)
        held = sum(len(column) * column.itemsize for column in whole)
        held += sum(len(column) * column.itemsize for column in self.figures)
        held += _KEY_BYTES * len(self.keys)
        return held + 150 * len(self.names) + 2_000


def rows_of(
    pages: Sequence[ExperimentPage], figures: dict[str, GpuFigures], *, archived: bool
) -> ExperimentRows:
    """The experiments of all pages of one project with their GPU figures."""
    keys = tuple(key for page in pages for key in page.keys)
    names: dict[str, int] = {"": -1}
    for page in pages:
        for user in page.users:
            names.setdefault(user, len(names) - 1)
    of_gpus = [figures.get(key, _NONE) for key in keys]
    by_moment = (
        (page.starts for page in pages),
        (page.ends for page in pages),
        (page.durations for page in pages),
    )
    return ExperimentRows(
        keys,
        array("i", (names[user] for page in pages for user in page.users)),
        tuple(name for name in names if name),
        tuple(array("q", (moment for part in parts for moment in part)) for parts in by_moment),
        array("h", (min(gpus.gpus, _MOST_GPUS) for gpus in of_gpus)),
        array("h", (min(gpus.timed, _MOST_GPUS) for gpus in of_gpus)),
        tuple(
            array("d", (nan if value is None else value for value in column))
            for column in _by_figure(of_gpus)
        ),
        array("b", (-1 if gpus.rule is None else gpus.rule for gpus in of_gpus)),
        array("b", (-1 if runs is None else runs for page in pages for runs in page.running)),
        archived,
    )


def _by_figure(figures: Sequence[GpuFigures]) -> Iterator[Iterator[float | None]]:
    """In the order of ``FLOATS``."""
    yield (gpus.gpu_mean for gpus in figures)
    yield (gpus.gpu_peak for gpus in figures)
    yield (gpus.memory_mean for gpus in figures)
    yield (gpus.memory_peak for gpus in figures)
    yield (gpus.seconds for gpus in figures)
