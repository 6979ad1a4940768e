"""One project of a Comet server: pages of experiments, columns, and metrics as soon as both are there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from lib.errors import SourceError, SourceReplyError
from lib.sources.comet.experiments.entities import CometProject, ExperimentPage
from lib.sources.comet.experiments.gpu import GpuFigures, SkippedSamples
from lib.sources.comet.experiments.lists import PageLengths, fetch_experiments
from lib.sources.comet.experiments.metrics import Metrics, Patience, batches, fetch_metrics
from lib.sources.comet.experiments.rows import ExperimentRows, rows_of
from lib.sources.comet.server.rest import CometRest


@dataclass
class ProjectPart:
    """What came of a project's experiments, either the archived ones or the others.

    Args:
        rows: None when no page came.
        has_gpu: None when the columns could not be read.
        error: why experiments are missing, if they are.
        gpu_error: why GPU figures are missing, if they are.
        gpu_missing: of how many experiments.
        unread: entries that were no experiments.
        in_seconds: starts and ends that came as seconds.
    """

    rows: ExperimentRows | None
    has_gpu: bool | None
    fetched_at: datetime
    error: SourceError | None = None
    gpu_error: SourceError | None = None
    gpu_missing: int = 0
    unread: int = 0
    in_seconds: int = 0
    skipped: SkippedSamples = field(default_factory=SkippedSamples)

    @property
    def count(self) -> int:
        """Experiments that came."""
        return 0 if self.rows is None else len(self.rows.keys)

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        return 1_000 if self.rows is None else self.rows.size


async def fetch_project(
    rest: CometRest,
    project: CometProject,
    *,
    archived: bool,
    columns: Callable[[], Awaitable[tuple[str, ...]]],
    patience: Patience,
    lengths: PageLengths,
    now: datetime,
) -> ProjectPart:
    """All experiments of a project with their GPU figures; failures are part of the result.

    Args:
        archived: the archived ones instead of the others.
        columns: gives the names of columns with GPU utilisation; may raise a SourceError.
        patience: shared by all projects of a load.
        lengths: shared by all projects of the server.
        now: stamped on the result; what still runs has lasted until then.
    """

    async def named() -> tuple[str, ...] | SourceError:
        try:
            return await columns()
        except SourceError as error:
            return error

    async def measured(page: ExperimentPage) -> list[Metrics]:
        names = await asyncio.shield(names_task)
        if isinstance(names, SourceError) or not names:
            return []
        lives = page.lives(int(now.timestamp() * 1_000))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    fetch_metrics(
                        rest, names, {key: lives[key] for key in batch}, project.target, patience
                    )
                )
                for batch in batches(list(lives), len(names))
            ]
        return [task.result() for task in tasks]

    pages: list[ExperimentPage] = []
    measures: list[asyncio.Task[list[Metrics]]] = []
    error: SourceError | None = None
    async with asyncio.TaskGroup() as group:
        names_task = group.create_task(named())
        try:
            async for page in _pages(rest, project, lengths, archived=archived):
                pages.append(page)
                if page.keys:
                    measures.append(group.create_task(measured(page)))
        except SourceError as failure:
            error = failure
    names = names_task.result()
    measured_batches = [metrics for task in measures for metrics in task.result()]
    figures: dict[str, GpuFigures] = {}
    part = ProjectPart(None, None if isinstance(names, SourceError) else bool(names), now, error)
    for metrics in measured_batches:
        figures |= metrics.figures
        part.skipped.add(metrics.skipped)
        part.gpu_missing += metrics.missing
        part.gpu_error = metrics.error if metrics.missing else part.gpu_error
    part.unread = sum(page.unread for page in pages)
    part.in_seconds = sum(page.in_seconds for page in pages)
    if pages:
        part.rows = rows_of(pages, figures, archived=archived)
    if isinstance(names, SourceError) and part.count:
        part.gpu_error, part.gpu_missing = names, part.count
    return part


async def _pages(
    rest: CometRest, project: CometProject, lengths: PageLengths, *, archived: bool
) -> AsyncIterator[ExperimentPage]:
    """All pages of one list.

    Raises:
        SourceError: a page failed, or the server keeps back what it counts; what came before stands.
    """
    seen: set[str] = set()
    number, before = 1, 0
    while True:
        page = await fetch_experiments(rest, project, archived=archived, page=number, seen=seen)
        yield page
        if lengths.is_last(page, project, before, len(seen)):
            break
        number, before = number + 1, page.listed
    if page.fresh or number == 1:
        return
    if page.listed:  # the same again: the server knows no pages, and may cap what it gives
        if project.listed and len(seen) < project.listed:
            yield await fetch_experiments(rest, project, archived=archived, page=0, seen=seen)
        if project.listed and len(seen) < project.listed:  # those of the other list may be counted
            await fetch_experiments(rest, project, archived=not archived, page=0, seen=seen)
        kept_back = len(seen) < (project.listed or 0)
    else:
        kept_back = page.more is True
    if kept_back:
        counted = f" of {project.listed:,} that it counts" if project.listed else ""
        raise SourceReplyError(
            project.target,
            f"{rest.client.host} gives no further page of experiments{counted}.",
            "Ask whoever runs the server whether it, or a proxy, limits lists of experiments.",
        )
