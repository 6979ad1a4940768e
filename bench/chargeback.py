"""A chargeback report of 50,000 users and 5,000 workspaces: from its bytes to a Report, and to a page.

``python -m bench.chargeback FILE`` reads and builds once and prints the highest memory in bytes.
"""

import asyncio
import gc
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pandas as pd
from playwright.sync_api import Page, sync_playwright

from bench.page import CHROMIUM, FLAGS, STREAMLIT
from bench.peak import highest
from bench.standin import ROOT, free_port, process, wait_until_up
from bench.table import Row, at_most, info, rounds, spread
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.loader.chargeback import load_chargeback_files
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.sources.comet.chargeback.query import check_chargeback_query

USERS, WORKSPACES, PROJECTS = 50_000, 5_000, 120_000
SIZE = CometSize(
    users=USERS,
    # One in eight was deleted, and is in no report
    workspaces=WORKSPACES * 8 // 7,
    projects=PROJECTS,
    experiments_per_project=1,
)
PAIRS = 7
NOW = datetime(2026, 11, 21, tzinfo=UTC)
EARLIER = datetime(2026, 9, 30, tzinfo=UTC)


def measure_chargeback() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file, before = (Path(folder) / name for name in ("now.json", "before.json"))
        file.write_bytes(_reply(""))
        before.write_bytes(_reply("2026-09"))
        data = file.read_bytes()
        yield from _times(data, before.read_bytes())
        yield at_most(
            "memory of a process that reads and builds it, at its highest",
            [_peak(file)],
            700,
            " MB",
        )
        yield info("the same, compared with another", f"{_peak(file, before):.0f} MB")
        if CHROMIUM.exists():
            yield from _page(file)


def _reply(month: str) -> bytes:
    """The stand-in's report, as a server would send it."""

    async def ask() -> bytes:
        app = create_comet_app(now=lambda: NOW, size=SIZE)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bench.localhost") as one:
            headers = {"authorization": app.state.api_key}
            params = {"reportMonth": month} if month else {}
            reply = await one.get(
                "/api/admin/chargeback/report", headers=headers, params=params, timeout=600
            )
            return reply.raise_for_status().content

    return asyncio.run(ask())


def _times(data: bytes, before: bytes) -> Iterator[Row]:
    ours, plain = [], []
    for _ in range(rounds(PAIRS)):
        gc.collect()
        began = time.perf_counter()
        report = _build(data)
        ours.append(time.perf_counter() - began)
        users, workspaces = len(report.table("users").frame), len(report.table("workspaces").frame)
        del report
        gc.collect()
        began = time.perf_counter()
        frames = _plain(data)
        plain.append(time.perf_counter() - began)
        del frames
    compared = []
    for _ in range(rounds(3)):
        began = time.perf_counter()
        _build(data, before)
        compared.append(time.perf_counter() - began)
    what = f"{users:,} users, {workspaces:,} workspaces ({len(data) / 1e6:.0f} MB)"
    yield at_most(
        f"{what}: from bytes to a report, against json.loads and DataFrames",
        [one / other for one, other in zip(ours, plain, strict=True)],
        4,
        " times",
    )
    yield info("seconds: ours / plain", f"{spread(ours, ' s')} / {spread(plain, ' s')}")
    yield info("the same, compared with another", spread(compared, " s"))


def _build(*files: bytes) -> Report:
    query = check_chargeback_query()
    answer = load_chargeback_files([(f"{at}.json", one) for at, one in enumerate(files)], query)
    return build_comet_chargeback(answer, query, now=NOW)


def _plain(data: bytes) -> tuple[pd.DataFrame, ...]:
    """What a first script does: no check, no sum, no chart; sizes are floats."""
    document = json.loads(data)
    places = document["workspaces"]
    below = [
        [{"workspace": one["name"], **part} for one in places for part in one[key]]
        for key in ("members", "projects")
    ]
    return tuple(map(pd.DataFrame, (document["users"]["licensedUsers"], places, *below)))


def _peak(*files: Path) -> float:
    """Megabytes that a fresh process held at its highest."""
    command = [sys.executable, "-m", "bench.chargeback", *map(str, files)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def _page(file: Path) -> Iterator[Row]:
    """What a browser receives over the websocket after the file was uploaded."""
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true"]
    with (
        process([STREAMLIT, "run", "app.py", *options, "--server.fileWatcherType", "none"]),
        sync_playwright() as playwright,
    ):
        wait_until_up(f"http://127.0.0.1:{port}/_stcore/health")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page()
        received: list[int] = []
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))),
        )
        page.goto(f"http://127.0.0.1:{port}/comet_chargeback?cmc_month=&cmc_window=1m")
        _rest(page)
        received.clear()
        began = time.perf_counter()
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files([file])
        page.get_by_text(re.compile(r"^\d\d,\d{3} rows")).first.wait_for(timeout=120_000)
        _rest(page)
        seconds = time.perf_counter() - began
        shown = sum(received) / 1e6
        received.clear()
        page.get_by_role("tab", name="Workspaces").click()
        page.get_by_text("members are not users").wait_for()
        _rest(page)
        browser.close()
    yield at_most("the page after an upload: received by the browser", [shown], 1, " MB")
    yield info("the same, seconds from upload to rest", f"{seconds:.1f} s (1 run)")
    yield at_most("another tab: received by the browser", [sum(received) / 1e6], 1, " MB")


def _rest(page: Page) -> None:
    page.wait_for_selector(
        "[data-testid=stApp][data-test-script-state=notRunning]", timeout=120_000
    )


if __name__ == "__main__":
    _build(*(Path(name).read_bytes() for name in sys.argv[1:]))
    print(highest())
