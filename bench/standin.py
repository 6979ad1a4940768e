"""The stand-in of OpenAI as a process of its own, and ways to count what it is asked."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from lib.api_client import ApiClient
from lib.demo.__main__ import ADMIN_KEY
from lib.loader.openai import connect_openai

ROOT = Path(__file__).parent.parent
HEADERS = {"Authorization": f"Bearer {ADMIN_KEY}"}
Request = tuple[str, tuple[tuple[str, str], ...]]
"""Path and query pairs."""


@dataclass(frozen=True)
class StandIn:
    """Where the stand-in listens."""

    base_url: str
    latency_seconds: float


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def process(command: list[str], environ: Mapping[str, str] | None = None) -> Iterator[int]:
    """A process that is gone when the block ends; yields its id."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as started:
        try:
            yield started.pid
        finally:
            started.terminate()
            try:
                started.wait(5)
            except subprocess.TimeoutExpired:
                started.kill()


def wait_until_up(url: str, seconds: float = 60) -> None:
    """Asks until anything answers.

    Raises:
        TimeoutError: nothing did.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, timeout=2).status_code < 500:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing answers at {url}")


@contextlib.contextmanager
def stand_in(latency_seconds: float) -> Iterator[StandIn]:
    """``python -m lib.demo openai`` on a free port."""
    port = free_port()
    command = [sys.executable, "-m", "lib.demo", "openai", "--port", str(port)]
    with process([*command, "--latency", str(latency_seconds)]):
        where = StandIn(f"http://127.0.0.1:{port}/v1", latency_seconds)
        wait_until_up(f"{where.base_url}/organization/users")
        yield where


class Counting(httpx.AsyncBaseTransport):
    """Hands requests on and notes them."""

    def __init__(self, inner: httpx.AsyncBaseTransport | None = None) -> None:
        # The limits that the client sets itself when no transport is given.
        limits = httpx.Limits(max_connections=8, max_keepalive_connections=8)
        self._inner = inner or httpx.AsyncHTTPTransport(limits=limits)
        self.seen: list[Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.url.path, tuple(request.url.params.multi_items())))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextlib.asynccontextmanager
async def connected(where: StandIn, transport: Counting | None = None):
    """The dashboard's own client for a stand-in; closed when the block ends."""
    client: ApiClient = connect_openai(
        where.base_url, SecretStr(ADMIN_KEY), transport=transport or Counting()
    )
    try:
        yield client
    finally:
        await client.aclose()
