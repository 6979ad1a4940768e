"""How long a report of 100,000 rows takes to build, and to write as CSV, JSON and PDF."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from bench.report_rows import ROWS, hourly, load_exactly
from bench.table import Row, at_most, info, rounds, spread
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report

PAPER_CHARTS = 4
PAPER_ROWS = 2_000


def measure_files() -> Iterator[Row]:
    now = datetime.now(UTC)
    query = hourly(now)
    answer = asyncio.run(load_exactly(ROWS, query))
    building, report = _timed(lambda: build_openai_usage(answer, query, now=now), 5)
    writing, csv = _timed(lambda: to_csv(report, "usage"), 5)
    alone = replace(report, tables=(report.table("usage"),))
    json_seconds, text = _timed(lambda: to_json(alone), 3)
    paper = _paper(report)
    first, _ = _timed(lambda: to_pdf(paper, detail=True), 1)
    pdf_seconds, pdf = _timed(lambda: to_pdf(paper, detail=True), 3)
    whole_pdf, _ = _timed(lambda: to_pdf(report, detail=True), 1)
    whole_json, _ = _timed(lambda: to_json(report), 1)
    yield at_most(f"CSV of {ROWS:,} usage rows ({_mb(csv)})", writing, 2, " s")
    yield at_most(
        f"PDF, {PAPER_CHARTS} charts and {PAPER_ROWS:,} rows, first in a process", first, 10, " s"
    )
    yield at_most(f"the same PDF once more ({_mb(pdf)})", pdf_seconds, 10, " s")
    yield info(f"JSON of {ROWS:,} usage rows ({_mb(text)})", spread(json_seconds, " s"))
    yield info(
        f"PDF of the whole report, {len(report.charts)} charts, {len(report.tables)} tables",
        spread(whole_pdf, " s"),
    )
    costs = len(report.table("costs").frame)
    yield info(f"JSON of the whole report, {costs:,} cost rows more", spread(whole_json, " s"))
    yield info(f"building the report from {ROWS:,} usage rows", spread(building, " s"))


def _paper(report: Report) -> Report:
    """What the target speaks of: four charts and one table."""
    usage = report.table("usage")
    short = replace(usage, frame=usage.frame.head(PAPER_ROWS))
    return replace(report, charts=report.charts[:PAPER_CHARTS], tables=(short,))


def _timed(work: Callable[[], object], runs: int) -> tuple[list[float], object]:
    """Seconds of each run, and what the last one returned."""
    seconds = []
    for _ in range(rounds(runs)):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return seconds, result


def _mb(content: object) -> str:
    assert isinstance(content, bytes)
    return f"{len(content) / 1e6:.1f} MB"
