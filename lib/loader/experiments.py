"""Experiments of a Comet server, from the cache where that is enough."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from loguru import logger

from lib.api_client import ApiClient
from lib.cache import Caches, Document
from lib.errors import SourceError, SourceRefused, SourceUnavailable
from lib.loader.comet_source import CometSource
from lib.loader.experiments_project import ProjectPart, fetch_project
from lib.loader.experiments_status import part_status, usage_notes, usage_statuses
from lib.loader.progress import Progress
from lib.sources.comet.experiments.answer import CometUsageAnswer, ProjectRows
from lib.sources.comet.experiments.entities import CometProject
from lib.sources.comet.experiments.lists import (
    PageLengths,
    fetch_gpu_columns,
    fetch_projects,
    fetch_workspaces,
)
from lib.sources.comet.experiments.metrics import Patience
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.tables import PROJECTS
from lib.sources.comet.experiments.targets import Wanted, chosen, unknown, wanted
from lib.sources.comet.server import NAME
from lib.sources.comet.server.rest import CometRest

T = TypeVar("T")

LIST_SECONDS = 300
"""How long lists of workspaces and projects, and what came in part, are served without asking."""

KEPT_SECONDS = 86_400
"""The same for experiments of a project whose count and last update have not changed."""

_AT_ONCE = 16
"""Projects under way: enough to keep every connection busy, few enough to finish one after another."""

_MAY_BE_UNKNOWN = (400, 404)
"""What servers answer about a workspace that does not exist; older ones the former."""


async def load_comet_usage(
    source: CometSource,
    client: ApiClient,
    query: CometUsageQuery,
    *,
    caches: Caches,
    progress: Progress | None = None,
    again: bool = False,
    patience: Patience | None = None,
    now: datetime | None = None,
) -> CometUsageAnswer:
    """All experiments of the projects asked for; the query's days, unit and group choose from them.

    Nothing is asked that is known: projects are listed again after five minutes, and only those
    that changed are asked again. A project or workspace that fails is listed in ``statuses`` beside
    the data of the others.

    Args:
        client: what ``source.connect`` gave on this event loop.
        progress: counts projects.
        again: asks for the lists, and for what failed, now.
        patience: how long to wait for metrics, and how many to ask for at once.
        now: when it is; the clock when None.

    Raises:
        InputError: a target does not exist; names the nearest.
        SourceError: no project could be read. For a typed host always the same one.
    """
    load = _load(source, client, caches, again=again, now=now)
    load.patience = patience or load.patience
    load.progress = progress or load.progress
    return await _alike(source, load.answer(query))


async def load_workspaces(
    source: CometSource,
    client: ApiClient,
    *,
    caches: Caches,
    again: bool = False,
) -> tuple[str, ...]:
    """Names of the workspaces that the key's user is a member of, to choose from; see above.

    Raises:
        SourceError: there is no list.
    """
    load = _load(source, client, caches, again=again)
    return await _alike(source, load.workspaces())


async def load_projects(
    source: CometSource,
    client: ApiClient,
    workspace: str,
    *,
    caches: Caches,
    again: bool = False,
) -> tuple[CometProject, ...]:
    """Projects of a workspace, to choose from; see above.

    Raises:
        InputError: there is no such workspace; names the nearest.
        SourceError: there is no list.
    """
    load = _load(source, client, caches, again=again)
    return await _alike(source, load.projects_to_choose(workspace))


def _load(
    source: CometSource,
    client: ApiClient,
    caches: Caches,
    *,
    again: bool,
    now: datetime | None = None,
) -> "_Load":
    roots = caches.lookups.setdefault(
        (source.scope, "comet:roots"), list(source.address.rest_roots)
    )
    lengths = caches.lookups.setdefault((source.scope, "comet:page lengths"), PageLengths())
    rest = CometRest(client, roots)
    return _Load(rest, source, caches, again, now or datetime.now(UTC), lengths)


async def _alike(source: CometSource, work: Awaitable[T]) -> T:
    """The result of the work; failures of a typed host are told alike, so that ports stay unknown."""
    began = asyncio.get_running_loop().time()
    try:
        return await work
    except SourceError as error:
        if not source.typed:
            raise
        logger.info("a typed Comet host: {}", error.message)
        passed = asyncio.get_running_loop().time() - began
        await asyncio.sleep(source.typed_seconds - passed)
        raise SourceUnavailable(
            f"{NAME}:{PROJECTS}",
            "the host that was typed gave no experiments.",
            "Check the address and the key. The address must be one that visitors may choose; "
            "whoever runs the dashboard can set COMET_URL_OVERRIDE instead.",
        ) from None


@dataclass
class _Load:
    """One load: who is asked, what is known already, when, and who watches."""

    rest: CometRest
    source: CometSource
    caches: Caches
    again: bool
    now: datetime
    lengths: PageLengths
    patience: Patience = field(default_factory=Patience)
    progress: Progress = field(default_factory=Progress)
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def answer(self, query: CometUsageQuery) -> CometUsageAnswer:
        """Lists first, then every project as soon as there is room."""
        projects, listed_at, failed = await self._listed(query.targets)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._parts(project, archived=query.archived))
                for project in projects
            ]
        parts = [task.result() for task in tasks]
        broken = [error for lists in parts for part in lists if (error := part.error)]
        if parts and all(lists[0].rows is None for lists in parts):
            raise broken[0]
        named = list(zip(projects, parts, strict=True))
        read = tuple(
            ProjectRows(
                project,
                tuple(part.rows for part in lists if part.rows is not None),
                lists[0].has_gpu,
            )
            for project, lists in named
        )
        twice = await asyncio.to_thread(_twice, read)
        return CometUsageAnswer(
            read,
            usage_statuses(named, listed_at, failed),
            (*self.source.address.notes, *usage_notes(named, twice)),
            self.source.host,
        )

    async def workspaces(self) -> tuple[str, ...]:
        """All workspaces of the key's user."""

        async def fetch() -> tuple[str, ...]:
            return await fetch_workspaces(self.rest)

        names, _ = await self._list(("comet:workspaces",), fetch)
        return names

    async def projects_to_choose(self, workspace: str) -> tuple[CometProject, ...]:
        """A workspace's projects; an error when there is no such workspace."""
        found, _ = await self._projects(workspace)
        if isinstance(found, SourceError):
            raise await self._explained(workspace, found)
        return found

    async def _listed(
        self, targets: Sequence[str]
    ) -> tuple[tuple[CometProject, ...], datetime, dict[str, SourceError]]:
        """The projects asked for, when the oldest list was made, and workspaces without a list."""
        wishes = [wanted(target) for target in targets]
        lists, oldest = await self._lists(wishes)
        doubtful = [wish for wish in wishes if _may_be_unknown(lists[wish.workspace])]
        if doubtful:
            wishes = await self._corrected(targets, wishes, lists)
            lists, oldest = await self._lists(wishes)
        failed = {name: one for name, one in lists.items() if isinstance(one, SourceError)}
        if len(failed) == len(lists):
            raise next(iter(failed.values()))
        good = {name: one for name, one in lists.items() if not isinstance(one, SourceError)}
        return chosen(wishes, good), oldest, failed

    async def _corrected(
        self,
        targets: Sequence[str],
        wishes: list[Wanted],
        lists: dict[str, tuple[CometProject, ...] | SourceError],
    ) -> list[Wanted]:
        """The wishes by the names of workspaces that exist; an error for one that names none."""
        corrected = []
        for target, wish in zip(targets, wishes, strict=True):
            answered = lists[wish.workspace]
            if not _may_be_unknown(answered):
                corrected.append(wish)
                continue
            try:
                names = await self.workspaces()
            except SourceError as error:
                # Whether the workspace or the whole address is wrong cannot be told apart.
                raise (answered if isinstance(answered, SourceError) else error) from error
            other = wanted(target, names)
            if other.workspace not in names:
                raise unknown("workspace", wish.workspace, names)
            corrected.append(other)
        return corrected

    async def _explained(self, workspace: str, error: SourceError) -> Exception:
        if not _may_be_unknown(error):
            return error
        try:
            names = await self.workspaces()
        except SourceError:
            return error
        return error if workspace in names else unknown("workspace", workspace, names)

    async def _lists(
        self, wishes: Sequence[Wanted]
    ) -> tuple[dict[str, tuple[CometProject, ...] | SourceError], datetime]:
        names = list(dict.fromkeys(wish.workspace for wish in wishes))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._projects(name)) for name in names]
        answers = [task.result() for task in tasks]
        lists = dict(zip(names, (projects for projects, _ in answers), strict=True))
        return lists, min(asked for _, asked in answers)

    async def _projects(
        self, workspace: str
    ) -> tuple[tuple[CometProject, ...] | SourceError, datetime]:
        async def fetch() -> tuple[CometProject, ...]:
            return await fetch_projects(self.rest, workspace)

        try:
            return await self._list((PROJECTS, workspace), fetch)
        except SourceError as error:
            return error, self.now

    async def _list(
        self, what: tuple[str, ...], fetch: Callable[[], Awaitable[tuple[T, ...]]]
    ) -> tuple[tuple[T, ...], datetime]:
        """A list and when it was asked for."""
        key = (self.source.scope, *what)

        async def stamped() -> Document:
            entries = await fetch()
            return Document((entries, self.now), 1_000 + 500 * len(entries), LIST_SECONDS)

        kept = self.caches.documents.get(key)
        if self.again and kept is not None and kept.content[1] < self.now:
            self.caches.documents.pop(key, None)
        listed: tuple[tuple[T, ...], datetime] = await self.caches.document(key, stamped)
        return listed

    async def _parts(self, project: CometProject, *, archived: bool) -> list[ProjectPart]:
        """A project's experiments, and its archived ones in a second part when they are asked for."""

        async def both_lists() -> list[ProjectPart]:
            kinds = (False, True) if archived else (False,)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._part(project, archived=kind)) for kind in kinds]
            return [task.result() for task in tasks]

        return await self.progress.count(both_lists())

    async def _part(self, project: CometProject, *, archived: bool) -> ProjectPart:
        key = (self.source.scope, "comet:experiments", project, archived)

        async def columns() -> tuple[str, ...]:
            async def fetch() -> Document:
                names = await fetch_gpu_columns(self.rest, project)
                seconds = KEPT_SECONDS if project.steady else LIST_SECONDS
                return Document(names, 500 + 100 * len(names), seconds)

            key = (self.source.scope, "comet:columns", project)
            names: tuple[str, ...] = await self.caches.document(key, fetch)
            return names

        async def fetch() -> Document:
            async with self.gate:
                part = await fetch_project(
                    self.rest,
                    project,
                    archived=archived,
                    columns=columns,
                    patience=self.patience,
                    lengths=self.lengths,
                    now=self.now,
                )
            whole = project.steady and part_status(project, [part]) is None
            return Document(part, part.size, KEPT_SECONDS if whole else LIST_SECONDS)

        kept = self.caches.documents.get(key)
        if self.again and kept is not None:
            part = kept.content
            if part.fetched_at < self.now and (not project.steady or part_status(project, [part])):
                self.caches.documents.pop(key, None)
        part_read: ProjectPart = await self.caches.document(key, fetch)
        return part_read


def _may_be_unknown(answered: tuple[CometProject, ...] | SourceError) -> bool:
    """Whether an answer about a workspace may mean that there is none of that name."""
    if isinstance(answered, SourceError):
        return isinstance(answered, SourceRefused) and answered.status in _MAY_BE_UNKNOWN
    return not answered


def _twice(projects: Iterable[ProjectRows]) -> int:
    """How many experiments came in more than one project, beyond their first."""
    keys = [rows.keys for project in projects for rows in project.parts]
    return sum(map(len, keys)) - len(set().union(*keys))
