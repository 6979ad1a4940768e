"""What cannot be read is unknown, and not nothing."""

import pytest

from lib.errors import InputError, SettingsError
from lib.periods import check_period
from lib.settings import load_settings
from lib.sources.tenants.tables import METRICS, TOKENS
from lib.usage.metrics import Metric
from tests.support.tenant_answers import ALL, answer_of, bad_counter, build, row_of


def test_a_tenant_whose_every_counter_is_unreadable_counts_nothing_rather_than_zero() -> None:
    report = build(answer_of({}, bad=[bad_counter()], listed=["t1"]))
    assert report.totals["requests"] is None
    assert report.totals["tenants_with_usage"] is None
    assert row_of(report, "t1")["requests"] is None
    assert not report.complete


def test_a_metric_without_any_bad_counter_is_still_nothing() -> None:
    report = build(answer_of({}, bad=[bad_counter()], listed=["t1"]))
    assert report.totals["total_tokens"] == 0


@pytest.mark.parametrize("metric", [None, "input_tokens"])
def test_a_bad_counter_that_may_hold_tokens_makes_their_total_unknown(metric: str | None) -> None:
    report = build(answer_of({}, bad=[bad_counter(metric=metric)], listed=["t1"]))
    assert report.totals["total_tokens"] is None


def test_what_is_known_stays_and_is_marked_where_a_counter_is_bad() -> None:
    counters = {("t2", "requests", "2026-09"): 7}
    report = build(answer_of(counters, bad=[bad_counter()], listed=["t1", "t2"]))
    assert report.totals["requests"] == 7
    assert next(figure for figure in report.figures if figure.key == "requests").incomplete


def test_a_metric_joins_the_total_tokens_only_where_its_row_says_so() -> None:
    assert Metric("searches", "Searches", "searches").inside == ""
    assert {key for key, metric in METRICS.items() if metric.inside == "total_tokens"} == {*TOKENS}
    assert "requests" not in TOKENS


def test_a_range_of_days_that_is_too_long_is_not_told_of_buckets() -> None:
    today = ALL.end
    with pytest.raises(InputError) as refused:
        check_period(today.replace(year=today.year - 5), today, today)
    assert "bucket" not in str(refused.value)


def test_a_log_level_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(
        SettingsError, match=r"LOGURU_LEVEL is none of 'TRACE', .*'CRITICAL'"
    ) as told:
        load_settings({"LOGURU_LEVEL": "loud"})
    assert "Input should be" not in str(told.value)
