"""The way to a host that a visitor typed: checked after its name is resolved, and connected as checked."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable

import httpx

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses as text."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_METADATA_NAMES = ("metadata", "metadata.google.internal", "metadata.goog")
_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",  # this host
            "169.254.0.0/16",  # link-local, and with it most clouds' metadata
            "100.100.100.200/32",  # metadata: Alibaba
            "168.63.129.16/32",  # metadata: Azure
            "192.0.0.192/32",  # metadata: Oracle
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
            "::/128",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
            "fd00:ec2::/32",  # metadata: Amazon
            "fd20:ce::254/128",  # metadata: Google
            "64:ff9b:1::/48",  # NAT64 of this site: only its gateway knows where IPv4 stands in it
        ),
    )
)

_ALL_BITS = 0xFFFF_FFFF


def _last_bits(number: int) -> list[int]:
    return [number & _ALL_BITS]


def _bits_after_16(number: int) -> list[int]:
    return [number >> 80 & _ALL_BITS]


def _server_and_client(number: int) -> list[int]:
    return [number >> 64 & _ALL_BITS, ~number & _ALL_BITS]


_WRAPPINGS = tuple(
    (ipaddress.IPv6Network(network), read)
    for network, read in (
        ("::/96", _last_bits),  # compatible, RFC 4291
        ("::ffff:0:0:0/96", _last_bits),  # translated, RFC 2765
        ("64:ff9b::/96", _last_bits),  # NAT64, RFC 6052
        ("2002::/16", _bits_after_16),  # 6to4, RFC 3056
        ("2001::/32", _server_and_client),  # Teredo, RFC 4380
    )
)
"""IPv6 networks and where IPv4 stands in them: a gateway, or the kernel, goes to that address."""

_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Bits 64 to 95 of an address of any network that ends in an IPv4 address, RFC 5214."""

_NAT64_LENGTHS = (32, 40, 48, 56, 64, 96)
"""After so many bits of a network's own NAT64 prefix IPv4 begins, RFC 6052; bits 64 to 71 are left out."""

_IPV4_SECRETS = tuple(
    network
    for network in _REFUSED
    if network.version == 4 and (network.prefixlen == 32 or network.is_link_local)
)
"""Metadata: refused wherever a gateway with a prefix that we cannot know could read it."""


def refused(address: str) -> bool:
    """Whether no visitor may make the dashboard connect to this address.

    Private addresses and this machine are allowed (docs/decisions/0007), mapped ones too: they are
    the same address. Every other IPv6 address that carries IPv4 must carry a public one.

    Args:
        address: as text; what is no address is refused.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return True
    if isinstance(known, ipaddress.IPv6Address):
        known = known.ipv4_mapped or ipaddress.IPv6Address(int(known))  # without its zone
    if _within(known, _REFUSED):
        return True
    if isinstance(known, ipaddress.IPv4Address) or known.is_loopback:
        return False
    return any(
        _within(embedded, _REFUSED) or not embedded.is_global for embedded in _wrapped(known)
    ) or any(_within(embedded, _IPV4_SECRETS) for embedded in _translated(known))


def _within(address: _Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)


def _wrapped(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses in an address of a form that always carries some."""
    number = int(address)
    forms = [read for network, read in _WRAPPINGS if address in network]
    if number >> 32 & _ALL_BITS in _ISATAP:
        forms.append(_last_bits)
    return [ipaddress.IPv4Address(bits) for read in forms for bits in read(number)]


def _translated(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """What a NAT64 gateway would read in an address, for each length of a prefix; none if nothing."""
    number = int(address)
    if number >> 56 & 0xFF:
        return []
    squeezed = number >> 64 << 56 | number & (1 << 56) - 1  # without bits 64 to 71
    read = []
    for length in _NAT64_LENGTHS:
        bits_after = 0 if length == 96 else 88 - length
        if not squeezed & (1 << bits_after) - 1:  # the suffix is zero
            read.append(ipaddress.IPv4Address(squeezed >> bits_after & _ALL_BITS))
    return read


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a host, in its order; all spellings of numbers too."""
    known = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in known))


class GuardedTransport(httpx.AsyncBaseTransport):
    """Connects to exactly the addresses that were checked, so a name cannot change in between.

    Certificates are still checked against the name, and the server is told the name. One refused
    address refuses the host. No proxy is used: it would resolve the name once more.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: Resolve = resolve,
        connections: int = 8,
    ) -> None:
        self._resolve = resolver
        self._inner = httpx.AsyncHTTPTransport(
            verify=tls or httpx.create_ssl_context(),
            trust_env=False,
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends the request to the first checked address that takes the connection.

        Raises:
            httpx.ConnectError: unknown, refused, or nobody there.
        """
        name = request.url.raw_host.decode("ascii")
        addresses = await self._checked(name, request)
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_to(address, name, request))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_to(addresses[-1], name, request))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    async def _checked(self, name: str, request: httpx.Request) -> list[str]:
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        seconds = request.extensions.get("timeout", {}).get("connect")
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._resolve(name, port)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("The name was not resolved in time.") from error
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("The name cannot be resolved.") from error
        known = name.lower().rstrip(".") in _METADATA_NAMES
        if known or not addresses or any(map(refused, addresses)):
            raise httpx.ConnectError("The address is not allowed.")
        return addresses


def _to(address: str, name: str, request: httpx.Request) -> httpx.Request:
    """The same request to an address; the header Host stays as it was made of the name."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address.partition("%")[0]),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
