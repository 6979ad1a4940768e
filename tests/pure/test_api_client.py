"""One client speaks HTTP: bounded, retried within reason, and every failure is one of our errors."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx
import pytest

from lib.api_client import ApiClient, Retry, fingerprint
from lib.errors import (
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
)

KEY = "sk-admin-CANARY0123456789"
QUICK = Retry(attempts=3, first_wait=0.01, longest_wait=0.02)
Handler = Callable[[httpx.Request], httpx.Response]


class Upstream:
    """Answers with each of its replies in turn, the last one again and again; keeps the requests."""

    def __init__(self, *replies: httpx.Response | Exception | Handler) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies[min(len(self.requests), len(self.replies)) - 1]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, httpx.Response) else reply(request)

    def client(self, retry: Retry = QUICK, concurrency: int = 8) -> ApiClient:
        return ApiClient(
            "openai",
            "https://api.example/v1",
            {"Authorization": f"Bearer {KEY}"},
            retry=retry,
            concurrency=concurrency,
            transport=httpx.MockTransport(self),
        )


def error(status: int, headers: dict[str, str] | None = None, **body: object) -> httpx.Response:
    return httpx.Response(status, json={"error": body}, headers=headers)


FINE = httpx.Response(200, json={"fine": True})


async def failure(upstream: Upstream, retry: Retry = QUICK) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await upstream.client(retry).get_json("/organization/costs", part="costs")
    assert caught.value.source == "openai:costs"
    assert caught.value.remedy
    return caught.value


async def test_a_request_carries_the_key_the_path_and_repeated_parameters() -> None:
    upstream = Upstream(FINE)
    pairs = [("group_by[]", "model"), ("group_by[]", "project_id"), ("limit", "31")]
    assert await upstream.client().get_json("/usage/x", pairs) == {"fine": True}
    request = upstream.requests[0]
    assert request.method == "GET"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.url.path == "/v1/usage/x"
    assert request.url.params.multi_items() == pairs


async def test_numbers_with_a_fraction_become_decimals_exactly_as_written() -> None:
    text = '{"a":0.1000000000000000055511151231257827,"b":12,"c":1e2,"d":3.0,"e":"7.10"}'
    found = await Upstream(httpx.Response(200, text=text)).client().get_json("/x")
    assert found == {
        "a": Decimal("0.1000000000000000055511151231257827"),
        "b": 12,
        "c": Decimal("1e2"),
        "d": Decimal("3.0"),
        "e": "7.10",
    }
    assert [type(value) for value in found.values()] == [Decimal, int, Decimal, Decimal, str]


@pytest.mark.parametrize(
    ("headers", "least"), [({"retry-after": "0.06"}, 0.06), ({"retry-after-ms": "60"}, 0.06)]
)
async def test_a_wait_the_upstream_asks_for_is_kept(headers: dict[str, str], least: float) -> None:
    upstream = Upstream(error(429, headers, message="slow down"), FINE)
    began = time.monotonic()
    assert await upstream.client().get_json("/x") == {"fine": True}
    assert time.monotonic() - began >= least
    assert len(upstream.requests) == 2


async def test_a_wait_given_as_a_date_is_kept() -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    upstream = Upstream(error(503, {"retry-after": format_datetime(at, usegmt=True)}), FINE)
    await upstream.client().get_json("/x")
    assert datetime.now(UTC) >= at
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "wait",
    ["61", "inf", "3600", format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)],
    ids=["61", "inf", "3600", "tomorrow"],
)
async def test_a_wait_beyond_the_bound_ends_the_tries_at_once(wait: str) -> None:
    upstream = Upstream(error(429, {"retry-after": wait}, message="come back much later"))
    assert isinstance(await failure(upstream), SourceUnavailable)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "wait", ["", "soon", "-5", "nan", "Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06", "\u00b2"]
)
async def test_a_wait_that_says_nothing_leaves_the_usual_one(wait: str) -> None:
    headers = httpx.Headers([(b"retry-after", wait.encode("latin-1"))])
    upstream = Upstream(httpx.Response(500, headers=headers), FINE)
    assert await upstream.client().get_json("/x") == {"fine": True}
    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        error(408),
        error(409),
        error(429, message="Rate limit reached", code="rate_limit_exceeded"),
        error(500, message="The server had an error"),
        httpx.Response(502, html="<html>Bad gateway</html>"),
        httpx.Response(503, text="upstream connect error"),
        httpx.Response(500, text="[" * 200_000),
        httpx.Response(504),
        httpx.ReadTimeout("slow"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("busy"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("hung up"),
        httpx.ReadError("reset"),
    ],
    ids=str,
)
async def test_passing_trouble_is_tried_again_up_to_the_bound(
    trouble: httpx.Response | Exception,
) -> None:
    upstream = Upstream(trouble)
    found = await failure(upstream)
    assert isinstance(found, SourceUnavailable)
    assert "api.example" in found.detail
    assert len(upstream.requests) == QUICK.attempts

    recovering = Upstream(trouble, trouble, FINE)
    assert await recovering.client().get_json("/x") == {"fine": True}


@pytest.mark.parametrize(
    "denial",
    [
        error(401, message="Incorrect API key provided", code="invalid_api_key"),
        error(401, message="Missing scopes: api.usage.read"),
        error(403, message="Missing scopes: api.usage.read"),
        error(400, message="You have no rights. Missing scopes: api.management.read"),
        httpx.Response(403, html="<html>Forbidden</html>"),
        httpx.Response(401),
    ],
    ids=str,
)
async def test_a_denial_is_final_after_one_request(denial: httpx.Response) -> None:
    upstream = Upstream(denial)
    assert isinstance(await failure(upstream), SourceDenied)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 405, 422])
async def test_a_refusal_is_final_and_says_what_and_how(status: int) -> None:
    upstream = Upstream(error(status, message="Invalid limit: 366.", param="limit", code="bad"))
    found = await failure(upstream)
    assert isinstance(found, SourceRefused)
    assert (found.status, found.parameter) == (status, "limit")
    assert "Invalid limit: 366." in found.detail
    assert len(upstream.requests) == 1


async def test_an_empty_purse_is_not_tried_again() -> None:
    upstream = Upstream(error(429, message="You exceeded your quota", code="insufficient_quota"))
    found = await failure(upstream)
    assert isinstance(found, SourceUnavailable)
    assert "quota" in found.detail
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "a bare string"}, "a bare string"),
        ({"message": "no envelope"}, "no envelope"),
        ({"error": {"msg": "another word"}}, "another word"),
        ("just text in JSON", "just text in JSON"),
        ({"error": {"message": ["a", "list"]}}, "list"),
        ({"error": None}, "400"),
        ([], "400"),
        (None, "400"),
        (17, "400"),
    ],
)
async def test_error_bodies_of_any_shape_are_understood(body: object, said: str) -> None:
    found = await failure(Upstream(httpx.Response(400, json=body)))
    assert isinstance(found, SourceRefused)
    assert said in found.detail


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (httpx.Response(200, html="  <!doctype html><title>Sign in</title>"), "web page"),
        (httpx.Response(200, text='{"data": [{"start'), "breaks off"),
        (httpx.Response(200, text=""), "breaks off"),
        (httpx.Response(200, content=b"\xff\xfe\xfa"), "malformed"),
        (httpx.Response(200, text="[" * 200_000), "malformed"),
    ],
    ids=["page", "truncated", "empty", "bytes", "deep"],
)
async def test_a_reply_that_is_no_json_is_a_reply_error(reply: httpx.Response, said: str) -> None:
    upstream = Upstream(reply)
    found = await failure(upstream)
    assert isinstance(found, SourceReplyError)
    assert said in found.detail
    assert len(upstream.requests) == 1


async def test_a_body_whose_packing_is_broken_is_a_reply_error() -> None:
    def garbled(_request: httpx.Request) -> httpx.Response:
        broken = gzip.compress(b'{"fine": true}')[:10] + b"garbage"
        stream = httpx.ByteStream(broken)
        return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=stream)

    assert isinstance(await failure(Upstream(garbled)), SourceReplyError)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_so_no_other_host_gets_the_key(status: int) -> None:
    upstream = Upstream(httpx.Response(status, headers={"location": "https://evil.example/v1"}))
    found = await failure(upstream)
    assert isinstance(found, SourceReplyError)
    assert {request.url.host for request in upstream.requests} == {"api.example"}
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize("padding", ["", "x" * 485 + " "])
async def test_a_message_that_repeats_the_key_is_masked(status: int, padding: str) -> None:
    upstream = Upstream(error(status, message=f"{padding}key {KEY} with Bearer {KEY} is unknown"))
    found = await failure(upstream, Retry(attempts=1))
    assert "CANARY" not in f"{found} {found.detail} {found!r}"
    assert "sk-a" not in f"{found}"


async def test_no_more_than_eight_requests_are_in_flight() -> None:
    flying, gate, full = 0, asyncio.Event(), asyncio.Event()

    async def handle(_request: httpx.Request) -> httpx.Response:
        nonlocal flying
        flying += 1
        if flying == 8:
            full.set()
        await gate.wait()
        flying -= 1
        return httpx.Response(200, json=1)

    client = ApiClient("x", "https://api.example", {}, transport=httpx.MockTransport(handle))
    asked = [asyncio.ensure_future(client.get_json(f"/{number}")) for number in range(40)]
    async with asyncio.timeout(10):
        await full.wait()
        for _ in range(100):
            await asyncio.sleep(0)  # turns of the loop in which a ninth could come in
        assert flying == 8
        gate.set()
        assert await asyncio.gather(*asked) == [1] * 40


async def test_a_cancelled_request_frees_its_place() -> None:
    entered, never = asyncio.Event(), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/slow":
            entered.set()
            await never.wait()
        return httpx.Response(200, json="next")

    client = ApiClient(
        "x", "https://api.example", {}, concurrency=1, transport=httpx.MockTransport(handle)
    )
    slow = asyncio.create_task(client.get_json("/slow"))
    await entered.wait()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    async with asyncio.timeout(5):
        assert await client.get_json("/next") == "next"


async def test_a_request_that_waits_for_its_next_try_holds_no_place() -> None:
    patient = Retry(attempts=2, first_wait=30)
    first_failed = asyncio.Event()

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/failing":
            first_failed.set()
            return httpx.Response(500)
        return httpx.Response(200, json="next")

    transport = httpx.MockTransport(handle)
    client = ApiClient(
        "x", "https://api.example", {}, concurrency=1, retry=patient, transport=transport
    )
    failing = asyncio.create_task(client.get_json("/failing"))
    await first_failed.wait()
    async with asyncio.timeout(5):
        assert await client.get_json("/next") == "next"
    failing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await failing


def test_the_scope_tells_credentials_and_addresses_apart_and_reveals_neither() -> None:
    scopes = {
        ApiClient("openai", url, {"Authorization": f"Bearer {key}"}).scope
        for url in ("https://a.example", "https://b.example")
        for key in (KEY, f"{KEY}x")
    }
    assert len(scopes) == 4
    assert not [scope for scope in scopes if "CANARY" in scope or "example" in scope]
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


async def test_an_error_never_carries_the_request_with_its_headers() -> None:
    found = await failure(Upstream(httpx.ConnectError("refused")))
    chain = [found, found.__cause__, found.__context__]
    assert not [one for one in chain if "CANARY" in f"{one!r} {one}"]
    assert json.dumps(str(found))


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that HTTP_PROXY names: its port, and the targets of the requests that it got."""
    targets: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        targets.append(head.split()[1].decode())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        yield port, targets


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "api.example"])
async def test_a_key_for_this_machine_goes_there_directly_and_others_through_the_proxy(
    proxy: tuple[int, list[str]], host: str
) -> None:
    port, targets = proxy
    client = ApiClient("x", f"http://{host}:{port}", {"Authorization": f"Bearer {KEY}"})
    assert await client.get_json("/list") == 1
    await client.aclose()
    # A proxy is sent the whole address, the upstream itself only the path.
    direct = host != "api.example"
    assert targets == ["/list" if direct else f"http://api.example:{port}/list"]


async def test_a_client_is_busy_as_long_as_somebody_waits_for_an_answer() -> None:
    upstream = Upstream(httpx.ConnectError("refused"))
    client = upstream.client(Retry(attempts=2, first_wait=30))
    asked = asyncio.create_task(client.get_json("/x"))
    assert not client.busy
    while not upstream.requests:
        await asyncio.sleep(0)
    assert client.busy, "between two tries, too"
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not client.busy
