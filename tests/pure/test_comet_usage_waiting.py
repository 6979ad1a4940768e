"""How long experiments of a Comet server take, who hears of it, and who may leave."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from lib.api_client import ApiClient, Terms
from lib.cache import Caches
from lib.demo.comet_server import create_comet_app
from lib.errors import SourceUnavailable
from lib.loader.progress import Progress
from tests.support.comet_usage_loads import (
    NOW,
    QUICK,
    SIZE,
    load,
    statuses,
)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW, size=SIZE)


class Stopwatch:
    """Answers every request after a while, and from nothing: only waiting takes time."""

    def __init__(self, projects: int, experiments: int, seconds: float) -> None:
        self.projects, self.experiments, self.seconds = projects, experiments, seconds
        self.now = self.most = self.asked = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        return httpx.Response(200, json=self.answer(request))

    def answer(self, request: httpx.Request) -> Any:
        end = request.url.path.rsplit("/", 1)[1]
        if end == "projects":
            count = {"numberOfExperiments": self.experiments}
            names = [f"p{place}" for place in range(self.projects)]
            return {"projects": [{"projectName": name, **count} for name in names]}
        if end == "column-names":
            return {"columns": [{"name": "sys.gpu.0.gpu_utilization"}]}
        if end == "experiments":
            name = request.url.params["projectName"]
            keys = [f"{name}-{place}" for place in range(self.experiments)]
            return {"experiments": [{"experimentKey": key} for key in keys]}
        body = json.loads(request.content)
        series = [
            {"metricName": name, "values": [5.0], "timestamps": [1]} for name in body["metrics"]
        ]
        return {"experiments": {key: {"metrics": series} for key in body["targetedExperiments"]}}


@pytest.mark.dear
async def test_twelve_projects_take_fewer_than_ten_latencies() -> None:
    server = Stopwatch(12, 200, 0.15)
    began = time.monotonic()
    answer = await load(server, "w")
    passed = time.monotonic() - began
    assert len(answer.experiments) == 2_400
    assert answer.experiments["gpu_mean"].eq(5.0).all()
    assert server.asked == 1 + 12 * 3
    assert server.most == 8
    assert passed < 10 * server.seconds


async def test_progress_counts_projects(app: Starlette) -> None:
    progress = Progress()
    await load(app, progress=progress)
    assert progress.done == progress.total == len(app.state.org.projects)


@pytest.mark.parametrize("hanging", ["projects", "experiments", "columns", "metrics"])
async def test_whoever_leaves_is_gone_within_a_second_and_stops_the_requests(
    app: Starlette, hanging: str
) -> None:
    app.state.faults.hang = {hanging}
    caches = Caches()
    task = asyncio.create_task(load(app, caches=caches))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    await asyncio.sleep(0.05)
    count = len(app.state.requests)
    await asyncio.sleep(0.1)
    assert len(app.state.requests) == count
    app.state.faults.hang = set()
    answer = await load(app, caches=caches)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}


async def test_a_status_that_is_given_back_is_not_tried_again() -> None:
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(504)

    client = ApiClient(
        "comet", "http://demo.localhost", {}, retry=QUICK, transport=httpx.MockTransport(handle)
    )
    for given_back, tries in (((504,), 1), ((500,), QUICK.attempts)):
        seen.clear()
        with pytest.raises(SourceUnavailable) as told:
            await client.post_bytes("/x", {}, terms=Terms(give_back=given_back))
        assert told.value.status == 504
        assert len(seen) == tries
    await client.aclose()
