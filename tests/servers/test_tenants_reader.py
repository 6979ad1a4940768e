"""What the reader makes of keys and values: against a dictionary computed another way, on a real Redis."""

import asyncio
import string
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from lib.sources.tenants import reader
from lib.sources.tenants.answer import ANOMALY_COLUMNS, COUNTER_COLUMNS
from lib.sources.tenants.connect import connect, parse_endpoint
from lib.sources.tenants.keys import (
    Unreadable,
    months_between,
    read_count,
    read_period,
    split_key,
)
from lib.sources.tenants.reader import fetch_counters
from lib.sources.tenants.tables import METRICS
from tests.support.profiles import examples
from tests.support.redis_servers import Server, any_redis

HOSTILE = ["a:b", "a:requests:2025-09", "*", "a?[b]*", "two words", "🦊", "x" * 300, "usage:"]
WINDOW = {"first_month": "2025-08", "last_month": "2025-10"}

tenant_ids = st.sampled_from(HOSTILE) | st.text(
    string.ascii_lowercase + ":*-é", min_size=1, max_size=6
)
months = st.sampled_from(["2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2024-09"])
days = st.integers(1, 30).map(lambda day: f"-{day:02}")
periods = st.tuples(months, st.just("") | days).map("".join)
metrics = st.sampled_from([*METRICS, "rerank_tokens"])
counters = st.dictionaries(
    st.tuples(tenant_ids, metrics, periods), st.integers(0, 2**63 - 1), max_size=40
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with any_redis() as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Redis]:
    client = await connect(parse_endpoint(server.url))
    await client.flushdb()
    yield client
    await client.aclose()


def found(frame: pd.DataFrame) -> dict[tuple[str, str, str], int]:
    rows = list(frame.itertuples(index=False, name=None))
    as_dictionary = {row[:3]: row[3] for row in rows}
    assert len(as_dictionary) == len(rows), "a counter is there twice"
    return as_dictionary


@given(written=counters, named=st.lists(tenant_ids, max_size=4).map(tuple))
@settings(
    examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_counters_are_those_of_a_dictionary(
    server: Server,
    written: dict[tuple[str, str, str], int],
    named: tuple[str, ...],
) -> None:
    async def read() -> tuple[reader.Counters, reader.Counters]:
        client = await connect(parse_endpoint(server.url))
        try:
            await client.flushdb()
            for (tenant, metric, period), value in written.items():
                await client.set(f"usage:{tenant}:{metric}:{period}", value)
            await client.set("other:a:requests:2025-09", 1)
            everything = await fetch_counters(client, **WINDOW)
            return everything, await fetch_counters(client, **WINDOW, tenants=named)
        finally:
            await client.aclose()

    everything, chosen = asyncio.run(read())
    inside = {key: value for key, value in written.items() if "2025-08" <= key[2][:7] <= "2025-10"}
    assert found(everything.counters) == inside
    assert everything.anomalies.empty
    assert everything.scanned == len(written)
    assert everything.months == {period[:7] for _, _, period in written}
    expected = {key: value for key, value in inside.items() if not named or key[0] in named}
    assert found(chosen.counters) == expected


async def test_the_frames_have_the_promised_columns_and_types_even_when_empty(
    client: Redis,
) -> None:
    for expected in (0, 1):
        answer = await fetch_counters(client, **WINDOW)
        assert len(answer.counters) == len(answer.anomalies) == expected
        assert tuple(answer.counters.columns) == COUNTER_COLUMNS
        assert [str(dtype) for dtype in answer.counters.dtypes] == ["category"] * 3 + ["int64"]
        assert tuple(answer.anomalies.columns) == ANOMALY_COLUMNS
        assert {str(dtype) for dtype in answer.anomalies.dtypes} == {"str"}
        await client.mset({"usage:a:requests:2025-09": 1, "usage:b:requests:2025-09": "x"})


async def test_bad_counters_are_listed_and_harm_no_other(client: Redis) -> None:
    bad: dict[str, bytes] = {
        "float": b"5.5",
        "negative": b"-3",
        "text": b"many",
        "blank": b" 7 ",
        "underscore": b"1_000",
        "line": b"7\n",
        "empty": b"",
        "bytes": b"\xff\xfe",
        "huge": b"99999999999999999999",
        "endless": b"9" * 5_000,
    }
    await client.mset({f"usage:{tenant}:requests:2025-09": raw for tenant, raw in bad.items()})
    await client.rpush("usage:list:requests:2025-09", "1")
    await client.hset("usage:hash:requests:2025-09", "a", "1")
    good = {f"usage:good{number}:requests:2025-09": number for number in range(50)}
    await client.mset(good)
    everyone = (*bad, "list", "hash", *(f"good{number}" for number in range(50)))
    # fifty-odd tenants of one month: few enough to be asked for by name
    for chosen in ((), everyone):
        answer = await fetch_counters(
            client, first_month="2025-09", last_month="2025-09", tenants=chosen
        )
        assert set(found(answer.counters)) == {
            (f"good{number}", "requests", "2025-09") for number in range(50)
        }
        assert answer.counters["value"].sum() == sum(good.values())
        assert set(answer.counters["tenant_id"].cat.categories) == {f"good{n}" for n in range(50)}
        listed = answer.anomalies.set_index("tenant_id")
        assert set(listed.index) == {*bad, "list", "hash"}
        assert listed.loc["float", "problem"] == "not an integer"
        assert listed.loc["float", "value"] == "5.5"
        assert listed.loc["negative", "problem"] == "negative"
        assert listed.loc["huge", "problem"] == "larger than a counter can be"
        assert listed.loc["list", "problem"] == "a list, not a counter"
        assert pd.isna(listed.loc["list", "value"])
        assert listed.loc["bytes", "value"] == "\\xff\\xfe"
        assert len(listed.loc["endless", "value"]) == 200


async def test_keys_that_name_no_counter_are_listed(client: Redis) -> None:
    keys = [b"usage:\xff:requests:2025-09", b"usage:a:\xff:2025-09", b"usage:a:requests:2025-13"]
    keys += [b"usage:a:requests:2025-02-30", b"usage:", b"usage:a", b"usage:a::2025-09"]
    keys += [b"usage::requests:2025-09"]
    await client.mset(dict.fromkeys([*keys, b"usage:a:requests:2025-09"], 7))
    answer = await fetch_counters(client, **WINDOW)
    assert found(answer.counters) == {("a", "requests", "2025-09"): 7}
    assert len(answer.anomalies) == len(keys)
    assert set(answer.anomalies["problem"]) == {
        "the key has no metric",
        "the key has no tenant",
        "the key is not UTF-8",
        "the key's period is neither YYYY-MM nor a date",
    }


async def test_a_counter_that_expires_between_scan_and_mget_is_no_fault(client: Redis) -> None:
    await client.mset({f"usage:t{number}:requests:2025-09": 1 for number in range(10)})

    class Expiring(Redis):
        async def mget(self, keys, *args):  # type: ignore[no-untyped-def]
            await self.delete("usage:t3:requests:2025-09")
            return await super().mget(keys, *args)

    answer = await fetch_counters(Expiring(connection_pool=client.connection_pool), **WINDOW)
    assert len(answer.counters) == 9
    assert answer.anomalies.empty


async def test_a_counter_written_again_after_its_value_was_missed_is_read(client: Redis) -> None:
    await client.set("usage:a:requests:2025-09", 1)

    class Rewriting(Redis):
        async def mget(self, keys, *args):  # type: ignore[no-untyped-def]
            values = await super().mget(keys, *args)
            missed, self.missed = getattr(self, "missed", False), True
            return values if missed else [None] * len(keys)

    answer = await fetch_counters(Rewriting(connection_pool=client.connection_pool), **WINDOW)
    assert found(answer.counters) == {("a", "requests", "2025-09"): 1}


async def test_keys_that_scan_repeats_count_once(client: Redis) -> None:
    await client.mset({f"usage:t{number}:requests:2025-09": number for number in range(2_500)})
    await client.rpush("usage:list:requests:2025-09", "1")

    class Repeating(Redis):
        async def scan(self, *args, **kwargs):  # type: ignore[no-untyped-def]
            cursor, keys = await super().scan(*args, **kwargs)
            return cursor, keys * 2

    answer = await fetch_counters(Repeating(connection_pool=client.connection_pool), **WINDOW)
    assert len(found(answer.counters)) == 2_500
    assert len(answer.anomalies) == 1


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_questions_are_in_flight_than_allowed(client: Redis, limit: int) -> None:
    await client.mset({f"usage:t{number}:requests:2025-09": 1 for number in range(12_000)})
    seen: Counter[str] = Counter()

    class Counting(Redis):
        async def mget(self, keys, *args):  # type: ignore[no-untyped-def]
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
            seen["keys"] = max(seen["keys"], len(keys))
            await asyncio.sleep(0.01)
            try:
                return await super().mget(keys, *args)
            finally:
                seen["now"] -= 1

    counting = Counting(connection_pool=client.connection_pool)
    told: list[tuple[int, ...]] = []
    answer = await fetch_counters(
        counting, **WINDOW, max_parallel=limit, progress=lambda *now: told.append(now)
    )
    assert len(answer.counters) == 12_000
    assert seen["most"] == limit
    assert seen["keys"] == 1_000
    assert [done for done, _ in told] == list(range(1, 13))
    assert told[-1] == (12, 12)


async def test_cancelling_stops_the_workers_and_leaves_the_client_usable(client: Redis) -> None:
    await client.mset({f"usage:t{number}:requests:2025-09": 1 for number in range(5_000)})
    asked = asyncio.Event()

    class Slow(Redis):
        async def mget(self, keys, *args):  # type: ignore[no-untyped-def]
            asked.set()
            await asyncio.Event().wait()

    slow = Slow(connection_pool=client.connection_pool)
    task = asyncio.create_task(fetch_counters(slow, **WINDOW))
    first, _ = await asyncio.wait(
        [task, asyncio.create_task(asked.wait())], timeout=5, return_when=asyncio.FIRST_COMPLETED
    )
    assert first
    assert task not in first
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len((await fetch_counters(client, **WINDOW)).counters) == 5_000


def test_a_key_is_split_from_the_right() -> None:
    assert split_key(b"usage:a:requests:2025-09:b:requests:2025-10") == (
        b"a:requests:2025-09:b",
        b"requests",
        b"2025-10",
    )


@pytest.mark.parametrize("text", [b"2025-9", b"2025-13", b"2025-02-29", b"2025-09-1", b"0000-01"])
def test_a_period_that_is_in_no_calendar_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read_period(text)


@pytest.mark.parametrize("text", [b"+7", b"0x7", b"1e3", "٣".encode(), b"7\n", b"-0"])
def test_what_python_would_take_for_an_integer_is_no_counter(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read_count(text)


def test_the_largest_counter_is_read_and_one_more_is_not() -> None:
    assert read_count(b"9223372036854775807") == 2**63 - 1
    with pytest.raises(Unreadable):
        read_count(b"9223372036854775808")


def test_months_are_those_from_the_first_to_the_last() -> None:
    assert months_between("2024-12", "2025-02") == ["2024-12", "2025-01", "2025-02"]


async def test_a_key_without_a_tenant_is_listed_among_good_ones(client: Redis) -> None:
    await client.mset({"usage::requests:2025-09": 7, "usage:a:requests:2025-09": 1})
    answer = await fetch_counters(client, **WINDOW)
    assert found(answer.counters) == {("a", "requests", "2025-09"): 1}
    assert list(answer.anomalies["problem"]) == ["the key has no tenant"]
