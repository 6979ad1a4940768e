"""An S3 server that becomes busy: for some requests it answers 503, as S3 does to whom it asks to slow down."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import cast
from urllib.parse import urlsplit

_BODY = b"<Error><Code>SlowDown</Code></Error>"
_BUSY = b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(_BODY)


class Front(ThreadingTCPServer):
    """Stands before a server, counts what is asked for, and passes it on or is busy.

    Args:
        server: its address; moto's closes each connection after one answer, so one connection is one
            request.
    """

    daemon_threads = True

    def __init__(self, server: str) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        there = urlsplit(server)
        self.there = there.hostname, there.port
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self._counting = threading.Lock()
        self.count_anew()

    def count_anew(self, busy: range = range(0), *, at_first: bool = False) -> None:
        """As if nobody had asked for anything.

        Args:
            busy: numbers of the requests, from 0 on, that will be answered with 503.
            at_first: so will be everything that is asked for the first time.
        """
        self._busy, self._at_first = busy, at_first
        self._asked: list[bytes] = []
        self.refused = 0

    @property
    def requests(self) -> int:
        """How many came since then."""
        return len(self._asked)

    def refuses(self, asked: bytes) -> bool:
        """Counts a request, and tells whether it is one of those.

        Args:
            asked: its first line.
        """
        with self._counting:
            new, number = asked not in self._asked, len(self._asked)
            self._asked.append(asked)
            refused = number in self._busy or (self._at_first and new)
            self.refused += refused
        return refused


class _Asked(BaseRequestHandler):
    """One connection."""

    def handle(self) -> None:
        front, client = cast(Front, self.server), self.request
        with suppress(OSError):  # who asked has gone
            head = client.recv(65_536)
            if front.refuses(head.partition(b"\r\n")[0]):
                # What answers a HEAD tells the length of a body, but has none
                client.sendall(_BUSY if head.startswith(b"HEAD") else _BUSY + _BODY)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65_536):  # else what was not read would break the answer off
                    pass
                return
            with socket.create_connection(front.there) as server:
                server.sendall(head)
                answering = threading.Thread(target=_carry, args=(server, client))
                answering.start()
                _carry(client, server)
                answering.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def front_of(server: str) -> Iterator[Front]:
    """One that is not busy yet."""
    with Front(server) as front:
        serving = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield front
        finally:
            front.shutdown()
            serving.join()
