"""Asks a Comet server for GPU metrics of many experiments, in batches that it can bear."""

from dataclasses import dataclass, field
from typing import Any

from lib.api_client import Terms
from lib.errors import SourceError, SourceRefused, SourceReplyError, SourceUnavailable
from lib.sources.comet.experiments.entities import Life
from lib.sources.comet.experiments.gpu import GpuFigures, SkippedSamples, gpu_figures
from lib.sources.comet.experiments.tables import BATCH, BATCH_SERIES, METRICS_PATH
from lib.sources.comet.server.entries import read_entries
from lib.sources.comet.server.rest import LATE, CometRest

FAILURES_OF_A_BATCH = 16
FAILURES_OF_ALL = 100
"""Failures in a row, of a batch's parts or of all batches, after which nothing further is asked."""

_FEWEST = 25
"""No size below is learned from failures that may have come and gone by themselves."""

_TOO_MUCH = (400, 413)
_WHOLE = (LATE, 504)
_PART = (LATE, *range(500, 600))
"""Statuses that fewer experiments may mend at once; a whole batch tries again after other 5xx."""


@dataclass
class Patience:
    """What the batches of one load have learned about the server.

    Args:
        seconds: how long an answer may take.
        most: experiments that it bears at once.
        failures: in a row.
    """

    seconds: float = 30.0
    most: int = BATCH
    failures: int = 0


@dataclass
class Metrics:
    """GPU figures of a batch.

    Args:
        figures: by experiment key; one that never logged a GPU is absent.
        missing: experiments that the server gave no answer about.
        error: the last one behind ``missing``.
    """

    figures: dict[str, GpuFigures] = field(default_factory=dict)
    missing: int = 0
    error: SourceError | None = None
    skipped: SkippedSamples = field(default_factory=SkippedSamples)


@dataclass
class _Part:
    """Some experiments of a batch; ``halves``: how many each answered half of a failed part had."""

    keys: list[str]
    halves: list[int] = field(default_factory=list)


def batches(keys: list[str], columns: int) -> list[list[str]]:
    """Experiments in lists that can be asked for at once."""
    size = max(1, min(BATCH, BATCH_SERIES // max(1, columns)))
    return [keys[start : start + size] for start in range(0, len(keys), size)]


async def fetch_metrics(
    rest: CometRest,
    columns: tuple[str, ...],
    lives: dict[str, Life],
    part: str,
    patience: Patience,
) -> Metrics:
    """GPU figures of one batch; where the server fails, of its halves, down to single experiments.

    Args:
        columns: names of metrics.
        lives: experiment key to when it can have logged.
        part: whose metrics they are, for errors.
        patience: shared by all batches of a load.
    """
    metrics = Metrics()
    waiting = [_Part(list(lives))]
    failures = 0
    while waiting:
        now = waiting.pop()
        if len(now.keys) > patience.most:
            starts = range(0, len(now.keys), patience.most)
            waiting += [_Part(now.keys[start : start + patience.most]) for start in starts]
            continue
        if failures >= FAILURES_OF_A_BATCH or patience.failures >= FAILURES_OF_ALL:
            metrics.missing += len(now.keys)
            continue
        terms = Terms(None, patience.seconds, _WHOLE if len(now.keys) == len(lives) else _PART)
        try:
            answer = await _ask(rest, columns, {key: lives[key] for key in now.keys}, part, terms)
        except SourceError as error:
            metrics.error = error
            failures += 1
            patience.failures += 1
            if isinstance(error, SourceRefused) and error.status == 413:
                patience.most = min(patience.most, max(1, len(now.keys) // 2))
            if len(now.keys) > 1 and _fewer_may_help(error):
                waiting += _cut(now.keys)
            else:
                metrics.missing += len(now.keys)
            continue
        failures = patience.failures = 0
        now.halves.append(len(now.keys))
        if len(now.halves) == 2:  # the whole failed, its halves did not: its size was to blame
            patience.most = min(patience.most, max(_FEWEST, *now.halves))
        metrics.figures |= answer.figures
        metrics.skipped.add(answer.skipped)
    return metrics


def _cut(keys: list[str]) -> list[_Part]:
    """Two halves that know of each other, the first one on top."""
    middle = (len(keys) + 1) // 2
    halves: list[int] = []
    return [_Part(keys[middle:], halves), _Part(keys[:middle], halves)]


def _fewer_may_help(error: SourceError) -> bool:
    if isinstance(error, SourceUnavailable):
        return error.status in _PART
    if isinstance(error, SourceRefused):
        return error.status in _TOO_MUCH
    return isinstance(error, SourceReplyError)  # a long answer may have been cut off


async def _ask(
    rest: CometRest,
    columns: tuple[str, ...],
    lives: dict[str, Life],
    part: str,
    terms: Terms,
) -> Metrics:
    body = {
        "targetedExperiments": list(lives),
        "metrics": columns,
        "params": None,
        "independentMetrics": True,
        "fetchFull": False,
    }

    def parse(raw: bytes) -> Metrics:
        return parse_metrics(raw, lives)

    return await rest.post(METRICS_PATH, body, parse, part, terms)


def parse_metrics(raw: bytes, lives: dict[str, Life]) -> Metrics:
    """Figures of the experiments that were asked for, each reduced as soon as it is read.

    Raises:
        ValueError: not such a reply.
    """
    metrics = Metrics()

    def take(key: str, entry: Any) -> None:
        if not isinstance(entry, dict):
            return
        key = key or str(entry.get("experimentKey"))
        if key in lives and key not in metrics.figures:
            figures = gpu_figures(entry.get("metrics"), lives[key], metrics.skipped)
            if figures is not None:
                metrics.figures[key] = figures

    read_entries(raw, "experiments", take)
    return metrics
