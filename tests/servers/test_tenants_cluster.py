"""A cluster of three real nodes: right totals, whichever node is asked."""

from collections.abc import Iterator

import pytest
from redis.asyncio import RedisCluster

from lib.errors import SourceDenied, SourceReplyError
from lib.sources.tenants.connect import connect, parse_endpoint
from lib.sources.tenants.reader import fetch_counters
from tests.support.redis_servers import Server, add_reader, redis_cluster

WINDOW = {"first_month": "2025-08", "last_month": "2025-10"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[Server]]:
    with redis_cluster() as servers:
        yield servers


@pytest.mark.parametrize("node", [0, 1, 2])
async def test_a_cluster_gives_the_same_totals_by_every_node(
    cluster: list[Server], node: int
) -> None:
    client = await connect(parse_endpoint(cluster[node].tcp))
    assert isinstance(client, RedisCluster)
    await client.flushall(target_nodes=RedisCluster.PRIMARIES)
    for number in range(1_500):
        await client.set(f"usage:t{number}:requests:2025-09", number)
    await client.set("usage:bad:requests:2025-09", "many")
    await client.rpush("usage:list:requests:2025-09", 1)
    everything = await fetch_counters(client, **WINDOW)
    some = await fetch_counters(client, **WINDOW, tenants=("t7", "t8", "list"))
    await client.aclose()
    assert everything.counters["value"].sum() == sum(range(1_500))
    assert len(everything.counters) == 1_500
    assert list(everything.anomalies["tenant_id"]) == ["bad", "list"]
    assert sorted(some.counters["value"]) == [7, 8]
    assert list(some.anomalies["tenant_id"]) == ["list"]


async def test_a_reader_of_a_cluster_needs_to_see_how_it_is_divided(
    cluster: list[Server],
) -> None:
    for server in cluster:
        address = add_reader(server)
    with pytest.raises(SourceDenied, match=r"\+cluster\|slots"):
        await connect(parse_endpoint(address))
    for server in cluster:
        add_reader(server, "+cluster|slots", "+cluster|shards", "+command", "+readonly")
    client = await connect(parse_endpoint(address))
    await fetch_counters(client, **WINDOW)
    await client.aclose()


async def test_a_cluster_has_one_database(cluster: list[Server]) -> None:
    with pytest.raises(SourceReplyError):
        await connect(parse_endpoint(f"{cluster[0].tcp}/1"))


async def test_a_socket_of_a_cluster_node_is_not_enough(cluster: list[Server]) -> None:
    with pytest.raises(SourceReplyError, match="over TCP"):
        await connect(parse_endpoint(cluster[0].url))
