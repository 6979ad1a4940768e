"""What a month will have cost, at its edges; and which days stand out."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from lib.allocation.projection import NotEnough, Projection, Range, Spike, projection, spikes

DAY = timedelta(days=1)
HUNDRED = Decimal(100)


def days(first: str, last: str, cost: Decimal | int | None = HUNDRED) -> dict[date, Decimal | None]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    known = None if cost is None else Decimal(cost)
    return {start + place * DAY: known for place in range((end - start).days + 1)}


def made(daily: dict[date, Decimal | None], month: str, until: str, fixed: int = 0) -> Projection:
    result = projection(daily, month, date.fromisoformat(until), Decimal(fixed))
    assert isinstance(result, Projection)
    return result


def refused(daily: dict[date, Decimal | None], month: str, until: str) -> NotEnough:
    result = projection(daily, month, date.fromisoformat(until))
    assert isinstance(result, NotEnough)
    return result


def test_weekends_to_come_are_as_cheap_as_weekends_were() -> None:
    daily = days("2026-09-01", "2026-10-20")
    weekend = {day: Decimal(10) for day in daily if day.weekday() >= 5}
    result = made(daily | weekend, "2026-10", "2026-10-20")
    # October 2026 has 22 workdays and 9 days of weekends
    assert result.amount == 22 * 100 + 9 * 10
    assert result.between == Range(result.amount, result.amount)


def test_one_dear_day_moves_the_range_and_not_the_amount() -> None:
    daily = days("2026-09-01", "2026-10-17") | {date(2026, 10, 7): Decimal(900)}
    result = made(daily, "2026-10", "2026-10-17")
    assert result.settled == 16 * 100 + 900
    assert result.amount == 30 * 100 + 900
    # Two Wednesdays are to come: in the dearest week that day cost 800 more
    assert result.between == Range(result.amount, result.amount + 2 * 800)


def test_a_provisional_day_counts_as_its_weekday_whatever_it_says() -> None:
    daily = days("2026-09-01", "2026-10-17") | days("2026-10-18", "2026-10-20", 3)
    assert made(daily, "2026-10", "2026-10-17").amount == 31 * 100


def test_what_is_billed_for_the_month_as_a_whole_is_added_once() -> None:
    daily = days("2026-09-01", "2026-10-17")
    result = made(daily, "2026-10", "2026-10-17", fixed=5_000)
    assert (result.amount, result.fixed, result.settled) == (31 * 100 + 5_000, 5_000, 17 * 100)
    assert result.between == Range(Decimal(8_100), Decimal(8_100))


def test_thirteen_days_are_not_enough_and_fourteen_are() -> None:
    assert refused(days("2026-10-01", "2026-10-13"), "2026-10", "2026-10-13").known == 13
    assert made(days("2026-10-01", "2026-10-14"), "2026-10", "2026-10-14").amount == 31 * 100


def test_days_that_are_too_long_ago_are_no_history() -> None:
    result = refused(days("2026-01-01", "2026-09-20"), "2026-10", "2026-10-10")
    assert result.known == 8
    assert result.why == "Not enough history: 8 of the last 28 days known, 14 needed."


def test_nothing_known_is_not_nothing_to_pay() -> None:
    assert refused({}, "2026-10", "2026-10-10").known == 0
    assert refused(days("2026-09-01", "2026-10-10", None), "2026-10", "2026-10-10").known == 0


def test_nothing_to_pay_is_projected_as_nothing() -> None:
    assert made(days("2026-09-01", "2026-10-10", 0), "2026-10", "2026-10-10").amount == 0


def test_a_weekday_that_nobody_knows_is_not_made_of_others() -> None:
    daily = days("2026-09-01", "2026-10-20")
    known = {day: cost for day, cost in daily.items() if day.weekday() != 5}
    result = refused(known, "2026-10", "2026-10-20")
    assert result == NotEnough(known=24, lacking=(5,))
    assert result.why == "Not enough history: no Saturday of the last 28 days is known."


def test_past_days_of_a_month_whose_weekday_nobody_knows_are_not_made_of_others() -> None:
    daily = days("2026-10-01", "2026-10-29")
    known = {day: cost for day, cost in daily.items() if day.weekday() != 6}
    # Only a Friday and a Saturday are to come
    assert refused(known, "2026-10", "2026-10-29").lacking == (6,)


def test_an_unknown_day_that_is_settled_is_projected_and_named() -> None:
    gone = date(2026, 10, 7)
    daily = days("2026-09-01", "2026-10-17") | {gone: None}
    result = made(daily, "2026-10", "2026-10-17")
    assert (result.amount, result.settled, result.unknown) == (31 * 100, 16 * 100, (gone,))
    del daily[gone]
    assert made(daily, "2026-10", "2026-10-17") == result


def test_a_month_that_is_over_is_its_sum_and_has_no_range() -> None:
    daily = days("2026-09-01", "2026-11-10", 7)
    result = made(daily, "2026-10", "2026-11-08")
    assert (result.amount, result.between, result.unknown) == (31 * 7, None, ())
    assert result.until == date(2026, 10, 31)


def test_a_month_that_is_over_with_an_unknown_day_has_a_range_and_names_it() -> None:
    gone = date(2026, 10, 31)
    daily = days("2026-09-01", "2026-10-30") | {gone: None} | days("2026-11-01", "2026-11-30", 999)
    result = made(daily, "2026-10", "2026-11-27")
    assert result.between == Range(result.amount, result.amount)
    assert result.unknown == (gone,)
    # Of the month after nothing is taken
    assert result.amount == 31 * 100


def test_a_month_whose_last_days_are_provisional_has_a_range() -> None:
    result = made(days("2026-09-01", "2026-10-31"), "2026-10", "2026-10-29")
    assert result.between == Range(Decimal(3_100), Decimal(3_100))
    assert result.unknown == ()


def test_a_month_that_has_not_begun_to_settle_is_projected_from_the_one_before() -> None:
    result = made(days("2026-10-01", "2026-10-30"), "2026-11", "2026-10-30")
    assert (result.amount, result.settled, result.until) == (30 * 100, 0, date(2026, 10, 30))


def test_a_february_of_a_leap_year_has_29_days() -> None:
    assert made(days("2028-01-01", "2028-02-10"), "2028-02", "2028-02-10").amount == 29 * 100


def test_a_credit_may_bring_the_range_below_what_is_settled() -> None:
    daily = days("2026-09-01", "2026-10-17") | {date(2026, 10, 7): Decimal(-4_000)}
    result = made(daily, "2026-10", "2026-10-17")
    assert result.settled == 16 * 100 - 4_000
    assert result.between == Range(result.amount - 2 * 4_100, result.amount)


def test_a_month_is_written_with_its_year() -> None:
    with pytest.raises(ValueError, match="October"):
        projection(days("2026-09-01", "2026-10-17"), "October", date(2026, 10, 17))


def stood_out(daily: dict[date, Decimal | None], until: str = "2026-10-31") -> list[Spike]:
    return spikes(daily, date.fromisoformat(until))


def test_a_day_stands_out_over_three_times_the_median_and_not_at_it() -> None:
    day = date(2026, 10, 20)
    usual = days("2026-09-01", "2026-10-31")
    assert stood_out(usual | {day: Decimal(300)}) == []
    over = Decimal("300.01")
    assert stood_out(usual | {day: over}) == [Spike(day, over, HUNDRED)]


def test_a_provisional_day_does_not_stand_out_yet() -> None:
    daily = days("2026-09-01", "2026-10-31") | {date(2026, 10, 30): Decimal(900)}
    assert stood_out(daily, "2026-10-29") == []
    assert [spike.day for spike in stood_out(daily, "2026-10-30")] == [date(2026, 10, 30)]


def test_after_quiet_days_a_day_over_the_floor_stands_out() -> None:
    day = date(2026, 10, 20)
    quiet = days("2026-10-01", "2026-10-31", 0)
    assert stood_out(quiet | {day: Decimal(20)}) == []
    over = Decimal("20.01")
    assert stood_out(quiet | {day: over}) == [Spike(day, over, None)]
    assert spikes(quiet | {day: over}, date(2026, 10, 31), floor=Decimal(50)) == []


def test_days_of_cents_are_nobodys_usual() -> None:
    cents = {day: Decimal("0.99") for day in days("2026-10-01", "2026-10-31")}
    assert stood_out(cents | {date(2026, 10, 20): Decimal(19)}) == []


def test_a_history_does_not_begin_with_an_alarm() -> None:
    assert stood_out(days("2026-10-01", "2026-10-31", 500)) == []
    unknown = days("2026-10-01", "2026-10-19", None)
    assert stood_out(unknown | days("2026-10-20", "2026-10-31", 500)) == []


@pytest.mark.parametrize(("cheap_since", "found"), [("2026-10-06", 1), ("2026-10-08", 0)])
def test_a_day_is_compared_with_the_four_weeks_before_it(cheap_since: str, found: int) -> None:
    cheap = days(cheap_since, "2026-10-20")
    daily = days("2026-08-01", "2026-10-20", 1_000) | cheap
    # Of 28 days 15 were cheap, or 13
    assert len(stood_out(daily | {date(2026, 10, 21): Decimal(900)})) == found


def test_a_day_is_not_compared_with_itself() -> None:
    day = date(2026, 10, 20)
    daily = days("2026-10-01", "2026-10-17", 0) | days("2026-10-18", "2026-10-19", 15)
    # Two days are no median; with itself there would be three
    assert stood_out(daily | {day: Decimal(40)}) == [Spike(day, Decimal(40), None)]


def test_every_day_that_stands_out_is_told_once_and_in_its_order() -> None:
    odd = {date(2026, 10, 22): Decimal(900), date(2026, 10, 20): Decimal(800)}
    found = stood_out(odd | days("2026-09-01", "2026-10-19") | days("2026-10-23", "2026-10-31"))
    assert [spike.day for spike in found] == [date(2026, 10, 20), date(2026, 10, 22)]


def test_a_credit_is_no_spike_and_no_usual_day() -> None:
    credits = days("2026-10-01", "2026-10-31", -500)
    assert stood_out(credits) == []
    assert stood_out(credits | {date(2026, 10, 20): Decimal(21)}) == [
        Spike(date(2026, 10, 20), Decimal(21), None)
    ]
