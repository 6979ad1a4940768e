"""Reaching Redis: every way it can be refused, silent or misaddressed, and that no error tells a secret."""

import asyncio
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lib.errors import SourceDenied, SourceError, SourceReplyError, SourceUnavailable
from lib.sources.tenants.connect import connect, host_of, parse_endpoint
from lib.sources.tenants.failures import ACL_LINE, translate
from lib.sources.tenants.reader import fetch_counters
from tests.support.redis_servers import (
    READER_RIGHTS,
    Server,
    add_reader,
    answering,
    free_port,
    proxy_to,
    redis_server,
    replica_of,
    sentinel_of,
    tls_server,
)

CANARY = "canary-9fK2-secret"
WINDOW = {"first_month": "2025-08", "last_month": "2025-10"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis_server() as server:
        with server.admin() as client:
            client.mset({f"usage:t{number}:requests:2025-09": number for number in range(3_000)})
            client.rpush("usage:list:requests:2025-09", 1)
        yield server


@pytest.fixture(scope="module")
def locked() -> Iterator[Server]:
    with redis_server("--requirepass", CANARY) as server:
        yield Server(f"unix://:{CANARY}@{server.folder}/s", server.port)


async def read(address: str, **options: float) -> int:
    """How many counters there are at an address."""
    client = await connect(parse_endpoint(address), **options)  # type: ignore[arg-type]
    try:
        return len((await fetch_counters(client, **WINDOW)).counters)
    finally:
        await client.aclose()


async def failure(address: str, **options: float) -> SourceError:
    """The error of reading at an address; it tells no secret and knows a remedy."""
    with pytest.raises(SourceError) as caught:
        await read(address, **options)
    assert CANARY not in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


async def test_a_user_with_the_least_rights_can_read(server: Server) -> None:
    assert ACL_LINE.endswith(" ".join(READER_RIGHTS))
    assert await read(add_reader(server)) == 3_000
    client = await connect(parse_endpoint(add_reader(server)))
    named = await fetch_counters(client, **WINDOW, tenants=("t7", "list"))
    await client.aclose()
    assert list(named.counters["value"]) == [7]
    assert list(named.anomalies["tenant_id"]) == ["list"]


async def test_a_user_without_a_right_is_told_which_rights_are_needed(server: Server) -> None:
    address = add_reader(server, "-mget")
    error = await failure(address)
    assert isinstance(error, SourceDenied)
    assert ACL_LINE in error.remedy


async def test_a_wrong_password_is_sent_once(locked: Server) -> None:
    with redis.Redis(port=locked.port, password=CANARY) as admin:
        admin.config_resetstat()
        error = await failure(f"redis://:wrong-{CANARY}@127.0.0.1:{locked.port}")
        calls = admin.info("commandstats")
        # the administrator's connection was there before
        assert calls["cmdstat_hello"]["calls"] == 1
        assert "cmdstat_auth" not in calls
    assert isinstance(error, SourceDenied)
    assert "refuses" in error.detail


async def test_a_missing_password_is_asked_for(locked: Server) -> None:
    error = await failure(f"redis://127.0.0.1:{locked.port}")
    assert isinstance(error, SourceDenied)
    assert "wants a password" in error.detail


async def test_an_address_where_nothing_listens() -> None:
    place = f"127.0.0.1:{free_port()}"
    error = await failure(f"redis://:{CANARY}@{place}")
    assert isinstance(error, SourceUnavailable)
    assert "nothing listens" in error.detail
    assert place in error.detail
    assert "REDIS_PRIMARY_ENDPOINT" in error.remedy


async def test_sentinels_that_are_all_down_are_not_taken_for_a_wrong_name() -> None:
    error = await failure(f"redis+sentinel://:{CANARY}@127.0.0.1:{free_port()}/main")
    assert isinstance(error, SourceUnavailable)
    assert "nothing listens" in error.detail


async def test_tls_is_spoken_and_its_mismatches_are_named(server: Server) -> None:
    with tls_server() as (secure, authority):
        address = f"rediss://127.0.0.1:{secure.port}"
        assert await read(f"{address}?ssl_ca_certs={authority}") == 0
        assert "not trusted" in (await failure(address)).detail
        plain = await failure(f"redis://127.0.0.1:{secure.port}")
        assert "rediss://" in plain.remedy
        missing = await failure(f"{address}?ssl_ca_certs={Path('/nowhere/ca.pem')}")
        assert isinstance(missing, SourceUnavailable)
    wrong = await failure(f"rediss://:{CANARY}@127.0.0.1:{server.port}", connect_timeout=0.5)
    assert isinstance(wrong, SourceUnavailable)
    assert "redis://" in wrong.remedy


async def test_silence_ends_in_an_error_soon(server: Server) -> None:
    async with proxy_to(server.port) as proxy:
        proxy.silent = True
        error = await failure(proxy.url, answer_timeout=0.2)
        assert isinstance(error, SourceUnavailable)
        assert "did not answer in time" in error.detail
        assert proxy.connections == 1
        proxy.silent = False
        client = await connect(parse_endpoint(proxy.url), answer_timeout=0.2, retries=1)
        proxy.silent = True
        with pytest.raises(SourceUnavailable) as caught:
            await fetch_counters(client, **WINDOW, place=host_of(parse_endpoint(proxy.url)))
        assert proxy.url.rpartition("/")[2] in caught.value.detail
        assert "REDIS_PRIMARY_ENDPOINT" in caught.value.remedy
        await client.aclose()


async def test_a_cut_connection_is_made_again(server: Server) -> None:
    async with proxy_to(server.port) as proxy:
        client = await connect(parse_endpoint(proxy.url))
        assert len((await fetch_counters(client, **WINDOW)).counters) == 3_000
        proxy.cut()
        assert len((await fetch_counters(client, **WINDOW)).counters) == 3_000
        await client.aclose()


async def test_a_slow_network_is_borne(server: Server) -> None:
    async with proxy_to(server.port) as proxy:
        proxy.delay = 0.005
        assert await read(proxy.url) == 3_000


async def test_a_loading_server_is_named() -> None:
    async with answering(b"-LOADING Redis is loading the dataset in memory\r\n") as address:
        error = await failure(address)
    assert isinstance(error, SourceUnavailable)
    assert "loading" in error.detail


async def test_what_is_no_redis_is_an_error() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        error = await failure(address, answer_timeout=0.5)
    assert isinstance(error, SourceError)


async def test_a_server_that_repeats_a_password_is_not_quoted() -> None:
    async with answering(f"-ERR unknown command with args {CANARY}\r\n".encode()) as address:
        error = await failure(address)
    assert isinstance(error, SourceReplyError)


async def test_a_replica_reads_as_well(server: Server) -> None:
    with replica_of(server) as replica:
        assert await read(replica.tcp) == 3_000


async def test_a_sentinel_is_asked_for_the_primary_and_named_if_meant_as_redis(
    server: Server,
) -> None:
    with sentinel_of(server, "main") as sentinel:
        error = await failure(sentinel.tcp)
        assert isinstance(error, SourceReplyError)
        assert "redis+sentinel://" in error.remedy
        address = f"redis+sentinel://127.0.0.1:{sentinel.port}"
        assert await read(f"{address}/main") == 3_000
        assert "by that name" in (await failure(f"{address}/other")).detail


async def test_a_database_that_does_not_exist(server: Server) -> None:
    error = await failure(f"{server.tcp}/99")
    assert "database" in error.detail


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (redis.exceptions.MasterDownError("down"), SourceUnavailable, "lost its primary"),
        (redis.exceptions.ClusterDownError("down"), SourceUnavailable, "cluster is down"),
        (redis.exceptions.ReadOnlyError(CANARY), SourceReplyError, "replica"),
        (redis.exceptions.AuthenticationError(CANARY), SourceDenied, "refuses"),
        (redis.exceptions.ConnectionError(CANARY), SourceUnavailable, "no connection"),
        (redis.exceptions.RedisClusterException(CANARY), SourceReplyError, "cluster"),
        (OSError(CANARY), SourceUnavailable, "no connection"),
    ],
)
def test_the_first_row_that_fits_names_the_situation(
    error: Exception, kind: type[SourceError], words: str
) -> None:
    ours = translate(error)
    assert type(ours) is kind
    assert words in ours.detail
    assert CANARY not in "".join(traceback.format_exception(ours))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("redis.internal", "redis.internal:6379"),
        ("localhost:7000", "localhost:7000"),
        (f"redis://user:{CANARY}@h:7/3", "h:7"),
        (f"rediss://:{CANARY}@h?ssl_ca_certs=/ca.pem", "h:6379"),
        ("redis://[::1]:7000", "[::1]:7000"),
        (f"unix:///run/redis.sock?password={CANARY}", "/run/redis.sock"),
        (f"redis+sentinel://:{CANARY}@a:1,b/main/2", "a:1, b:26379"),
    ],
)
def test_an_address_is_shown_without_user_and_password(text: str, host: str) -> None:
    endpoint = parse_endpoint(text)
    assert host_of(endpoint) == host
    assert CANARY not in repr(endpoint)


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"http://{CANARY}@h",
        f"redis://:{CANARY}@h:port",
        f"redis://:{CANARY}@h:99999",
        f"redis://:{CANARY}@h:0",
        f"redis://:{CANARY}@",
        f"redis://:a@{CANARY}@h",
        f"redis://:a/{CANARY}@h",
        f"redis://:a#{CANARY}@h",
        f"redis://h/{CANARY}",
        f"redis://h?db={CANARY}",
        f"redis://h?colour={CANARY}",
        "rediss://h?ssl_cert_reqs=none",
        "redis://h?ssl_ca_certs=/ca.pem",
        "unix://",
        f"redis+sentinel://:{CANARY}@h:1",
        f"redis://h {CANARY}",
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^\w+ ") as caught:
        parse_endpoint(text)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


async def test_a_hidden_end_of_a_reading_leaves_no_task_behind(server: Server) -> None:
    with pytest.raises(SourceDenied):
        await read(add_reader(server, "-mget"))
    assert asyncio.all_tasks() == {asyncio.current_task()}
