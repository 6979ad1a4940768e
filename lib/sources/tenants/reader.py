"""Reads the counters: one pass over the keys, then their values in bounded, parallel chunks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis, RedisCluster

from lib.errors import SourceUnavailable
from lib.sources.tenants.chunks import Chunk
from lib.sources.tenants.failures import LIBRARY_ERRORS, NAME, translate
from lib.sources.tenants.frames import Collected, Counters
from lib.sources.tenants.keys import months_between
from lib.sources.tenants.tables import PREFIX
from lib.sources.tenants.watched import watched

__all__ = ["Client", "Counters", "Watch", "check_rights", "fetch_counters"]

Client = Redis | RedisCluster
Watch = Callable[[int, int], None]

CHUNK = 1_000
"""Keys of one MGET, and of one SCAN: the server is held up for less than a millisecond by each."""

WAITING = 128
"""Chunks that may wait for a worker: the search for keys does not pause for their values."""

SWEEP = 1_000
"""Keys that are read at once: few enough not to hold up other sessions."""

TRIES = 3
"""A reading during which a server was started anew is thrown away; so often it is begun."""

CLUSTER_CHUNK = 5_000
"""Keys of one question to a cluster, which the library divides into many small ones by slot."""


async def fetch_counters(
    client: Client,
    *,
    first_month: str,
    last_month: str,
    further: Collection[str] = (),
    tenants: tuple[str, ...] = (),
    max_parallel: int = 4,
    progress: Watch | None = None,
    place: str = "",
) -> Counters:
    """Every counter whose period starts in one of the months.

    All keys are passed over for named tenants, too: guessed keys would miss the metrics that nobody
    documented and the keys that cannot be read.

    Args:
        client: of this event loop, made with ``decode_responses=False``; stays open.
        first_month: ``2025-09``; last_month: the same form, included.
        further: months to compare with, read in the same pass.
        tenants: ids; empty means all.
        max_parallel: questions for values in flight at the most.
        progress: told chunks answered, and chunks known so far.
        place: where Redis is, for errors.

    Raises:
        SourceDenied, SourceUnavailable, SourceReplyError: with the remedy; nothing is given then.
    """
    months = {*months_between(first_month, last_month), *further}
    for _ in range(TRIES):
        collected = Collected(frozenset(months), frozenset(tenants))
        reading = _Reading(client, collected, progress)
        try:
            async with watched(client) as unbroken:
                await _in_parallel(reading.scanned_chunks(), reading.read, max(1, max_parallel))
                if await unbroken():
                    return collected.frames()
        except BaseExceptionGroup as group:
            error = _first_of(group)
            if isinstance(error, LIBRARY_ERRORS):
                raise translate(error, place) from error
            raise error from None
        except LIBRARY_ERRORS as error:
            raise translate(error, place) from error
    raise SourceUnavailable(
        NAME, "Redis was started anew each time it was read.", "Try again once it stays up."
    )


async def check_rights(client: Client, place: str = "") -> None:
    """Asks once for each thing that reading needs; keeps nothing.

    Args:
        place: where Redis is, for errors.

    Raises:
        SourceDenied, SourceUnavailable, SourceReplyError: with the remedy.
    """
    key = f"{PREFIX}check:requests:2000-01"
    try:
        await client.scan(0, match=f"{PREFIX}*", count=1)
        await client.mget([key])
        await client.type(key)
    except LIBRARY_ERRORS as error:
        raise translate(error, place) from error


async def _in_parallel(
    chunks: AsyncIterator[Chunk], read: Callable[[Chunk], Any], workers: int
) -> None:
    """Reads each chunk by one of so many workers; the queue keeps the pass from running ahead."""
    queue: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=WAITING)

    async def work() -> None:
        while (chunk := await queue.get()) is not None:
            await read(chunk)
            _stop_if_cancelled(0)

    earlier = _cancellations()
    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())
        async for chunk in chunks:
            _stop_if_cancelled(earlier)
            await queue.put(chunk)
        _stop_if_cancelled(earlier)
        for _ in range(workers):
            await queue.put(None)


def _cancellations() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _stop_if_cancelled(earlier: int) -> None:
    """redis-py loses a cancellation that meets an arriving answer: without this nobody would stop."""
    if _cancellations() > earlier:
        raise asyncio.CancelledError


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the work; workers that failed together failed alike."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@dataclass
class _Reading:
    """One reading: who is asked, and what has come."""

    client: Client
    collected: Collected
    progress: Watch | None
    _asked: int = 0
    _answered: int = 0

    async def scanned_chunks(self) -> AsyncIterator[Chunk]:
        """Keys of the months, found by one pass over all keys (all primaries of a cluster)."""
        size, waiting = self._size, Chunk.of()
        async for keys in self._pages():
            self.collected.scanned += len(keys)
            waiting += self.collected.keys.take(keys)
            while len(waiting.keys) >= size:
                yield self._known(waiting[:size])
                waiting = waiting[size:]
        if waiting.keys:
            yield self._known(waiting)

    async def _pages(self) -> AsyncIterator[list[bytes]]:
        """All keys of the counters, a good many at a time."""
        waiting: list[bytes] = []
        async for keys in self._scans():
            waiting += keys
            if len(waiting) >= SWEEP:
                yield waiting
                waiting = []
        yield waiting

    async def _scans(self) -> AsyncIterator[list[bytes]]:
        """All keys of the counters, as many together as the library gives."""
        if isinstance(self.client, RedisCluster):
            async for key in self.client.scan_iter(match=f"{PREFIX}*", count=CHUNK):
                yield [key]
            return
        cursor, ahead = 0, self._scan(0)
        try:
            while True:
                cursor, keys = await ahead
                if cursor:
                    # Asked for before this page is read: the server searches meanwhile.
                    ahead = self._scan(cursor)
                    await asyncio.sleep(0)
                yield keys
                if not cursor:
                    return
        finally:
            ahead.cancel()

    def _scan(self, cursor: int) -> asyncio.Task[tuple[int, list[bytes]]]:
        asked = self.client.scan(cursor, match=f"{PREFIX}*", count=CHUNK)
        return asyncio.ensure_future(cast("Awaitable[tuple[int, list[bytes]]]", asked))

    async def read(self, chunk: Chunk) -> None:
        """Asks for the values of a chunk; looks again at those that are missing."""
        missing = self.collected.add_values(chunk, await self._values(chunk.keys))
        if missing:
            await self._look_again(chunk, missing)
        self._answered += 1
        if self.progress:
            self.progress(self._answered, self._asked)

    async def _look_again(self, chunk: Chunk, missing: list[int]) -> None:
        """MGET says nothing about a key of another type: only TYPE tells it from an expired one."""
        # Not a transaction: MULTI is not among the rights of a user who only reads.
        pipeline = self.client.pipeline(transaction=False)
        for index in missing:
            pipeline.type(chunk.keys[index])
        kinds = cast("list[bytes]", await pipeline.execute())
        for index, kind in zip(missing, kinds, strict=True):
            if kind == b"string":  # written since: by now it has a value
                single = chunk[index : index + 1]
                self.collected.add_values(single, await self._values(single.keys))
            elif kind != b"none":
                problem = f"a {kind.decode('ascii', 'replace')}, not a counter"
                self.collected.add_bad_value(chunk.keys[index], problem, None)

    async def _values(self, keys: list[bytes]) -> list[bytes | None]:
        if isinstance(self.client, RedisCluster):
            return cast("list[bytes | None]", await self.client.mget_nonatomic(keys))
        return cast("list[bytes | None]", await self.client.mget(keys))

    @property
    def _size(self) -> int:
        return CLUSTER_CHUNK if isinstance(self.client, RedisCluster) else CHUNK

    def _known(self, chunk: Chunk) -> Chunk:
        self._asked += 1
        return chunk
