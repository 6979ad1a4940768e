"""Two ranges of months side by side: tenants that grew, what made it, and what cannot be told."""

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given

from lib.charts import OverTime
from lib.periods import Period
from lib.reports.report import Report
from lib.reports.tenants.build import build_tenant_usage
from lib.sources.tenants.query import TenantQuery
from tests.pure.test_tenant_report import lists, worlds
from tests.support.profiles import examples
from tests.support.replies import NOW
from tests.support.tenant_answers import (
    SUMS,
    Counters,
    answer_of,
    bad_counter,
    build,
    noted,
    row_of,
    rows_of,
)

NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 21))
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))


def compared(
    counters: Counters, *, period: Period = NOVEMBER, bad: Any = (), **asked: Any
) -> Report:
    return build(answer_of(counters, bad=bad), period, compare="month-before", **asked)


def changes(report: Report) -> list[dict[str, Any]]:
    return rows_of(report, "changes")


def deltas(report: Report) -> dict[str, Any]:
    return {figure.key: figure.delta for figure in report.figures}


GROWN = {
    ("acme", "requests", "2026-10"): 10,
    ("acme", "requests", "2026-11"): 12,
    ("acme", "input_tokens", "2026-10"): 100,
    ("acme", "input_tokens", "2026-11"): 90,
    ("acme", "output_tokens", "2026-10"): 5,
    ("acme", "output_tokens", "2026-11"): 65,
    ("fresh", "input_tokens", "2026-11-03"): 7,
    ("left", "input_tokens", "2026-10-20"): 9,
}


@examples(40)
@given(worlds, lists)
def test_the_changes_of_tenants_and_months_sum_to_that_of_the_totals(counters, listed):
    period = Period(date(2026, 10, 1), date(2026, 11, 21))
    answer = answer_of(counters, listed=listed)
    report = build(answer, period, compare="month-before")
    before = build(answer, Period(date(2026, 8, 1), date(2026, 9, 30)))
    for key in SUMS:
        change = report.totals[key] - before.totals[key]
        for table in ("tenants", "by_month"):
            assert report.table(table).totals[f"{key}_change"] == change
            cells = [row[f"{key}_change"] for row in rows_of(report, table)]
            assert sum(cell for cell in cells if cell is not None) == (change if cells else 0)
    assert (
        deltas(report)["requests"].change == report.totals["requests"] - before.totals["requests"]
    )


def test_the_tenants_that_moved_most_come_first_with_what_made_them():
    report = compared(GROWN)
    assert report.tables[0].key == "changes"
    told = [
        (
            row["tenant_id"],
            row["compared"],
            row["total_tokens_change"],
            row["part"],
            row["part_change"],
        )
        for row in changes(report)
    ]
    assert told == [
        ("acme", "both", 50, "Output tokens", 60),
        ("left", "gone", -9, "Input tokens", -9),
        ("fresh", "new", 7, "Input tokens", 7),
    ]


def test_a_month_that_runs_is_told_beside_every_change():
    report = compared(GROWN)
    words = "2026-10, which is whole; 2026-11 has run 21 of 30 days"
    assert report.table("changes").note.startswith(f"Against {words}")
    assert {delta.against for delta in deltas(report).values() if delta} == {words}
    assert noted(report, f"Changes are against {words}.")
    assert noted(report, "stands as gone until it has one")


def test_whole_months_are_compared_without_a_word_of_running():
    report = compared(GROWN, period=OCTOBER)
    assert deltas(report)["requests"].against == "2026-09"
    assert not noted(report, "stands as gone")


def test_a_tenant_whose_counter_cannot_be_read_is_neither_new_nor_changed():
    report = compared(GROWN, bad=[bad_counter("fresh", "2026-10")])
    row = row_of(report, "fresh")
    assert (row["compared"], row["input_tokens_change"]) == (None, None)
    assert row_of(report, "acme")["input_tokens_change"] == -10
    assert report.table("tenants").totals["total_tokens_change"] is None
    assert {*deltas(report).values()} == {None}
    assert [row["total_tokens_change"] for row in changes(report)] == [50, -9, None]
    assert "The change of the whole is unknown." in report.table("changes").note
    assert not report.complete


def test_the_bad_counters_of_the_months_before_leave_the_numbers_of_these_unmarked():
    report = compared(GROWN, bad=[bad_counter("fresh", "2026-10")])
    assert not any(figure.incomplete for figure in report.figures)
    assert "redis:counters compared with" in {source.name for source in report.sources}


def test_rows_that_are_not_shown_still_count_among_the_changes():
    report = compared(GROWN, top=1)
    assert [row["tenant_id"] for row in rows_of(report)] == ["acme"]
    assert report.table("tenants").totals["total_tokens_change"] == 48
    assert len(changes(report)) == 3


def test_movers_go_by_requests_when_the_tenants_do():
    (row,) = [
        row for row in changes(compared(GROWN, sort="requests")) if row["tenant_id"] == "acme"
    ]
    assert row["requests_change"] == 2


def test_a_tenant_without_a_counter_in_both_is_neither_new_nor_gone():
    answer = answer_of(GROWN, listed=["acme", "idle"])
    report = build(answer, NOVEMBER, compare="month-before")
    assert row_of(report, "idle")["compared"] is None


def test_months_are_compared_in_their_order_and_drawn_over_each_other():
    period = Period(date(2026, 10, 1), date(2026, 11, 21))
    report = compared(
        {("a", "requests", "2026-08"): 3, ("a", "requests", "2026-11"): 4}, period=period
    )
    told = [
        (row["month"], row["month_previous"], row["requests_change"])
        for row in rows_of(report, "by_month")
    ]
    assert told == [("2026-10", "2026-08", -3), ("2026-11", "2026-09", 4)]
    (chart,) = [spec for spec in report.charts if spec.key == "requests_in_all"]
    assert isinstance(chart.chart, OverTime)
    line = chart.chart.before
    assert [f"{own:%Y-%m}" for own in line["own"]] == ["2026-08", "2026-09"]
    assert [None if pd.isna(value) else value for value in line["value"]] == [3, None]
    assert "The grey line is 2026-08 to 2026-09." in chart.alt


@pytest.mark.parametrize("compare", ["none", "month-before"])
def test_only_a_question_that_compares_has_changes(compare: str):
    report = build_tenant_usage(answer_of(GROWN), TenantQuery(NOVEMBER, compare=compare), now=NOW)
    assert ("changes" in {table.key for table in report.tables}) == (compare != "none")
    assert ("compared" in report.table("tenants").frame) == (compare != "none")
