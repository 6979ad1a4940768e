"""From an address to a client of Redis that has answered once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, RedisCluster
from redis.asyncio.connection import Connection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff

from lib.errors import SourceReplyError
from lib.redaction import remember_secret
from lib.sources.tenants.failures import LIBRARY_ERRORS, NAME, translate
from lib.sources.tenants.packing import PACKED

__all__ = ["RedisEndpoint", "connect", "host_of", "parse_endpoint", "translate"]

_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel")
_PORTS = {"sentinel": 26_379, "redis": 6_379}
_OPTIONS = (
    "db",
    "username",
    "password",
    "protocol",
    "ssl_ca_certs",
    "ssl_ca_path",
    "ssl_certfile",
    "ssl_keyfile",
    "ssl_password",
    "ssl_cert_reqs",
    "sentinel_username",
    "sentinel_password",
)
"""What may stand after the ``?`` of an address. Timeouts and retries are this module's business."""

_SECRETS = ("password", "ssl_password", "sentinel_password")


@dataclass(frozen=True)
class RedisEndpoint:
    """Where Redis is and how to sign in. Shows no user and no password when printed.

    Args:
        host: for display: ``host:port``, several for sentinels, or a socket's path.
        options: arguments of the library's connections.
        sentinels: host and port of each; empty when the address is Redis itself.
        master: the name sentinels know the primary by.
        sentinel_options: how to sign in at the sentinels.
    """

    host: str
    options: Mapping[str, Any] = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""
    sentinel_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_socket(self) -> bool:
        return "path" in self.options

    @property
    def is_tls(self) -> bool:
        return "ssl" in self.options or ("connection_class" in self.options and not self.is_socket)


def parse_endpoint(text: str) -> RedisEndpoint:
    """An address: ``host``, ``host:port``, ``redis://``, ``rediss://``, ``unix://`` or
    ``redis+sentinel://host:port[,host:port]/name[/db]`` (with ``rediss`` all connections use TLS).

    Its passwords are masked in every log from now on.

    Raises:
        ValueError: says what is wrong without repeating any of it.
    """
    url = text.strip()
    if not url or not url.isprintable() or " " in url:
        raise ValueError("is empty or holds blanks; it looks like redis://host:6379")
    if "://" not in url:
        url = f"redis://{url}"
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        raise ValueError(f"begins with an unknown scheme; use {', '.join(_SCHEMES)} or host:port")
    if "#" in rest:
        raise ValueError("holds a #; write it as %23")
    # Only the first @ after the last / of a password would be read rightly: such marks are escaped.
    place, _, query = rest.partition("?")
    authority, _, path = place.partition("/")
    if "@" in path and scheme != "unix":
        raise ValueError("holds a / in user name or password; write it as %2F")
    if place.count("@") > 1:
        raise ValueError("holds more than one @; in a password write it as %40")
    given = _options_of(query)
    base = scheme.removesuffix("+sentinel")
    signed_in, _, address = authority.rpartition("@")
    if scheme == "unix":
        endpoint = _socket(f"unix://{place}", given)
    elif scheme.endswith("+sentinel"):
        endpoint = _sentinels(base, signed_in, address, path, given)
    else:
        hosts = (_host_and_port(address, _PORTS["redis"]),)
        endpoint = RedisEndpoint(_shown(hosts), _plain(base, signed_in, hosts[0], path, given))
    for options in (endpoint.options, endpoint.sentinel_options):
        for name in _SECRETS:
            remember_secret(str(options.get(name) or ""))
    return endpoint


def host_of(endpoint: RedisEndpoint) -> str:
    """The address for display, without user name and password."""
    return endpoint.host


async def connect(
    endpoint: RedisEndpoint,
    *,
    max_parallel: int = 4,
    connect_timeout: float = 3,
    answer_timeout: float = 5,
    retries: int = 3,
) -> Redis | RedisCluster:
    """A client for one event loop; close it there with ``aclose()``.

    One PING without any second try comes first: a wrong password shall not be sent again and again.

    Args:
        max_parallel: questions in flight at the most; two connections more are allowed.
        connect_timeout, answer_timeout: seconds.
        retries: further tries of a question after a broken connection or silence.

    Raises:
        SourceDenied, SourceUnavailable: with the remedy.
        SourceReplyError: what answers is a sentinel or no Redis.
    """
    timeouts = {"socket_connect_timeout": connect_timeout, "socket_timeout": answer_timeout}
    once = Retry(NoBackoff(), 0)
    patient = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries)
    try:
        mode = await _mode(_client(endpoint, 1, retry=once, **timeouts))
        if mode == "sentinel":
            scheme = "rediss+sentinel" if endpoint.is_tls else "redis+sentinel"
            raise SourceReplyError(
                NAME,
                f"{endpoint.host} is a sentinel, which holds no counters.",
                f"Write {scheme}://host:port/NAME, with the name the sentinels give the primary.",
            )
        if mode == "cluster":
            return await _cluster(endpoint, retry=patient, **timeouts)
        return _client(
            endpoint, max_parallel + 2, retry=patient, health_check_interval=30, **timeouts
        )
    except LIBRARY_ERRORS as error:
        raise translate(error, endpoint.host) from error


async def _mode(client: Redis) -> str:
    """``standalone``, ``cluster`` or ``sentinel``; closes the client."""
    try:
        unknown: Exception | None = None
        try:
            await client.ping()
        except MasterNotFoundError as error:
            unknown = error
        if unknown:  # outside of `except`, so that the reason keeps the chain it came with
            raise await _reason(client) or unknown
        # HELLO is answered to every user; INFO and CLUSTER need rights.
        answer: Any = await client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    finally:
        await client.aclose()
    pairs = (
        answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=False))
    )
    return bytes(pairs.get(b"mode", b"standalone")).decode()


async def _reason(client: Redis) -> Exception | None:
    """Why no sentinel answers, which the library keeps to itself; nothing if one does."""
    reason: Exception | None = None
    for sentinel in _sentinels_of(client):
        try:
            await sentinel.sentinel_masters()  # what the library asked
        except LIBRARY_ERRORS as error:
            reason = error
        else:
            return None
    return reason


def _client(endpoint: RedisEndpoint, connections: int, **options: Any) -> Redis:
    """No client_name: a user with the least rights may not set one."""
    if not endpoint.sentinels:
        plain = endpoint.options.get("connection_class", Connection)
        options = {**endpoint.options, **options, "connection_class": PACKED[plain]}
        pool = BlockingConnectionPool(max_connections=connections, timeout=10, **options)
        return Redis.from_pool(pool)
    timeouts = {name: value for name, value in options.items() if name != "health_check_interval"}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        endpoint.sentinels,
        sentinel_kwargs={**endpoint.sentinel_options, **timeouts},
        **{**endpoint.options, **options},
    )
    client: Redis = sentinel.master_for(endpoint.master, redis_class=_PrimaryBySentinel)
    return client


class _PrimaryBySentinel(Redis):
    """Closes the connections to the sentinels too, which the library leaves open."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        for sentinel in _sentinels_of(self):
            await sentinel.aclose()


def _sentinels_of(client: Redis) -> list[Redis]:
    return list(getattr(client.connection_pool, "sentinel_manager").sentinels)  # noqa: B009


async def _cluster(endpoint: RedisEndpoint, **options: Any) -> RedisCluster:
    if endpoint.is_socket or endpoint.sentinels or endpoint.options.get("db"):
        raise SourceReplyError(
            NAME,
            f"{endpoint.host} belongs to a cluster, which has no other database than 0 and is "
            "reached over TCP.",
            "Write redis://host:port of any of its nodes, or rediss:// where they speak TLS.",
        )
    known = {name: value for name, value in endpoint.options.items() if name != "connection_class"}
    client = RedisCluster(**known, ssl=endpoint.is_tls, **options)
    try:
        await client.initialize()
    except BaseException:
        await client.aclose()
        raise
    return client


def _options_of(query: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if given.get("ssl_cert_reqs", "required") != "required":
        raise ValueError(
            "turns the check of certificates off; name the authority instead: ?ssl_ca_certs=/path"
        )
    if not set(given) <= set(_OPTIONS):
        raise ValueError(f"holds an unknown option after the ?; known are {', '.join(_OPTIONS)}")
    for name in ("db", "protocol"):
        if name in given and not _is_number(given[name]):
            raise ValueError(f"holds a {name} that is not a number")
    return given


def _plain(
    scheme: str, signed_in: str, host: tuple[str, int], path: str, given: Mapping[str, str]
) -> dict[str, Any]:
    if path and not _is_number(path):
        raise ValueError("holds a database that is not a number after the last /")
    name = f"[{host[0]}]" if ":" in host[0] else host[0]
    signed = f"{signed_in}@" if signed_in else ""
    options = dict(parse_url(f"{scheme}://{signed}{name}:{host[1]}/{path}"))
    options |= {key: _typed(key, value) for key, value in given.items() if "sentinel" not in key}
    if scheme == "redis" and any(key.startswith("ssl_") for key in options):
        raise ValueError("holds options of TLS; write rediss:// instead of redis://")
    return options


def _socket(url: str, given: Mapping[str, str]) -> RedisEndpoint:
    options = dict(parse_url(url))
    if not options.get("path"):
        raise ValueError("names no socket; it looks like unix:///run/redis.sock")
    options |= {key: _typed(key, value) for key, value in given.items()}
    return RedisEndpoint(str(options["path"]), options)


def _sentinels(
    scheme: str, signed_in: str, address: str, path: str, given: Mapping[str, str]
) -> RedisEndpoint:
    master, _, database = path.partition("/")
    if not master:
        raise ValueError("names no primary; it looks like redis+sentinel://host:26379/mymaster")
    hosts = tuple(_host_and_port(host, _PORTS["sentinel"]) for host in address.split(","))
    options = _plain(scheme, signed_in, hosts[0], database, given)
    for name in ("host", "port", "connection_class"):
        options.pop(name, None)
    own = {
        name.removeprefix("sentinel_"): value
        for name, value in given.items()
        if name.startswith("sentinel_")
    }
    if scheme == "rediss":
        options["ssl"] = True
        own |= {name: value for name, value in options.items() if name.startswith("ssl")}
    return RedisEndpoint(_shown(hosts), options, hosts, unquote(master), own)


def _host_and_port(address: str, usual: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("holds a port that is not a number from 1 to 65535") from None
    if not host or port == 0:
        raise ValueError("names no host, or port 0; it looks like redis://host:6379")
    return host, port or usual


def _typed(key: str, value: str) -> str | int:
    return int(value) if key in ("db", "protocol") else value


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _shown(hosts: tuple[tuple[str, int], ...]) -> str:
    return ", ".join(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in hosts
    )
