"""The caches: bounded by rows, fresh where data may change, one request for many, per credential."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from cachetools import TTLCache

from lib.cache import LOOKUP_SECONDS, OPEN_SECONDS, Bucket, Caches, SingleFlight
from lib.errors import SourceUnavailable

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)


def bucket(rows: int = 1, *, age: float = 0, final: bool = True) -> Bucket:
    return Bucket(0, rows, {}, NOW - timedelta(seconds=age), final)


class Upstream:
    """Something slow to fetch: counts its calls and answers when it is let."""

    def __init__(self, answer: object = "answer") -> None:
        self.answer = answer
        self.calls = 0
        self.cancelled = 0
        self.begun = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def fetch(self) -> object:
        self.calls += 1
        self.begun.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def joiners(
    count: int, join: Callable[[], Awaitable[object]]
) -> list["asyncio.Future[object]"]:
    """Tasks that have all begun to wait."""
    tasks = [asyncio.ensure_future(join()) for _ in range(count)]
    await asyncio.sleep(0)  # one turn of the loop: each task runs to its first wait
    return tasks


# Buckets


def test_what_was_used_longest_ago_goes_first_and_rows_are_what_counts() -> None:
    caches = Caches(rows=30)
    for name in "abc":
        caches.keep_bucket(name, bucket(rows=9))
    assert caches.usable_bucket("a", NOW), "used again, so b is now the oldest"
    caches.keep_bucket("d", bucket(rows=9))
    kept = [name for name in "abcd" if caches.usable_bucket(name, NOW)]
    assert kept == ["a", "c", "d"]
    caches.keep_bucket("wide", bucket(rows=19))
    assert caches.buckets.currsize <= 30
    assert [name for name in "acd" if caches.usable_bucket(name, NOW)] == ["d"]


def test_empty_buckets_take_room_too() -> None:
    caches = Caches(rows=100)
    for name in range(1_000):
        caches.keep_bucket(name, bucket(rows=0))
    assert len(caches.buckets) == 100


def test_a_bucket_larger_than_the_cache_is_left_out_and_pushes_nothing_out() -> None:
    caches = Caches(rows=10)
    caches.keep_bucket("small", bucket(rows=3))
    caches.keep_bucket("large", bucket(rows=10))
    assert caches.usable_bucket("large", NOW) is None
    assert caches.usable_bucket("small", NOW)


@pytest.mark.parametrize(
    ("age", "final", "usable"),
    [
        (OPEN_SECONDS - 1, False, True),
        (OPEN_SECONDS, False, False),
        (86_400, False, False),
        (OPEN_SECONDS, True, True),
        (400 * 86_400, True, True),
        (-5, False, True),
    ],
)
def test_open_buckets_age_and_final_ones_do_not(age: float, final: bool, usable: bool) -> None:
    caches = Caches()
    caches.keep_bucket("x", bucket(age=age, final=final))
    assert (caches.usable_bucket("x", NOW) is not None) is usable


@pytest.mark.parametrize("final", [False, True])
def test_what_was_fetched_before_the_clock_was_put_back_is_asked_for_again(final: bool) -> None:
    caches = Caches()
    caches.keep_bucket("x", bucket(age=-3_600, final=final))
    assert caches.usable_bucket("x", NOW) is None


def test_hits_and_misses_are_counted_until_the_caches_are_cleared() -> None:
    caches = Caches()
    caches.keep_bucket("x", bucket())
    for key in ("x", "x", "y"):
        caches.usable_bucket(key, NOW)
    assert (caches.statistics.hits, caches.statistics.misses) == (2, 1)
    caches.clear()
    assert (caches.statistics.hits, caches.statistics.misses) == (0, 0)


async def test_clearing_forgets_all_data_and_leaves_requests_under_way_alone() -> None:
    caches, upstream = Caches(), Upstream()
    caches.keep_bucket("x", bucket())
    caches.lookups["y"] = "found"
    caches.last_names["z"] = "name"
    (waiting,) = await joiners(1, lambda: caches.lookup("slow", upstream.fetch))
    caches.clear()
    assert not caches.buckets
    assert not caches.lookups
    assert not caches.last_names
    upstream.may_answer.set()
    assert await waiting == "answer"
    assert (upstream.calls, upstream.cancelled) == (1, 0)


async def test_what_was_asked_for_before_a_clearing_is_neither_kept_nor_shared_after_it() -> None:
    caches, before, after = Caches(), Upstream("before"), Upstream("after")
    generation = caches.generation
    (early,) = await joiners(1, lambda: caches.lookup("key", before.fetch))
    caches.clear()
    (late,) = await joiners(1, lambda: caches.lookup("key", after.fetch))
    after.may_answer.set()
    async with asyncio.timeout(5):
        assert await late == "after"
    before.may_answer.set()
    assert await early == "before"
    assert await caches.lookup("key", after.fetch) == "after"
    assert (before.calls, after.calls) == (1, 1)
    caches.keep_bucket("x", bucket(), generation)
    assert caches.usable_bucket("x", NOW) is None
    caches.keep_bucket("x", bucket(), caches.generation)
    assert caches.usable_bucket("x", NOW)


# Single flight


async def test_twenty_who_want_the_same_cause_one_fetch() -> None:
    caches, upstream = Caches(), Upstream()
    waiting = await joiners(20, lambda: caches.lookup("key", upstream.fetch))
    upstream.may_answer.set()
    assert await asyncio.gather(*waiting) == ["answer"] * 20
    assert upstream.calls == 1
    assert await caches.lookup("key", upstream.fetch) == "answer"
    assert upstream.calls == 1


async def test_whoever_leaves_does_not_take_the_others_along() -> None:
    caches, upstream = Caches(), Upstream()
    first, second, third = await joiners(3, lambda: caches.lookup("key", upstream.fetch))
    await upstream.begun.wait()
    first.cancel()
    third.cancel()
    await asyncio.wait([first, third])
    upstream.may_answer.set()
    assert await second == "answer"
    assert (first.cancelled(), third.cancelled()) == (True, True)
    assert (upstream.calls, upstream.cancelled) == (1, 0)


async def test_the_last_one_to_leave_ends_the_fetch_and_the_next_one_starts_anew() -> None:
    caches, upstream = Caches(), Upstream()
    waiting = await joiners(2, lambda: caches.lookup("key", upstream.fetch))
    await upstream.begun.wait()
    for one in waiting:
        one.cancel()
    await asyncio.wait(waiting)
    assert caches.flights.current("key") is None
    upstream.may_answer.set()
    assert await caches.lookup("key", upstream.fetch) == "answer"
    assert (upstream.calls, upstream.cancelled) == (2, 1)


async def test_an_error_reaches_all_who_wait_and_is_not_kept() -> None:
    trouble = SourceUnavailable("openai:users", "it is down.")
    caches, upstream = Caches(), Upstream(trouble)
    waiting = await joiners(5, lambda: caches.lookup("key", upstream.fetch))
    upstream.may_answer.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found == [trouble] * 5
    upstream.answer = "recovered"
    assert await caches.lookup("key", upstream.fetch) == "recovered"
    assert upstream.calls == 2


async def test_one_flight_can_serve_many_keys_and_leaves_none_behind() -> None:
    flights, upstream = SingleFlight(), Upstream()
    task = flights.start(["a", "b"], upstream.fetch)
    assert flights.current("a") is flights.current("b") is task
    assert flights.current("c") is None
    upstream.may_answer.set()
    assert await flights.join(task) == "answer"
    await asyncio.sleep(0)  # the task's callbacks run in the next turn of the loop
    assert flights.current("a") is flights.current("b") is None


async def test_a_flight_that_landed_before_it_is_joined_answers_and_is_not_held_on_to() -> None:
    flights, upstream = SingleFlight(), Upstream()
    upstream.may_answer.set()
    task = flights.start(["a"], upstream.fetch)
    await asyncio.wait([task])
    await asyncio.sleep(0)  # the task's callbacks run in the next turn of the loop
    assert await flights.join(task) == "answer"
    assert not flights._waiting

    upstream.answer = SourceUnavailable("x", "down.")
    failed = flights.start(["a"], upstream.fetch)
    await asyncio.wait([failed])
    with pytest.raises(SourceUnavailable):
        await flights.join(failed)
    await asyncio.sleep(0)
    assert not flights._waiting


async def test_an_error_that_nobody_waits_for_any_more_is_not_reported_as_lost() -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, said: reported.append(said))
    flights, upstream = SingleFlight(), Upstream(SourceUnavailable("x", "down."))
    task = flights.start(["a"], upstream.fetch)
    upstream.may_answer.set()
    await asyncio.wait([task])
    del task
    assert reported == []


# Look-ups


async def test_names_are_asked_for_again_once_they_are_old() -> None:
    clock = 0.0
    caches, upstream = Caches(), Upstream()
    upstream.may_answer.set()
    caches.lookups = TTLCache(16, LOOKUP_SECONDS, timer=lambda: clock)
    await caches.lookup("key", upstream.fetch)
    clock = LOOKUP_SECONDS - 1
    await caches.lookup("key", upstream.fetch)
    assert upstream.calls == 1
    clock = LOOKUP_SECONDS + 1
    await caches.lookup("key", upstream.fetch)
    assert upstream.calls == 2


async def test_names_that_grow_old_while_they_are_read_are_fetched_again() -> None:
    ticking = iter(range(0, 10_000, LOOKUP_SECONDS - 1))
    caches, upstream = Caches(), Upstream()
    upstream.may_answer.set()
    caches.lookups = TTLCache(16, LOOKUP_SECONDS, timer=lambda: next(ticking))
    for _ in range(3):
        assert await caches.lookup("key", upstream.fetch) == "answer"


async def test_an_answer_that_is_empty_is_an_answer() -> None:
    caches, upstream = Caches(), Upstream(answer=None)
    upstream.may_answer.set()
    for _ in range(2):
        assert await caches.lookup("key", upstream.fetch) is None
    assert upstream.calls == 1


async def test_keys_that_begin_with_another_credential_share_nothing() -> None:
    caches, one, other = Caches(), Upstream("one"), Upstream("other")
    one.may_answer.set()
    other.may_answer.set()
    found = await asyncio.gather(
        caches.lookup(("scope-1", "names", "users"), one.fetch),
        caches.lookup(("scope-2", "names", "users"), other.fetch),
    )
    assert found == ["one", "other"]
    assert (one.calls, other.calls) == (1, 1)
