"""Bounded caches with single flight; every key starts with the fingerprint of a credential."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cachetools import LRUCache, TLRUCache, TTLCache

FINAL_AFTER = timedelta(days=3)
"""Upstreams revise young buckets; one that ended this long before it was fetched does not change."""

OPEN_SECONDS = 60
"""How long a bucket that may still change is served without asking again, and a report to others."""

LOOKUP_SECONDS = 600
"""How long a list of names is served without asking again."""


@dataclass(frozen=True)
class Bucket:
    """What one upstream said of one stretch of time.

    Args:
        start: Unix seconds.
        rows: number of rows.
        columns: column name to its values, one per row; a column that is null throughout is left out.
        fetched_at: UTC.
        final: closed long enough before it was fetched that it will not change.
        dropped: groupings that were asked for and refused.
    """

    start: int
    rows: int
    columns: dict[str, list[Any]]
    fetched_at: datetime
    final: bool
    dropped: tuple[str, ...] = ()

    def usable(self, now: datetime) -> bool:
        """Whether it need not be asked for again.

        What was fetched well after ``now`` is of a clock that was put back since: it would stay young
        until then, or be final by that clock only.
        """
        age, young = now - self.fetched_at, timedelta(seconds=OPEN_SECONDS)
        return abs(age) < young or (self.final and age >= young)


@dataclass(frozen=True)
class Document:
    """One large reply that is kept as a whole.

    Args:
        size: about how many bytes it takes.
        seconds: how long it is served without asking again.
    """

    content: Any
    size: int
    seconds: float


class SingleFlight:
    """Callers who want the same thing at once share one task, which ends when the last one leaves."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        self._waiting: dict[asyncio.Task[Any], int] = {}

    def current(self, key: Hashable) -> "asyncio.Task[Any] | None":
        """The task under way for a key."""
        return self._flights.get(key)

    def start(
        self, keys: list[Hashable], fetch: Callable[[], Awaitable[Any]]
    ) -> "asyncio.Task[Any]":
        """Starts one task that serves all these keys."""

        async def run() -> Any:
            return await fetch()

        task = asyncio.create_task(run())
        self._waiting[task] = 0
        for key in keys:
            self._flights[key] = task

        def landed(done: "asyncio.Task[Any]") -> None:
            for key in keys:
                if self._flights.get(key) is done:
                    del self._flights[key]
            self._waiting.pop(done, None)
            if not done.cancelled():
                done.exception()  # whoever still waits has seen it; nobody else needs a warning

        task.add_done_callback(landed)
        return task

    def forget(self) -> None:
        """Nobody joins the tasks under way any more; those who wait already are left alone."""
        self._flights.clear()

    async def join(self, task: "asyncio.Task[Any]") -> Any:
        """The task's result; a caller who is cancelled leaves the task to those who still wait."""
        if task.done():  # it may have landed since the caller found it, and is counted no more
            return task.result()
        self._waiting[task] = self._waiting.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        finally:
            if not task.done():
                self._waiting[task] -= 1
                if self._waiting[task] == 0:
                    for key in [key for key, flight in self._flights.items() if flight is task]:
                        del self._flights[key]
                    task.cancel()


@dataclass
class Statistics:
    """Hits and misses since the last clearing, for people who look into the caches."""

    hits: int = 0
    misses: int = 0


class Caches:
    """All data kept between requests; lives on one event loop and needs no locks there.

    Args:
        rows: most rows kept over all buckets; about half a kilobyte each.
        names: most names kept.
        document_bytes: most bytes of documents kept.
    """

    def __init__(
        self, rows: int = 400_000, names: int = 50_000, document_bytes: int = 600_000_000
    ) -> None:
        self.buckets: LRUCache[Hashable, Bucket] = LRUCache(rows, getsizeof=lambda b: 1 + b.rows)
        self.lookups: TTLCache[Hashable, Any] = TTLCache(4_096, LOOKUP_SECONDS)
        self.last_names: LRUCache[Hashable, str] = LRUCache(names)
        self.documents: TLRUCache[Hashable, Document] = TLRUCache(
            document_bytes,
            ttu=lambda _key, document, now: now + document.seconds,
            getsizeof=lambda document: document.size,
        )
        self.flights = SingleFlight()
        self.statistics = Statistics()
        self.generation = 0

    def clear(self) -> None:
        """Forgets all data; requests under way go on, but what they bring is not kept or shared."""
        self.generation += 1
        self.flights.forget()
        self.buckets.clear()
        self.lookups.clear()
        self.documents.clear()
        self.last_names.clear()
        self.statistics = Statistics()

    def usable_bucket(self, key: Hashable, now: datetime) -> Bucket | None:
        """The kept bucket, unless it must be asked for again."""
        bucket = self.buckets.get(key)
        if bucket is not None and bucket.usable(now):
            self.statistics.hits += 1
            return bucket
        self.statistics.misses += 1
        return None

    def keep_bucket(self, key: Hashable, bucket: Bucket, generation: int | None = None) -> None:
        """Keeps a bucket; one larger than the whole cache is not kept.

        Args:
            generation: as it was when the bucket was asked for: one that was asked for before the
                last clearing is not kept.
        """
        fresh = generation is None or generation == self.generation
        if fresh and 1 + bucket.rows <= self.buckets.maxsize:
            self.buckets[key] = bucket

    async def lookup(self, key: Hashable, fetch: Callable[[], Awaitable[Any]]) -> Any:
        """A list of names, fetched at most once at a time; failures are not kept."""
        try:
            known = self.lookups[key]
        except KeyError:
            self.statistics.misses += 1
        else:
            self.statistics.hits += 1
            return known
        task = self.flights.current(key) or self.flights.start([key], fetch)
        generation = self.generation
        answer = await self.flights.join(task)
        if generation == self.generation:
            self.lookups[key] = answer
        return answer

    async def document(
        self, key: Hashable, fetch: Callable[[], Awaitable[Document]], *, anew: bool = False
    ) -> Any:
        """The content of a document, fetched at most once at a time.

        Failures are not kept, nor is one that is larger than all documents together may be.

        Args:
            anew: a kept one is dropped; one that is already on its way is shared all the same.
        """
        if anew:
            with suppress(KeyError):
                del self.documents[key]
        try:
            known = self.documents[key]
        except KeyError:
            self.statistics.misses += 1
        else:
            self.statistics.hits += 1
            return known.content
        task = self.flights.current(key) or self.flights.start([key], fetch)
        generation = self.generation
        fetched: Document = await self.flights.join(task)
        if generation == self.generation and fetched.size <= self.documents.maxsize:
            self.documents[key] = fetched
        return fetched.content
