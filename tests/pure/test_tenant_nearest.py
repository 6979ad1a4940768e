"""Months without counters lead to those that have some."""

import re
from dataclasses import replace
from datetime import date

import pytest

from lib.exports.terminal import to_terminal
from lib.periods import Period
from tests.support.tenant_answers import answer_of, build


@pytest.mark.parametrize(
    ("asked", "has_counters", "there"),
    [
        ("2026-04-01 2026-06-30", ("2026-01", "2026-08"), "2026-07-01 2026-09-30"),
        ("2026-04-01 2026-04-30", ("2026-01", "2026-11"), "2026-01-01 2026-01-31"),
        ("2025-01-01 2025-12-31", ("2026-08",), "2026-01-01 2026-11-21"),
        ("2026-04-01 2026-04-30", (), None),
    ],
)
def test_months_without_counters_know_the_nearest_period_that_has_some(
    asked: str, has_counters: tuple[str, ...], there: str | None
) -> None:
    period = Period(*map(date.fromisoformat, asked.split()))
    answer = replace(answer_of({}), months=frozenset(has_counters))
    expected = there and Period(*map(date.fromisoformat, there.split()))
    report = build(answer, period)
    assert report.nearest == expected
    told = re.search("Nearest data +(.+)", to_terminal(report, width=100, colour=False))
    assert (told and told[1].strip()) == (expected and str(expected))
    assert build(answer, period, tenants=("t1",)).nearest is None
    kept = replace(answer_of({("t1", "requests", asked[:7]): 1}), months=answer.months)
    assert build(kept, period).nearest is None
