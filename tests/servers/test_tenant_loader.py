"""Counters beside the tenants' list: on a real Redis and a real control database."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cachetools import TLRUCache

from lib.cache import OPEN_SECONDS, Caches
from lib.errors import InputError, SettingsError, SourceDenied, SourceUnavailable
from lib.loader.tenants import load_tenants, tenant_source
from lib.reports.report import Report
from lib.reports.tenants.build import build_tenant_usage
from lib.settings import load_settings
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery, check_tenant_query
from tests.support.every_format import every_format
from tests.support.redis_servers import (
    READER,
    Server,
    add_reader,
    any_redis,
    proxy_to,
    redis_server,
)

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
COUNTERS = {
    "usage:acme:requests:2026-10": 100,
    "usage:acme:input_tokens:2026-10": 7_000,
    "usage:acme:output_tokens:2026-11": 300,
    "usage:borealis:requests:2026-09-14": 50,
    "usage:borealis:embedding_tokens:2026-09-14": 9_000,
    "usage:ghost:requests:2026-11": 5,
}


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with any_redis() as server:
        with server.admin() as client:
            client.mset(COUNTERS)
        yield server


@pytest.fixture
def control(tmp_path: Path) -> str:
    path = tmp_path / "control.sqlite"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE tenants (id TEXT, state TEXT)")
        rows = [(one, "provisioned") for one in ("acme", "borealis", "idle")]
        connection.executemany("INSERT INTO tenants VALUES (?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


def ask(*tenants: str) -> TenantQuery:
    return check_tenant_query(since=None, until=TODAY, today=TODAY, tenants=tenants)


async def report_of(
    endpoint: str, control_url: str = "", query: TenantQuery | None = None, times: int = 1
) -> Report:
    environ = {"REDIS_PRIMARY_ENDPOINT": endpoint, "CONTROL_DATABASE_URL": control_url}
    source = tenant_source(load_settings(environ, Path("/nonexistent")))
    asked, caches = query or ask(), Caches()
    client = await source.connect(4)
    try:
        answers = await asyncio.gather(
            *(load_tenants(source, client, asked, caches=caches) for _ in range(times))
        )
    finally:
        await client.aclose()
    return build_tenant_usage(answers[-1], asked, now=NOW)


def statuses(report: Report) -> dict[str, str]:
    return {source.name: source.status for source in report.sources}


async def test_every_counter_is_in_the_totals_and_every_tenant_in_the_table(
    redis: Server, control: str
) -> None:
    report = await report_of(redis.url, control)
    assert report.totals["requests"] == 100 + 50 + 5
    assert report.totals["total_tokens"] == 7_000 + 300 + 9_000
    table = report.table("tenants").frame.set_index("tenant_id")
    assert {*table.index} == {"acme", "borealis", "idle", "ghost"}
    assert table.loc["idle", "status"] == "no usage recorded"
    assert table.loc["ghost", "status"] == "not in control database"
    assert report.complete


async def test_without_a_control_database_the_tenants_are_those_with_counters(
    redis: Server,
) -> None:
    report = await report_of(redis.url)
    assert {*report.table("tenants").frame["tenant_id"]} == {"acme", "borealis", "ghost"}
    assert statuses(report)["control-database"] == "skipped"
    assert report.complete


async def test_a_control_database_that_is_down_leaves_a_report_that_is_marked(
    redis: Server, tmp_path: Path
) -> None:
    report = await report_of(redis.url, f"sqlite:///{tmp_path}/missing.sqlite")
    assert report.totals["requests"] == 155
    assert statuses(report)["control-database"] == "failed"
    assert not report.complete


async def test_names_that_are_no_utf_8_cost_no_other_and_reach_every_format(tmp_path: Path) -> None:
    path = tmp_path / "bytes.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE tenants (id TEXT)")
        rows = [
            f"(CAST(X'{one.hex()}' AS text))" for one in (b"acme", b"half\xed\xa0\x80", b"M\xfc")
        ]
        connection.execute(f"INSERT INTO tenants VALUES {', '.join(rows)}")
    with redis_server() as server:
        with server.admin() as client:
            client.mset({"usage:acme:requests:2026-10": 100, b"usage:a:n\xff:2026-10": 5})
            client.mset({b"usage:half\xed\xa0\x80:requests:2026-10": 7})
        report = await report_of(server.url, f"sqlite:///{path}")
    assert report.totals["tenants_listed"] == 3
    assert report.table("tenants").frame.set_index("tenant_id").loc["acme", "requests"] == 100
    assert not report.complete
    texts = every_format(report)
    for name in (r"half\xed\xa0\x80", r"M\xfc"):
        assert name in texts["csv"]
        assert json.dumps(name) in texts["json"]
        assert name in texts["terminal"]
    assert r"usage:half\xed\xa0\x80:requests:2026-10" in texts["csv"]


async def test_a_redis_that_is_down_is_an_error_not_an_empty_report(control: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        await report_of("127.0.0.1:1", control)
    assert caught.value.remedy


async def test_an_unknown_tenant_is_an_error_that_names_near_ones(
    redis: Server, control: str
) -> None:
    with pytest.raises(InputError, match="borealis"):
        await report_of(redis.url, control, ask("boreals"))


async def test_a_known_tenant_without_counters_is_no_error(redis: Server, control: str) -> None:
    report = await report_of(redis.url, control, ask("idle"))
    assert list(report.table("tenants").frame["tenant_id"]) == ["idle"]
    assert report.totals["requests"] == 0


async def test_loads_at_once_share_one_pass(redis: Server, control: str) -> None:
    with redis.admin() as client:
        client.config_resetstat()
        await report_of(redis.url, control, times=10)
        assert client.info("commandstats")["cmdstat_scan"]["calls"] == 1


class Clock:
    """The caches' clock, which a test turns."""

    seconds = 0.0


@asynccontextmanager
async def sessions(
    endpoint: str, control_url: str = "", caches: Caches | None = None
) -> AsyncIterator[tuple[Callable[..., Awaitable[TenantAnswer]], Clock]]:
    """Loads of one process, by people who come one after the other; and the clock of its caches."""
    environ = {"REDIS_PRIMARY_ENDPOINT": endpoint, "CONTROL_DATABASE_URL": control_url}
    source = tenant_source(load_settings(environ, Path("/nonexistent")))
    caches, clock = caches or Caches(), Clock()
    kept = caches.documents
    caches.documents = TLRUCache(
        kept.maxsize, kept.ttu, timer=lambda: clock.seconds, getsizeof=kept.getsizeof
    )
    client = await source.connect(4)

    async def load(*tenants: str, anew: bool = False) -> TenantAnswer:
        return await load_tenants(source, client, ask(*tenants), caches=caches, anew=anew)

    try:
        yield load, clock
    finally:
        await client.aclose()


def reads(server: Server) -> int:
    """Questions for keys and values that Redis has answered."""
    with server.admin() as client:
        calls = client.info("commandstats")
    return sum(calls.get(f"cmdstat_{one}", {}).get("calls", 0) for one in ("scan", "mget"))


def times(answer: TenantAnswer) -> list[datetime]:
    return [one.as_of for one in answer.statuses if one.as_of is not None]


async def test_a_finished_read_serves_the_next_person_for_a_minute_and_says_when_it_was(
    redis: Server, control: str
) -> None:
    async with sessions(redis.url, control) as (load, clock):
        first, known = await load(), reads(redis)
        clock.seconds = OPEN_SECONDS - 1
        second = await load()
        assert reads(redis) == known
        assert times(second) == times(first)
        assert len(times(second)) == 2
        clock.seconds = OPEN_SECONDS + 1
        before = datetime.now(UTC)
        third = await load()
        assert reads(redis) > known
        assert min(times(third)) >= before


async def test_whoever_asks_again_gets_what_is_there_now_and_so_does_everybody_after(
    redis: Server, control: str
) -> None:
    def requests(answer: TenantAnswer) -> int:
        good = answer.counters
        return int(good.loc[good["metric"] == "requests", "value"].sum())

    async with sessions(redis.url, control) as (load, _):
        assert requests(await load()) == 155
        try:
            with redis.admin() as client:
                client.incrby("usage:acme:requests:2026-10", 1_000)
            with sqlite3.connect(control.removeprefix("sqlite:///")) as connection:
                connection.execute("INSERT INTO tenants VALUES ('young', 'provisioned')")
            connection.close()
            assert requests(await load()) == 155
            for anew in (True, False):
                answer = await load(anew=anew)
                assert requests(answer) == 1_155
                assert answer.tenants is not None
                assert "young" in {*answer.tenants["tenant_id"]}
        finally:
            with redis.admin() as client:
                client.mset(COUNTERS)


async def test_months_compared_with_come_in_the_same_pass(redis: Server, control: str) -> None:
    november = {"since": TODAY.replace(day=1), "until": TODAY, "today": TODAY}
    asked = check_tenant_query(**november, compare="month-before")
    before = reads(redis)
    alone = await report_of(redis.url, control, check_tenant_query(**november))
    once = reads(redis) - before
    report = await report_of(redis.url, control, asked)
    assert reads(redis) - before == 2 * once
    assert report.totals == alone.totals
    october = {"since": date(2026, 10, 1), "until": date(2026, 10, 31), "today": TODAY}
    other = await report_of(redis.url, control, check_tenant_query(**october))
    totals = report.table("tenants").totals
    assert totals["total_tokens_previous"] == other.totals["total_tokens"] > 0


async def test_another_question_is_another_read(redis: Server, control: str) -> None:
    async with sessions(redis.url, control) as (load, _):
        assert len((await load()).counters) == len(COUNTERS)
        assert {*(await load("acme")).counters["tenant_id"]} == {"acme"}
        assert len((await load()).counters) == len(COUNTERS)


def kept(caches: Caches) -> list[object]:
    """What the documents are of."""
    return [key[1] for key in caches.documents if isinstance(key, tuple)]


async def test_a_read_that_is_stopped_half_way_is_not_kept() -> None:
    with redis_server() as server, server.admin() as admin:
        admin.mset(COUNTERS)
        async with proxy_to(server.port) as proxy:
            caches = Caches()
            async with sessions(proxy.url, caches=caches) as (load, _):
                proxy.holds = b"MGET"
                stopped = asyncio.create_task(load())
                await asyncio.wait_for(proxy.holding.wait(), 10)
                stopped.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await stopped
                assert kept(caches) == []
                proxy.released.set()
                assert len((await load()).counters) == len(COUNTERS)
                assert kept(caches) == ["counters"]


async def test_a_read_that_fails_half_way_is_not_kept(tmp_path: Path) -> None:
    with redis_server() as server, server.admin() as admin:
        admin.mset(COUNTERS)
        caches, address = Caches(), add_reader(server)
        async with sessions(address, f"sqlite:///{tmp_path}/gone", caches) as (load, _):
            admin.execute_command("ACL", "SETUSER", READER, "-mget")
            with pytest.raises(SourceDenied):
                await load()
            assert kept(caches) == []
            admin.execute_command("ACL", "SETUSER", READER, "+mget")
            answer = await load()
            assert [one.status for one in answer.statuses] == ["ok", "failed"]
            assert kept(caches) == ["counters"], "that there is no list is asked again"


async def test_what_is_kept_counts_as_large_as_it_is_and_never_holds_a_secret(
    redis: Server, control: str
) -> None:
    caches = Caches()
    async with sessions(redis.url, control, caches) as (load, _):
        answer = await load()
        assert answer.tenants is not None
        frames = (answer.counters, answer.anomalies, answer.tenants)
        least = sum(frame.memory_usage(deep=True).sum() for frame in frames)
        assert caches.documents.currsize >= least
        assert redis.url not in repr([*caches.documents])
        assert control not in repr([*caches.documents])
    small = Caches(document_bytes=500)
    async with sessions(redis.url, control, small) as (load, _):
        assert len((await load()).counters) == len(COUNTERS)
        assert "counters" not in kept(small)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("REDIS_PRIMARY_ENDPOINT", "ftp://secret-canary@host"),
        ("REDIS_PRIMARY_ENDPOINT", "rediss://:secret-canary@host?ssl_cert_reqs=none"),
        ("CONTROL_DATABASE_URL", "mysql://root:secret-canary@host/db"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_without_its_value(
    variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        tenant_source(load_settings({variable: value}, Path("/nonexistent")))
    assert caught.value.variable == variable
    assert "secret-canary" not in str(caught.value)
