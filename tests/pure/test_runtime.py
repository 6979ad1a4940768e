"""The process's one loop: results are never lost, statistics are counted on it, old clients are closed."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from lib.api_client import ApiClient
from lib.loader.api_source import ApiSource
from lib.ui import runtime as module
from lib.ui.runtime import Runtime


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = Runtime()
    yield made
    made._portal_context.__exit__(None, None, None)


def never() -> None:
    raise AssertionError("nothing is left to draw")


class JustDone(concurrent.futures.Future[str]):
    """Work that ends in the very moment in which a tick does."""

    def __init__(self, outcome: str | Exception) -> None:
        super().__init__()
        self.outcome = outcome

    def result(self, timeout: float | None = None) -> str:
        if not self.done():
            if isinstance(self.outcome, Exception):
                self.set_exception(self.outcome)
            else:
                self.set_result(self.outcome)
            raise concurrent.futures.TimeoutError
        return super().result(timeout)


def test_work_that_ends_with_the_tick_is_no_failure(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(outcome: str | Exception) -> str:
        monkeypatch.setattr(runtime._portal, "start_task_soon", lambda _work: JustDone(outcome))

        async def unused() -> str:
            return ""

        return runtime.run(unused, never)

    assert run("the result") == "the result"
    with pytest.raises(ValueError, match="its own"):
        run(ValueError("its own"))
    with pytest.raises(TimeoutError, match="its own"):
        run(TimeoutError("its own"))


def test_statistics_are_counted_on_the_loop(runtime: Runtime) -> None:
    threads: list[threading.Thread] = []

    class Lookups(dict[Any, Any]):
        def __len__(self) -> int:
            threads.append(threading.current_thread())
            return 7

    runtime.caches.lookups = Lookups()  # type: ignore[assignment]
    runtime.caches.statistics.hits = 3
    assert runtime.statistics() == {"hits": 3, "misses": 0, "buckets": 0, "lookups": 7}
    assert threads
    assert threading.current_thread() not in threads


def test_a_client_that_makes_room_is_closed_once_it_is_old_and_idle(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.02)
    runtime._clients = module._Clients(1)

    def source(scope: str) -> ApiSource:
        return ApiSource(
            scope,
            lambda: ApiClient(scope, "https://api.example/v1", {}),
            account="organisation",
            host="api.example",
        )

    idle = runtime.client(source("first"))
    assert runtime.client(source("first")) is idle
    busy = runtime.client(source("second"))
    busy._asking = 1
    kept = runtime.client(source("third"))

    def closed(client: ApiClient, patience: int = 200) -> bool:
        async def look() -> bool:
            for _ in range(patience):
                if client._http.is_closed:
                    return True
                await asyncio.sleep(0.01)
            return False

        return runtime._portal.call(look)

    assert closed(idle)
    assert not closed(busy, patience=10), "somebody still waits for its answer"
    busy._asking = 0
    assert closed(busy)
    assert not closed(kept, patience=1)
