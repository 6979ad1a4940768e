"""The way to a host that a visitor typed: checked after its name is resolved, and connected as checked."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable

import httpx

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses as text."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

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
            "255.255.255.255/32",
            "::/128",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
            "fd00:ec2::/32",  # metadata: Amazon
            "fd20:ce::254/128",  # metadata: Google
        ),
    )
)
_CARRIERS = tuple(map(ipaddress.IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))
"""IPv6 networks whose last 32 bits are an IPv4 address that a gateway or the kernel unwraps."""


def refused(address: str) -> bool:
    """Whether no visitor may make the dashboard connect to this address.

    Private addresses and this machine are allowed (docs/decisions/0007).

    Args:
        address: as text; what is no address is refused.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return True
    return any(one in network for one in _meanings(known) for network in _REFUSED)


def _meanings(address: _Address) -> list[_Address]:
    """The address itself, without a zone, and the IPv4 addresses wrapped in it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    found: list[_Address] = [ipaddress.IPv6Address(int(address))]
    wrapped = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    found += [one for one in wrapped if one is not None]
    if any(address in network for network in _CARRIERS) and int(address) > 1:
        found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return found


async def resolve(host: str, port: int) -> list[str]:
    """The addresses that the system knows for a host, in its order; all spellings of numbers too."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


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
