"""Real, private Redis servers for tests: alone, with TLS, as a replica, as a cluster; and a bad network."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tests.support.certificates import Certificates, make_certificates
from tests.support.missing import missing

VARIABLE = "USAGE_TEST_REDIS_URL"

READER = "dash"
READER_PASSWORD = "canary-reader-Xq7"
READER_RIGHTS = (
    "resetkeys",
    "%R~usage:*",
    "resetchannels",
    "-@all",
    "+get",
    "+mget",
    "+scan",
    "+ping",
    "+type",
    "+ttl",
)
"""The least a user needs, word for word as docs/pages.md gives it."""


@dataclass(frozen=True)
class Server:
    """A running redis-server.

    Args:
        url: over its unix socket where it has one, else over TCP.
        port: on 127.0.0.1; 0 where the server was given by its URL.
    """

    url: str
    port: int
    folder: Path | None = None

    @property
    def tcp(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def admin(self) -> redis.Redis:
        """A plain, synchronous client with all rights."""
        return redis.Redis.from_url(self.url)


def redis_binary() -> str:
    """The server to start; in CI a missing one fails, elsewhere the test is skipped."""
    found = shutil.which("redis-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or missing("redis-server", "redis-server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(*options: str, certificates: Certificates | None = None) -> Iterator[Server]:
    """A server with a unix socket and a port, nothing saved, gone afterwards.

    Args:
        certificates: with them the port speaks TLS only.
    """
    binary = redis_binary()
    with tempfile.TemporaryDirectory(prefix="rds", dir="/tmp") as name:
        folder, port = Path(name), free_port()
        command = [binary, "--bind", "127.0.0.1", "--dir", name, "--unixsocket", f"{name}/s"]
        for option, *values in _port_options(port, certificates):
            command += [f"--{option}", *values]
        command += ["--save", "", "--appendonly", "no", *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        server = Server(f"unix://{name}/s", port, folder)
        try:
            _wait_until_it_answers(server, process)
            yield server
        finally:
            process.kill()
            process.wait(10)


def _port_options(port: int, certificates: Certificates | None) -> list[tuple[str, str]]:
    """Names and values, for the command line or a configuration file."""
    if certificates is None:
        return [("port", str(port))]
    return [
        ("port", "0"),
        ("tls-port", str(port)),
        ("tls-auth-clients", "no"),
        ("tls-replication", "yes"),  # also how a sentinel speaks to what it watches
        ("tls-ca-cert-file", str(certificates.authority)),
        ("tls-cert-file", str(certificates.certificate)),
        ("tls-key-file", str(certificates.key)),
    ]


@contextmanager
def any_redis() -> Iterator[Server]:
    """The server that ``USAGE_TEST_REDIS_URL`` names, else one of our own.

    For tests that read and write keys and change nothing else about the server. They empty the
    database, so one that holds anything is not theirs.
    """
    given = os.environ.get(VARIABLE)
    if not given:
        with redis_server() as server:
            yield server
        return
    with redis.Redis.from_url(given) as client:
        if client.dbsize():
            pytest.fail(
                f"{VARIABLE} names a database that holds keys: the tests would delete them, so "
                "please name an empty one, such as redis://host:port/15."
            )
        try:
            yield Server(given, 0)
        finally:
            client.flushdb()


@contextmanager
def certificates() -> Iterator[Certificates]:
    """Of an authority of our own, for 127.0.0.1."""
    with tempfile.TemporaryDirectory(prefix="rdt", dir="/tmp") as name:
        yield make_certificates(Path(name))


@contextmanager
def tls_server() -> Iterator[tuple[Server, Path]]:
    """A server that speaks TLS only on its port, and the file of the authority it was signed by."""
    with certificates() as signed, redis_server(certificates=signed) as server:
        yield server, signed.authority


@contextmanager
def redis_cluster(
    nodes: int = 3, certificates: Certificates | None = None
) -> Iterator[list[Server]]:
    """Primaries on loopback that share all slots."""
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                redis_server(*_node_options(certificates), certificates=certificates)
            )
            for _ in range(nodes)
        ]
        clients = [server.admin() for server in servers]
        share = 16_384 // nodes
        for index, client in enumerate(clients):
            last = 16_383 if index == nodes - 1 else (index + 1) * share - 1
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", index * share, last)
            client.execute_command("CLUSTER", "SET-CONFIG-EPOCH", index + 1)
        for server in servers[1:]:
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", server.port, _bus(server))
        for client in clients:
            _until(lambda one=client: _is_whole(one, nodes), "the cluster did not join")
            client.close()
        yield servers


def _node_options(certificates: Certificates | None) -> list[str]:
    # The bus usually is the port plus 10000, which may lie beyond 65535.
    options = ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]
    return [*options, "--tls-cluster", "yes"] if certificates else options


def _bus(server: Server) -> int:
    with server.admin() as client:
        return int(client.config_get("cluster-port")["cluster-port"])


def _is_whole(client: redis.Redis, nodes: int) -> bool:
    info = client.execute_command("CLUSTER", "INFO")
    text = (
        info if isinstance(info, dict) else dict(line.split(":") for line in info.decode().split())
    )
    return text["cluster_state"] == "ok" and int(text["cluster_known_nodes"]) == nodes


@contextmanager
def replica_of(server: Server) -> Iterator[Server]:
    """A replica that has caught up."""
    with (
        redis_server("--replicaof", "127.0.0.1", str(server.port)) as replica,
        replica.admin() as client,
    ):
        joined = lambda: client.info("replication")["master_link_status"] == "up"  # noqa: E731
        _until(joined, "the replica did not join")
        yield replica


@contextmanager
def sentinel_of(
    server: Server, name: str, certificates: Certificates | None = None
) -> Iterator[Server]:
    """A sentinel that watches a server; with certificates both speak TLS."""
    with tempfile.TemporaryDirectory(prefix="rdn", dir="/tmp") as folder:
        port = free_port()
        config = Path(folder) / "sentinel.conf"
        lines = [" ".join(option) for option in _port_options(port, certificates)]
        config.write_text(
            "\n".join(lines) + f"\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {name} 127.0.0.1 {server.port} 1\n"
        )
        command = [redis_binary(), str(config), "--sentinel"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{port}"
        if certificates:
            url = f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificates.authority}"
        sentinel = Server(url, port)
        try:
            _wait_until_it_answers(sentinel, process)
            yield sentinel
        finally:
            process.kill()
            process.wait(10)


def add_reader(server: Server, *more_rights: str) -> str:
    """Makes the user of docs/pages.md; gives the address to sign in with."""
    with server.admin() as client:
        rights = (*READER_RIGHTS, *more_rights)
        client.execute_command(
            "ACL", "SETUSER", READER, "reset", "on", f">{READER_PASSWORD}", *rights
        )
    return f"redis://{READER}:{READER_PASSWORD}@127.0.0.1:{server.port}"


@dataclass
class Proxy:
    """A bad network before a server.

    Args:
        delay: seconds every piece of data waits, in both directions.
        silent: takes what is sent and answers nothing.
        connections: how many have been opened.
        holds: data with these bytes in it is kept back until ``released``; ``holding`` tells that
            some is. Other connections, and other data, pass meanwhile.
    """

    port: int = 0
    delay: float = 0.0
    silent: bool = False
    connections: int = 0
    holds: bytes = b""
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Breaks every open connection off."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A TCP proxy on a free port of 127.0.0.1."""
    proxy = Proxy()
    tasks: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if proxy.silent:
                    continue
                if proxy.holds and proxy.holds in data:
                    proxy.holding.set()
                    await proxy.released.wait()
                if proxy.delay:
                    await asyncio.sleep(proxy.delay)
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.transport.abort()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        there, back = await asyncio.open_connection("127.0.0.1", port)
        proxy._writers += [writer, back]
        for pair in ((reader, back), (there, writer)):
            task = asyncio.create_task(carry(*pair))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[str]:
    """A server that answers everything with the same bytes; gives its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(65_536):
                writer.write(reply)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"redis://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    finally:
        listener.close()


def _wait_until_it_answers(server: Server, process: "subprocess.Popen[bytes]") -> None:
    def answers() -> bool:
        if process.poll() is not None:
            log = (server.folder / "log").read_text() if server.folder else ""
            raise AssertionError(f"redis-server ended while starting:\n{log[-2_000:]}")
        try:
            with server.admin() as client:
                return bool(client.ping())
        except redis.AuthenticationError:
            return True  # it wants a password, so it is there
        except redis.ConnectionError:
            return False

    _until(answers, "redis-server did not answer")


def _until(done: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 15
    while not done():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)
