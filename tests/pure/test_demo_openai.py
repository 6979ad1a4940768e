"""The stand-in for OpenAI's usage API behaves as the protocol says, and misbehaves on demand."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from typer.testing import CliRunner

from lib.demo.__main__ import cli
from lib.demo.catalogue import HOSTILE_NAMES
from lib.demo.openai_endpoints import ENDPOINTS, FILTERS, STEPS, ServedEndpoint
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from lib.demo.recent import Recent

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
TODAY = 1_795_219_200
DAY = 86_400
KEY = {"Authorization": "Bearer sk-admin-demo"}
FLOWS = [endpoint for endpoint in ENDPOINTS if endpoint.name not in ("vector_stores", "costs")]
WORK = {"start_time": TODAY - 2 * DAY, "end_time": TODAY - DAY}
"""Thursday, 2026-11-19."""


def client_of(app: Starlette) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://demo/v1", headers=KEY)


@pytest.fixture(scope="module")
def app() -> Starlette:
    return create_openai_app(now=lambda: NOW)


@pytest.fixture
async def demo(app: Starlette) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


def path_of(name: str) -> str:
    return f"/organization/{'' if name == 'costs' else 'usage/'}{name}"


async def buckets(client: AsyncClient, endpoint: ServedEndpoint | str, **asked: Any) -> list[Any]:
    name = endpoint if isinstance(endpoint, str) else endpoint.name
    reply = await client.get(path_of(name), params={**WORK, **asked})
    assert reply.status_code == 200, reply.text
    return list(reply.json()["data"])


async def error(client: AsyncClient, path: str, **asked: Any) -> tuple[int, dict[str, Any]]:
    reply = await client.get(path, params=asked)
    return reply.status_code, reply.json()["error"]


def totals(found: list[Any], endpoint: ServedEndpoint) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for bucket in found:
        for row in bucket["results"]:
            for metric in set(endpoint.metrics) - {"quantity"}:
                value = row[metric]["value"] if metric == "amount" else row[metric]
                sums[metric] += Decimal(str(value))
    return dict(sums)


# What the numbers mean


@pytest.mark.parametrize("endpoint", FLOWS, ids=lambda each: each.name)
async def test_minutes_sum_to_hours_and_hours_to_days(
    demo: AsyncClient, endpoint: ServedEndpoint
) -> None:
    days = await buckets(demo, endpoint)
    hours = await buckets(demo, endpoint, bucket_width="1h", limit=24)
    minutes = await buckets(demo, endpoint, bucket_width="1m", limit=1440)
    assert (len(days), len(hours), len(minutes)) == (1, 24, 1440)
    assert totals(days, endpoint) == totals(hours, endpoint) == totals(minutes, endpoint)
    assert totals(days, endpoint)[endpoint.metrics[0]] > 0
    for position, hour in enumerate(hours):
        within = minutes[60 * position : 60 * position + 60]
        assert totals([hour], endpoint) == totals(within, endpoint)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
async def test_sums_of_any_grouping_equal_the_ungrouped_sum(
    demo: AsyncClient, endpoint: ServedEndpoint
) -> None:
    whole = await buckets(demo, endpoint)
    assert len(whole[0]["results"]) == 1
    for group in [*([one] for one in endpoint.dimensions), list(endpoint.dimensions)]:
        parts = await buckets(demo, endpoint, group_by=group)
        assert totals(parts, endpoint) == totals(whole, endpoint)
        rows = [tuple(row[name] for name in group) for row in parts[0]["results"]]
        assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("endpoint", "parameter"),
    [(endpoint, parameter) for endpoint in ENDPOINTS for parameter in endpoint.filters],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
async def test_a_filter_leaves_exactly_the_rows_it_names(
    demo: AsyncClient, endpoint: ServedEndpoint, parameter: str
) -> None:
    dimension = FILTERS[parameter]
    rows = (await buckets(demo, endpoint, group_by=dimension))[0]["results"]
    named = [row for row in rows if row[dimension] is not None]
    chosen = named[:1] if parameter == "batch" else named[:2]
    values = [row[dimension] for row in chosen]
    filtered = await buckets(demo, endpoint, **{f"{parameter}[]": values})
    assert totals(filtered, endpoint) == totals([{"results": chosen}], endpoint)
    if len(rows) > len(chosen):
        assert totals(filtered, endpoint) != totals([{"results": rows}], endpoint)


async def test_token_detail_adds_up_to_its_wholes(demo: AsyncClient) -> None:
    for row in (await buckets(demo, "completions", group_by="model"))[0]["results"]:
        cached, uncached = row["input_cached_tokens"], row["input_uncached_tokens"]
        assert row["input_tokens"] == cached + uncached + row["input_cache_write_tokens"]
        kinds = ("text", "audio", "image")
        assert uncached == sum(row[f"input_{kind}_tokens"] for kind in kinds)
        assert cached == sum(row[f"input_cached_{kind}_tokens"] for kind in kinds)
        assert row["output_tokens"] == sum(row[f"output_{kind}_tokens"] for kind in kinds)
        written = row["input_cache_write_30m_tokens"] + row["input_cache_write_12h_tokens"]
        assert row["input_cache_write_tokens"] == written


async def test_stored_bytes_are_one_growing_level_at_every_width(demo: AsyncClient) -> None:
    asked = {"end_time": TODAY, "group_by": "project_id"}
    days = await buckets(demo, "vector_stores", **asked)
    hours = await buckets(demo, "vector_stores", bucket_width="1h", limit=48, **asked)
    levels = [
        {row["project_id"]: row["usage_bytes"] for row in day["results"]} for day in [*days, *hours]
    ]
    assert levels[2:] == [levels[0]] * 24 + [levels[1]] * 24
    assert all(levels[0][project] < levels[1][project] for project in levels[0])


async def test_a_line_item_bills_the_usage_at_its_price(demo: AsyncClient) -> None:
    tokens, dollars = 0, Decimal(0)
    factors = {"default": Decimal(1), "flex": Decimal("0.5"), "priority": Decimal(2)}
    for name in ("completions", "decisions"):
        asked = {"models": "gpt-5.1", "group_by": ["batch", "service_tier"]}
        for row in (await buckets(demo, name, **asked))[0]["results"]:
            tokens += row["output_tokens"]
            price = Decimal("0.00001") * factors[row["service_tier"]] / (2 if row["batch"] else 1)
            dollars += row["output_tokens"] * price
    costs = (await buckets(demo, "costs", group_by=["line_item", "api_key_id"]))[0]["results"]
    billed = [row for row in costs if row["line_item"] == "gpt-5.1, output_tokens"]
    assert sum(row["quantity"] for row in billed) == tokens
    assert sum(Decimal(str(row["amount"]["value"])) for row in billed) == dollars
    assert {row["quantity_unit"] for row in billed} == {"tokens"}
    (stored,) = [row for row in costs if row["line_item"] == "file search storage"]
    assert (stored["api_key_id"], stored["quantity_unit"]) == (None, "gibibyte_hours")


async def test_dimensions_and_quantities_are_null_unless_grouped(demo: AsyncClient) -> None:
    for endpoint in ENDPOINTS:
        for row in (await buckets(demo, endpoint))[0]["results"]:
            assert row["object"] == endpoint.object
            assert {row[name] for name in endpoint.dimensions} == {None}
    rows = (await buckets(demo, "costs", group_by="project_id"))[0]["results"]
    assert {(row["quantity"], row["quantity_unit"]) for row in rows} == {(None, None)}
    sources = (await buckets(demo, "completions", group_by="api_source"))[0]["results"]
    assert {row["api_source"] for row in sources} == {"agents_api", "unlabeled"}


async def test_a_day_has_the_volume_of_a_real_organisation(demo: AsyncClient) -> None:
    group = ["project_id", "user_id", "api_key_id", "model"]
    month = {"start_time": TODAY - 31 * DAY, "end_time": TODAY, "limit": 31}
    days = await buckets(demo, "completions", **month, group_by=group)
    rows = [row for day in days for row in day["results"]]
    assert 75 <= min(len(day["results"]) for day in days) < len(rows) / 31 <= 150
    for name in group[:3]:
        assert None in {row[name] for row in rows}
    weekdays = [datetime.fromtimestamp(day["start_time"], UTC).weekday() for day in days]
    tokens = [sum(row["input_tokens"] for row in day["results"]) for day in days]
    weekend = [count for count, day in zip(tokens, weekdays, strict=True) if day >= 5]
    assert sum(weekend) / len(weekend) < 0.7 * sum(tokens) / len(tokens)


# Time


async def test_buckets_are_dense_ascending_and_half_open(demo: AsyncClient) -> None:
    for width, limit in (("1d", 31), ("1h", 168), ("1m", 1440)):
        step = STEPS[width]
        asked = {"start_time": TODAY - 10 * step, "end_time": TODAY, "bucket_width": width}
        found = await buckets(demo, "completions", limit=limit, **asked)
        assert [one["start_time"] for one in found] == list(range(TODAY - 10 * step, TODAY, step))
        assert all(one["end_time"] == one["start_time"] + step for one in found)
        assert found[0]["start_time_iso"].endswith("+00:00")


async def test_nothing_exists_after_now_or_before_fourteen_months(app: Starlette) -> None:
    moment = [NOW]
    later = create_openai_app(now=lambda: moment[0])
    asked = {"start_time": TODAY - DAY, "end_time": TODAY + 9 * DAY}
    async with client_of(later) as client:
        morning = await buckets(client, "completions", **asked)
        moment[0] = NOW + timedelta(hours=10)
        evening = await buckets(client, "completions", **asked)
        ahead = {"start_time": TODAY, "end_time": 2**33, "bucket_width": "1m", "limit": 1440}
        minutes = await buckets(client, "completions", **ahead)
        future = await buckets(client, "completions", **{**ahead, "start_time": TODAY + DAY})
        old = await buckets(client, "completions", start_time=0, end_time=DAY * 40, limit=31)
        edge = await buckets(client, "costs", start_time=TODAY - 430 * DAY, limit=10)
    assert (len(morning), morning[0]) == (2, evening[0])
    tokens = [day[1]["results"][0]["input_tokens"] for day in (morning, evening)]
    assert 0 < tokens[0] < tokens[1]
    assert minutes[-1]["start_time"] == TODAY + (23 * 60 + 40) * 60
    assert (future, [day["results"] for day in old]) == ([], [[]] * 31)
    assert [bool(day["results"]) for day in edge] == [False] * 4 + [True] * 6


async def test_unaligned_times_clip_usage_and_snap_costs(demo: AsyncClient) -> None:
    start = WORK["start_time"]
    cut = {"start_time": start + 10 * 3600 + 61, "end_time": start + 15 * 3600 + 60}
    (clipped,) = await buckets(demo, "completions", **cut)
    minutes = await buckets(demo, "completions", bucket_width="1m", limit=1440)
    assert (clipped["start_time"], clipped["end_time"]) == (start, start + DAY)
    assert totals([clipped], FLOWS[0]) == totals(minutes[602:901], FLOWS[0])
    busy = next(minute["start_time"] for minute in minutes[602:] if minute["results"])
    (before,) = await buckets(demo, "completions", start_time=busy - 1, end_time=busy)
    (after,) = await buckets(demo, "completions", start_time=busy, end_time=busy + 1)
    assert (before["results"], len(after["results"])) == ([], 1)
    loose = {"start_time": start + 5 * 3600, "end_time": start + DAY + 3600}
    assert await buckets(demo, "costs", **loose) == await buckets(demo, "costs")


# Spellings and pages; refused parameters and cursors are tried in test_demo_contract.py


async def test_lists_may_be_spelled_in_three_ways(demo: AsyncClient) -> None:
    query = f"start_time={WORK['start_time']}&end_time={WORK['end_time']}&"
    replies = [
        await demo.get(f"{path_of('completions')}?{query}{spelling}")
        for spelling in (
            "group_by%5B%5D=model&group_by%5B%5D=user_id",
            "group_by=user_id&group_by=model",
            "group_by=model%2Cuser_id",
        )
    ]
    assert len({reply.content for reply in replies}) == 1
    assert len(replies[0].json()["data"][0]["results"]) > 20


@pytest.mark.parametrize("name", ["completions", "costs"])
async def test_following_the_cursors_gives_the_same_buckets_as_one_page(
    demo: AsyncClient, name: str
) -> None:
    asked: Any = {"start_time": TODAY - 20 * DAY, "end_time": TODAY, "group_by[]": "project_id"}
    whole = (await demo.get(path_of(name), params={**asked, "limit": 31})).json()
    assert (len(whole["data"]), whole["has_more"], whole["next_page"]) == (20, False, None)
    found: list[Any] = []
    asked["limit"] = 6
    for count, more in ((6, True), (6, True), (6, True), (2, False)):
        reply = (await demo.get(path_of(name), params=asked)).json()
        assert (len(reply["data"]), reply["has_more"]) == (count, more)
        found += reply["data"]
        asked["page"] = reply["next_page"]
    assert found == whole["data"]


# One organisation by seed


async def test_two_servers_of_one_seed_say_the_same(demo: AsyncClient) -> None:
    asked: dict[str, Any] = {**WORK, "group_by": ["project_id", "model"]}
    replies = []
    for seed in (7, 8):
        async with client_of(create_openai_app(now=lambda: NOW, seed=seed)) as other:
            # Another day first: a day must not depend on which days were made before it.
            await buckets(other, "completions", start_time=TODAY - 9 * DAY, end_time=TODAY)
            replies.append((await other.get(path_of("completions"), params=asked)).content)
    here = (await demo.get(path_of("completions"), params=asked)).content
    assert here == replies[0] != replies[1]


async def test_hostile_names_change_names_and_nothing_else(demo: AsyncClient) -> None:
    org = make_organisation(7, hostile_names=True)
    asked: dict[str, Any] = {**WORK, "group_by": "api_key_id"}
    path = "/organization/projects"
    async with client_of(create_openai_app(now=lambda: NOW, org=org)) as other:
        hostile = (await other.get(path, params={"include_archived": True})).json()["data"]
        usage = (await other.get(path_of("completions"), params=asked)).content
    plain = (await demo.get(path, params={"include_archived": True})).json()["data"]
    assert usage == (await demo.get(path_of("completions"), params=asked)).content
    assert [project["id"] for project in hostile] == [project["id"] for project in plain]
    assert [project["name"] for project in hostile] == list(HOSTILE_NAMES[:12])
    assert len(set(HOSTILE_NAMES[:12])) == 11
    assert {"東京 Localisation", "Risikoanalyse Zürich"} <= {project["name"] for project in plain}


def test_a_full_memory_forgets_what_was_used_longest_ago() -> None:
    memory: Recent[str, int] = Recent(3)
    for position, name in enumerate("abc"):
        memory.put(name, position)
    assert memory.get("a") == 0
    memory.put("d", 3)
    assert [memory.get(name) for name in "abcd"] == [0, None, 2, 3]
    memory.put("e", 4, weight=9)
    assert memory.weight == 0


def test_a_present_that_is_no_time_is_refused_before_anything_is_served() -> None:
    outcome = CliRunner().invoke(cli, ["openai", "--port", "1", "--now", "teatime"])
    assert (outcome.exit_code, "not an ISO 8601 time" in outcome.output) == (2, True)


# Distorted answers; refusals are tried with the SDK in test_demo_contract.py


@pytest.fixture
async def faulty() -> AsyncIterator[tuple[AsyncClient, Faults]]:
    faults = Faults()
    async with client_of(create_openai_app(now=lambda: NOW, faults=faults)) as client:
        yield client, faults


Faulty = tuple[AsyncClient, Faults]


async def test_undeclared_fields_appear_only_when_asked_for(faulty: Faulty) -> None:
    client, faults = faulty
    (plain,) = (await buckets(client, "completions"))[0]["results"]
    faults.undeclared_fields = True
    (strange,) = (await buckets(client, "completions"))[0]["results"]
    assert (strange.pop("dream_state"), strange.pop("input_dream_tokens") > 0) == ("lucid", True)
    assert strange == plain


async def test_the_last_page_of_costs_may_promise_a_page_that_is_dead(faulty: Faulty) -> None:
    client, faults = faulty
    faults.phantom_last_page = True
    reply = (await client.get(path_of("costs"), params=WORK)).json()
    assert reply["has_more"] is True
    status, body = await error(client, path_of("costs"), **WORK, page=reply["next_page"])
    assert (status, body["message"][:25]) == (400, "The page token is invalid")


async def test_short_pages_go_on_until_all_buckets_were_shown(faulty: Faulty) -> None:
    client, faults = faulty
    faults.short_pages = {"completions": 3}
    asked = {"start_time": TODAY - 7 * DAY, "end_time": TODAY, "limit": 31}
    for count, more in ((3, True), (3, True), (1, False)):
        reply = (await client.get(path_of("completions"), params=asked)).json()
        assert (len(reply["data"]), reply["has_more"]) == (count, more)
        asked["page"] = reply["next_page"]


async def test_ingestion_may_trail_behind_now(faulty: Faulty) -> None:
    client, faults = faulty
    asked = {"start_time": TODAY, "end_time": TODAY + DAY, "bucket_width": "1h"}
    faults.lag_hours = 5
    hours = await buckets(client, "completions", **asked)
    assert len(hours) == 14
    assert [bool(hour["results"]) for hour in hours[7:]] == [True] * 2 + [False] * 5


async def test_bodies_may_be_no_pages_at_all(faulty: Faulty) -> None:
    client, faults = faulty
    faults.html_page = {"completions"}
    faults.truncated_json = {"users"}
    faults.bucket_without_results = {"images"}
    page = await client.get(path_of("completions"), params=WORK)
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")
    with pytest.raises(json.JSONDecodeError):
        (await client.get("/organization/users")).json()
    assert "results" not in (await buckets(client, "images"))[0]
    assert "results" in (await buckets(client, "embeddings"))[0]


async def test_rates_are_kept_by_counting(faulty: Faulty) -> None:
    client, faults = faulty
    faults.rate_429, faults.rate_500, faults.rate_502 = 0.25, 0.25, 0.1
    replies = [await client.get(path_of("images"), params=WORK) for _ in range(42)]
    statuses = [reply.status_code for reply in replies]
    # Failures that fall due together follow one another, so the last one comes at request 42.
    assert [statuses.count(status) for status in (200, 429, 500, 502)] == [18, 10, 10, 4]
    limited = {reply.headers.get("retry-after") for reply in replies if reply.status_code == 429}
    assert limited == {"1"}
    assert replies[41].headers["content-type"].startswith("text/html")


async def test_every_answer_may_be_late(faulty: Faulty) -> None:
    client, faults = faulty
    faults.latency_seconds = 0.05
    before = time.monotonic()
    await client.get(path_of("images"), params=WORK)
    assert time.monotonic() - before >= 0.05
