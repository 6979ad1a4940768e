"""What a warm cache saves, and what many sessions cost that ask the same."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx

from bench.load import DAYS, ENDPOINTS, ninety_days
from bench.standin import Counting, Request, StandIn, connected
from bench.table import Row, equal, info
from lib.cache import FINAL_AFTER, Caches
from lib.demo.openai_server import create_openai_app
from lib.loader.openai import load_openai

SESSIONS = 20
DAY_SECONDS = 86_400


def measure_caching() -> Iterator[Row]:
    """In this process: only here can the stand-in's clock be moved."""
    yield from asyncio.run(_again_and_a_day_later())
    yield from asyncio.run(_many_at_once())


async def _again_and_a_day_later() -> list[Row]:
    now = datetime.now(UTC)
    app = create_openai_app()
    transport = Counting(httpx.ASGITransport(app=app))
    caches = Caches()
    async with connected(StandIn("http://bench.localhost/v1", 0), transport) as client:
        await load_openai(client, caches, ninety_days(now), now=now)
        first = len(transport.seen)
        transport.seen.clear()
        await load_openai(client, caches, ninety_days(now), now=now)
        again = len(transport.seen)
        transport.seen.clear()
        later = now + timedelta(days=1)
        app.state.now = lambda: later
        await load_openai(client, caches, ninety_days(later), now=later)
    asked = Counter(path.rsplit("/", 1)[-1] for path, _ in transport.seen)
    days = {start for request in transport.seen for start in _days(request)}
    wanted = _open_or_missing(now, later)
    return [
        equal("the same 90 days again: requests", again, 0),
        equal(
            "a day later: requests",
            len(transport.seen),
            len(ENDPOINTS) + 1,
            "one per endpoint and costs",
        ),
        equal(
            "a day later: days asked of each endpoint",
            len(days),
            len(wanted),
            "the new day and those that were still open",
        ),
        Row(
            "a day later: no other day is asked",
            f"{len(days - wanted)} others",
            "0",
            days == wanted and set(asked.values()) == {1},
        ),
        info("requests of the first load, for comparison", f"{first}, {DAYS} days each"),
    ]


def _days(request: Request) -> list[int]:
    values = dict(request[1])
    if "start_time" not in values:
        return []
    return list(range(int(values["start_time"]), int(values["end_time"]), DAY_SECONDS))


def _open_or_missing(fetched: datetime, later: datetime) -> set[int]:
    """Starts of the days up to ``later`` that had not ended three days before ``fetched``."""
    last = int(later.timestamp()) // DAY_SECONDS * DAY_SECONDS
    closed_at = (fetched - FINAL_AFTER).timestamp()
    starts = range(last - DAYS * DAY_SECONDS, last + 1, DAY_SECONDS)
    return {start for start in starts if start + DAY_SECONDS >= closed_at}


async def _many_at_once() -> list[Row]:
    now = datetime.now(UTC)
    query = ninety_days(now)
    app = create_openai_app()
    counts = []
    for sessions in (1, SESSIONS):
        transport = Counting(httpx.ASGITransport(app=app))
        caches = Caches()
        async with connected(StandIn("http://bench.localhost/v1", 0), transport) as client:
            answers = await asyncio.gather(
                *(load_openai(client, caches, query, now=now) for _ in range(sessions))
            )
        assert len({len(answer.usage) for answer in answers}) == 1
        counts.append(len(transport.seen))
    return [
        equal(
            f"{SESSIONS} sessions at once: requests", counts[1], counts[0], "those of one session"
        )
    ]
