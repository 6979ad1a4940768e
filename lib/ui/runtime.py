"""The process's one event loop, its clients and its caches; long work with progress and cancellation."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import streamlit as st
from anyio.from_thread import BlockingPortal, start_blocking_portal
from cachetools import LRUCache

from lib.api_client import ApiClient
from lib.cache import Caches
from lib.loader.api_source import ApiSource
from lib.loader.progress import Progress
from lib.loader.tenants import IN_FLIGHT, TenantSource, load_tenants
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery

T = TypeVar("T")

TICK_SECONDS = 0.1

GRACE_SECONDS = 300
"""How long a client that made room for another one may still be used by whoever holds it."""


class _Clients(LRUCache[str, ApiClient]):
    """The clients used last. One that has to make room is closed later, when nobody needs it."""

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._closing: set[asyncio.Task[None]] = set()

    def popitem(self) -> tuple[str, ApiClient]:
        name, client = super().popitem()
        self._close_later(client)
        return name, client

    def _close_later(self, client: ApiClient) -> None:
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._close, client)

    def _close(self, client: ApiClient) -> None:
        if client.busy:
            self._close_later(client)
            return
        task = asyncio.create_task(client.aclose())
        self._closing.add(task)  # the loop itself would let go of it half-way
        task.add_done_callback(self._closing.discard)


class Runtime:
    """Lives as long as the process. Clients belong to its loop and are shared by all sessions."""

    def __init__(self) -> None:
        # Held open for good: the thread is a daemon and ends with the process.
        self._portal_context = start_blocking_portal("asyncio")
        self._portal: BlockingPortal = self._portal_context.__enter__()
        self._clients = _Clients(64)
        self._redis: dict[str, Any] = {}  # by scope: the settings of the server, so very few
        self.caches = Caches()
        self.shown: WeakValueDictionary[Hashable, object] = WeakValueDictionary()
        """Reports by the caches' generation and their question, as long as any session shows them."""
        self.turns: WeakValueDictionary[Hashable, Any] = WeakValueDictionary()
        """Who builds one of these just now, by the same."""

    def client(self, source: ApiSource) -> ApiClient:
        """The client of a source, made once."""

        async def client() -> ApiClient:  # on the loop, so that no two sessions make the same one
            if source.scope not in self._clients:
                self._clients[source.scope] = source.connect()
            return self._clients[source.scope]

        return self._portal.call(client)

    async def load_tenants(
        self, source: TenantSource, query: TenantQuery, progress: Progress, *, anew: bool = False
    ) -> TenantAnswer:
        """Runs on the loop; one Redis client per source, made once."""
        if source.scope not in self._redis:
            self._redis[source.scope] = await source.connect(IN_FLIGHT)
        client = self._redis[source.scope]
        return await load_tenants(
            source, client, query, caches=self.caches, progress=progress, anew=anew
        )

    def clear(self) -> None:
        """Forgets all data of all sessions; clients stay."""

        async def clear() -> None:
            self.caches.clear()

        self._portal.call(clear)
        self.shown.clear()

    def statistics(self) -> dict[str, int]:
        """How much the caches hold and how often they helped: hits, misses, buckets, lookups."""

        async def count() -> dict[str, int]:  # on the loop: counting look-ups drops expired ones
            return {
                "hits": self.caches.statistics.hits,
                "misses": self.caches.statistics.misses,
                "buckets": len(self.caches.buckets),
                "lookups": len(self.caches.lookups),
            }

        return self._portal.call(count)

    def run(self, work: Callable[[], Awaitable[T]], draw: Callable[[], None]) -> T:
        """The result of work on the loop, while ``draw`` is called every tick.

        Streamlit ends a script only inside its own calls: ``draw`` makes one, and when it does
        not come back, the work is cancelled.
        """
        future = self._portal.start_task_soon(work)
        try:
            while True:
                try:
                    return future.result(TICK_SECONDS)
                except concurrent.futures.TimeoutError:
                    if future.done():
                        return future.result()  # it ended with the tick, or ran out of time itself
                    draw()
        finally:
            if not future.done():
                future.cancel()


@st.cache_resource(show_spinner=False)
def runtime() -> Runtime:
    """The one Runtime of this process."""
    return Runtime()
