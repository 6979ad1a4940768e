"""An answer of 100,000 rows, from the stand-in inside this process."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx

from bench.standin import Counting, StandIn, connected
from lib.cache import Caches
from lib.demo.openai_server import create_openai_app
from lib.loader.openai import load_openai
from lib.periods import Period
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import OpenAIQuery

ROWS = 100_000
HOURLY_DAYS = 165
"""So many days by the hour are a little over 100,000 rows of the made-up organisation."""


def hourly(now: datetime, days: int = HOURLY_DAYS) -> OpenAIQuery:
    """All endpoints and costs by the hour."""
    until = now.date()
    return OpenAIQuery(Period(until - timedelta(days=days - 1), until), width="1h")


async def load_rows(caches: Caches, query: OpenAIQuery) -> OpenAIAnswer:
    """All there is in the period, over no network."""
    transport = Counting(httpx.ASGITransport(app=create_openai_app()))
    async with connected(StandIn("http://bench.localhost/v1", 0), transport) as client:
        return await load_openai(client, caches, query, now=datetime.now(UTC))


async def load_exactly(rows: int, query: OpenAIQuery) -> OpenAIAnswer:
    """The same, its usage cut to so many rows."""
    answer = await load_rows(Caches(), query)
    assert len(answer.usage) >= rows, f"{len(answer.usage):,} rows are too few"
    return replace(answer, usage=answer.usage.head(rows))
