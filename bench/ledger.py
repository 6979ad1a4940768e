"""The ledger: sums of ten million measures, a capture, its status after five years, and what it costs others."""

import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from bench.ledger_asked import ledger_in
from bench.ledger_rows import fill
from bench.standin import ROOT, Counting, StandIn, connected
from bench.table import Row, at_most, equal, info, rounds, spread
from lib.cache import Caches
from lib.capture.months import months_since
from lib.capture.platforms import openai_said
from lib.capture.rounds import NAMES
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import Organisation, make_organisation
from lib.exports.terminal import to_terminal
from lib.ledger.gaps import missing_months
from lib.ledger.history import capture_statuses, month_records
from lib.ledger.keeping import Said, keep
from lib.ledger.store import Ledger, add_capture
from lib.ledger.warehouse import DataFile
from lib.loader.openai import load_openai
from lib.periods import EARLIEST, Period
from lib.reports.ledger.months import build_months
from lib.reports.openai.build import build_openai_usage
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import OpenAIQuery
from lib.sources.openai.tables import DIMENSIONS

NOW = datetime(2026, 11, 21, tzinfo=UTC)
WHOLE = Period(EARLIEST, NOW.date())
OCTOBER = "2026-10"
QUERY = OpenAIQuery(Period(date(2026, 10, 1), date(2026, 10, 31)), group_by=tuple(DIMENSIONS))
SEEDS = (7, 8, 9)
"""Organisations of the demo that are captured as one."""

YEARS = months_since("2021-11", date(2026, 10, 31))
PLATFORMS = (*NAMES, "one-more")
HEAVY = ("pyiceberg", "duckdb", "sqlalchemy", "alembic")
"""What only the ledger needs."""

HIDDEN = ("lib.ledger", "lib.capture", "lib.cli.ledger")
START = f"""
import runpy, sys
if sys.argv.pop(1) == "without":
    sys.modules.update(dict.fromkeys({HIDDEN}))
runpy.run_module("lib.cli", run_name="__main__", alter_sys=True)
"""
"""The command, with the ledger's modules or as though there were none."""


def measure_ledger() -> Iterator[Row]:
    yield from _sums()
    yield from _capture()
    with TemporaryDirectory() as folder:
        yield from _status(Path(folder))
    yield from _starts()


# Ten million measures


def _sums() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        size = fill(Path(folder))
        filled = time.perf_counter() - began
        times = json.loads(_child("bench.ledger_asked", "times", folder, str(rounds(7))))
        memory = int(_child("bench.ledger_asked", "memory", folder)) / 1e6
        kept = sum(file.stat().st_size for file in Path(folder).rglob("warehouse/**/*.parquet"))
    ours, plain = times["ours"], times["plain"]
    yield at_most(
        f"{size:,} measures by month, sub-account and metric: time against DuckDB and one file",
        [one / other for one, other in zip(ours, plain, strict=True)],
        3,
        " times",
    )
    yield info("... seconds: ours / DuckDB", f"{spread(ours, ' s')} / {spread(plain, ' s')}")
    yield at_most("... memory of a process that asks, at its highest", [memory], 600, " MB")
    yield info("... on disk; entered, with making them up", f"{kept / 1e6:.0f} MB; {filled:.0f} s")


def _child(module: str, *words: str) -> str:
    """What a process of its own prints."""
    command = [sys.executable, "-m", module, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


# One month of OpenAI


def _capture() -> Iterator[Row]:
    stand_in = Counting(httpx.ASGITransport(app=create_openai_app(now=lambda: NOW, org=_wide())))
    found: dict[str, list[float]] = {name: [] for name in ("report", "capture", "enter", "again")}
    usual = gc.get_threshold()
    gc.set_threshold(50_000)  # as the commands do
    for number in range(rounds(7) + 1):
        gc.collect()
        began = time.perf_counter()
        build_openai_usage(asyncio.run(_load(stand_in)), QUERY, now=NOW)
        built = time.perf_counter() - began
        gc.collect()
        with TemporaryDirectory() as folder:
            ledger = _made(Path(folder))
            began = time.perf_counter()
            said = openai_said(asyncio.run(_load(stand_in)), OCTOBER, NOW)
            loaded = time.perf_counter()
            assert keep(ledger, said).what == "captured"
            entered = time.perf_counter()
            assert keep(ledger, said).what == "confirmed"
            confirmed = time.perf_counter()
        if number:  # in the first round days are made up, and modules imported
            found["report"].append(built)
            found["capture"].append(entered - began)
            found["enter"].append(entered - loaded)
            found["again"].append(confirmed - entered)
    gc.set_threshold(*usual)
    yield at_most(
        f"a month of {said.measures.num_rows:,} measures captured: time against its own report",
        [one / other for one, other in zip(found["capture"], found["report"], strict=True)],
        2,
        " times",
    )
    yield info(
        "... seconds: captured / loaded and built",
        f"{spread(found['capture'], ' s')} / {spread(found['report'], ' s')}",
    )
    yield info(
        "... seconds of it to enter them / to see that nothing changed",
        f"{spread(found['enter'], ' s')} / {spread(found['again'], ' s')}",
    )


def _wide() -> Organisation:
    """Several organisations of the demo as one."""
    several = [make_organisation(seed) for seed in SEEDS]
    return Organisation(
        SEEDS[0],
        tuple(user for one in several for user in one.users),
        tuple(project for one in several for project in one.projects),
        several[0].admin_keys,
    )


async def _load(stand_in: Counting) -> OpenAIAnswer:
    async with connected(StandIn("http://bench.localhost/v1", 0), stand_in) as client:
        answer = await load_openai(client, Caches(), QUERY, now=NOW)
    assert all(status.status == "ok" for status in answer.statuses)
    return answer


def _made(folder: Path) -> Ledger:
    """One with its tables, without a row."""
    ledger = ledger_in(folder)
    ledger.database.bring_up_to_date()
    ledger.warehouse.table()
    return ledger


# Five years of five platforms


def _status(folder: Path) -> Iterator[Row]:
    stand_in = Counting(httpx.ASGITransport(app=create_openai_app(now=lambda: NOW)))
    said = openai_said(asyncio.run(_load(stand_in)), OCTOBER, NOW)
    ledger = _made(folder)
    _enter_years(ledger, said)
    environ = os.environ | {
        "LEDGER_URL": f"sqlite:///{ledger.database.file}",
        "LEDGER_WAREHOUSE": ledger.warehouse.place,
        "DASHBOARD_DEMO": "off",
    }
    work, whole, cpu = [], [], []
    for _ in range(rounds(7)):
        began = time.perf_counter()
        captures = ledger_in(folder).captures()
        report = build_months(
            month_records(captures, NOW),
            sources=capture_statuses(captures, missing_months(captures, WHOLE), NOW),
            now=NOW,
        )
        assert report.totals["months"] == len(PLATFORMS) * len(YEARS)
        to_terminal(report, width=120, colour=False)
        work.append(time.perf_counter() - began)
        seconds, of_cpu = _run([str(ROOT / "bin" / "ai-usage"), "ledger", "status"], environ)
        whole.append(seconds)
        cpu.append(of_cpu)
    what = f"status of {len(captures)} captures, five years of {len(PLATFORMS)} platforms"
    yield at_most(f"{what}: read, built and written", work, 1, " s")
    yield at_most("... the whole command", whole, 1, " s")
    yield info("... its CPU", spread(cpu, " s"))


def _enter_years(ledger: Ledger, said: Said) -> None:
    """Notes captures without their rows, which no status reads."""
    facts = {
        **{"captured_at": NOW, "confirmed_at": NOW, "provisional_until": said.provisional_until},
        **{
            "complete": True,
            "is_state": False,
            "rows": said.measures.num_rows,
            "sha256": "0" * 64,
            "lost": None,
        },
        **{"unknown_metrics": (), "failed": (), "facts": said.facts},
    }
    keys = [
        said.key._replace(platform=name, month=month)._asdict()
        for name in PLATFORMS
        for month in YEARS
    ]
    with ledger.database.writing() as connection, connection.begin():
        for number, key in enumerate(keys, start=1):
            path = "/".join(key.values())
            files = (DataFile(f"{path}.parquet", said.measures.num_rows, "0" * 64),)
            place = {"snapshot": number, "sequence": number, "files": files}
            add_capture(connection, {**facts, **key, **place})


def _run(command: Sequence[str], environ: Mapping[str, str]) -> tuple[float, float]:
    """Seconds of a command, and of its CPU."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# The other commands


def _starts() -> Iterator[Row]:
    for words in (("--help",), ("openai", "--help")):
        name = " ".join(("ai-usage", *words))
        yield equal(f"{name}: of {', '.join(HEAVY)} it imports", _imported(words), 0)
        ratios, seconds = [], []
        for _ in range(rounds(9)):
            here, gone = (
                _run([sys.executable, "-P", "-c", START, which, *words], _path())[1]
                for which in ("with", "without")
            )
            ratios.append(here / gone)
            seconds.append(here)
        yield at_most(
            "... CPU until its end, against one without the ledger's modules",
            ratios,
            1.1,
            " times",
        )
        yield info("... seconds of CPU", f"{statistics.median(seconds):.2f} s")


def _imported(words: Sequence[str]) -> int:
    command = [sys.executable, "-P", "-X", "importtime", "-m", "lib.cli", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=_path(), capture_output=True, text=True, check=True
    )
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in names
    return len(names & {*HEAVY})


def _path() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}
