"""A request that is cancelled, at whatever moment, gives its connection back."""

import asyncio
from contextlib import suppress

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from lib.api_client import ApiClient, Retry, Terms
from lib.errors import SourceUnavailable
from tests.support.servers import serve

LATENCY = 0.003
MOMENTS = 300
"""Spread over the life of a request and a little beyond."""


async def answer(_: Request) -> JSONResponse:
    await asyncio.sleep(LATENCY)
    return JSONResponse({"fine": True})


SERVER = Starlette(routes=[Route("/", answer)])


async def answers(client: ApiClient) -> bool:
    async with asyncio.timeout(10):
        reply = await client.get_json("/")
    return bool(reply["fine"])


async def test_cancelled_requests_leave_the_client_able_to_ask() -> None:
    with serve(SERVER) as url:
        # With one connection a single one that is lost shows at once
        client = ApiClient("openai", url, {}, concurrency=1)
        finished = 0
        for moment in range(MOMENTS):
            asked = asyncio.create_task(client.get_json("/"))
            await asyncio.sleep(moment / MOMENTS * 3 * LATENCY)
            asked.cancel()
            (outcome,) = await asyncio.gather(asked, return_exceptions=True)
            finished += not isinstance(outcome, BaseException)
            assert await answers(client)
        assert 0 < finished < MOMENTS, "else the moments are not spread over a request's life"
        await client.aclose()


@pytest.mark.parametrize("seconds", [0.0, LATENCY / 2, LATENCY, LATENCY * 1.3])
async def test_requests_that_were_not_answered_in_time_leave_the_client_able_to_ask(
    seconds: float,
) -> None:
    once = Retry(attempts=1)
    with serve(SERVER) as url:
        client = ApiClient("openai", url, {}, concurrency=1, retry=once)
        for _ in range(20):
            with suppress(SourceUnavailable):
                await client.get_bytes("/", terms=Terms(seconds=seconds))
            assert await answers(client)
        await client.aclose()
