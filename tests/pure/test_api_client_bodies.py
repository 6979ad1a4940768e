"""What the one client sends and reads besides plain GETs of JSON."""

import gzip
import json
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest

from lib.api_client import ApiClient, Retry
from lib.errors import SourceDenied, SourceReplyError

QUICK = Retry(attempts=3, first_wait=0.01, longest_wait=0.02)


def client(*replies: httpx.Response, seen: list[httpx.Request], largest: int = 1_000) -> ApiClient:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return replies[min(len(seen), len(replies)) - 1]

    return ApiClient(
        "comet",
        "https://comet.example/prefix",
        {"Authorization": "plain-key"},
        retry=QUICK,
        largest=largest,
        transport=httpx.MockTransport(handle),
    )


async def test_a_post_that_only_reads_is_tried_again_with_the_same_body() -> None:
    seen: list[httpx.Request] = []
    asking = client(httpx.Response(503), httpx.Response(200, text='{"a": 1.50}'), seen=seen)
    assert await asking.post_json("/x", {"keys": ["k"]}, part="metrics") == {"a": Decimal("1.50")}
    assert [json.loads(request.content) for request in seen] == [{"keys": ["k"]}] * 2
    assert {(request.method, request.headers["content-type"]) for request in seen} == {
        ("POST", "application/json")
    }
    assert {request.headers["authorization"] for request in seen} == {"plain-key"}


async def test_bytes_come_as_they_were_sent_after_unpacking() -> None:
    body = b'\xef\xbb\xbf{"a" : 1.50 }\n'
    packed = httpx.Response(200, content=gzip.compress(body), headers={"content-encoding": "gzip"})
    seen: list[httpx.Request] = []
    found = await client(packed, seen=seen).get_bytes("/x", [("reportMonth", "2026-10")])
    assert found == body
    assert str(seen[0].url) == "https://comet.example/prefix/x?reportMonth=2026-10"


async def test_a_reply_is_read_no_further_than_the_bound() -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 100
            yield b"x" * 100

    seen: list[httpx.Request] = []
    with pytest.raises(SourceReplyError, match="more than"):
        await client(httpx.Response(200, content=endless()), seen=seen).get_bytes("/x")
    assert given <= 1_200
    assert len(seen) == 1


async def test_a_small_reply_that_unpacks_to_a_large_one_is_refused() -> None:
    bomb = httpx.Response(
        200, content=gzip.compress(bytes(100_000)), headers={"content-encoding": "gzip"}
    )
    with pytest.raises(SourceReplyError, match="more than"):
        await client(bomb, seen=[]).get_json("/x")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_denial_says_which_kind(status: int) -> None:
    with pytest.raises(SourceDenied) as caught:
        await client(httpx.Response(status), seen=[]).get_bytes("/x")
    assert caught.value.status == status
