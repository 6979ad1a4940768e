"""Questions about tenants' counters: whole months, defaults that can be explained, and clear refusals."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InputError
from lib.periods import months_before
from lib.sources.tenants.query import check_tenant_query, last_days

TODAY = date(2026, 11, 21)
days = st.dates(date(2000, 1, 1), TODAY)


def test_six_months_with_the_current_one_are_asked_for_by_default() -> None:
    query = check_tenant_query(since=None, until=None, today=TODAY)
    assert (query.first_month, query.last_month) == ("2026-06", "2026-11")
    assert (query.period.start, query.period.end) == (date(2026, 6, 1), TODAY)


@given(st.dates(date(2000, 6, 1), TODAY))
def test_the_default_is_six_months_on_every_day_of_the_calendar(until: date) -> None:
    query = check_tenant_query(since=None, until=until, today=TODAY)
    first, last = query.period.start, query.period.end
    assert (last.year - first.year) * 12 + last.month - first.month == 5
    assert first.day == 1


def test_two_days_of_one_month_ask_for_that_month() -> None:
    query = check_tenant_query(since=date(2025, 9, 10), until=date(2025, 9, 12), today=TODAY)
    assert (query.first_month, query.last_month) == ("2025-09", "2025-09")
    assert query.described()["months"] == "2025-09"


def test_thirty_days_to_the_first_of_march_touch_three_months() -> None:
    since, until = last_days(30, date(2025, 3, 1))
    query = check_tenant_query(since=since, until=until, today=TODAY)
    assert (query.first_month, query.last_month) == ("2025-01", "2025-03")


@given(st.integers(1, 1_000))
def test_the_last_days_reach_from_today_back(number: int) -> None:
    assert last_days(number, TODAY) == (TODAY - timedelta(days=number), TODAY)


@given(days, st.integers(0, 200))
def test_months_before_is_undone_by_counting_months(day: date, months: int) -> None:
    first = months_before(day, months)
    assert first.day == 1
    assert (day.year - first.year) * 12 + day.month - first.month == months


def test_a_tenant_named_twice_is_asked_for_once() -> None:
    query = check_tenant_query(since=None, until=None, today=TODAY, tenants=["b", "a", "b"])
    assert query.tenants == ("b", "a")
    assert query.described()["tenants"] == ["b", "a"]


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"since": date(2026, 11, 2), "until": date(2026, 11, 1)}, "date range"),
        ({"until": date(2026, 11, 22)}, "date range"),
        ({"sort": "cost"}, "sort"),
        ({"top": 0}, "top"),
        ({"top": -3}, "top"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(wrong: dict[str, object], parameter: str) -> None:
    asked = {"since": None, "until": None, "today": TODAY} | wrong
    with pytest.raises(InputError) as refused:
        check_tenant_query(**asked)  # type: ignore[arg-type]
    assert parameter in str(refused.value)


@pytest.mark.parametrize("number", [0, -1])
def test_fewer_than_one_day_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="days"):
        last_days(number, TODAY)
