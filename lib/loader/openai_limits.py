"""What OpenAI itself alerts at and limits, as it stands now, for the ledger to keep with the month that runs."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lib.api_client import ApiClient
from lib.cache import Caches
from lib.errors import SourceError
from lib.loader.progress import Progress
from lib.quantities import counted
from lib.sources.openai import NAME
from lib.sources.openai.limits import SpendLimit, plain_limit
from lib.sources.openai.limits_asked import ORGANISATION, PROJECTS, fetch_limits
from lib.sources.openai.names import Names, fetch_projects
from lib.status import SourceStatus
from lib.usage.measure import Name

MOST_PROJECTS = 500
"""That are asked for, each with two requests; how many there are beyond them is told."""


@dataclass(frozen=True)
class LimitsAnswer:
    """What OpenAI limits.

    Args:
        parts: as ``lib.ledger.limits`` keeps them.
        names: of the projects that have limits: one without usage has no other place in the ledger.
        statuses: one per part.
    """

    parts: Mapping[str, Mapping[str, Any]]
    names: tuple[Name, ...]
    statuses: tuple[SourceStatus, ...]


class _Told(NamedTuple):
    limits: list[SpendLimit]
    names: tuple[Name, ...] = ()
    trouble: str = ""


async def load_limits(
    client: ApiClient, caches: Caches, *, now: datetime, progress: Progress | None = None
) -> LimitsAnswer:
    """Limits of the organisation, and of its projects that are not archived.

    A part that fails is told in ``statuses``: it costs neither the other nor any usage. Where those of the
    organisation are not to be had, projects are not asked for: they would fare no better.
    """
    watched = progress or Progress()
    told: dict[str, _Told | SourceError] = {}
    try:
        told[ORGANISATION] = _Told(await watched.count(fetch_limits(client)))
        told[PROJECTS] = await _of_projects(client, caches, watched)
    except SourceError as error:
        for part in (ORGANISATION, PROJECTS):
            told.setdefault(part, error)
    return LimitsAnswer(
        {part: _plain(one, now) for part, one in told.items()},
        tuple(name for one in told.values() if isinstance(one, _Told) for name in one.names),
        tuple(_status(part, one, now) for part, one in told.items()),
    )


async def _of_projects(client: ApiClient, caches: Caches, progress: Progress) -> _Told:
    key = (client.scope, "names", "projects")
    listed: Names = await caches.lookup(key, lambda: fetch_projects(client))
    current = [one for one in listed.project_ids if one not in listed.archived]
    asked = current[:MOST_PROJECTS]
    limits = await _at_once(progress.count(fetch_limits(client, one)) for one in asked)
    having = sorted({limit.project for limit in limits if limit.project})
    names = tuple(Name("project", one, listed.by_id["project", one]) for one in having)
    beyond = len(current) - len(asked)
    more = f"{counted(beyond, 'projects')} beyond the first {len(asked)} were not asked for."
    return _Told(limits, names, more if beyond else "")


async def _at_once(asked: Iterable[Awaitable[list[SpendLimit]]]) -> list[SpendLimit]:
    """All of them, or the first failure, which calls the others off."""

    async def answer(one: Awaitable[list[SpendLimit]]) -> list[SpendLimit]:
        return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(answer(one)) for one in asked]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [limit for task in tasks for limit in task.result()]


def _plain(told: _Told | SourceError, now: datetime) -> Mapping[str, Any]:
    at = now.isoformat()
    if isinstance(told, SourceError):
        return {"asked_at": at, "as_of": None, "limits": [], "trouble": told.detail}
    limits = [plain_limit(limit) for limit in told.limits]
    return {"asked_at": at, "as_of": at, "limits": limits, "trouble": told.trouble}


def _status(part: str, told: _Told | SourceError, now: datetime) -> SourceStatus:
    if isinstance(told, SourceError):
        detail = f"{told.detail} Usage and costs are not affected."
        return SourceStatus(NAME, part, "failed", None, None, detail, told.remedy)
    state: Any = "partial" if told.trouble else "ok"
    return SourceStatus(NAME, part, state, now, len(told.limits), told.trouble or None, moves=False)
