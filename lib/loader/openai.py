"""Usage, costs and names of an OpenAI organisation, from the cache where that is enough."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pandas as pd
from pydantic import SecretStr

from lib.api_client import ApiClient, Retry
from lib.cache import Bucket, Caches
from lib.errors import SourceError, SourceRefused
from lib.loader.buckets import BucketLoad, FetchedBucket, SeriesAnswer
from lib.loader.openai_filters import check_filters
from lib.loader.openai_status import cost_notes, directory_statuses, series_status
from lib.loader.progress import Progress
from lib.periods import EARLIEST, Period, from_epoch
from lib.settings.keys import account_of
from lib.sources.openai import NAME
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import costs_frame, usage_frame
from lib.sources.openai.names import Directory, Names, fetch_directory, fetch_projects
from lib.sources.openai.query import OpenAIQuery
from lib.sources.openai.tables import (
    COSTS,
    COSTS_BY_USER,
    COSTS_WIDTH,
    DELETED,
    ENDPOINTS,
    UNKNOWN,
    Kind,
)
from lib.sources.openai.usage import Series, fetch_window, refused_dimension
from lib.status import SourceStatus

if TYPE_CHECKING:
    from lib.ledger.store import Ledger
    from lib.loader.openai_kept import KeptDays

_KINDS: dict[str, Kind] = {"project_id": "project", "user_id": "user", "api_key_id": "api_key"}


def connect_openai(
    base_url: str,
    key: SecretStr,
    *,
    organisation: str = "",
    transport: httpx.AsyncBaseTransport | None = None,
    retry: Retry | None = None,
) -> ApiClient:
    """A client for one OpenAI organisation; to be made on the event loop that will use it.

    Args:
        organisation: its id; OpenAI refuses a key that is another's.
    """
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
    if organisation:
        headers["OpenAI-Organization"] = organisation
    return ApiClient(
        NAME,
        base_url,
        headers,
        set_by="OPENAI_BASE_URL",
        organisation=organisation,
        transport=transport,
        retry=retry,
    )


async def load_openai(
    client: ApiClient,
    caches: Caches,
    query: OpenAIQuery,
    *,
    now: datetime,
    progress: Progress | None = None,
    ledger: "Ledger | None" = None,
) -> OpenAIAnswer:
    """Usage, costs and names of a period, and of the one it is compared with.

    Everything is asked at once; the client bounds what is in flight. A source that fails is listed
    in ``statuses`` beside the data of the others.

    Args:
        ledger: that keeps this organisation's days: those that change no more are not asked for, and
            names that OpenAI no longer lists are known.

    Raises:
        SourceError: every source failed.
        InputError: a filter names what OpenAI neither lists nor has usage of.
    """
    kept = _kept_days(ledger, client, caches)
    load = _Load(client, caches, now, progress or Progress(), kept)
    names = asyncio.create_task(load.directory())  # one for both periods
    before = (
        asyncio.create_task(load.compared(query, query.before, names)) if query.before else None
    )
    try:
        answer = await load.period(query, query.period, names)
        earlier = await before if before else None
    finally:
        names.cancel()
        if before:
            before.cancel()
    if isinstance(earlier, SourceError):
        failed = SourceStatus(
            NAME, "compared_period", "failed", detail=earlier.detail, remedy=earlier.remedy
        )
        answer = replace(answer, statuses=(*answer.statuses, failed))
    else:
        answer = replace(answer, previous=earlier)
    answer = check_filters(query, answer, names.result())
    if answer.is_empty and not query.filtered_dimensions() and COSTS in query.endpoints:
        answer = replace(answer, days_nearby=await load.days_nearby(query.period))
    return answer


@dataclass(frozen=True)
class _Load:
    """One load: who is asked, what is known already, when, and who watches."""

    client: ApiClient
    caches: Caches
    now: datetime
    progress: Progress
    kept: "KeptDays | None" = None

    async def period(
        self, query: OpenAIQuery, period: Period, names: asyncio.Task[Directory]
    ) -> OpenAIAnswer:
        """All sources of one period at once; the names come from a task that periods share."""
        async with asyncio.TaskGroup() as group:
            # Costs first: the largest reply is then read while the others are still on their way.
            costs = group.create_task(self._costs(query, period))
            usage = [
                group.create_task(self._series(_usage_series(query, name), period))
                for name in query.endpoints
                if name in ENDPOINTS
            ]
        answers = [task.result() for task in usage]
        cost, by_user = costs.result()
        directory = await names
        asked = [*answers, *filter(None, (cost, by_user))]
        statuses = [series_status(answer, self.now).status for answer in asked]
        errors = [error for answer in asked for error in answer.errors]
        if errors and "failed" in statuses and {*statuses} <= {"failed", "skipped"}:
            # A wrong key fails everywhere alike: one error says it better than twelve sources.
            raise errors[0]
        frame = usage_frame((answer.series.endpoint, answer.buckets) for answer in answers)
        cost_frame = costs_frame(cost.buckets) if cost and cost.buckets else None
        user_frame = costs_frame(by_user.buckets) if by_user and by_user.buckets else None
        return OpenAIAnswer(
            frame,
            cost_frame,
            user_frame,
            self._names_in([frame, cost_frame, user_frame], directory),
            (
                *(series_status(answer, self.now) for answer in answers),
                *((series_status(cost, self.now),) if cost else ()),
                *((series_status(by_user, self.now, COSTS_BY_USER),) if by_user else ()),
                *directory_statuses(directory, self.now),
            ),
            tuple(cost_notes(cost, by_user)),
            self.client.host,
            organisation=self.client.organisation,
            projects=frozenset(one for kind, one in directory.names if kind == "project"),
        )

    async def compared(
        self, query: OpenAIQuery, before: Period, names: asyncio.Task[Directory]
    ) -> OpenAIAnswer | SourceError:
        """The period compared with; its failure costs the comparison only."""
        try:
            return await self.period(query, before, names)
        except SourceError as error:
            return error

    async def days_nearby(self, period: Period) -> tuple[date, ...]:
        """The last day before and the first after that cost anything, as far as one request each tells."""
        series = Series(COSTS, (), COSTS_WIDTH)
        day, far, today = timedelta(days=1), timedelta(days=series.limit), self.now.date()
        first, last = max(EARLIEST, period.start - far), min(today, period.end + far)
        sides = [(first, period.start - day, max), (period.end + day, last, min)]
        days = []
        for start, end, closest in sides:
            if start <= end:
                answer = await self._series(series, Period(start, end))
                starts = [bucket.start for bucket in answer.buckets if bucket.rows]
                days += [from_epoch(closest(starts)).date()] if starts else []
        return tuple(days)

    async def _series(self, series: Series, period: Period) -> SeriesAnswer[Series]:
        load = BucketLoad(
            self.client.scope,
            self.caches,
            self.now,
            self.progress,
            self._window,
            self._kept_buckets if self.kept else None,
        )
        return await load.series(series, period)

    async def _kept_buckets(self, series: Series, starts: Sequence[int]) -> dict[int, Bucket]:
        assert self.kept is not None  # else nobody is given this
        return await self.kept.buckets(series, starts, self._projects)

    async def _projects(self) -> Sequence[str]:
        """Of the organisation, used or not, as the directory looks them up; none where that fails."""
        try:
            listed = await self._looked_up("projects", lambda: fetch_projects(self.client))
        except SourceError:
            return ()
        return listed.project_ids

    async def _window(self, series: Series, start: int, end: int) -> list[FetchedBucket]:
        return [
            FetchedBucket(parsed.start, parsed.end, parsed.rows, parsed.columns, window.dropped)
            for window in await fetch_window(self.client, series, start, end)
            for parsed in window.buckets
        ]

    async def _costs(
        self, query: OpenAIQuery, period: Period
    ) -> tuple[SeriesAnswer[Series] | None, SeriesAnswer[Series] | None]:
        """Costs in one series, or in two where OpenAI refuses users and projects at once."""
        if COSTS not in query.endpoints:
            return None, None
        whole = Series(COSTS, query.costs_grouping(), COSTS_WIDTH)
        refused = (self.client.scope, "refuses users with projects", whole)
        generation = self.caches.generation
        if refused not in self.caches.lookups:
            answer = await self._series(whole, period)
            if not any(_refuses_users(error, whole) for error in answer.errors):
                return answer, None
            if generation == self.caches.generation:
                self.caches.lookups[refused] = True
        async with asyncio.TaskGroup() as group:
            main = group.create_task(self._series(whole.without("user_id"), period))
            by_user = group.create_task(
                self._series(Series(COSTS, ("user_id",), COSTS_WIDTH), period)
            )
        return main.result(), by_user.result()

    async def directory(self) -> Directory:
        """All names, from the cache where it has them."""
        generation = self.caches.generation
        directory = await fetch_directory(self.client, self._looked_up)
        if self.kept is not None:
            for entry, name in (await self.kept.names()).items():
                self.caches.last_names.setdefault((self.client.scope, *entry), name)
        if generation == self.caches.generation:
            for entry, name in directory.names.items():
                self.caches.last_names[self.client.scope, *entry] = name
        return directory

    async def _looked_up(self, key: str, fetch: Callable[[], Awaitable[Names]]) -> Names:
        """Names, from the cache where it has them."""

        async def stamped() -> Names:
            fetched = await fetch()
            fetched.fetched_at = self.now
            return fetched

        looked_up = self.caches.lookup((self.client.scope, "names", key), stamped)
        names: Names = await self.progress.count(looked_up)
        return names

    def _names_in(
        self, frames: Iterable[pd.DataFrame | None], directory: Directory
    ) -> dict[tuple[Kind, str], str]:
        """A name for every id in the frames; one that vanished keeps its last known name and a mark.

        Where the look-up failed, an id without a name has none: whether it was deleted is not known.
        """
        names: dict[tuple[Kind, str], str] = {}
        for frame in frames:
            for column, kind in _KINDS.items():
                if frame is None or column not in frame:
                    continue
                for key in frame[column].dropna().unique():
                    last = self.caches.last_names.get((self.client.scope, kind, key))
                    if (kind, key) in directory.names:
                        names[kind, key] = directory.names[kind, key]
                    elif kind in directory.answered:
                        names[kind, key] = last + DELETED if last else key + UNKNOWN
                    elif last:
                        names[kind, key] = last
        return names


def _kept_days(ledger: "Ledger | None", client: ApiClient, caches: Caches) -> "KeptDays | None":
    if ledger is None:
        return None
    from lib.loader.openai_kept import KeptDays  # noqa: PLC0415  # only where there is a ledger

    return KeptDays(ledger, client.scope, account_of(client.host, client.organisation), caches)


def _usage_series(query: OpenAIQuery, name: str) -> Series:
    return Series(name, query.grouping(ENDPOINTS[name]), query.width)


def _refuses_users(error: SourceError, series: Series) -> bool:
    return isinstance(error, SourceRefused) and refused_dimension(error, series) == "user_id"
