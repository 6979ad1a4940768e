"""The real page in a real browser: start, first page, and reruns over a report of 100,000 rows.

``streamlit.testing`` will not do: without a server, Streamlit sends large tables whole, which is
another page than people get. So the script's time is read off a real server (bench/serve.py)
while a browser clicks.
"""

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.report_rows import hourly
from bench.standin import StandIn, connected, free_port, process, stand_in, wait_until_up
from bench.table import Row, at_most, info, rounds, spread
from lib.cache import Caches
from lib.demo.__main__ import ADMIN_KEY
from lib.loader.openai import load_openai

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RERUNS = 12
USAGE_TAB = re.compile(r"^Usage\b")
LATENCY_SECONDS = 0.05
STREAMLIT = str(Path(sys.executable).parent / "streamlit")


def measure_page() -> Iterator[Row]:
    if not CHROMIUM.exists():
        yield info("the page in a browser", f"not measured: there is no {CHROMIUM}")
        return
    with stand_in(LATENCY_SECONDS) as where:
        asyncio.run(_warm(where))
        with _browser() as browser:
            yield from _first_page(where, browser)
            yield from _reruns(where, browser)


async def _warm(where: StandIn) -> None:
    """The stand-in writes its days once; that is not the page's time."""
    async with connected(where) as client:
        now = datetime.now(UTC)
        await load_openai(client, Caches(), hourly(now), now=now)


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def _served(where: StandIn, command: list[str], **environ: str) -> Iterator[str]:
    """The dashboard on a free port, asking the stand-in; yields its URL."""
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true"]
    options += ["--server.fileWatcherType", "none"]  # a file saved meanwhile is not our subject
    settings = {
        "OPENAI_BASE_URL": where.base_url,
        "OPENAI_ADMIN_KEY": ADMIN_KEY,
        "DASHBOARD_DEMO": "off",
        **environ,
    }
    with process([*command, "run", "app.py", *options], os.environ | settings):
        yield f"http://127.0.0.1:{port}"


def _first_page(where: StandIn, browser: Browser, runs: int = 3) -> Iterator[Row]:
    healthy, shown, reloaded = [], [], []
    for _ in range(rounds(runs)):
        start = time.perf_counter()
        with _served(where, [STREAMLIT]) as url:
            wait_until_up(f"{url}/_stcore/health")
            healthy.append(time.perf_counter() - start)
            for seconds in (shown, reloaded):
                page = browser.new_page()
                start = time.perf_counter()
                page.goto(url)
                _wait_for_report(page)
                seconds.append(time.perf_counter() - start)
                page.close()
    yield info("from `streamlit run` to healthy", spread(healthy, " s"))
    yield info("from the first visit to a full page, 7 days, cold", spread(shown, " s"))
    yield info("a second visitor, warm cache", spread(reloaded, " s"))


def _reruns(where: StandIn, browser: Browser) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "runs.jsonl"
        command = [sys.executable, "-m", "bench.serve", str(log)]
        with _served(where, command) as url:
            wait_until_up(f"{url}/_stcore/health")
            page = browser.new_page()
            start = time.perf_counter()
            page.goto(f"{url}/?{_hourly_link()}")
            _wait_for_report(page, 120)
            loading = time.perf_counter() - start
            usage = page.get_by_role("tab", name=USAGE_TAB)
            by_project = _timed_clicks(page, log, *_chart_choices(page))
            opening = _timed_clicks(page, log, usage.click)
            panel = page.get_by_role("tabpanel").filter(visible=True)
            rows = _number(panel.get_by_text(re.compile(r"[\d,]+ rows")).first.inner_text())
            by_usage = _timed_clicks(page, log, *_chart_choices(page))
    what = f"rerun of the page, {rows:,} rows"
    yield at_most(f"{what}, Usage tab open: script time", by_usage["script"], 0.3, " s")
    yield info("the same, until its thread is free (garbage collection)", _of(by_usage, "thread"))
    yield info("the same, from click to rest in the browser", _of(by_usage, "browser"))
    yield info("the same with the first tab open: script time", _of(by_project, "script"))
    yield info("opening the Usage tab: script time", _of(opening, "script"))
    yield info(f"first visit that loads {rows:,} rows", f"{loading:.1f} s (1 run)")


def _number(text: str) -> int:
    """The first number of a text, written with commas."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found[0].replace(",", ""))


def _of(times: dict[str, list[float]], key: str) -> str:
    return spread(times[key], " s")


def _hourly_link() -> str:
    period = hourly(datetime.now(UTC)).period
    days = [period.start.isoformat(), period.end.isoformat()]
    return urlencode({"oai_period": days, "oai_width": "1h"}, doseq=True)


def _wait_for_report(page: Page, seconds: float = 60) -> None:
    """Until the report's last tab is there and no script runs."""
    expect(page.get_by_role("tab", name=USAGE_TAB)).to_be_visible(timeout=seconds * 1_000)
    _wait_for_rest(page)


def _wait_for_rest(page: Page) -> None:
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def _chart_choices(page: Page) -> list[Callable[[], None]]:
    """Clicks that alternate between two views of one chart: each reruns the script, none loads."""
    group = page.get_by_test_id("stButtonGroup").filter(has_text="endpoint").first
    names = ["endpoint", "model"] * rounds(RERUNS // 2)
    return [
        group.get_by_role("radio", name=name)
        .or_(group.get_by_role("button", name=name))
        .first.click
        for name in names
    ]


def _timed_clicks(page: Page, log: Path, *clicks: Callable[[], None]) -> dict[str, list[float]]:
    """Seconds of the one script run that each click causes, and from click to rest."""
    times: dict[str, list[float]] = {"script": [], "thread": [], "browser": []}
    for click in clicks:
        known = len(_lines(log))
        start = time.perf_counter()
        click()
        while len(_lines(log)) == known:
            time.sleep(0.005)
        _wait_for_rest(page)
        times["browser"].append(time.perf_counter() - start)
        time.sleep(0.3)
        new = _lines(log)[known:]
        assert len(new) == 1, f"{len(new)} runs after one click"
        for key, value in json.loads(new[0]).items():
            times[key].append(value)
    return times


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8").splitlines() if log.exists() else []
