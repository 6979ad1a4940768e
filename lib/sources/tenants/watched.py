"""Whether the servers of Redis lived through a reading.

A search for keys goes on by a cursor that means nothing to a server that has started anew: it would
leave keys out without a word, and values may be gone.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import Redis, RedisCluster

from lib.sources.tenants.failures import LIBRARY_ERRORS


@asynccontextmanager
async def watched(client: Redis | RedisCluster) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Holds one idle connection to each server; what it gives tells whether all of them still hold.

    Raises:
        redis.RedisError: no connection.
    """
    connections = _connections(client)

    async def unbroken() -> bool:
        try:
            for connection in connections:
                await _ping(connection)
        except LIBRARY_ERRORS:
            return False
        return True

    try:
        for connection in connections:
            await connection.connect()
            await _ping(connection)
        yield unbroken
    finally:
        for connection in connections:
            await connection.disconnect()


async def _ping(connection: Any) -> None:
    """Asks over this very connection: the library makes a new one only for its own questions."""
    await connection.send_command("PING", check_health=False)
    await connection.read_response()


def _connections(client: Redis | RedisCluster) -> list[Any]:
    if isinstance(client, RedisCluster):
        return [node.connection_class(**node.connection_kwargs) for node in client.get_primaries()]
    return [cast("Any", client.connection_pool).make_connection()]
