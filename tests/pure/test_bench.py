"""The bench says what it has, and what is still to come, as it goes."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench import __main__ as bench
from bench.table import Row, info, rounds
from tests.support.servers import ROOT


def first() -> Iterator[Row]:
    yield info("one thing", "7")
    raise KeyboardInterrupt


def test_a_bench_that_is_stopped_shows_what_it_had_and_what_was_to_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "TOPICS", {"first": first, "second": first})
    monkeypatch.setattr(sys, "argv", ["bench"])
    bench.main()
    said = capsys.readouterr().out
    assert "first ...; still to come: second" in said
    assert "second ...\n" not in said
    early, late = said.split("Stopped.")
    assert "one thing: 7" in early
    assert "one thing" in late


@pytest.mark.parametrize(("quick", "times"), [("", 5), ("1", 1)])
def test_a_quick_bench_measures_everything_once(
    monkeypatch: pytest.MonkeyPatch, quick: str, times: int
) -> None:
    monkeypatch.setenv("BENCH_QUICK", quick)
    assert rounds(5) == times


@pytest.mark.dear
def test_the_bench_explains_its_options() -> None:
    words = [sys.executable, "-m", "bench", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "--quick" in done.stdout
    assert "--only" in done.stdout
