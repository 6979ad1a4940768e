"""Buckets for any platform: it says how to ask; the rest is the same for all."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.cache import Caches
from lib.errors import SourceUnavailable
from lib.loader.buckets import BucketLoad, FetchedBucket, SeriesAnswer
from lib.loader.progress import Progress
from lib.periods import Period, epoch

DAY = 86_400
NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
WEEK = Period(date(2026, 11, 15), date(2026, 11, 21))


@dataclass(frozen=True)
class Letters:
    """A series of a platform that nobody has written yet: three days a request."""

    endpoint: str = "letters"
    width: str = "1d"
    step: int = DAY
    limit: int = 3


@dataclass
class PostOffice:
    """Counts a letter a day; remembers what it was asked for.

    Args:
        closed: first days of windows that get no answer.
        absent: days that it leaves out.
    """

    asked: list[tuple[date, int]] = field(default_factory=list)
    closed: set[date] = field(default_factory=set)
    absent: set[date] = field(default_factory=set)

    async def fetch(self, series: Letters, start: int, end: int) -> Iterable[FetchedBucket]:
        day = datetime.fromtimestamp(start, UTC).date()
        self.asked.append((day, (end - start) // DAY))
        await asyncio.sleep(0)
        if day in self.closed:
            raise SourceUnavailable("post", "closed.")
        return [
            FetchedBucket(at, at + DAY, 1, {"letters": [1]})
            for at in range(start, end, DAY)
            if datetime.fromtimestamp(at, UTC).date() not in self.absent
        ]

    async def week(
        self, caches: Caches, now: datetime = NOW, scope: str = "mine"
    ) -> SeriesAnswer[Letters]:
        load = BucketLoad(scope, caches, now, Progress(), self.fetch)
        return await load.series(Letters(), WEEK)


def day(number: int) -> date:
    return date(2026, 11, number)


async def test_a_period_is_asked_for_in_windows_of_the_series_own_size() -> None:
    post = PostOffice()
    answer = await post.week(Caches())
    assert post.asked == [(day(15), 3), (day(18), 3), (day(21), 1)]
    assert [bucket.start for bucket in answer.buckets] == [
        epoch(day(number)) for number in range(15, 22)
    ]
    assert (answer.rows, answer.errors, answer.missing) == (7, [], [])


async def test_only_what_may_have_changed_is_asked_for_again() -> None:
    post, caches = PostOffice(), Caches()
    await post.week(caches)
    post.asked.clear()
    later = NOW + timedelta(minutes=2)
    answer = await post.week(caches, later)
    assert post.asked == [(day(18), 3), (day(21), 1)], "what ended three days ago is final"
    assert (answer.as_of, answer.moves) == (later, True)


async def test_all_who_ask_at_once_share_the_requests_of_one() -> None:
    post, caches = PostOffice(), Caches()
    answers = await asyncio.gather(*(post.week(caches) for _ in range(20)))
    assert len(post.asked) == 3
    assert {answer.rows for answer in answers} == {7}


async def test_buckets_of_one_credential_are_not_given_to_another() -> None:
    post, caches = PostOffice(), Caches()
    await post.week(caches)
    await post.week(caches, scope="yours")
    assert len(post.asked) == 6


async def test_a_window_that_fails_costs_its_buckets_only() -> None:
    answer = await PostOffice(closed={day(18)}).week(Caches())
    assert answer.rows == 4
    assert answer.missing == [epoch(day(number)) for number in (18, 19, 20)]
    assert [error.detail for error in answer.errors] == ["closed."]


@pytest.mark.parametrize(("absent", "left_out"), [(20, [20]), (21, [])])
async def test_a_bucket_that_still_runs_may_be_absent_and_one_that_is_over_may_not(
    absent: int, left_out: list[int]
) -> None:
    answer = await PostOffice(absent={day(absent)}).week(Caches())
    assert answer.missing == [epoch(day(absent))]
    assert answer.left_out(NOW) == [epoch(day(number)) for number in left_out]


async def test_what_is_asked_before_the_cache_is_cleared_is_not_kept() -> None:
    post, caches = PostOffice(), Caches()
    asking = asyncio.create_task(post.week(caches))
    await asyncio.sleep(0)
    caches.clear()
    assert (await asking).rows == 7
    assert not caches.buckets
