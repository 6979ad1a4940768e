"""Counters as measures: the time they cover, whose they are, and what cannot be read."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest

from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.measures import (
    LEDGER_METRICS,
    answer_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.tenants.tables import METRICS
from lib.status import SourceStatus
from tests.support.ledger import Row, kept, written
from tests.support.tenant_answers import TENANTS, bad_counter
from tests.support.tenant_answers import answer_of as answered


def rows_of(answer: TenantAnswer) -> list[Row]:
    rows: list[Row] = kept(measures_of(answer)).to_pylist()
    return rows


def test_a_counter_is_one_measure_of_its_tenant_and_month() -> None:
    (found,) = rows_of(answered({("a:b", "input_tokens", "2026-09"): 2**63 - 1}))
    assert found == {
        "platform": "tenants",
        "account": "redis.example:6379",
        "month": "2026-09",
        "start": datetime(2026, 9, 1, tzinfo=UTC),
        "end": datetime(2026, 10, 1, tzinfo=UTC),
        "part": "counters",
        "sub_account": "a:b",
        "resource": None,
        "principal": None,
        "sku": None,
        "dimensions": None,
        "metric": "input_tokens",
        "nature": "flow",
        "quantity": Decimal(2**63 - 1),
        "unit": "tokens",
    }


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2026-09-14", "2026-09-14", "2026-10-14"),
        ("2026-12-31", "2026-12-31", "2027-01-31"),
        ("2026-01-31", "2026-01-31", "2026-02-28"),
        ("2028-01-30", "2028-01-30", "2028-02-29"),
        ("2026-10-31", "2026-10-31", "2026-11-30"),
        ("2026-10-01", "2026-10-01", "2026-11-01"),
        ("0001-01", "0001-01-01", "0001-02-01"),
    ],
)
def test_a_period_ends_on_the_same_day_a_month_later_or_the_last_of_a_shorter_one(
    period: str, start: str, end: str
) -> None:
    answer = answered({("a", "requests", period): 1})
    (found,) = rows_of(answer)
    assert (found["start"].date().isoformat(), found["end"].date().isoformat()) == (start, end)
    assert found["month"] == period[:7]
    read = answer_of(measures_of(answer), [], facts_of(answer, period[:7]))
    assert read.counters["period"].tolist() == [period]


def test_a_month_and_the_own_period_that_begins_with_it_are_two() -> None:
    both = {("a", "requests", "2026-09"): 1, ("a", "requests", "2026-09-01"): 2}
    found = {row["quantity"]: row["dimensions"] for row in rows_of(answered(both))}
    assert found == {1: None, 2: '{"own_period": true}'}


def test_hostile_ids_stay_what_they_are_and_the_empty_one_stays_empty() -> None:
    found = rows_of(answered({(tenant, "requests", "2026-09"): 1 for tenant in TENANTS}))
    assert sorted(row["sub_account"] for row in found) == sorted(TENANTS)


def test_a_metric_that_is_not_documented_has_no_unit() -> None:
    found = rows_of(answered({("a", key, "2026-09"): 1 for key in (*METRICS, "searches")}))
    units = {key: metric.unit for key, metric in LEDGER_METRICS.items()}
    assert {row["metric"]: row["unit"] for row in found} == units | {"searches": ""}


# What cannot be read


def test_a_counter_that_cannot_be_read_is_a_measure_that_is_not_known_and_no_counter() -> None:
    answer = answered({}, bad=[bad_counter("a", "2026-09-14", metric="input_tokens")])
    (found,) = rows_of(answer)
    assert (found["part"], found["quantity"], found["unit"]) == ("unreadable", None, "tokens")
    assert (found["sub_account"], found["month"]) == ("a", "2026-09")
    read = answer_of(measures_of(answer), [], written(facts_of(answer, "2026-09")))
    assert read.counters.empty
    assert read.anomalies["key"].tolist() == ["usage:a:requests:2026-09-14"]


@pytest.mark.parametrize(
    "unplaced",
    [{"tenant_id": ""}, {"tenant_id": None}, {"metric": ""}, {"period": "soon"}, {"period": ""}],
)
def test_a_key_that_does_not_say_whose_it_is_stands_in_the_facts_alone(unplaced: Row) -> None:
    answer = answered({}, bad=[bad_counter() | unplaced])
    assert rows_of(answer) == []
    assert len(facts_of(answer, "2026-09")["anomalies"]["key"]) == 1


def test_facts_hold_what_cannot_be_read_of_their_month_or_of_nobody_knows_which() -> None:
    bad = [bad_counter(f"t{n}", period) for n, period in enumerate(("2026-09", "2026-10", None))]
    facts = written(facts_of(answered({}, bad=bad), "2026-09"))
    assert facts["anomalies"]["tenant_id"] == ["t0", "t2"]


@pytest.mark.parametrize(
    ("bad", "unknown"),
    [
        ([], set()),
        ([bad_counter()], set()),
        ([bad_counter(metric="output_tokens")], {"output_tokens"}),
        ([bad_counter(metric=None)], {*METRICS} - {"requests"}),
        ([bad_counter(metric="searches")], set()),
    ],
)
def test_a_metric_is_not_known_where_nothing_is_and_a_bad_counter_may_be_of_it(
    bad: list[Row], unknown: set[str]
) -> None:
    answer = answered({("a", "requests", "2026-09"): 1}, bad=bad)
    assert unknown_metrics(answer) == unknown


def test_no_metric_is_known_where_redis_failed() -> None:
    failed = SourceStatus("redis", "", "failed", None, None, "down")
    assert unknown_metrics(replace(answered({}), statuses=(failed,))) == {*METRICS}


# Tenants


def test_the_list_of_tenants_comes_back_with_who_is_dormant() -> None:
    answer = answered({}, listed={"a": True, "": False, "nan": None})
    read = answer_of(measures_of(answer), names_of(answer), written(facts_of(answer, "2026-09")))
    assert read.tenants is not None
    assert answer.tenants is not None
    pd.testing.assert_frame_equal(read.tenants, answer.tenants)


def test_no_list_is_not_an_empty_one() -> None:
    for listed in (None, []):
        answer = answered({}, listed=listed)
        read = answer_of(measures_of(answer), [], written(facts_of(answer, "2026-09")))
        assert (read.tenants is None) == (listed is None)


def test_a_tenant_has_no_name_but_its_id() -> None:
    assert names_of(answered({("a", "requests", "2026-09"): 1}, listed=["a"])) == []
