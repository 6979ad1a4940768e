"""Certificates of Comet servers: whose are trusted, and whose name they must carry."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from lib.api_client import Retry
from lib.errors import SourceUnavailable
from lib.loader.comet_source import comet_source
from lib.settings import Settings
from lib.sources.comet.chargeback.ask import fetch_chargeback
from tests.support.certificates import Certificates, make_certificates

BODY = json.dumps({"users": [{"username": "ada"}], "workspaces": []})
REPLY = (
    f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n{BODY}".encode()
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"), "comet.corp")


@pytest.fixture
async def server(certificates: Certificates) -> AsyncIterator[tuple[int, list[str | None]]]:
    """A server with TLS: its port, and the names that clients asked for."""
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate, certificates.key)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(REPLY)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield listening.sockets[0].getsockname()[1], asked
    listening.close()


async def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


async def users(url: str, authority: Path | None, typed: bool) -> list[str]:
    bundle = str(authority) if authority else None
    settings = Settings(
        comet_include_custom_ca_bundle=bundle, comet_url_override=None if typed else url
    )
    source = comet_source(
        settings,
        url if typed else None,
        SecretStr("key-of-a-visitor"),
        retry=Retry(attempts=1),
        resolver=loopback,
    )
    assert source.typed is typed
    client = source.connect()
    try:
        found: list[str] = (await fetch_chargeback(client)).users["username"].tolist()
        return found
    finally:
        await client.aclose()


async def test_a_typed_name_is_asked_for_and_checked_though_an_address_is_connected_to(
    server: tuple[int, list[str | None]], certificates: Certificates
) -> None:
    port, asked = server
    assert await users(f"https://comet.corp:{port}", certificates.authority, True) == ["ada"]
    assert asked == ["comet.corp"]


async def test_a_certificate_of_another_name_is_not_accepted_for_a_typed_host(
    server: tuple[int, list[str | None]], certificates: Certificates
) -> None:
    with pytest.raises(SourceUnavailable, match="certificate"):
        await users(f"https://other.corp:{server[0]}", certificates.authority, True)


async def test_a_servers_own_authority_is_trusted_when_it_is_named(
    server: tuple[int, list[str | None]], certificates: Certificates
) -> None:
    url = f"https://localhost:{server[0]}"
    assert await users(url, certificates.authority, False) == ["ada"]
    with pytest.raises(SourceUnavailable, match="not trusted") as caught:
        await users(url, None, False)
    assert "COMET_INCLUDE_CUSTOM_CA_BUNDLE" in caught.value.remedy
