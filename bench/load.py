"""Ninety days from a cold cache: how many requests, and how long against two rivals."""

import asyncio
import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx

from bench.rivals import OneByOne, bare_client, fetch_bare
from bench.standin import HEADERS, Counting, Request, StandIn, connected, stand_in
from bench.table import Row, at_least, at_most, equal, info, rounds, spread
from lib.cache import Caches
from lib.loader.openai import load_openai
from lib.periods import Period
from lib.sources.openai.query import OpenAIQuery

ENDPOINTS = (
    "completions",
    "embeddings",
    "moderations",
    "images",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "code_interpreter_sessions",
)
DAYS = 90
LATENCY_SECONDS = 0.05
FAR_SECONDS = 0.3
MOST_DAYS_PER_PAGE = 31
MOST_ITEMS_PER_PAGE = 100


def ninety_days(today: datetime) -> OpenAIQuery:
    """The eight endpoints and costs, by day, grouped as usual."""
    until = today.date()
    period = Period(until - timedelta(days=DAYS - 1), until)
    return OpenAIQuery(period, endpoints=(*ENDPOINTS, "costs"))


def measure_load() -> Iterator[Row]:
    query = ninety_days(datetime.now(UTC))
    with stand_in(LATENCY_SECONDS) as where:
        asyncio.run(_ours(where, query))  # the stand-in writes its days once
        _, requests = asyncio.run(_ours(where, query))
        series = _series(requests)
        loop = _one_by_one(where, series)
        ours, bare = asyncio.run(_alternate(where, query, requests))
        near = []
        slow = [loop[0]]
        for _ in range(rounds(2)):
            seconds, _ = asyncio.run(_ours(where, query))
            near.append(slow[-1] / seconds)
            slow.append(_one_by_one(where, series)[0])
        least = len(ENDPOINTS) * math.ceil(DAYS / MOST_DAYS_PER_PAGE)
        names = sum(max(1, math.ceil(n / MOST_ITEMS_PER_PAGE)) for n in loop[2].values())
        yield equal(
            "90 days, cold: requests",
            len(requests),
            least + 1 + names,
            f"{least} usage, 1 costs, {names} look-ups",
        )
        yield at_most(
            "90 days, cold: time against a bare script that sends the same",
            [one / other for one, other in zip(ours, bare, strict=True)],
            1.5,
            " times",
        )
        yield at_least("90 days, cold: times faster than cursors one by one", near, 2)
    with stand_in(FAR_SECONDS) as where:
        asyncio.run(_ours(where, query))
        far = [asyncio.run(_ours(where, query))[0] for _ in range(rounds(3))]
        far_slow = _one_by_one(where, series)[0]
        yield at_least(
            "the same at 300 ms latency: times faster", [far_slow / seconds for seconds in far], 5
        )
    yield info("seconds: the dashboard's loader at 50 ms", spread(ours, " s"))
    yield info("seconds: the bare script at 50 ms", spread(bare, " s"))
    yield info(f"seconds: cursors one by one at 50 ms ({loop[1]} requests)", spread(slow, " s"))
    yield info("seconds: the loader at 300 ms", spread(far, " s"))
    yield info("seconds: cursors one by one at 300 ms", f"{far_slow:.1f} s (1 run)")


async def _ours(where: StandIn, query: OpenAIQuery) -> tuple[float, list[Request]]:
    """Seconds of a load from an empty cache over fresh connections, and its requests."""
    transport = Counting()
    async with connected(where, transport) as client:
        start = time.perf_counter()
        answer = await load_openai(client, Caches(), query, now=datetime.now(UTC))
        seconds = time.perf_counter() - start
    assert len(answer.usage) > 1_000
    assert all(status.status == "ok" for status in answer.statuses)
    return seconds, transport.seen


async def _alternate(
    where: StandIn, query: OpenAIQuery, requests: list[Request], pairs: int = 15
) -> tuple[list[float], list[float]]:
    """Seconds of the loader and of the bare script, in turns."""
    ours, bare = [], []
    for _ in range(rounds(pairs)):
        ours.append((await _ours(where, query))[0])
        async with bare_client(where) as client:
            start = time.perf_counter()
            frame = await fetch_bare(client, requests)
            bare.append(time.perf_counter() - start)
        assert len(frame) > 1_000
    return ours, bare


def _series(requests: list[Request]) -> list[Request]:
    """What the one-by-one script asks: the loader's groupings over the whole range, no limit."""
    whole: dict[str, dict[str, int]] = {}
    groupings: dict[str, list[tuple[str, str]]] = {}
    for path, pairs in requests:
        values = dict(pairs)
        if "start_time" not in values:
            continue
        tail = path.removeprefix("/v1")
        span = whole.setdefault(tail, {"start_time": 2**40, "end_time": 0})
        span["start_time"] = min(span["start_time"], int(values["start_time"]))
        span["end_time"] = max(span["end_time"], int(values["end_time"]))
        groupings[tail] = [pair for pair in pairs if pair[0] == "group_by[]"]
    return [
        (path, (*((name, str(at)) for name, at in span.items()), *groupings[path]))
        for path, span in whole.items()
    ]


def _one_by_one(where: StandIn, series: list[Request]) -> tuple[float, int, dict[str, int]]:
    """Seconds, number of requests, and items by look-up."""
    with httpx.Client(base_url=where.base_url, headers=HEADERS, timeout=120) as client:
        script = OneByOne(client)
        start = time.perf_counter()
        frame = script.fetch(series)
        seconds = time.perf_counter() - start
    assert len(frame) > 1_000
    return seconds, script.requests, script.items
