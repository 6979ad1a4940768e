"""How long people wait for made-up data: eleven months, a click that needs nothing new, a first visit.

``python -m bench.felt year`` prints the CPU seconds of a load and its report, ``python -m bench.felt PAGE``
those of further runs of a page's script, both as a JSON list.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright
from streamlit.testing.v1 import AppTest

from bench.page import CHROMIUM, FLAGS, STREAMLIT
from bench.standin import ROOT, free_port, process, wait_until_up
from bench.table import Row, at_most, info, rounds, spread
from lib.access.visitors import PAGES
from lib.cache import Caches
from lib.loader.openai import load_openai
from lib.reports.openai.build import build_openai_usage
from lib.settings import Settings
from lib.sources.openai.query import check_query
from lib.upstreams import openai_upstream

DAYS = 331
DEMO = os.environ | {"DASHBOARD_DEMO": "on"}


def measure_felt() -> Iterator[Row]:
    years = [seconds for _ in range(rounds(3)) for seconds in _alone("year")]
    yield at_most(
        f"{DAYS} made-up days by day, all endpoints: CPU until the report", years, 10, " s"
    )
    for page in PAGES:
        yield at_most(f"{page}: CPU of a run that needs no new data", _alone(page), 0.3, " s")
    if not CHROMIUM.exists():
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for page in PAGES:
            visits = [_first_visit(browser, page) for _ in range(rounds(3))]
            yield at_most(f"{page}: the first visit after a start, to figures", visits, 3, " s")
        with TemporaryDirectory() as folder:
            script = Path(folder, "empty.py")
            script.write_text("import streamlit\nstreamlit.metric('nothing', 0)\n")
            visits = [_first_visit(browser, "", script) for _ in range(rounds(3))]
        yield info(
            "the same of a page of one number, which needs nothing of ours", spread(visits, " s")
        )
        browser.close()


def _alone(what: str) -> list[float]:
    """What a process of its own measures."""
    command = [sys.executable, "-m", "bench.felt", what]
    done = subprocess.run(
        command, cwd=ROOT, env=DEMO, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


async def _year() -> None:
    now = datetime.now(UTC)
    today = now.date()
    query = check_query(since=today - timedelta(days=DAYS - 1), until=today, today=today)
    source = openai_upstream(Settings(dashboard_demo="on"))
    async with aclosing(source.connect()) as client:
        answer = await load_openai(client, Caches(), query, now=now)
    report = build_openai_usage(answer, query, now=now, demo=source.demo)
    assert report.complete


def _runs(page: str) -> Iterator[float]:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page(f"pages/{page}.py")
    app.run()
    app.run()  # offers the names that the first has found
    assert app.metric, app.main
    for _ in range(rounds(5)):
        began = time.process_time()
        app.run()
        yield time.process_time() - began


def _first_visit(browser: Browser, name: str, entry: Path = ROOT / "asgi.py") -> float:
    """Seconds from the address to the first card, of a server that has just come up."""
    port = free_port()
    options = ["--server.port", str(port), "--server.headless", "true"]
    page = browser.new_page()
    with process([STREAMLIT, "run", str(entry), *options], DEMO):
        wait_until_up(f"http://127.0.0.1:{port}/_stcore/health")
        began = time.perf_counter()
        page.goto(f"http://127.0.0.1:{port}/{name}")
        page.get_by_test_id("stMetric").first.wait_for(timeout=120_000)
        seconds = time.perf_counter() - began
        page.close()
    return seconds


if __name__ == "__main__":
    if sys.argv[1] == "year":
        import_module("lib.ui")  # which decides how often garbage is looked for
        started = time.process_time()
        asyncio.run(_year())
        print(json.dumps([time.process_time() - started]))
    else:
        print(json.dumps([*_runs(sys.argv[1])]))
