"""Who pays: a month of 300,000 lines, and the pages over thirteen months of the demo's ledger."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.standin import ROOT
from bench.table import Row, at_most, info, rounds, spread
from lib.capture.made_up import fill
from lib.ledger.overview import load_overview
from lib.ledger.store import Ledger
from lib.loader.progress import Progress
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.overview import build_overview
from lib.settings import Settings


def measure_allocation() -> Iterator[Row]:
    """A month of many lines in a process of its own, then pages."""
    runs = [_of_child() for _ in range(rounds(5))]
    seconds = [run["seconds"] for run in runs]
    owed = int(runs[0]["owed"])
    yield at_most(
        f"a month of {int(runs[0]['lines']):,} lines allocated by 301 rules and a share: {owed:,} lines owed",
        seconds,
        3,
        " s",
    )
    megabytes = [run["megabytes"] for run in runs]
    yield at_most("... memory of the process at its highest", megabytes, 400, " MB")
    yield from _pages()


def _of_child() -> dict[str, float]:
    command = [sys.executable, "-m", "bench.allocation_lines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    run: dict[str, float] = json.loads(done.stdout)
    return run


def _pages() -> Iterator[Row]:
    """Loaded and built out of the demo's ledger, as a page does it."""
    with TemporaryDirectory() as folder:
        ledger, now = _filled(Path(folder)), datetime.now(UTC)
        month = f"{now:%Y-%m}"
        loads, overviews, centres = [], [], []
        for number in range(rounds(7) + 1):
            began = time.perf_counter()
            answer = load_overview(ledger, month, now)
            loaded = time.perf_counter()
            build_overview(answer, now=now)
            built = time.perf_counter()
            build_cost_centre(answer, "4500", now=now)
            if number:  # the first one imports DuckDB
                loads.append(loaded - began)
                overviews.append(built - began)
                centres.append(time.perf_counter() - built + loaded - began)
    yield at_most(
        "overview of a month that runs, with 13 months: loaded and built", overviews, 1, " s"
    )
    yield at_most("page of one cost centre: loaded and built", centres, 1, " s")
    yield info("... of it out of the ledger", spread(loads, " s"))


def _filled(folder: Path) -> Ledger:
    """The demo's ledger, in a folder of its own."""
    ledger = Ledger(f"sqlite:///{folder / 'catalog.db'}", str(folder / "files"), made_up=True)

    async def fill_it() -> None:
        settings = Settings(dashboard_demo="on")
        async for _ in fill(settings, ledger, datetime.now(UTC), Progress()):
            pass

    asyncio.run(fill_it())
    return ledger
