"""UTC days, the buckets that tile them, and the windows that tile the buckets."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InputError
from lib.periods import (
    MAX_DAYS,
    SECONDS,
    Period,
    bucket_starts,
    check_period,
    epoch,
    from_epoch,
    parse_day,
    runs,
    span,
)
from lib.presets import title
from tests.support.profiles import examples

TODAY = date(2026, 11, 21)
days = st.dates(date(2015, 1, 1), date(2035, 12, 31))
widths = st.sampled_from(sorted(SECONDS))


def test_a_day_or_month_alone_is_named_once() -> None:
    day = date(2026, 10, 1)
    assert str(Period(day, day)) == "2026-10-01 (UTC)"
    assert title(Period(day, day), date(2026, 10, 20)) == "2026-10-01"
    assert span("2026-11", "2026-11") == "2026-11"
    assert str(Period(day, date(2026, 10, 3))) == "2026-10-01 to 2026-10-03 (UTC)"


def test_one_day_is_a_period() -> None:
    period = check_period(TODAY, TODAY, TODAY)
    assert (period.days, period.end_epoch - period.start_epoch) == (1, 86_400)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (date(2026, 11, 2), date(2026, 11, 1), "Swap"),
        (TODAY, date(2026, 11, 22), "future"),
        (date(2026, 11, 22), date(2026, 11, 22), "future"),
        (date(2026, 11, 22), TODAY, "as the start"),
    ],
)
def test_a_reversed_or_future_range_is_refused(start: date, end: date, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        check_period(start, end, TODAY)
    assert caught.value.parameter == "date range"


@pytest.mark.parametrize(("width", "most"), [("1m", 31), ("1h", 366), ("1d", 1_096)])
def test_each_width_takes_its_longest_range_and_not_a_day_more(width: str, most: int) -> None:
    assert MAX_DAYS[width] == most
    start = TODAY - timedelta(days=most - 1)
    assert check_period(start, TODAY, TODAY, width).days == most
    with pytest.raises(InputError, match=f"{most:,} days"):
        check_period(start - timedelta(days=1), TODAY, TODAY, width)


def test_a_range_that_costs_no_more_when_long_may_be_as_long_as_there_is_data() -> None:
    since = date(2019, 1, 1)
    assert check_period(since, TODAY, TODAY, width=None) == Period(since, TODAY)
    with pytest.raises(InputError, match="future"):
        check_period(since, TODAY + timedelta(days=1), TODAY, width=None)


def test_a_range_before_there_was_anything_is_refused_so_that_one_can_compare() -> None:
    with pytest.raises(InputError, match="date range"):
        check_period(date(1, 1, 2), date(1, 1, 5), TODAY)
    oldest = check_period(date(2000, 1, 1), date(2000, 12, 31), TODAY)
    assert oldest.preceding().days == oldest.days


@given(days, st.integers(1, 1_096))
def test_the_preceding_period_is_as_long_and_ends_the_day_before(start: date, length: int) -> None:
    period = Period(start, start + timedelta(days=length - 1))
    before = period.preceding()
    assert before.days == period.days == length
    assert before.end_epoch == period.start_epoch


@given(days)
def test_midnight_is_utc_and_comes_back(day: date) -> None:
    seconds = epoch(day)
    assert seconds % 86_400 == 0
    assert from_epoch(seconds) == datetime(day.year, day.month, day.day, tzinfo=UTC)


@given(days, st.integers(0, 3), widths)
def test_buckets_of_a_period_are_aligned_dense_and_cover_it(
    start: date, more: int, width: str
) -> None:
    period = Period(start, start + timedelta(days=more))
    starts = bucket_starts(period.start_epoch, period.end_epoch, width)
    step = SECONDS[width]
    assert starts[0] == period.start_epoch
    assert starts[-1] + step == period.end_epoch
    assert len(starts) == period.days * 86_400 // step
    assert all(start % step == 0 for start in starts[:50])


@pytest.mark.parametrize(("start", "first"), [(0, 0), (1, 0), (86_399, 0), (86_400, 86_400)])
def test_an_unaligned_start_is_covered_by_the_bucket_it_lies_in(start: int, first: int) -> None:
    assert bucket_starts(start, start + 1, "1d")[0] == first


@examples(200)
@given(
    st.sets(st.integers(0, 400)).map(sorted),
    st.sampled_from([60, 3_600, 86_400]),
    st.integers(1, 40),
)
def test_windows_tile_the_buckets_exactly(places: list[int], step: int, limit: int) -> None:
    starts = [place * step for place in places]
    windows = list(runs(starts, step, limit))
    covered = [at for first, end in windows for at in range(first, end, step)]
    assert covered == starts, "each bucket once, in order, and no other"
    assert all(step <= end - first <= limit * step for first, end in windows)


@given(st.integers(0, 1_500), st.integers(1, 200))
def test_a_stretch_without_gaps_takes_as_few_windows_as_can_be(count: int, limit: int) -> None:
    windows = list(runs([at * 60 for at in range(count)], 60, limit))
    assert len(windows) == -(-count // limit)


def test_ninety_days_are_three_windows_of_thirty_one() -> None:
    period = Period(date(2026, 8, 1), date(2026, 10, 29))
    starts = bucket_starts(period.start_epoch, period.end_epoch, "1d")
    lengths = [(end - first) // 86_400 for first, end in runs(starts, 86_400, 31)]
    assert lengths == [31, 31, 28]


@pytest.mark.parametrize("text", ["2026-13-01", "2026-02-30", "21.11.2026", "today", "", "x" * 500])
def test_what_is_no_date_is_refused_with_the_form_that_is_wanted(text: str) -> None:
    with pytest.raises(InputError, match="YYYY-MM-DD") as caught:
        parse_day("--since", text)
    assert caught.value.parameter == "--since"
    assert len(str(caught.value)) < 150


def test_a_date_is_read() -> None:
    assert parse_day("--since", "2026-02-28") == date(2026, 2, 28)
