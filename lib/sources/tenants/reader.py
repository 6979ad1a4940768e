"""Reads the counters: one pass over the keys, then their values in bounded, parallel chunks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from redis.asyncio import Redis, RedisCluster

from lib.sources.tenants.failures import LIBRARY_ERRORS, translate
from lib.sources.tenants.frames import Chunk, Collected, Counters, ambiguous_counters
from lib.sources.tenants.keys import (
    Unreadable,
    candidate_keys,
    month_of,
    months_between,
    periods_in,
    read_name,
    read_period,
    split_key,
)
from lib.sources.tenants.tables import METRICS, PREFIX

__all__ = ["Client", "Counters", "Watch", "ambiguous_counters", "fetch_counters"]

Client = Redis | RedisCluster
Watch = Callable[[int, int, str], None]

CHUNK = 1_000
"""Keys of one MGET, and of one SCAN: the server is held up for less than a millisecond by each."""

CLUSTER_CHUNK = 5_000
"""Keys of one question to a cluster, which the library divides into many small ones by slot."""

FEW_CANDIDATES = 20_000
"""Up to here guessing the keys of named tenants is cheaper than a pass over all keys."""


async def fetch_counters(
    client: Client,
    *,
    first_month: str,
    last_month: str,
    tenants: tuple[str, ...] = (),
    max_parallel: int = 4,
    progress: Watch | None = None,
) -> Counters:
    """Every counter whose period starts in one of the months.

    A few named tenants are asked for by the keys their counters of the known metrics can have: a
    metric unknown to ``METRICS`` and an unreadable key cannot be seen that way. For many named
    tenants all keys are passed over, as for all tenants, and both are seen.

    Args:
        client: of this event loop, made with ``decode_responses=False``; stays open.
        first_month: ``2025-09``; last_month: the same form, included.
        tenants: ids; empty means all.
        max_parallel: questions for values in flight at the most.
        progress: told chunks answered, chunks known so far, and what was read last.

    Raises:
        SourceDenied, SourceUnavailable, SourceReplyError: with the remedy; nothing is given then.
    """
    months = months_between(first_month, last_month)
    reading = _Reading(client, frozenset(months), frozenset(tenants), progress)
    candidates = len(tenants) * len(METRICS) * sum(1 for _ in periods_in(months))
    few = bool(tenants) and candidates <= FEW_CANDIDATES
    chunks = reading.guessed_chunks(tenants, months) if few else reading.scanned_chunks()
    try:
        await _in_parallel(chunks, reading.read, max(1, max_parallel))
    except BaseExceptionGroup as group:
        error = _first_of(group)
        if isinstance(error, LIBRARY_ERRORS):
            raise translate(error) from error
        raise error from None
    return reading.collected.frames()


async def _in_parallel(
    chunks: AsyncIterator[Chunk], read: Callable[[Chunk], Any], workers: int
) -> None:
    """Reads each chunk by one of so many workers; the queue keeps the pass from running ahead."""
    queue: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=2 * workers)

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
    """One reading: who is asked, for which months and tenants, and what has come."""

    client: Client
    months: frozenset[str]
    tenants: frozenset[str]
    progress: Watch | None
    collected: Collected = field(default_factory=Collected)
    _asked: int = 0
    _answered: int = 0

    async def scanned_chunks(self) -> AsyncIterator[Chunk]:
        """Keys of the months, found by one pass over all keys (all primaries of a cluster)."""
        size, chunk = self._size, Chunk()
        add = self._adder()
        async for keys in self._pages():
            self.collected.scanned += len(keys)
            for key in keys:
                add(chunk, key)
                if len(chunk.keys) >= size:
                    yield self._known(chunk)
                    chunk = Chunk()
        if chunk.keys:
            yield self._known(chunk)

    async def _pages(self) -> AsyncIterator[list[bytes]]:
        """All keys of the counters, as many together as SCAN gives."""
        if isinstance(self.client, RedisCluster):
            async for key in self.client.scan_iter(match=f"{PREFIX}*", count=CHUNK):
                yield [key]
            return
        cursor = 0
        while True:
            cursor, keys = await self.client.scan(cursor, match=f"{PREFIX}*", count=CHUNK)
            yield cast("list[bytes]", keys)
            if not cursor:
                return

    async def guessed_chunks(
        self, tenants: tuple[str, ...], months: list[str]
    ) -> AsyncIterator[Chunk]:
        """Keys that counters of the tenants can have."""
        add = self._adder()
        keys = candidate_keys(tenants, METRICS, months)
        for some in _batches(keys, self._size):
            self.collected.scanned += len(some)
            chunk = Chunk()
            for key in some:
                add(chunk, key)
            yield self._known(chunk)

    async def read(self, chunk: Chunk) -> None:
        """Asks for the values of a chunk; looks again at those that are missing."""
        missing = self.collected.add_values(chunk, await self._values(chunk.keys))
        if missing:
            await self._look_again(chunk, missing)
        self._answered += 1
        if self.progress:
            self.progress(self._answered, self._asked, f"{self.collected.counted:,} counters")

    async def _look_again(self, chunk: Chunk, missing: list[int]) -> None:
        """MGET says nothing about a key of another type: only TYPE tells it from an expired one."""
        # Not a transaction: MULTI is not among the rights of a user who only reads.
        pipeline = self.client.pipeline(transaction=False)
        for index in missing:
            pipeline.type(chunk.keys[index])
        kinds = cast("list[bytes]", await pipeline.execute())
        for index, kind in zip(missing, kinds, strict=True):
            if kind == b"string":  # written since: by now it has a value
                one = Chunk(*([column[index]] for column in _columns(chunk)))
                self.collected.add_values(one, await self._values(one.keys))
            elif kind != b"none":
                problem = f"a {kind.decode('ascii', 'replace')}, not a counter"
                self.collected.add_bad_value(chunk, index, problem, None)

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

    def _adder(self) -> Callable[[Chunk, bytes], None]:
        """Adds a key to a chunk if it is of the months and tenants, or lists it as bad.

        Bytes seen before are not read again: 480,000 keys have few different parts.
        """
        collected = self.collected
        tenant_codes: dict[bytes, int] = {}
        metric_codes: dict[bytes, int] = {}
        period_codes: dict[bytes, int] = {}

        def learn(tenant: bytes, metric: bytes, period: bytes) -> None:
            if period not in period_codes:
                text = read_period(period)
                inside = month_of(text) in self.months
                period_codes[period] = collected.periods.code(text) if inside else -1
            if period_codes[period] < 0:
                return
            if tenant not in tenant_codes:
                name = read_name(tenant)
                wanted = not self.tenants or name in self.tenants
                tenant_codes[tenant] = collected.tenants.code(name) if wanted else -1
            if metric not in metric_codes:
                metric_codes[metric] = collected.metrics.code(read_name(metric))

        def add(chunk: Chunk, key: bytes) -> None:
            period = b""
            try:
                tenant, metric, period = split_key(key)
                if not (
                    tenant in tenant_codes and metric in metric_codes and period in period_codes
                ):
                    learn(tenant, metric, period)
            except Unreadable as problem:
                collected.add_bad_key(
                    key, str(problem), period.decode() if period in period_codes else ""
                )
                return
            code = period_codes[period]
            if code < 0 or tenant_codes[tenant] < 0:
                return
            chunk.keys.append(key)
            chunk.tenants.append(tenant_codes[tenant])
            chunk.metrics.append(metric_codes[metric])
            chunk.periods.append(code)

        return add


def _columns(chunk: Chunk) -> tuple[list[Any], ...]:
    return chunk.keys, chunk.tenants, chunk.metrics, chunk.periods


def _batches(keys: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while some := list(islice(keys, size)):
        yield some
