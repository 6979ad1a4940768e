"""Buckets of any platform that answers in whole stretches of time: a platform brings its fetch only.

A bucket comes from the cache where that is enough, from a request under way where somebody else asked
for it, and else from one request per gap.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from lib.cache import FINAL_AFTER, Bucket, Caches
from lib.errors import SourceError
from lib.loader.progress import Progress
from lib.periods import Period, bucket_starts, from_epoch, runs


class BucketSeries(Hashable, Protocol):
    """What a cached bucket belongs to: one question that is asked of every stretch of time."""

    @property
    def endpoint(self) -> str:
        """How the progress names it."""

    @property
    def width(self) -> str:
        """A key of ``periods.SECONDS``."""

    @property
    def step(self) -> int:
        """Seconds per bucket."""

    @property
    def limit(self) -> int:
        """Buckets per request at the most."""


S = TypeVar("S", bound=BucketSeries)


@dataclass(frozen=True)
class FetchedBucket:
    """One bucket as the upstream gave it; start and end in Unix seconds, see ``Bucket``."""

    start: int
    end: int
    rows: int
    columns: dict[str, list[Any]]
    dropped: tuple[str, ...] = ()


Fetch = Callable[[S, int, int], Awaitable[Iterable[FetchedBucket]]]
"""Asks for the buckets of [start, end), at most ``limit`` of them; raises a SourceError."""


Kept = Callable[[S, list[int]], Awaitable[dict[int, Bucket]]]
"""Final buckets, of those that start then, which need not be asked for."""


@dataclass(frozen=True)
class SeriesAnswer(Generic[S]):
    """The buckets of one series, what failed, and which bucket starts nobody answered for."""

    series: S
    buckets: list[Bucket]
    errors: list[SourceError]
    missing: list[int]

    @property
    def rows(self) -> int:
        return sum(bucket.rows for bucket in self.buckets)

    @property
    def as_of(self) -> datetime | None:
        """When the oldest bucket that may still change was fetched; of all, where none may."""
        young = [bucket for bucket in self.buckets if not bucket.final]
        return min((bucket.fetched_at for bucket in young or self.buckets), default=None)

    @property
    def moves(self) -> bool:
        """Whether any bucket may be another when it is asked for again."""
        return any(not bucket.final for bucket in self.buckets)

    def left_out(self, now: datetime) -> list[int]:
        """The missing buckets that are over; one that still runs may be absent."""
        return [start for start in self.missing if start + self.series.step <= now.timestamp()]


@dataclass(frozen=True)
class BucketLoad(Generic[S]):
    """One load: who is asked, what is known already, when, and who watches.

    Args:
        scope: fingerprint of address and credential; nobody else is given these buckets.
        kept: what is asked before the upstream, if there is anything.
    """

    scope: str
    caches: Caches
    now: datetime
    progress: Progress
    fetch: Fetch[S]
    kept: Kept[S] | None = None

    async def series(self, series: S, period: Period) -> SeriesAnswer[S]:
        """All buckets of a period up to the one that runs. A window that fails costs its buckets only."""
        starts = bucket_starts(
            period.start_epoch, _end(period, series.step, self.now), series.width
        )
        buckets = await self._from_kept(series, starts)
        flights: dict[asyncio.Task[dict[int, Bucket]], None] = {}
        gaps: list[int] = []
        for start in starts:
            key = self._key(series, start)
            if start in buckets:
                continue
            if bucket := self.caches.usable_bucket(key, self.now):
                buckets[start] = bucket
            elif flight := self.caches.flights.current(key):
                flights[flight] = None
            else:
                gaps.append(start)
        for first, end in runs(gaps, series.step, series.limit):
            keys = [self._key(series, start) for start in range(first, end, series.step)]
            flights[self.caches.flights.start([*keys], self._window(series, first, end))] = None
        errors: list[SourceError] = []

        async def join(flight: asyncio.Task[dict[int, Bucket]]) -> None:
            try:
                answer = self.progress.count(self.caches.flights.join(flight))
                buckets.update(await answer)
            except SourceError as error:
                errors.append(error)

        async with asyncio.TaskGroup() as group:
            for flight in flights:
                group.create_task(join(flight))
        if any(flight.cancelled() for flight in flights):
            # Its last other passenger got off just as we came: it never arrives, so ask anew.
            return await self.series(series, period)
        return SeriesAnswer(
            series,
            [buckets[start] for start in starts if start in buckets],
            errors,
            [start for start in starts if start not in buckets],
        )

    async def _from_kept(self, series: S, starts: Iterable[int]) -> dict[int, Bucket]:
        """What need not be asked for because it was kept, and is in no cache."""
        if self.kept is None:
            return {}
        keys = {start: self._key(series, start) for start in starts}
        gaps = [start for start, key in keys.items() if not self._is_known(key)]
        if not gaps:
            return {}
        generation = self.caches.generation
        buckets = await self.kept(series, gaps)
        for start, bucket in buckets.items():
            self.caches.keep_bucket(keys[start], bucket, generation)
        return buckets

    def _is_known(self, key: Hashable) -> bool:
        usable = self.caches.usable_bucket(key, self.now) is not None
        return usable or self.caches.flights.current(key) is not None

    def _key(self, series: S, start: int) -> Hashable:
        return self.scope, series, start

    def _window(
        self, series: S, start: int, end: int
    ) -> Callable[[], Awaitable[dict[int, Bucket]]]:
        """Fetches one window into the cache; the buckets also go straight to those who wait."""
        generation = self.caches.generation

        async def fetch() -> dict[int, Bucket]:
            buckets = {}
            for fetched in await self.fetch(series, start, end):
                bucket = Bucket(
                    fetched.start,
                    fetched.rows,
                    fetched.columns,
                    self.now,  # when it was asked for: an answer is no older than that
                    self.now - from_epoch(fetched.end) > FINAL_AFTER,
                    fetched.dropped,
                )
                self.caches.keep_bucket(self._key(series, fetched.start), bucket, generation)
                buckets[fetched.start] = bucket
            return buckets

        return fetch


def _end(period: Period, step: int, now: datetime) -> int:
    """The end of the last bucket worth asking for: the one that now lies in, at the latest."""
    seconds = int(now.timestamp())
    return min(period.end_epoch, seconds - seconds % step + step)
