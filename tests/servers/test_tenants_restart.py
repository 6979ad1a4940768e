"""A Redis that is stopped and started while it is read: all counters, never some of them."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from lib.sources.tenants.connect import connect, parse_endpoint
from lib.sources.tenants.reader import fetch_counters
from tests.support.redis_servers import Server, proxy_to, redis_binary, redis_server

KEYS = 200_000
HALF_WAY = 100
"""Searches for keys: they wait at about 130 of 200 while no value is answered."""


@contextmanager
def restarted(server: Server) -> Iterator[None]:
    """The same server again, with the data that it has kept."""
    with server.admin() as client:
        client.shutdown(save=True)
    command = [redis_binary(), "--bind", "127.0.0.1", "--port", str(server.port)]
    command += ["--dir", str(server.folder), "--unixsocket", f"{server.folder}/s"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while not _has_all(server):
                assert time.monotonic() < deadline
            yield
        finally:
            process.kill()


def _has_all(server: Server) -> bool:
    try:
        with server.admin() as client:
            return client.dbsize() == KEYS
    except (redis.ConnectionError, redis.BusyLoadingError):
        return False


def searches(server: Server) -> int:
    with server.admin() as client:
        return int(client.info("commandstats")["cmdstat_scan"]["calls"])


async def test_a_server_that_starts_anew_half_way_gives_all_counters() -> None:
    with redis_server() as server:
        with server.admin() as client:
            for first in range(0, KEYS, 10_000):
                numbers = range(first, first + 10_000)
                client.mset({f"usage:t{number}:requests:2026-10": 1 for number in numbers})
        async with proxy_to(server.port) as proxy:
            reader = await connect(parse_endpoint(proxy.url))
            proxy.holds = b"MGET"
            months = {"first_month": "2026-10", "last_month": "2026-10"}
            reading = asyncio.ensure_future(fetch_counters(reader, **months))
            await asyncio.wait_for(proxy.holding.wait(), 10)
            while searches(server) < HALF_WAY:
                await asyncio.sleep(0.01)
            with restarted(server):
                proxy.holds = b""
                proxy.released.set()
                try:
                    counters = (await reading).counters
                finally:
                    await reader.aclose()
            assert len(counters) == KEYS
