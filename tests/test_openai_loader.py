"""Loads ask the stand-in for what is missing and for nothing else, and survive what it gets wrong."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.errors import SourceDenied, SourceReplyError
from lib.loader.openai import load_openai
from lib.loader.progress import Progress
from lib.periods import epoch
from lib.reports.openai_usage import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.sources.openai.tables import ENDPOINTS
from tests.replies import DAY, NOW, QUICK, amount, bucket_of, connect, mock_client, page, raw_rows

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
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 12)
"""Four closed days, Monday to Thursday."""


@pytest.fixture(scope="module")
def one_app() -> Starlette:
    return create_openai_app(now=lambda: NOW)


@pytest.fixture
def app(one_app: Starlette) -> Iterator[Starlette]:
    """The stand-in without faults, without memory of requests, at the usual time."""
    healthy = Faults()
    for field in fields(Faults):
        setattr(one_app.state.faults, field.name, getattr(healthy, field.name))
    one_app.state.now = lambda: NOW
    one_app.state.requests.clear()
    organisation = one_app.state.org
    yield one_app
    one_app.state.org = organisation


def ask(since: date = FIRST, until: date = LAST, **more: Any) -> OpenAIQuery:
    return check_query(since=since, until=until, today=until, **more)


async def load(
    app: Starlette,
    query: OpenAIQuery | None = None,
    caches: Caches | None = None,
    now: datetime = NOW,
) -> OpenAIAnswer:
    return await load_openai(connect(app), caches or Caches(), query or ask(), now=now)


async def report_of(app: Starlette, query: OpenAIQuery | None = None) -> Report:
    asked = query or ask()
    return build_openai_usage(await load(app, asked), asked, now=NOW)


def asked_of(app: Starlette) -> Counter[str]:
    """How often each endpoint and look-up was asked, then forgets."""
    kinds: Counter[str] = Counter()
    for tail, _ in app.state.requests:
        kinds[tail if tail in CHOICES else "look-ups"] += 1
    app.state.requests.clear()
    return kinds


def windows(app: Starlette) -> set[tuple[str, str, str]]:
    """Endpoint, first and last day of each usage or cost request, then forgets."""
    found = set()
    for tail, pairs in app.state.requests:
        if tail in CHOICES:
            times = dict(pairs)
            start, end = int(times["start_time"]), int(times["end_time"])
            days = [datetime.fromtimestamp(at, UTC).date() for at in (start, end - 1)]
            found.add((tail, *map(str, days)))
    app.state.requests.clear()
    return found


def status(report: Report, name: str) -> str:
    return {one.name: one.status for one in report.sources}[f"openai:{name}"]


# How much is asked


async def test_ninety_days_of_eight_endpoints_take_three_windows_each_and_costs_one(
    app: Starlette,
) -> None:
    query = ask(date(2026, 8, 1), date(2026, 10, 29), endpoints=(*EIGHT, "costs"))
    caches, progress = Caches(), Progress()
    await load_openai(connect(app), caches, query, now=NOW, progress=progress)
    asked = asked_of(app)
    projects = len(app.state.org.projects)
    assert asked.pop("look-ups") == 3 + 2 * projects
    assert asked == {**dict.fromkeys(EIGHT, 3), "costs": 1}
    assert sum(asked.values()) == 24 + 1
    assert progress.done == progress.total == 25 + 3 + 2 * projects

    again = await load(app, query, caches)
    assert not app.state.requests, "closed days and fresh names are not asked for again"
    assert len(again.usage) > 0

    wider = ask(date(2026, 7, 25), date(2026, 11, 2), endpoints=("completions", "costs"))
    await load(app, wider, caches)
    assert windows(app) == {
        (name, *gap)
        for name in ("completions", "costs")
        for gap in (("2026-07-25", "2026-07-31"), ("2026-10-30", "2026-11-02"))
    }


async def test_a_day_later_only_the_new_day_and_the_open_ones_are_asked_for(
    app: Starlette,
) -> None:
    now = datetime.now(UTC)
    today, caches = now.date(), Caches()
    app.state.now = lambda: now
    before = ask(today - timedelta(days=20), today, endpoints=("completions", "costs"))
    await load(app, before, caches, now)
    asked_of(app)
    await load(app, before, caches, now)
    assert not app.state.requests, "a minute has not passed"

    later = now + timedelta(days=1)
    app.state.now = lambda: later
    after = ask(today - timedelta(days=19), later.date(), endpoints=("completions", "costs"))
    await load(app, after, caches, later)
    first_open = str(today - timedelta(days=3))
    assert windows(app) == {
        (name, first_open, str(later.date())) for name in ("completions", "costs")
    }


@pytest.mark.parametrize("width", ["1h", "1m"])
async def test_nothing_is_asked_for_that_has_not_begun(app: Starlette, width: str) -> None:
    day = NOW.date()
    await load(app, ask(day, day, endpoints=("completions",), width=width))
    (pairs,) = [dict(pairs) for tail, pairs in app.state.requests if tail == "completions"]
    step = {"1h": 3_600, "1m": 60}[width]
    now = int(NOW.timestamp())
    assert int(pairs["end_time"]) == now - now % step + step
    assert int(pairs["limit"]) * step == int(pairs["end_time"]) - epoch(day)


async def test_twenty_loads_at_once_cause_the_requests_of_one(app: Starlette) -> None:
    await load(app)
    alone = asked_of(app)
    client, caches = connect(app), Caches()
    found = await asyncio.gather(
        *(load_openai(client, caches, ask(), now=NOW) for _ in range(20))
    )
    assert asked_of(app) == alone
    for one in found[1:]:
        pd.testing.assert_frame_equal(one.usage, found[0].usage)


async def test_another_credential_shares_nothing(app: Starlette) -> None:
    caches = Caches()
    await load(app, caches=caches)
    alone = asked_of(app)
    app.state.admin_key, usual = "sk-admin-another-key", app.state.admin_key
    try:
        other = connect(app, "sk-admin-another-key")
        await load_openai(other, caches, ask(), now=NOW)
        assert asked_of(app) == alone
        with pytest.raises(SourceDenied):
            await load(app, ask(endpoints=("images",), group_by=()), caches)
    finally:
        app.state.admin_key = usual


async def test_another_grouping_is_another_question(app: Starlette) -> None:
    caches = Caches()
    await load(app, ask(endpoints=("completions",)), caches)
    asked_of(app)
    answer = await load(app, ask(endpoints=("completions",), group_by=("model",)), caches)
    assert asked_of(app) == {"completions": 1}
    assert "project_id" not in answer.usage


@pytest.mark.parametrize("turns", range(14))
async def test_whoever_leaves_early_never_costs_the_others_their_data(turns: int) -> None:
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
    stayer = asyncio.create_task(load_openai(client, caches, query, now=NOW))
    for _ in range(turns):
        await asyncio.sleep(0)  # the two meet at every point of their way in turn
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    gate.set()
    answer = await stayer
    assert answer.usage["num_model_requests"].tolist() == [1, 1, 1, 1]
    assert {one.status for one in answer.statuses} == {"ok"}


# What the numbers are


async def test_totals_equal_what_plain_requests_day_by_day_add_up_to(app: Starlette) -> None:
    report = await report_of(app)
    start, end = epoch(FIRST), epoch(LAST) + DAY
    rows = {name: await raw_rows(app, name, start, end) for name in CHOICES}

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


async def test_a_breakdown_equals_plain_requests_by_that_dimension(app: Starlette) -> None:
    report = await report_of(app)
    start, end = epoch(FIRST), epoch(LAST) + DAY
    for table, dimension in (("by_project", "project_id"), ("by_user", "user_id")):
        raw = await raw_rows(app, "completions", start, end, group_by=dimension)
        raw += await raw_rows(app, "embeddings", start, end, group_by=dimension)
        raw += await raw_rows(app, "moderations", start, end, group_by=dimension)
        raw += await raw_rows(app, "decisions", start, end, group_by=dimension)
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


async def test_costs_as_text_with_many_digits_are_added_exactly(app: Starlette) -> None:
    app.state.faults.amount_as_string = True
    report = await report_of(app)
    raw = await raw_rows(app, "costs", epoch(FIRST), epoch(LAST) + DAY)
    assert all(isinstance(row["amount"]["value"], str) for row in raw)
    assert abs(report.totals["cost"] - amount(raw)) < len(report.table("costs").frame) * 1e-18
    assert report.totals["cost"] == sum(report.table("costs").frame["amount"])


# What goes wrong


@pytest.mark.parametrize("name", ["completions", "vector_stores", "costs"])
async def test_one_broken_endpoint_leaves_the_others_and_is_named(
    app: Starlette, name: str
) -> None:
    whole = await report_of(app)
    app.state.faults.fail = {name: 500}
    report = await report_of(app)
    assert status(report, name) == "failed"
    assert not report.complete
    assert "incomplete" in report.file_name("csv")
    assert {one.status for one in report.sources if one.name != f"openai:{name}"} == {"ok"}
    figures = {figure.key: figure for figure in report.figures}
    if name == "costs":
        assert report.totals["cost"] is None
        assert report.totals["requests"] == whole.totals["requests"]
    else:
        assert report.totals["cost"] == whole.totals["cost"]
        assert not figures["cost"].incomplete
    assert figures["output_tokens"].incomplete is (name == "completions")
    assert figures["cost"].incomplete is (name == "costs")


@pytest.mark.parametrize("code", [429, 500, 502])
async def test_trouble_that_passes_leaves_no_trace(app: Starlette, code: int) -> None:
    whole = await load(app)
    app.state.faults.fail = {"completions": code, "costs": code, "users": code}
    app.state.faults.fail_times = QUICK.attempts - 1
    app.state.faults.retry_after = 0.01
    asked_of(app)
    answer = await load(app)
    assert {one.status for one in answer.statuses} == {"ok"}
    pd.testing.assert_frame_equal(answer.usage, whole.usage)
    assert asked_of(app)["completions"] == QUICK.attempts


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("html_page", "web page"),
        ("truncated_json", "breaks off"),
        ("bucket_without_results", "results"),
    ],
)
async def test_a_reply_that_cannot_be_read_costs_its_source_only(
    app: Starlette, fault: str, said: str
) -> None:
    setattr(app.state.faults, fault, {"images"})
    report = await report_of(app)
    trouble = [one for one in report.sources if one.status != "ok"]
    assert [one.name for one in trouble] == ["openai:images"]
    assert said in str(trouble[0].detail)
    assert trouble[0].remedy


async def test_a_page_instead_of_data_everywhere_is_one_error(app: Starlette) -> None:
    app.state.faults.html_page = {*CHOICES}
    with pytest.raises(SourceReplyError, match="web page"):
        await load(app)


@pytest.mark.parametrize("missing_decisions", [False, True])
async def test_a_wrong_key_is_one_error_with_one_remedy(
    app: Starlette, missing_decisions: bool
) -> None:
    app.state.faults.missing_decisions = missing_decisions
    with pytest.raises(SourceDenied, match="Incorrect API key") as caught:
        await load_openai(connect(app, "sk-admin-CANARY999"), Caches(), ask(), now=NOW)
    assert "CANARY" not in str(caught.value)
    assert "OPENAI_ADMIN_KEY" in caught.value.remedy
    assert max(asked_of(app)[name] for name in CHOICES) == 1, "a denial is not tried again"


async def test_an_endpoint_the_organisation_is_not_offered_is_skipped(app: Starlette) -> None:
    app.state.faults.missing_decisions = True
    report = await report_of(app)
    assert status(report, "decisions") == "skipped"
    assert report.complete


async def test_failures_are_not_kept(app: Starlette) -> None:
    caches = Caches()
    app.state.faults.fail = {"completions": 500, "projects": 500}
    await load(app, caches=caches)
    app.state.faults.fail = {}
    answer = await load(app, caches=caches)
    assert {one.status for one in answer.statuses} == {"ok"}


async def test_without_the_look_up_permission_only_names_are_lost(app: Starlette) -> None:
    whole = await load(app)
    app.state.faults.no_management_scope = True
    answer = await load(app)
    pd.testing.assert_frame_equal(answer.usage, whole.usage)
    assert whole.costs is not None
    assert answer.costs is not None
    pd.testing.assert_frame_equal(answer.costs, whole.costs)
    assert answer.names == {}
    report = build_openai_usage(answer, ask(), now=NOW)
    assert status(report, "users") == status(report, "api_keys") == "failed"
    (remedy,) = {one.remedy for one in report.sources if one.name == "openai:users"}
    assert "api.management.read" in str(remedy)
    projects = report.table("by_project").frame
    assert projects["project_name"].isna().sum() == projects["project_id"].notna().sum()
    assert not report.complete


async def test_days_before_keys_were_split_keep_their_cost_and_later_ones_their_keys(
    app: Starlette,
) -> None:
    query = ask(date(2025, 12, 3), date(2025, 12, 9), endpoints=("completions", "costs"))
    whole = await report_of(app, query)
    asked_of(app)
    app.state.faults.refuse_api_key_before_floor = True
    report = await report_of(app, query)
    assert windows(app) >= {("costs", "2025-12-03", "2025-12-05")}
    assert report.complete
    assert abs(report.totals["cost"] - whole.totals["cost"]) < 1e-9
    costs = report.table("costs").frame
    keyed = costs.groupby("date")["api_key_id"].count()
    assert {str(day) for day, count in keyed.items() if count == 0} == {
        "2025-12-03",
        "2025-12-04",
        "2025-12-05",
    }
    assert len(keyed) == 7
    assert any("2025-12-06" in note and "3 days" in note for note in report.notes)


async def test_costs_by_user_come_from_a_request_of_their_own_where_both_are_refused(
    app: Starlette,
) -> None:
    whole = await report_of(app)
    app.state.faults.refuse_user_with_project = True
    caches, query = Caches(), ask()
    report = build_openai_usage(await load(app, query, caches), query, now=NOW)
    assert report.complete
    assert any("by user" in note for note in report.notes)
    total = report.totals["cost"]
    assert abs(total - whole.totals["cost"]) < 1e-9
    for key in ("by_project", "by_user", "by_model"):
        assert abs(sum(report.table(key).frame["cost"].dropna()) - total) < 1e-9
    assert report.table("by_user").frame["user_id"].notna().any()
    asked_of(app)
    await load(app, ask(FIRST - timedelta(days=1), LAST), caches)
    assert asked_of(app)["costs"] == 2, "the refusal is remembered"


async def test_both_refusals_at_once_still_leave_the_whole_cost(app: Starlette) -> None:
    query = ask(date(2025, 12, 3), date(2025, 12, 9), endpoints=("costs",))
    whole = await report_of(app, query)
    app.state.faults.refuse_user_with_project = True
    app.state.faults.refuse_api_key_before_floor = True
    report = await report_of(app, query)
    assert report.complete
    assert abs(report.totals["cost"] - whole.totals["cost"]) < 1e-9


async def test_a_last_page_that_promises_more_ends_all_the_same(app: Starlette) -> None:
    whole = await report_of(app)
    asked_of(app)
    app.state.faults.phantom_last_page = True
    report = await report_of(app)
    assert report.totals == whole.totals
    assert report.complete
    assert asked_of(app)["costs"] == 1


async def test_pages_shorter_than_asked_for_lose_nothing(app: Starlette) -> None:
    whole = await report_of(app)
    asked_of(app)
    app.state.faults.short_pages = {"completions": 1, "costs": 3}
    report = await report_of(app)
    assert report.totals == whole.totals
    asked = asked_of(app)
    assert (asked["completions"], asked["costs"]) == (4, 2)
    assert not [1 for _, pairs in app.state.requests if "page" in dict(pairs)]


async def test_undocumented_fields_are_kept_named_and_in_no_total(app: Starlette) -> None:
    whole = await report_of(app)
    app.state.faults.undeclared_fields = True
    report = await report_of(app)
    assert report.totals == whole.totals
    frame = report.table("usage").frame
    rows = frame[frame["endpoint_type"] == "completions"]
    assert (rows["input_dream_tokens"] == rows["num_model_requests"] * 3).all()
    assert set(rows["dream_state"]) == {"lucid"}
    assert any("input_dream_tokens" in note and "dream_state" in note for note in report.notes)


# Names


async def test_every_id_gets_the_best_name_there_is(app: Starlette) -> None:
    org = app.state.org
    query = ask(date(2026, 2, 25), date(2026, 2, 27))
    names = (await load(app, query)).names
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


async def test_a_vanished_project_keeps_its_last_name_and_says_so(app: Starlette) -> None:
    caches = Caches()
    before = (await load(app, caches=caches)).names
    gone = next(key for kind, key in before if kind == "project")
    org = app.state.org
    rest = tuple(project for project in org.projects if project.id != gone)
    app.state.org = replace(org, projects=rest)
    caches.lookups.clear()
    after = (await load(app, caches=caches)).names
    assert after["project", gone] == f"{before['project', gone]} (deleted)"
    assert (await load(app)).names["project", gone] == f"{gone} (deleted or unknown)"
