"""Replies as OpenAI's organization API writes them, and ways to the stand-in, for the tests."""

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.api_client import ApiClient, Retry
from lib.cache import Bucket, Caches
from lib.loader.openai import connect_openai, load_openai
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import costs_frame, usage_frame
from lib.sources.openai.parse import parse_page
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.status import SourceStatus

DAY = 86_400
MONDAY = 1_794_787_200
"""2026-11-16, in Unix seconds."""

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
KEY = "sk-admin-demo"
QUICK = Retry(attempts=3, first_wait=0.01, longest_wait=0.05)

Rows = list[dict[str, Any]]


def bucket_of(start: int, results: Rows, step: int = DAY) -> dict[str, Any]:
    """One bucket as it stands on the wire."""
    return {"object": "bucket", "start_time": start, "end_time": start + step, "results": results}


def page(buckets: list[dict[str, Any]], *, has_more: bool = False) -> dict[str, Any]:
    """One page as it stands on the wire."""
    return {"object": "page", "data": buckets, "has_more": has_more, "next_page": None}


def cost(value: object, currency: str | None = "usd", **labels: object) -> dict[str, Any]:
    """One row of costs as it stands on the wire."""
    return {
        "object": "organization.costs.result",
        "amount": {"value": value, "currency": currency},
        **labels,
    }


def kept(start: int, results: Rows, endpoint: str = "completions", step: int = DAY) -> Bucket:
    """A bucket as the cache keeps it."""
    (parsed,), _ = parse_page(page([bucket_of(start, results, step)]), endpoint, endpoint)
    return Bucket(parsed.start, parsed.rows, parsed.columns, NOW, True)


def answer_of(
    usage: Mapping[str, Mapping[int, Rows]],
    costs: Mapping[int, Rows] | None = None,
    **changes: Any,
) -> OpenAIAnswer:
    """What the loader would bring, had the upstream said just this.

    Args:
        usage: by endpoint, by start of the day, the rows.
        costs: by start of the day, the rows; None when costs failed.
        changes: other fields of the answer.
    """
    names = [*usage, *(["costs"] if costs is not None else [])]
    facts: dict[str, Any] = {
        "usage": usage_frame(
            (name, [kept(start, rows, name) for start, rows in sorted(days.items())])
            for name, days in usage.items()
        ),
        "costs": None
        if costs is None
        else costs_frame(kept(start, rows, "costs") for start, rows in sorted(costs.items())),
        "costs_by_user": None,
        "names": {},
        "statuses": tuple(SourceStatus("openai", name, "ok", NOW, 1) for name in names),
    }
    return OpenAIAnswer(**facts | changes)


def connect(app: Starlette, key: str = KEY, retry: Retry = QUICK) -> ApiClient:
    """Our client, with the stand-in at the other end."""
    return connect_openai(
        "http://demo.localhost/v1",
        SecretStr(key),
        transport=httpx.ASGITransport(app=app),
        retry=retry,
    )


def mock_client(handle: Callable[[httpx.Request], httpx.Response]) -> ApiClient:
    """Our client, with a function at the other end."""
    return connect_openai(
        "https://api.example/v1",
        SecretStr(KEY),
        transport=httpx.MockTransport(handle),
        retry=QUICK,
    )


async def raw_rows(app: Starlette, endpoint: str, start: int, end: int, **asked: str) -> Rows:
    """All rows of an endpoint by plain HTTP, one bucket a request, each with its bucket's start."""
    path = f"/v1/organization/{'' if endpoint == 'costs' else 'usage/'}{endpoint}"
    rows: Rows = []
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://raw") as client:
        for at in range(start, end, DAY):
            times = {"start_time": str(at), "end_time": str(at + DAY), "limit": "1"}
            reply = await client.get(path, params=times | asked, headers=headers)
            assert reply.status_code == 200, reply.text
            (bucket,) = reply.json(parse_float=Decimal)["data"]
            assert bucket["start_time"] == at
            rows += [row | {"at": at} for row in bucket["results"]]
    return rows


def amount(rows: Rows) -> Decimal:
    """The sum of the rows' amounts."""
    return sum((Decimal(str(row["amount"]["value"])) for row in rows), Decimal(0))


FIRST, LAST = date(2026, 11, 9), date(2026, 11, 12)
"""Four closed days, Monday to Thursday."""


def ask(since: date = FIRST, until: date = LAST, **more: Any) -> OpenAIQuery:
    """A question about closed days."""
    return check_query(since=since, until=until, today=until, **more)


async def load(
    app: Starlette,
    query: OpenAIQuery | None = None,
    caches: Caches | None = None,
    now: datetime = NOW,
) -> OpenAIAnswer:
    """What our loader brings from the stand-in."""
    return await load_openai(connect(app), caches or Caches(), query or ask(), now=now)


async def report_of(app: Starlette, query: OpenAIQuery | None = None) -> Report:
    """The report of what our loader brings from the stand-in."""
    asked = query or ask()
    return build_openai_usage(await load(app, asked), asked, now=NOW)


def status(report: Report, name: str) -> str:
    """How one source of a report answered."""
    return {one.name: one.status for one in report.sources}[f"openai:{name}"]


def asked_of(app: Starlette) -> Counter[str]:
    """How often each endpoint was asked, and the look-ups together; then forgets."""
    kinds: Counter[str] = Counter()
    for tail, _ in app.state.requests:
        kinds[tail if tail in CHOICES else "look-ups"] += 1
    app.state.requests.clear()
    return kinds


def windows(app: Starlette) -> set[tuple[str, str, str]]:
    """Endpoint, first and last day of each usage or cost request; then forgets."""
    found = set()
    for tail, pairs in app.state.requests:
        if tail in CHOICES:
            times = dict(pairs)
            start, end = int(times["start_time"]), int(times["end_time"])
            days = [datetime.fromtimestamp(at, UTC).date() for at in (start, end - 1)]
            found.add((tail, *map(str, days)))
    app.state.requests.clear()
    return found
