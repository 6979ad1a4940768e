"""Presets mean days, and steps go through the calendar without a gap, a way back lost, or a future day."""

from datetime import date, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InputError
from lib.periods import EARLIEST, Period
from lib.presets import PRESETS, Unit, nearest, preset_of, resolve, step, title, unit_of

TODAY = date(2026, 11, 27)
YESTERDAY = TODAY - timedelta(days=1)
days = st.dates(date(2002, 1, 1), date(2035, 12, 31))
presets = st.sampled_from(list(PRESETS))
units: st.SearchStrategy[Unit] = st.sampled_from(["days", "month", "quarter", "year"])


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("this-month", date(2026, 11, 1), TODAY),
        ("last-month", date(2026, 10, 1), date(2026, 10, 31)),
        ("last-7-days", date(2026, 11, 20), YESTERDAY),
        ("last-30-days", date(2026, 10, 28), YESTERDAY),
        ("last-90-days", date(2026, 8, 29), YESTERDAY),
        ("this-quarter", date(2026, 10, 1), TODAY),
        ("last-quarter", date(2026, 7, 1), date(2026, 9, 30)),
        ("this-year", date(2026, 1, 1), TODAY),
        ("last-year", date(2025, 1, 1), date(2025, 12, 31)),
    ],
)
def test_a_preset_means_days_until_today_at_most(name: str, start: date, end: date) -> None:
    assert resolve(name, TODAY) == Period(start, end)
    assert preset_of(Period(start, end), TODAY) == name


def test_last_month_of_a_january_lies_in_the_year_before() -> None:
    assert resolve("last-month", date(2026, 1, 1)) == Period(date(2025, 12, 1), date(2025, 12, 31))
    assert resolve("last-quarter", date(2026, 3, 31)).start == date(2025, 10, 1)


def test_a_preset_that_is_unknown_is_refused_with_near_ones() -> None:
    with pytest.raises(InputError, match=r"'last-mnth' is unknown. Use last-month") as caught:
        resolve("last-mnth", TODAY)
    assert caught.value.parameter == "period"


@given(presets, days)
def test_no_preset_has_a_day_in_the_future_or_before_there_was_anything(
    name: str, today: date
) -> None:
    period = resolve(name, today)
    assert EARLIEST <= period.start <= period.end <= today


@given(presets, days)
def test_days_are_whole_and_a_step_leads_from_them_to_as_many_and_back(
    name: str, today: date
) -> None:
    if PRESETS[name].unit != "days":
        return
    period = resolve(name, today)
    assert (period.days, period.end) == (PRESETS[name].days, today - timedelta(days=1))
    assert step(period, "days", 1, today) is None
    earlier = step(period, "days", -1, today)
    assert earlier == period.preceding()
    assert step(earlier, "days", 1, today) == period
    assert name in [other for other in PRESETS if resolve(other, today) == period]


@given(days)
def test_the_last_month_ends_the_day_before_this_one_starts(today: date) -> None:
    for unit in ("month", "quarter", "year"):
        last, this = resolve(f"last-{unit}", today), resolve(f"this-{unit}", today)
        assert last.end + timedelta(days=1) == this.start
        assert this.end == today


@st.composite
def periods_of(draw: st.DrawFn) -> tuple[Period, Unit, date]:
    """A period with the unit that it is one of, and today."""
    today, unit = draw(days), draw(units)
    if unit == "days":
        end = today - timedelta(days=draw(st.integers(0, 400)))
        return Period(end - timedelta(days=draw(st.integers(0, 90))), end), unit, today
    period = resolve(f"this-{unit}", today)
    for _ in range(draw(st.integers(0, 4))):
        period = step(period, unit, -1, today) or period
    return period, unit, today


@given(periods_of(), st.sampled_from([-1, 1]))
def test_a_step_forth_and_back_returns(
    given_period: tuple[Period, Unit, date], way: Literal[-1, 1]
) -> None:
    period, unit, today = given_period
    there = step(period, unit, way, today)
    if there is None:
        return
    assert EARLIEST <= there.start <= there.end <= today
    assert step(there, unit, 1 if way < 0 else -1, today) == period
    earlier, later = sorted([period, there], key=lambda either: either.start)
    assert earlier.end + timedelta(days=1) == later.start, "no gap and no day twice"


@given(periods_of())
def test_a_unit_of_the_calendar_is_known_by_its_days(
    given_period: tuple[Period, Unit, date],
) -> None:
    period, unit, today = given_period
    months = {"month": 1, "quarter": 3, "year": 12}
    if unit != "days":
        known = unit_of(period, today)
        assert known != "days"
        assert months[known] <= months[unit], "in January the year to date is the month to date"


def test_a_month_steps_by_months_a_quarter_by_quarters_and_days_by_their_number() -> None:
    october = Period(date(2026, 10, 1), date(2026, 10, 31))
    assert unit_of(october, TODAY) == "month"
    assert step(october, "month", -1, TODAY) == Period(date(2026, 9, 1), date(2026, 9, 30))
    assert step(october, "month", 1, TODAY) == Period(date(2026, 11, 1), TODAY)
    third = Period(date(2026, 7, 1), date(2026, 9, 30))
    assert unit_of(third, TODAY) == "quarter"
    assert step(third, "quarter", -1, TODAY) == Period(date(2026, 4, 1), date(2026, 6, 30))
    week = Period(date(2026, 11, 10), date(2026, 11, 16))
    assert unit_of(week, TODAY) == "days"
    assert step(week, "days", -1, TODAY) == Period(date(2026, 11, 3), date(2026, 11, 9))


def test_there_is_no_step_into_the_future_or_before_there_was_anything() -> None:
    assert step(resolve("this-month", TODAY), "month", 1, TODAY) is None
    assert step(resolve("last-7-days", TODAY), "days", 1, TODAY) is None
    first = Period(EARLIEST, date(2000, 1, 31))
    assert step(first, "month", -1, TODAY) is None
    assert step(first, "days", -1, TODAY) is None


@given(periods_of(), st.lists(st.integers(-800, 800), max_size=4))
def test_a_period_stepped_to_the_nearest_day_holds_it_and_nothing_of_the_period(
    given_period: tuple[Period, Unit, date], distances: list[int]
) -> None:
    period, _, today = given_period
    ends = {True: period.end, False: period.start}
    days = [ends[away > 0] + timedelta(days=away) for away in distances]
    days = [day for day in days if day <= today]
    there = nearest(period, days, today)
    others = [day for day in days if not period.start <= day <= period.end]
    if there is None:
        assert not others or min(others) < EARLIEST + timedelta(days=366)
        return
    assert there.end < period.start or there.start > period.end
    assert there.end <= today
    near = [day for day in others if there.start <= day <= there.end]
    assert near
    shortest = min(max(period.start - day, day - period.end) for day in others)
    assert shortest in [max(period.start - day, day - period.end) for day in near]
    if unit_of(period, today) == "days" and there.end < today:
        assert there.days == period.days


@pytest.mark.parametrize(
    ("start", "end", "called"),
    [
        (date(2026, 10, 1), date(2026, 10, 31), "October 2026"),
        (date(2026, 11, 1), TODAY, "November 2026"),
        (date(2026, 4, 1), date(2026, 6, 30), "Q2 2026"),
        (date(2025, 1, 1), date(2025, 12, 31), "2025"),
        (date(2026, 10, 5), date(2026, 10, 11), "2026-10-05 to 2026-10-11"),
    ],
)
def test_a_period_is_called_as_people_call_it(start: date, end: date, called: str) -> None:
    assert title(Period(start, end), TODAY) == called
