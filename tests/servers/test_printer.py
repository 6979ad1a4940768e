"""The process that prints: it may end, it knows no secret, and nobody gets another one's report."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from lib.exports.pdf import to_pdf
from lib.exports.printer import Printer
from lib.reports.deferred import DeferredReport, standing
from lib.reports.report import Report
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support.comet_usage_answers import NOW, answer_of, ms, run
from tests.support.report_strategies import chart, report

CANARY = "sk-admin-canary-of-the-printer"


@pytest.fixture(scope="module")
def printer() -> Iterator[Printer]:
    """Of one that knows a secret; every test leaves it able to print."""
    one = Printer()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_ADMIN_KEY", CANARY)
        yield one
    one.stop()


def title_of(pdf: bytes) -> str:
    metadata = PdfReader(BytesIO(pdf)).metadata
    assert metadata is not None
    return str(metadata.title)


def test_what_is_printed_elsewhere_is_what_would_be_printed_here(printer: Printer) -> None:
    made = report(charts=(chart(),))
    assert printer.print(made) == to_pdf(made)


def test_a_report_is_built_there_too_and_how_it_stands_comes_back(printer: Printer) -> None:
    answer = answer_of([run(ms(2024, 1, 5))], failed=[("vision", "lost")])
    deferred = DeferredReport(
        "lib.reports.experiments.build",
        "build_comet_usage",
        (answer, CometUsageQuery(("vision",))),
        {"now": NOW},
    )
    report = deferred.build()
    printed, stands = printer.build(deferred)
    assert printed == to_pdf(report)
    assert stands == standing(report)
    assert (stands.complete, stands.empty) == (False, False)


def test_a_report_that_cannot_be_printed_says_so_and_the_next_one_is_printed(
    printer: Printer,
) -> None:
    made: Report = report()
    impossible: Any = {"figures": 7}
    with pytest.raises(RuntimeError, match="TypeError"):
        printer.print(replace(made, **impossible))
    assert printer.print(made).startswith(b"%PDF")


def test_a_printer_that_was_killed_is_started_again(printer: Printer) -> None:
    printer.start()
    process = printer._process
    assert process is not None
    process.kill()
    process.wait()
    assert printer.print(report()).startswith(b"%PDF")


def test_what_ends_the_printer_while_it_prints_costs_that_report_only(printer: Printer) -> None:
    made: Report = report()
    deadly: Any = {"title": _Deadly()}
    with pytest.raises(RuntimeError, match="ended while it printed"):
        printer.print(replace(made, **deadly))
    assert printer.print(made).startswith(b"%PDF")


class _Deadly:
    """Ends the process that reads it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (1,)


def test_each_thread_gets_its_own_report(printer: Printer) -> None:
    titles = [f"Report {number}" for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        printed = pool.map(lambda title: printer.print(report(title=title)), titles)
        assert [title_of(pdf) for pdf in printed] == titles


def test_the_printer_is_given_no_secret(printer: Printer) -> None:
    assert os.environ["OPENAI_ADMIN_KEY"] == CANARY, "this process has one"
    printer.print(report())
    assert printer._process is not None
    environment = Path(f"/proc/{printer._process.pid}/environ")
    if environment.exists():  # Linux
        assert CANARY.encode() not in environment.read_bytes()


def test_a_stopped_printer_leaves_no_process(printer: Printer) -> None:
    printer.print(report())
    process = printer._process
    printer.stop()
    assert process is not None
    assert process.returncode is not None
