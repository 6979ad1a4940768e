"""Loads ask the stand-in for what is missing and for nothing else, and survive what it gets wrong."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import httpx
import pandas as pd
import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.errors import SourceDenied
from lib.loader.openai import load_openai
from lib.loader.progress import Progress
from lib.periods import epoch
from lib.reports.openai.build import build_openai_usage
from lib.sources.openai.query import CHOICES
from lib.sources.openai.tables import ENDPOINTS
from tests.support.replies import (
    DAY,
    FIRST,
    LAST,
    NOW,
    amount,
    ask,
    asked_of,
    bucket_of,
    connect,
    load,
    mock_client,
    page,
    raw_rows,
    report_of,
    windows,
)

EIGHT = (
    "completions",
    "embeddings",
    "moderations",
    "images",
    "audio_speeches",
    "audio_transcriptions",
    "vector_stores",
    "code_interpreter_sessions",
)
# How much is asked


@pytest.mark.dear
async def test_ninety_days_of_eight_endpoints_take_three_windows_each_and_costs_one(
    stand_in: Starlette,
) -> None:
    query = ask(date(2026, 8, 1), date(2026, 10, 29), endpoints=(*EIGHT, "costs"))
    caches, progress = Caches(), Progress()
    await load_openai(connect(stand_in), caches, query, now=NOW, progress=progress)
    asked = asked_of(stand_in)
    projects = len(stand_in.state.org.projects)
    assert asked.pop("look-ups") == 3 + 2 * projects
    assert asked == {**dict.fromkeys(EIGHT, 3), "costs": 1}
    assert sum(asked.values()) == 24 + 1
    assert progress.done == progress.total == 25 + 3 + 2 * projects

    again = await load(stand_in, query, caches)
    assert not stand_in.state.requests, "closed days and fresh names are not asked for again"
    assert len(again.usage) > 0

    wider = ask(date(2026, 7, 25), date(2026, 11, 2), endpoints=("completions", "costs"))
    await load(stand_in, wider, caches)
    assert windows(stand_in) == {
        (name, *gap)
        for name in ("completions", "costs")
        for gap in (("2026-07-25", "2026-07-31"), ("2026-10-30", "2026-11-02"))
    }


async def test_a_day_later_only_the_new_day_and_the_open_ones_are_asked_for(
    stand_in: Starlette,
) -> None:
    now = datetime.now(UTC)
    today, caches = now.date(), Caches()
    stand_in.state.now = lambda: now
    before = ask(today - timedelta(days=20), today, endpoints=("completions", "costs"))
    await load(stand_in, before, caches, now)
    asked_of(stand_in)
    await load(stand_in, before, caches, now)
    assert not stand_in.state.requests, "a minute has not passed"

    later = now + timedelta(days=1)
    stand_in.state.now = lambda: later
    after = ask(today - timedelta(days=19), later.date(), endpoints=("completions", "costs"))
    await load(stand_in, after, caches, later)
    first_open = str(today - timedelta(days=3))
    assert windows(stand_in) == {
        (name, first_open, str(later.date())) for name in ("completions", "costs")
    }


@pytest.mark.parametrize("width", ["1h", "1m"])
async def test_nothing_is_asked_for_that_has_not_begun(stand_in: Starlette, width: str) -> None:
    day = NOW.date()
    await load(stand_in, ask(day, day, endpoints=("completions",), width=width))
    (pairs,) = [dict(pairs) for tail, pairs in stand_in.state.requests if tail == "completions"]
    step = {"1h": 3_600, "1m": 60}[width]
    now = int(NOW.timestamp())
    assert int(pairs["end_time"]) == now - now % step + step
    assert int(pairs["limit"]) * step == int(pairs["end_time"]) - epoch(day)


@pytest.mark.dear
async def test_twenty_loads_at_once_cause_the_requests_of_one(stand_in: Starlette) -> None:
    await load(stand_in)
    alone = asked_of(stand_in)
    client, caches = connect(stand_in), Caches()
    found = await asyncio.gather(*(load_openai(client, caches, ask(), now=NOW) for _ in range(20)))
    assert asked_of(stand_in) == alone
    for one in found[1:]:
        pd.testing.assert_frame_equal(one.usage, found[0].usage)


async def test_another_credential_shares_nothing(stand_in: Starlette) -> None:
    caches = Caches()
    await load(stand_in, caches=caches)
    alone = asked_of(stand_in)
    stand_in.state.admin_key, usual = "sk-admin-another-key", stand_in.state.admin_key
    try:
        other = connect(stand_in, "sk-admin-another-key")
        await load_openai(other, caches, ask(), now=NOW)
        assert asked_of(stand_in) == alone
        with pytest.raises(SourceDenied):
            await load(stand_in, ask(endpoints=("images",), group_by=()), caches)
    finally:
        stand_in.state.admin_key = usual


async def test_another_grouping_is_another_question(stand_in: Starlette) -> None:
    caches = Caches()
    await load(stand_in, ask(endpoints=("completions",)), caches)
    asked_of(stand_in)
    answer = await load(stand_in, ask(endpoints=("completions",), group_by=("model",)), caches)
    assert asked_of(stand_in) == {"completions": 1}
    assert "project_id" not in answer.usage


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("leaves_first", [True, False])
async def test_whoever_leaves_early_never_costs_the_others_their_data(
    turns: int, leaves_first: bool
) -> None:
    entered, gate = asyncio.Event(), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        if "usage" not in request.url.path:
            return httpx.Response(200, json={"data": [], "has_more": False})
        entered.set()
        await gate.wait()
        start, end = (int(request.url.params[name]) for name in ("start_time", "end_time"))
        rows = [{"num_model_requests": 1}]
        return httpx.Response(
            200, json=page([bucket_of(at, rows) for at in range(start, end, DAY)])
        )

    client, caches = mock_client(handle), Caches()
    query = ask(endpoints=("completions",))
    leaver = asyncio.create_task(load_openai(client, caches, query, now=NOW))
    await entered.wait()
    if leaves_first:
        leaver.cancel()
    else:
        stayer = asyncio.create_task(load_openai(client, caches, query, now=NOW))
    for _ in range(turns):
        await asyncio.sleep(0)  # the two meet at every point of their ways
    if leaves_first:
        stayer = asyncio.create_task(load_openai(client, caches, query, now=NOW))
    else:
        leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    gate.set()
    answer = await stayer
    assert answer.usage["num_model_requests"].tolist() == [1, 1, 1, 1]
    assert {one.status for one in answer.statuses} == {"ok"}


# What the numbers are


async def test_totals_equal_what_plain_requests_day_by_day_add_up_to(stand_in: Starlette) -> None:
    report = await report_of(stand_in)
    start, end = epoch(FIRST), epoch(LAST) + DAY
    rows = {name: await raw_rows(stand_in, name, start, end) for name in CHOICES}

    def total(metric: str) -> int:
        return sum(row.get(metric) or 0 for name in ENDPOINTS for row in rows[name])

    assert report.complete
    assert report.totals["requests"] == total("num_model_requests") > 0
    assert report.totals["input_tokens"] == total("input_tokens") > 0
    assert report.totals["output_tokens"] == total("output_tokens") > 0
    assert report.totals["input_cached_tokens"] == total("input_cached_tokens") > 0
    assert report.totals["currency"] == "USD"
    # Each raw row is a float of its own sum: equal up to the rounding of those floats.
    assert abs(report.totals["cost"] - amount(rows["costs"])) < 1e-6
    frame = report.table("usage").frame
    for name, endpoint in ENDPOINTS.items():
        ours = frame[frame["endpoint_type"] == name]
        for metric in endpoint.metrics:
            expected = sum(row[metric] for row in rows[name])
            assert int(ours[metric].sum()) == expected, (name, metric)
    stored = sum(row["usage_bytes"] for row in rows["vector_stores"] if row["at"] == end - DAY)
    assert report.table("by_project").totals["usage_bytes"] == stored > 0


async def test_a_breakdown_equals_plain_requests_by_that_dimension(stand_in: Starlette) -> None:
    report = await report_of(stand_in)
    start, end = epoch(FIRST), epoch(LAST) + DAY
    for table, dimension in (("by_project", "project_id"), ("by_user", "user_id")):
        raw = await raw_rows(stand_in, "completions", start, end, group_by=dimension)
        raw += await raw_rows(stand_in, "embeddings", start, end, group_by=dimension)
        raw += await raw_rows(stand_in, "moderations", start, end, group_by=dimension)
        raw += await raw_rows(stand_in, "decisions", start, end, group_by=dimension)
        expected: Counter[str | None] = Counter()
        for row in raw:
            expected[row[dimension]] += row["input_tokens"]
        frame = report.table(table).frame
        found = {
            key if isinstance(key, str) else None: int(tokens)
            for key, tokens in zip(frame[dimension], frame["input_tokens"], strict=True)
            if not pd.isna(tokens)
        }
        assert found == dict(expected)
        assert None in found


async def test_costs_as_text_with_many_digits_are_added_exactly(stand_in: Starlette) -> None:
    stand_in.state.faults.amount_as_string = True
    report = await report_of(stand_in)
    raw = await raw_rows(stand_in, "costs", epoch(FIRST), epoch(LAST) + DAY)
    assert all(isinstance(row["amount"]["value"], str) for row in raw)
    assert abs(report.totals["cost"] - amount(raw)) < len(report.table("costs").frame) * 1e-18
    assert report.totals["cost"] == sum(report.table("costs").frame["amount"])


# Names


async def test_every_id_gets_the_best_name_there_is(stand_in: Starlette) -> None:
    org = stand_in.state.org
    query = ask(date(2026, 2, 25), date(2026, 2, 27))
    names = (await load(stand_in, query)).names
    archived = {one.id: one.name for one in org.projects if one.archived_at is not None}
    seen = {key for kind, key in names if kind == "project"} & archived.keys()
    assert seen
    assert all(names["project", key] == f"{archived[key]} (archived)" for key in seen)
    keys = {key.id: key for project in org.projects for key in project.keys}
    for (kind, one), name in names.items():
        if kind == "api_key":
            deleted = keys[one].deleted
            assert name == (f"{one} (deleted or unknown)" if deleted else keys[one].name)
    people = {user.id: user for user in org.users}
    accounts = {one.id for project in org.projects for one in project.accounts}
    owners = {key.owner.id for key in keys.values() if not key.deleted}
    marks = Counter()
    for (kind, one), name in names.items():
        if kind == "user" and one in accounts:
            assert name.endswith(" (service account)")
            marks["account"] += 1
        elif kind == "user" and not people[one].deleted:
            assert name == (people[one].email or name)
            marks["present"] += 1
        elif kind == "user" and one in owners:
            assert name == people[one].email
            marks["owner of a key"] += 1
    assert marks.keys() == {"account", "present", "owner of a key"}


async def test_a_vanished_project_keeps_its_last_name_and_says_so(stand_in: Starlette) -> None:
    caches = Caches()
    before = (await load(stand_in, caches=caches)).names
    gone = next(key for kind, key in before if kind == "project")
    org = stand_in.state.org
    rest = tuple(project for project in org.projects if project.id != gone)
    stand_in.state.org = replace(org, projects=rest)
    caches.lookups.clear()
    after = (await load(stand_in, caches=caches)).names
    assert after["project", gone] == f"{before['project', gone]} (deleted)"
    assert (await load(stand_in)).names["project", gone] == f"{gone} (deleted or unknown)"


async def test_names_from_the_cache_are_as_old_as_when_they_were_fetched(
    stand_in: Starlette,
) -> None:
    caches, later = Caches(), NOW + timedelta(minutes=8)
    await load(stand_in, caches=caches)
    answer = await load(stand_in, caches=caches, now=later)
    ages = {one.name: one.as_of for one in answer.statuses}
    assert ages["openai:users"] == ages["openai:api_keys"] == NOW
    caches.lookups.clear()
    answer = await load(stand_in, caches=caches, now=later)
    assert {one.name: one.as_of for one in answer.statuses}["openai:users"] == later


async def test_a_comparison_asks_for_names_once_and_counts_each_request_once(
    stand_in: Starlette,
) -> None:
    query, progress = ask(endpoints=("completions",), compare="preceding"), Progress()
    answer = await load_openai(connect(stand_in), Caches(), query, now=NOW, progress=progress)
    assert progress.done == progress.total == sum(asked_of(stand_in).values())
    assert answer.previous is not None
    assert answer.previous.names


async def test_what_was_asked_for_before_the_cache_is_cleared_does_not_come_back_into_it() -> None:
    caches, entered, gate = Caches(), asyncio.Event(), asyncio.Event()

    async def handle(request: httpx.Request) -> httpx.Response:
        if "usage" not in request.url.path:
            users = [{"id": "user-1", "name": "Early"}] if "users" in request.url.path else []
            await gate.wait()
            return httpx.Response(200, json={"data": users, "has_more": False})
        entered.set()
        await gate.wait()
        start = int(request.url.params["start_time"])
        return httpx.Response(200, json=page([bucket_of(start, [{"num_model_requests": 1}])]))

    query = ask(FIRST, FIRST, endpoints=("completions",))
    under_way = asyncio.create_task(load_openai(mock_client(handle), caches, query, now=NOW))
    await entered.wait()
    caches.clear()
    gate.set()
    assert (await under_way).usage["num_model_requests"].tolist() == [1]
    assert (len(caches.buckets), len(caches.lookups), len(caches.last_names)) == (0, 0, 0)


@pytest.mark.dear
async def test_days_without_usage_ask_costs_once_to_each_side_and_know_the_nearest_that_have_some(
    stand_in: Starlette,
) -> None:
    caches, client = Caches(), connect(stand_in)
    query = ask(date(2025, 8, 1), date(2025, 8, 31))
    answer = await load_openai(client, caches, query, now=NOW)
    assert answer.is_empty
    before = asked_of(stand_in)["costs"]
    whole = await load_openai(client, Caches(), ask(date(2025, 9, 1), date(2026, 1, 31)), now=NOW)
    assert whole.costs is not None
    first = whole.costs["date"].min()
    assert answer.days_nearby == (first,)
    assert before == 3  # of the days themselves, and of each side
    there = build_openai_usage(answer, query, now=NOW).nearest
    assert there is not None
    assert (there.start.day, there.start.month, (there.end + timedelta(days=1)).day) == (
        1,
        first.month,
        1,
    )
