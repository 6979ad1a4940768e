"""What a period is compared with: days before it, as many where the calendar has as many."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.comparisons import (
    COMPARISONS,
    check_comparison,
    compared,
    days_compared,
    label_of,
)
from lib.errors import InputError
from lib.periods import Period, months_of

days = st.dates(date(2004, 1, 1), date(2035, 12, 31))
names = st.sampled_from([name for name in COMPARISONS if name != "none"])
periods = st.builds(
    lambda start, more: Period(start, start + timedelta(days=more)), days, st.integers(0, 1_095)
)
within_a_month = st.builds(
    lambda first, last: Period(*sorted([first, first.replace(day=last)])),
    days,
    st.integers(1, 28),
)


def period(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("name", "asked", "before"),
    [
        ("preceding", ("2026-11-01", "2026-11-17"), ("2026-10-15", "2026-10-31")),
        ("same-days", ("2026-11-01", "2026-11-17"), ("2026-10-01", "2026-10-17")),
        ("month-before", ("2026-11-01", "2026-11-17"), ("2026-10-01", "2026-10-31")),
        ("year-before", ("2026-11-01", "2026-11-17"), ("2025-11-01", "2025-11-17")),
        ("same-days", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("month-before", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30")),
        ("month-before", ("2026-07-01", "2026-09-30"), ("2026-04-01", "2026-06-30")),
        ("same-days", ("2026-07-01", "2026-09-30"), ("2026-04-01", "2026-06-30")),
        ("same-days", ("2026-03-29", "2026-03-31"), ("2026-02-28", "2026-02-28")),
        ("same-days", ("2026-01-01", "2026-01-31"), ("2025-12-01", "2025-12-31")),
        ("same-days", ("2026-10-15", "2026-11-20"), ("2026-08-15", "2026-09-20")),
        ("year-before", ("2024-02-29", "2024-02-29"), ("2023-02-28", "2023-02-28")),
        ("year-before", ("2025-01-01", "2026-06-30"), ("2023-01-01", "2024-06-30")),
    ],
)
def test_a_comparison_means_days(
    name: str, asked: tuple[str, str], before: tuple[str, str]
) -> None:
    assert compared(name, period(*asked)) == period(*before)


def test_nothing_is_compared_with_none_and_all_time_with_nothing() -> None:
    assert compared("none", period("2026-10-01", "2026-10-31")) is None
    assert compared("preceding", None) is None
    with pytest.raises(InputError, match="all time"):
        check_comparison("preceding", None)
    assert check_comparison("none", None) == "none"


@given(names, periods)
def test_what_is_compared_lies_before_and_overlaps_nothing(name: str, asked: Period) -> None:
    before = compared(name, asked)
    assert before is not None
    assert before.start <= before.end < asked.start


@given(periods)
def test_the_preceding_period_has_as_many_days_and_leaves_no_gap(asked: Period) -> None:
    before = compared("preceding", asked)
    assert before is not None
    assert before.days == asked.days
    assert before.end + timedelta(days=1) == asked.start


@given(st.sampled_from(["same-days", "year-before"]), within_a_month)
def test_the_same_days_are_as_many(name: str, asked: Period) -> None:
    before = compared(name, asked)
    assert before is not None
    short = (before.end + timedelta(days=1)).day == 1  # the last day of its month
    assert before.days == asked.days or (short and before.days < asked.days)
    assert before.start.day == asked.start.day or short
    assert before.end.day == asked.end.day or short


@given(periods)
def test_the_months_before_are_whole_and_as_many(asked: Period) -> None:
    before = compared("month-before", asked)
    assert before is not None
    assert before.start.day == 1
    assert before.end + timedelta(days=1) == asked.start.replace(day=1)
    assert months_of(before) == months_of(asked)


@pytest.mark.parametrize(
    ("name", "said"), [("same-day", "Use same-days"), ("x" * 90, "Use none, preceding")]
)
def test_a_comparison_that_is_unknown_is_refused(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        check_comparison(name, period("2026-10-01", "2026-10-31"))
    assert len(str(caught.value)) < 200


def test_days_before_there_was_anything_are_refused() -> None:
    with pytest.raises(InputError, match="1999-12-01 lies before 2000-01-01"):
        check_comparison("month-before", period("2000-01-01", "2000-01-31"))


def test_uneven_numbers_of_days_are_said() -> None:
    asked = period("2026-03-01", "2026-03-31")
    assert days_compared(asked, period("2026-02-01", "2026-02-28")).endswith("28 days against 31")
    assert days_compared(asked, period("2026-01-29", "2026-02-28")).endswith("day for day")


@pytest.mark.parametrize(
    ("start", "end", "label"),
    [
        (date(2026, 10, 1), date(2026, 10, 31), "Month before"),
        (date(2026, 10, 5), date(2026, 10, 7), "Month before"),
        (date(2026, 7, 1), date(2026, 9, 30), "Quarter before"),
        (date(2026, 8, 1), date(2026, 10, 31), "Preceding 3 months"),
        (date(2025, 1, 1), date(2025, 12, 31), "Year before"),
        (date(2025, 3, 1), date(2026, 2, 28), "Preceding 12 months"),
        (date(2026, 9, 15), date(2026, 10, 14), "Preceding 2 months"),
    ],
)
def test_whole_months_before_are_called_by_what_the_period_is(
    start: date, end: date, label: str
) -> None:
    assert label_of("month-before", Period(start, end)) == label
    labels = [label_of(name, Period(start, end)) for name in COMPARISONS]
    assert len({*labels}) == len(labels), "no two choices read the same"
