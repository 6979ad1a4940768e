"""How the dashboard asks the identity provider."""

import ssl
from functools import cache
from typing import Any

import httpx2
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.starlette_client import StarletteOAuth2App


@cache
def _trusted() -> ssl.SSLContext:
    return httpx2.create_ssl_context()


class ProviderClient(AsyncOAuth2Client):  # type: ignore[misc]  # Authlib has no types
    """Authlib's client with the trusted certificates read once.

    Authlib makes a client for each of a sign-in's four requests, and httpx2 reads all certificates
    for each: 0.25 s of CPU a sign-in, in which the server answers nobody.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"verify": _trusted()} | kwargs)


def share_certificates() -> None:
    """Makes it the client of every sign-in."""
    StarletteOAuth2App.client_cls = ProviderClient
