"""Counters over TLS: alone, behind a sentinel, and in a cluster, of real servers that speak nothing else."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster

from lib.errors import SourceError, SourceUnavailable
from lib.sources.tenants.connect import connect, parse_endpoint
from lib.sources.tenants.reader import fetch_counters
from tests.support.certificates import Certificates, make_certificates
from tests.support.redis_servers import (
    READER,
    READER_PASSWORD,
    Server,
    add_reader,
    certificates,
    redis_cluster,
    redis_server,
    sentinel_of,
)

WINDOW = {"first_month": "2025-08", "last_month": "2025-10"}
TOTAL = sum(range(1_500))


@pytest.fixture(scope="module")
def signed() -> Iterator[Certificates]:
    with certificates() as made:
        yield made


@pytest.fixture(scope="module")
def sentinel(signed: Certificates) -> Iterator[Server]:
    """Watches a server with counters, by the name ``main``."""
    with redis_server(certificates=signed) as server:
        add_reader(server)
        with server.admin() as client:
            client.mset({f"usage:t{n}:requests:2025-09": n for n in range(1_500)})
        with sentinel_of(server, "main", signed) as watching:
            yield watching


@pytest.fixture(scope="module")
def cluster(signed: Certificates) -> Iterator[list[Server]]:
    """Holds counters on all of its nodes."""
    with redis_cluster(certificates=signed) as servers:
        address = f"rediss://127.0.0.1:{servers[0].port}?ssl_ca_certs={signed.authority}"
        asyncio.run(fill(address))
        yield servers


async def fill(address: str) -> None:
    client = await connect(parse_endpoint(address))
    for number in range(1_500):
        await client.set(f"usage:t{number}:requests:2025-09", number)
    await client.aclose()


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """An authority that signed nothing of the servers'."""
    return make_certificates(tmp_path).authority


async def total(address: str, kind: type) -> int:
    """The sum of all counters at an address, whose client must be of a kind."""
    client = await connect(parse_endpoint(address))
    try:
        assert isinstance(client, kind)
        return int((await fetch_counters(client, **WINDOW)).counters["value"].sum())
    finally:
        await client.aclose()


async def failure(address: str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await total(address, object)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("user", ["", f"{READER}:{READER_PASSWORD}@"])
async def test_the_primary_behind_a_sentinel_is_read_over_tls(
    signed: Certificates, sentinel: Server, user: str
) -> None:
    place = f"rediss+sentinel://{user}127.0.0.1:{sentinel.port}/main"
    assert await total(f"{place}?ssl_ca_certs={signed.authority}", Redis) == TOTAL


async def test_a_sentinel_meant_as_redis_is_named_over_tls_too(
    signed: Certificates, sentinel: Server
) -> None:
    address = f"rediss://127.0.0.1:{sentinel.port}?ssl_ca_certs={signed.authority}"
    assert "rediss+sentinel://" in (await failure(address)).remedy


async def test_a_sentinel_whose_certificate_is_not_trusted_is_named_as_such(
    sentinel: Server, stranger: Path
) -> None:
    place = f"rediss+sentinel://127.0.0.1:{sentinel.port}/main"
    for address in (place, f"{place}?ssl_ca_certs={stranger}"):
        error = await failure(address)
        assert isinstance(error, SourceUnavailable)
        assert "not trusted" in error.detail


async def test_a_sentinel_that_wants_tls_is_not_taken_for_one_that_is_down(
    sentinel: Server,
) -> None:
    error = await failure(f"redis+sentinel://127.0.0.1:{sentinel.port}/main")
    assert "rediss" in error.remedy


@pytest.mark.parametrize("node", [0, 1, 2])
async def test_a_cluster_is_read_over_tls_by_every_node(
    signed: Certificates, cluster: list[Server], node: int
) -> None:
    address = f"rediss://127.0.0.1:{cluster[node].port}?ssl_ca_certs={signed.authority}"
    for server in cluster:
        with server.admin() as alone:
            assert alone.dbsize() > 300, "the counters are on all nodes"
    assert await total(address, RedisCluster) == TOTAL


async def test_a_cluster_whose_certificate_is_not_trusted_is_named_as_such(
    cluster: list[Server], stranger: Path
) -> None:
    address = f"rediss://127.0.0.1:{cluster[0].port}?ssl_ca_certs={stranger}"
    assert "not trusted" in (await failure(address)).detail
