"""A usage report of a Comet server, from start to finished PDF, against ``cometx admin usage-report``.

``python -m bench.comet_usage serve PORT LATENCY PROJECTS EXPERIMENTS`` is the server of it all;
``python -m bench.comet_usage large URL`` loads a large one and prints what that took.
"""

import asyncio
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from bench.standin import ROOT, Counting, free_port, process, wait_until_up
from bench.table import Row, at_least, at_most, equal, info, rounds, spread
from lib.cache import Caches
from lib.demo.comet_faults import CometFaults
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.loader.comet_source import CometSource, comet_source
from lib.loader.experiments import load_comet_usage
from lib.loader.progress import Progress
from lib.reports.experiments.build import build_comet_usage
from lib.settings import Settings
from lib.sources.comet.experiments.query import CometUsageQuery

KEY = "comet-demo-key"
PROJECTS, EXPERIMENTS = 12, 200
LARGE_PROJECTS, LARGE_EXPERIMENTS = 500, 1_000
LATENCY_SECONDS = 0.05
LONG_SECONDS = 0.5
"""Latency that waiting is measured with: other work on the machine blurs 50 ms."""

ROUNDS, WAITS = 5, 5
JUDGES = ROOT / ".venv" / "judges" / "bin"


def measure_comet_usage() -> Iterator[Row]:
    with _server(LATENCY_SECONDS, PROJECTS, EXPERIMENTS) as url:
        yield from _against_cometx(url)
    with ExitStack() as stack:
        far = stack.enter_context(_server(LONG_SECONDS, PROJECTS, EXPERIMENTS))
        near = stack.enter_context(_server(0, PROJECTS, EXPERIMENTS))
        waits, requests, again = asyncio.run(_waiting(far, near))
        yield at_most(
            f"{PROJECTS} x {EXPERIMENTS} experiments with GPUs: request latencies of waiting",
            waits,
            10,
        )
        yield info("... requests", f"{requests}")
        yield equal("... requests for another unit", again, 0)
    with _server(0, LARGE_PROJECTS, LARGE_EXPERIMENTS) as url:
        yield from _large(url)


@contextmanager
def _server(latency: float, projects: int, experiments: int) -> Iterator[str]:
    """A stand-in in a process of its own."""
    port = free_port()
    size = (str(port), str(latency), str(projects), str(experiments))
    with process([sys.executable, "-m", "bench.comet_usage", "serve", *size]):
        url = f"http://127.0.0.1:{port}"
        wait_until_up(f"{url}/api/rest/v2/workspaces")
        yield url


def _serve(port: int, latency: float, projects: int, experiments: int) -> None:
    large = projects > PROJECTS
    app = create_comet_app(
        api_key=KEY,
        faults=CometFaults(latency_seconds=latency),
        size=CometSize(
            workspaces=4,
            projects=projects,
            experiments_per_project=experiments,
            spread=(1.0,),
            gpus=(1,) if large else (2,),
            points=4 if large else 60,
        ),
    )
    served = _Remembering(app) if latency == LATENCY_SECONDS else app
    uvicorn.run(
        served, host="127.0.0.1", port=port, log_level="warning", access_log=False, ws="none"
    )


class _Remembering:
    """Answers the same question from memory, after the same latency: making up samples takes longer
    than either side's work, and both would wait for it."""

    def __init__(self, app: Starlette) -> None:
        self._app = app
        self._known: dict[tuple[str, bytes, bytes], list[Message]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        question = (scope["path"], scope["query_string"], body)
        if question in self._known:
            await asyncio.sleep(LATENCY_SECONDS)
            for message in self._known[question]:
                await send(message)
            return
        answer: list[Message] = []

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def note(message: Message) -> None:
            answer.append(message)
            await send(message)

        await self._app(scope, replay, note)
        if answer and answer[0].get("status") == 200:
            self._known[question] = answer


def _workspaces(url: str) -> tuple[str, ...]:
    reply = httpx.get(f"{url}/api/rest/v2/workspaces", headers={"authorization": KEY}, timeout=60)
    return tuple(reply.raise_for_status().json()["workspaceNames"])


# Whole processes


@dataclass(frozen=True)
class Cost:
    """What a process took, in seconds."""

    wall: float
    cpu: float


def _against_cometx(url: str) -> Iterator[Row]:
    names = _workspaces(url)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = [], []
        for number in range(rounds(ROUNDS) + 1):
            one, other = _our_pdf(url, names, folder), _their_pdf(url, names, folder)
            if number:  # the first round finds files and fonts that later ones find cached
                ours.append(one)
                theirs.append(other)
    pairs = list(zip(ours, theirs, strict=True))
    yield at_least(
        "from start to finished PDF: times faster than cometx",
        [their.wall / our.wall for our, their in pairs],
        8,
    )
    yield at_least(
        "... times less CPU than cometx", [their.cpu / our.cpu for our, their in pairs], 3
    )
    for whose, costs in (("ours", ours), ("cometx", theirs)):
        wall, cpu = ([getattr(one, of) for one in costs] for of in ("wall", "cpu"))
        yield info(
            f"... {whose}: from start to end / CPU", f"{spread(wall, ' s')} / {spread(cpu, ' s')}"
        )


def _our_pdf(url: str, names: tuple[str, ...], folder: str) -> Cost:
    paper = Path(folder) / "ours.pdf"
    paper.unlink(missing_ok=True)
    words = ("-m", "lib.cli", "comet-usage", *names, "--utilisation", "peak")
    settings = {"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": url}
    cost = _run([sys.executable, *words, "--output", str(paper)], ROOT, settings, folder)
    assert paper.read_bytes().startswith(b"%PDF")
    return cost


def _their_pdf(url: str, names: tuple[str, ...], folder: str) -> Cost:
    place = Path(folder) / "theirs"
    place.mkdir(exist_ok=True)
    for old in place.iterdir():
        old.unlink()
    settings = {
        "COMET_API_KEY": KEY,
        "COMET_URL_OVERRIDE": f"{url}/clientlib/",
        "COMET_ERROR_TRACKING_ENABLE": "false",
        "MPLBACKEND": "Agg",
    }
    words = ("admin", "usage-report", "--no-open", *names)
    cost = _run([str(JUDGES / "cometx"), *words], place, settings, folder)
    assert list(place.glob("*.pdf"))
    return cost


def _run(command: list[str], place: Path, settings: Mapping[str, str], home: str) -> Cost:
    """Runs a program with these settings only, and nothing but this machine within reach."""
    nowhere = "http://127.0.0.1:9"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "TZ": "UTC",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1",
        **settings,
    }
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=place, env=environ, check=True, capture_output=True, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - began, cpu)


# The loader


def _source(url: str, transport: Counting | None = None) -> CometSource:
    settings = Settings(comet_api_key=SecretStr(KEY), comet_url_override=url)
    return comet_source(settings, transport=transport)


async def _waiting(far: str, near: str) -> tuple[list[float], int, int]:
    """How much longer a load takes with latency than without, in latencies; requests; of another unit."""
    names = _workspaces(near)
    query = CometUsageQuery(names)
    waits = []
    for url in (far, near):
        await _seconds(url, query)
    for _ in range(rounds(WAITS)):
        slow, fast = await _seconds(far, query), await _seconds(near, query)
        waits.append((slow - fast) / LONG_SECONDS)
    transport = Counting()
    source, caches = _source(near, transport), Caches()
    async with aclosing(source.connect()) as client:
        await load_comet_usage(source, client, query, caches=caches)
        requests = len(transport.seen)
        for unit in ("week", "day"):
            await load_comet_usage(source, client, CometUsageQuery(names, unit=unit), caches=caches)
    return waits, requests, len(transport.seen) - requests


async def _seconds(url: str, query: CometUsageQuery) -> float:
    """How long a load from an empty cache takes, over fresh connections."""
    source = _source(url)
    async with aclosing(source.connect()) as client:
        began = time.perf_counter()
        answer = await load_comet_usage(source, client, query, caches=Caches())
        seconds = time.perf_counter() - began
    assert len(answer.experiments) > 0.8 * PROJECTS * EXPERIMENTS
    assert all(status.status == "ok" for status in answer.statuses)
    return seconds


# A large server


def _large(url: str) -> Iterator[Row]:
    command = [sys.executable, "-m", "bench.comet_usage", "large", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    experiments, seconds, megabytes, pause, stop = map(float, done.stdout.split())
    what = f"{LARGE_PROJECTS} projects, {experiments:,.0f} experiments"
    yield at_most(f"{what}: memory of the process, report included", [megabytes], 1_500, " MB")
    yield at_most("... longest time without progress", [pause], 5, " s")
    yield at_most("... cancelled while it loads, after", [stop], 1, " s")
    yield info("... loaded in", f"{seconds:.0f} s")


async def _measure_large(url: str) -> None:
    query = CometUsageQuery(_workspaces(url))
    source = _source(url)
    async with aclosing(source.connect()) as client:
        progress, began = Progress(), time.perf_counter()
        load = asyncio.create_task(
            load_comet_usage(source, client, query, caches=Caches(), progress=progress)
        )
        while progress.done < LARGE_PROJECTS // 20:
            await asyncio.sleep(0.01)
        asked = time.perf_counter()
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        stop = time.perf_counter() - asked
    async with aclosing(source.connect()) as client:
        progress, began = Progress(), time.perf_counter()
        load = asyncio.create_task(
            load_comet_usage(source, client, query, caches=Caches(), progress=progress)
        )
        pauses, last, done = [0.0], began, 0
        while not load.done():
            await asyncio.wait([load], timeout=0.02)
            if progress.done > done:
                now = time.perf_counter()
                pauses.append(now - last)
                last, done = now, progress.done
        answer = await load
        seconds = time.perf_counter() - began
    report = build_comet_usage(answer, query, now=datetime.now(UTC))
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(report.totals["experiments"], seconds, megabytes, max(pauses), stop)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
    else:
        asyncio.run(_measure_large(sys.argv[2]))
