"""Laws of what a month will have cost: nothing is made of too little, and the usual is all that it adds."""

import calendar
import random
import statistics
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from lib.allocation.projection import NotEnough, Projection, projection, spikes
from lib.usage.exact import exactly

DAY = timedelta(days=1)

days = st.dates(date(2020, 3, 1), date(2035, 10, 31))
costs = st.decimals(0, "1e27", places=10)
credits_too = st.decimals("-1e27", "1e27", places=10)
thirteen_at_most = st.sets(st.integers(7, 27), max_size=6).map(lambda some: {*range(7), *some})
"""Days back from the last settled one, every weekday among them."""
fixed_costs = st.decimals("-1e6", "1e6", places=2)
factors = st.decimals("0.0001", "1e6", places=4)

History = tuple[dict[date, Decimal | None], str, date]


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def days_of(month: str) -> list[date]:
    year, number = map(int, month.split("-"))
    return [date(year, number, 1 + day) for day in range(calendar.monthrange(year, number)[1])]


@st.composite
def histories(draw: Any, cost: Any = credits_too, least: int = 20) -> History:
    """Days around the last settled one, and a month that is over, goes on, or is still to begin."""
    until = draw(days)
    cell = draw(st.sampled_from([cost, st.one_of(cost, cost, cost, cost, st.none())]))
    settled = draw(st.lists(cell, min_size=draw(st.sampled_from([least, 62])), max_size=80))
    provisional = draw(st.lists(cell, max_size=3))
    daily = {until - back * DAY: cost for back, cost in enumerate(settled)}
    daily |= {until + (ahead + 1) * DAY: cost for ahead, cost in enumerate(provisional)}
    month = month_of(until + draw(st.sampled_from([0, 0, -31, 20])) * DAY)
    return daily, month, until


def projected(daily: Mapping[date, Decimal | None], *asked: Any) -> Projection:
    result = projection(daily, *asked)
    assume(isinstance(result, Projection))
    assert isinstance(result, Projection)
    return result


def same_weekdays(daily: Mapping[date, Decimal | None], day: date, until: date) -> list[Fraction]:
    """What is known of the weekday of a day in the four weeks up to another."""
    there = [until - back * DAY for back in range(28)]
    known = [daily.get(other) for other in there if other.weekday() == day.weekday()]
    return [Fraction(cost) for cost in known if cost is not None]


def reckoned(daily: Mapping[date, Decimal | None], month: str, settled_until: date) -> Fraction:
    """A month day by day, in fractions."""
    all_days = days_of(month)
    until = min(settled_until, all_days[-1])
    amount = Fraction(0)
    for day in all_days:
        cost = daily.get(day) if day <= until else None
        usual = same_weekdays(daily, day, until)
        amount += statistics.median(usual) if cost is None else Fraction(cost)
    return amount


@given(histories(), fixed_costs)
def test_a_reckoning_in_fractions_comes_to_the_same(history: History, fixed: Decimal) -> None:
    amount = projected(*history, fixed).amount
    assert Fraction(amount) == reckoned(*history) + Fraction(fixed)


@given(days, costs, st.integers(14, 60), st.sampled_from([-25, 0, 20]))
def test_days_that_all_cost_the_same_come_to_as_much_for_each_day(
    until: date, cost: Decimal, length: int, months: int
) -> None:
    month = month_of(until + months * DAY)
    daily = {until - back * DAY: cost for back in range(length)}
    result = projected(daily, month, until)
    with exactly():
        amount = cost * len(days_of(month))
    assert result.amount == amount
    assert result.between in (None, (amount, amount))
    assert (result.between is None) == all(day in daily for day in days_of(month))


@given(histories(), fixed_costs, factors)
def test_what_costs_so_many_times_as_much_is_projected_so_many_times_as_high(
    history: History, fixed: Decimal, factor: Decimal
) -> None:
    daily, month, until = history
    once = projected(*history, fixed)
    with exactly():
        more = {day: None if cost is None else cost * factor for day, cost in daily.items()}
        often = projected(more, month, until, fixed * factor)
        assert often.amount == once.amount * factor
        assert (often.between is None) == (once.between is None)
        if often.between and once.between:
            assert [*often.between] == [end * factor for end in once.between]


@given(histories(), st.randoms(use_true_random=False))
def test_no_order_of_days_changes_anything(history: History, chance: random.Random) -> None:
    daily, *asked = history
    shuffled = dict(chance.sample([*daily.items()], len(daily)))
    assert projection(shuffled, *asked) == projection(daily, *asked)
    assert spikes(shuffled, history[-1]) == spikes(daily, history[-1])


@given(days, st.lists(credits_too, min_size=14, max_size=60))
def test_one_more_day_that_is_as_its_weekday_usually_is_changes_nothing(
    until: date, settled: list[Decimal]
) -> None:
    daily = {until - back * DAY: cost for back, cost in enumerate(settled)}
    new = until + DAY
    same = [new - weeks * 7 * DAY for weeks in (1, 2, 3)]
    with exactly():
        usual = statistics.median([daily[day] for day in same if day in daily])
    if new - 28 * DAY in daily:
        daily[new - 28 * DAY] = usual  # the new day pushes it out, which then moves no median
    before = projected(daily, month_of(new), until)
    after = projected({**daily, new: usual}, month_of(new), new)
    assert after.amount == before.amount


@given(histories(), fixed_costs)
def test_an_amount_lies_in_its_range(history: History, fixed: Decimal) -> None:
    result = projected(*history, fixed)
    assume(result.between)
    assert result.between
    assert result.between.low <= result.amount <= result.between.high


@given(histories(cost=costs))
def test_without_credits_no_range_begins_below_what_is_settled(history: History) -> None:
    result = projected(*history)
    assume(result.between)
    assert result.between
    assert result.between.low >= result.settled


@given(histories())
def test_only_a_month_that_is_settled_and_known_is_without_a_range_and_is_its_sum(
    history: History,
) -> None:
    daily, month, until = history
    result = projected(*history)
    whole = [daily.get(day) if day <= until else None for day in days_of(month)]
    assert (result.between is None) == (None not in whole)
    if result.between is None:
        assert Fraction(result.amount) == sum(Fraction(cost) for cost in whole if cost is not None)


@given(
    days,
    thirteen_at_most | st.sets(st.integers(0, 27), max_size=13),
    st.sets(st.integers(28, 90) | st.integers(-9, -1)),
    costs,
)
def test_fewer_than_fourteen_days_make_no_number(
    until: date, recent: set[int], others: set[int], cost: Decimal
) -> None:
    daily = {until - back * DAY: cost for back in recent | others}
    for month in (month_of(until), month_of(until + 20 * DAY)):
        result = projection(daily, month, until)
        assert isinstance(result, NotEnough)
        assert result.known == len(recent)


@given(histories(), st.lists(credits_too, max_size=9))
def test_provisional_days_and_those_to_come_say_nothing(
    history: History, others: list[Decimal]
) -> None:
    daily, month, until = history
    settled = {day: cost for day, cost in daily.items() if day <= until}
    later = {until + (ahead + 1) * DAY: cost for ahead, cost in enumerate(others)}
    assert projection(settled, month, until) == projection({**settled, **later}, month, until)
    assert spikes(settled, until) == spikes({**settled, **later}, until)


@given(histories())
def test_a_day_without_an_amount_is_a_day_that_is_not_there(history: History) -> None:
    daily, month, until = history
    there = {day: cost for day, cost in daily.items() if cost is not None}
    assert projection(there, month, until) == projection(daily, month, until)
    assert spikes(there, until) == spikes(daily, until)


@given(histories(cost=st.decimals(0, 50, places=2), least=5))
def test_a_day_stands_out_over_three_times_the_median_of_the_days_before_it(
    history: History,
) -> None:
    daily, _, until = history
    expected = []
    for day in sorted(day for day in daily if day <= until):
        before = [daily.get(day - back * DAY) for back in range(1, 29)]
        known = [Fraction(cost) for cost in before if cost is not None]
        usable = [cost for cost in known if cost >= 1]
        limit = 3 * statistics.median(usable) if len(usable) >= 3 else Fraction(20)
        cost = daily[day]
        if cost is not None and len(known) >= 3 and Fraction(cost) > limit:
            expected.append(day)
    assert [spike.day for spike in spikes(daily, until)] == expected


def made_up(chance: random.Random, month: str) -> dict[date, Decimal]:
    """Sixty days and a month: cheap weekends, a trend, noise, and in some a day of many times as much."""
    whole = days_of(month)
    every = [whole[0] + place * DAY for place in range(-60, len(whole))]
    level, trend = chance.uniform(20, 2_000), chance.uniform(-0.002, 0.004)
    odd = chance.choice(every) if chance.random() < 0.3 else None
    daily = {}
    for place, day in enumerate(every):
        cost = level * (1 + trend) ** place * (0.3 if day.weekday() >= 5 else 1)
        cost *= chance.lognormvariate(0, 0.25) * (chance.uniform(3, 8) if day == odd else 1)
        daily[day] = Decimal(round(cost * 100)) / 100
    return daily


def test_four_hundred_months_are_projected_better_than_by_their_average_day() -> None:
    chance = random.Random(11)
    by_weekday, by_average, held = [], [], 0
    for number in range(400):
        month = f"2026-{number % 12 + 1:02}"
        daily, whole = made_up(chance, month), days_of(month)
        total = sum(daily[day] for day in whole)
        result = projection({**daily}, month, whole[9])
        assert isinstance(result, Projection)
        assert result.between
        average = result.settled / 10 * len(whole)
        by_weekday.append(abs(result.amount - total) / total)
        by_average.append(abs(average - total) / total)
        held += result.between.low <= total <= result.between.high
    assert statistics.median(by_weekday) < statistics.median(by_average)
    assert held > 400 / 2, "a range that mostly misses is none"
