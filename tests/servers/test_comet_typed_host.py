"""A host typed in a browser reaches nothing it should not, and learns nothing from failing."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from loguru import logger
from pydantic import SecretStr

from lib.cache import Caches
from lib.errors import InputError, SourceUnavailable
from lib.loader.chargeback import load_chargeback
from lib.loader.comet_source import CometSource, comet_source
from lib.settings import Settings
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.sources.comet.server.guard import refused, resolve

KEY = "visitors-own-canary"
REPORT = json.dumps({"users": [{"username": "ada"}], "workspaces": []})


def typed(
    host: str, resolver: Callable[[str, int], Awaitable[list[str]]] = resolve, **changes: object
) -> CometSource:
    unset = Settings(comet_allow_header_name="X-Gate", comet_allow_header_value="servers-canary")
    source = comet_source(unset, host, SecretStr(KEY), resolver=resolver)
    assert source.typed
    return replace(source, typed_seconds=0.0, **changes)  # type: ignore[arg-type]


async def load(source: CometSource) -> ChargebackAnswer:
    client = source.connect()
    try:
        return await load_chargeback(source, client, ChargebackQuery(), caches=Caches())
    finally:
        await client.aclose()


async def failure(source: CometSource) -> str:
    with pytest.raises(SourceUnavailable) as caught:
        await load(source)
    assert type(caught.value) is SourceUnavailable
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


class Heard(list[str]):
    """Heads of the requests that a server got; and its port."""

    port = 0


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[Heard]:
    """A server on loopback that gives every request the same bytes, or hangs up without any."""
    heard = Heard()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if answer:
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    heard.port = listening.sockets[0].getsockname()[1]
    try:
        yield heard
    finally:
        listening.close()


def http(status: str, body: str = "", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def good() -> AbstractAsyncContextManager[Heard]:
    return server(http("200 OK", REPORT))


def names(*addresses: str) -> Callable[[str, int], Awaitable[list[str]]]:
    async def found(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return found


async def test_a_private_server_is_reached_under_its_name_with_the_visitors_key_only() -> None:
    async with good() as heard:
        answer = await load(typed(f"http://comet.corp:{heard.port}/x", names("127.0.0.1")))
    assert answer.report.users["username"].tolist() == ["ada"]
    (head,) = [one for one in heard if "chargeback" in one]
    assert head.startswith("GET /x/api/admin/chargeback/report HTTP/1.1")
    assert f"host: comet.corp:{heard.port}" in head.lower()
    assert f"Authorization: {KEY}" in head
    assert "servers-canary" not in "".join(heard)
    assert any("unencrypted" in note for note in answer.notes)


FAILING = {
    "401": http("401 Unauthorized", '{"msg":"Api key is not valid"}'),
    "403": http("403 Forbidden"),
    "404": http("404 Not Found"),
    "500": http("500 Oops", "trace"),
    "429": http("429 Slow down", "", "Retry-After: 30"),
    "redirect": http("302 Found", "", "Location: http://169.254.169.254/latest/meta-data/"),
    "page": http("200 OK", "<html>internal wiki</html>"),
    "json": http("200 OK", '{"secret": "internal"}'),
    "redis": b"-ERR unknown command 'GET'\r\n",
    "nothing": None,
}


async def test_every_failure_has_one_text_and_one_class() -> None:
    texts = set()
    for answer in FAILING.values():
        async with server(answer) as heard:
            texts.add(await failure(typed(f"http://127.0.0.1:{heard.port}")))
    texts.add(await failure(typed(f"http://127.0.0.1:{heard.port}")))  # nobody listens any more
    texts.add(await failure(typed("http://169.254.169.254")))
    texts.add(await failure(typed("http://no-such-host.invalid")))
    texts.add(await failure(typed("https://comet.corp", names())))
    (text,) = texts
    assert "127.0.0.1" not in text
    assert "internal" not in text


async def test_silence_has_the_same_text() -> None:
    async def slow(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    began = time.monotonic()
    text = await failure(typed("http://comet.corp", slow))
    assert time.monotonic() - began < 10
    assert text == await failure(typed("http://169.254.169.254"))


async def test_no_failure_is_faster_than_the_slowest_connection() -> None:
    began = time.monotonic()
    await failure(replace(typed("http://169.254.169.254"), typed_seconds=0.3))
    assert time.monotonic() - began >= 0.3


async def test_the_operator_reads_the_reason_in_the_log() -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level="INFO")
    try:
        await failure(typed("http://169.254.169.254"))
    finally:
        logger.remove(sink)
    assert "169.254.169.254" in "".join(lines)
    assert KEY not in "".join(lines)


async def test_a_redirect_leads_nowhere_and_carries_no_key() -> None:
    async with good() as other:
        location = f"Location: http://127.0.0.1:{other.port}/api/admin/chargeback/report"
        async with server(http("307 Moved", "", location)) as heard:
            await failure(typed(f"http://127.0.0.1:{heard.port}"))
        assert heard
        assert not other


async def test_a_failing_host_is_asked_once() -> None:
    async with server(FAILING["500"]) as heard:
        await failure(typed(f"http://127.0.0.1:{heard.port}"))
        await asyncio.sleep(0.05)
    assert len([head for head in heard if "chargeback" in head]) == 1


async def test_the_address_that_was_checked_is_the_one_connected_to() -> None:
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) <= 2 else ["169.254.169.254"]

    async with good() as heard:
        source = typed(f"http://rebind.example:{heard.port}", rebinding)
        await load(source)
        assert len(heard) == 2, "report and accounts: each checked, each connected"
        assert asked == ["rebind.example"] * 2
        await failure(source)
        assert len(heard) == 2, "the name now leads to a refused address"


async def test_one_refused_address_refuses_the_host() -> None:
    async with good() as heard:
        await failure(typed(f"http://x.example:{heard.port}", names("127.0.0.1", "169.254.1.1")))
    assert not heard


async def test_the_next_address_is_tried_when_nobody_takes_the_first() -> None:
    async with good() as heard:
        source = typed(f"http://x.example:{heard.port}", names("::1", "127.0.0.1"))
        assert (await load(source)).report.users["username"].tolist() == ["ada"]


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with good() as heard, good() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await load(typed(f"http://comet.corp:{heard.port}", names("127.0.0.1")))
    assert heard
    assert not proxy


@pytest.mark.parametrize(
    "name", ["metadata.google.internal", "METADATA.google.internal.", "metadata"]
)
async def test_metadata_names_are_refused_wherever_they_lead(name: str) -> None:
    async with good() as heard:
        await failure(typed(f"http://{name}:{heard.port}", names("127.0.0.1")))
    assert not heard


REFUSED = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::ffff:0.0.0.0",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "comet.corp",
    "",
]
ALLOWED = ["10.0.0.5", "172.16.3.4", "192.168.1.9", "127.0.0.1", "::1", "93.184.216.34"]
ALLOWED += ["fd12:3456::1", "2606:4700::1111", "::ffff:10.0.0.5", "100.64.0.1"]


@pytest.mark.parametrize("address", REFUSED)
def test_link_local_metadata_multicast_and_unspecified_are_refused(address: str) -> None:
    assert refused(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_private_loopback_and_public_addresses_are_allowed(address: str) -> None:
    assert not refused(address)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the event loop was asked to connect to."""
    asked: list[object] = []
    original = asyncio.BaseEventLoop.create_connection

    async def watched(loop: asyncio.BaseEventLoop, *args: Any, **kwargs: Any) -> Any:
        asked.append(args[1:3])
        return await original(loop, *args, **kwargs)

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", watched)
    return asked


@pytest.mark.parametrize(
    "host",
    [
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "169.16689662",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[fe80::1]",
        "0",
        "0.0.0.0",
        "[::]",
        "169.254.169.254.",
        "\uff11\uff16\uff19.254.169.254",
    ],
)
async def test_no_spelling_of_a_refused_address_gets_through(
    host: str, connections: list[object]
) -> None:
    try:
        await failure(typed(f"http://{host}:1/"))
    except InputError:
        assert any(mark in host for mark in ("0251", "\uff11")), "not even an address"
    assert connections == []


async def test_spellings_are_resolved_before_they_are_checked(connections: list[object]) -> None:
    await failure(typed("http://2130706433:1/"))
    assert {*connections} == {("127.0.0.1", 1)}
