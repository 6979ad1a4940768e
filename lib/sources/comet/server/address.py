"""Where a Comet server is: worked out of the key, the settings and what was typed."""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx

from lib.settings.keys import clean_comet_url, smart_key_url

CLOUD = "https://www.comet.com"
_REST = "/api/rest/v2"


@dataclass(frozen=True)
class CometAddress:
    """One server.

    Args:
        origin: scheme, host and port.
        prefix: the path that Comet is served below, such as ``/comet``; usually empty.
        notes: what a reader must know of it.
    """

    origin: str
    prefix: str = ""
    notes: tuple[str, ...] = ()

    @property
    def admin_root(self) -> str:
        """What the paths of the admin API are appended to."""
        return self.origin + self.prefix

    @property
    def rest_roots(self) -> tuple[str, ...]:
        """Roots of the REST API, the likelier first: Comet's own client drops the prefix."""
        roots = (self.origin + _REST, self.admin_root + _REST)
        return tuple(dict.fromkeys(roots))

    @property
    def host(self) -> str:
        """For display."""
        return urlsplit(self.origin).netloc


def comet_address(
    key: str = "", *, override: str | None = None, host: str | None = None
) -> CometAddress:
    """The server that a key is for, first wins: host, override, smart key, Comet's cloud.

    A host and an override keep the path before ``/clientlib``; of the address in a smart key
    Comet's own client takes no path.

    Args:
        host: given for this question only.
        override: the server's setting.

    Raises:
        ValueError: an address that is none; never repeats the key.
    """
    named = smart_key_url(key)
    given = host or override
    if given:
        server = _address(clean_comet_url(given))
    else:
        server = CometAddress(_address(named or CLOUD).origin)
    notes = []
    parts = urlsplit(server.origin)
    if parts.scheme == "http" and not _on_this_machine(parts.hostname or ""):
        notes.append(
            f"The key travels to {server.host} unencrypted: its address begins with http://."
        )
    if given and named and _address(named).host != server.host:
        notes.append(f"The smart key names another server; {server.host} was asked, as set.")
    return CometAddress(server.origin, server.prefix, tuple(notes))


def _on_this_machine(host: str) -> bool:
    return host.startswith("127.") or host == "::1" or f".{host}".endswith(".localhost")


def _address(url: str) -> CometAddress:
    parts = urlsplit(url)
    path = parts.path.rstrip("/").removesuffix("/clientlib").rstrip("/")
    origin = urlunsplit((parts.scheme, parts.netloc.lower(), "", "", ""))
    try:
        httpx.URL(origin + path)
    except httpx.InvalidURL:
        raise ValueError("names a host or path that cannot be") from None
    return CometAddress(origin, path)
