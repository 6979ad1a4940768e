"""Connections that write their commands in C: the library does so for synchronous clients only."""

from typing import Any

import hiredis
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection


class _Packed:
    """A question of a thousand keys takes a quarter of the time to write."""

    def pack_command(self, *args: Any) -> list[bytes]:
        # The library may join two words of a command's name; the server wants them apart.
        return [hiredis.pack_command((*str(args[0]).split(), *args[1:]))]


class _PackedConnection(_Packed, Connection):
    pass


class _PackedSSLConnection(_Packed, SSLConnection):
    pass


class _PackedSocketConnection(_Packed, UnixDomainSocketConnection):
    pass


PACKED = {
    Connection: _PackedConnection,
    SSLConnection: _PackedSSLConnection,
    UnixDomainSocketConnection: _PackedSocketConnection,
}
"""The library's connections, and ours that do the same."""
