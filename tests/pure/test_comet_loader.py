"""From a Comet server to an answer: what is asked, kept, missing and said."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pandas as pd
import pytest
from loguru import logger
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.api_client import Retry
from lib.cache import Caches, Document
from lib.demo.comet_faults import CometShape, old_server
from lib.demo.comet_server import create_comet_app
from lib.errors import (
    DashboardError,
    InputError,
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
)
from lib.loader.chargeback import load_chargeback, load_chargeback_files
from lib.loader.comet_source import CometSource, comet_source
from lib.loader.progress import Progress
from lib.settings import Settings
from lib.sources.comet.chargeback.accounts import is_service
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.ask import fetch_chargeback, fetch_service_accounts
from lib.sources.comet.chargeback.query import check_chargeback_query as ask

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "comet-demo-key*eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0"
CANARIES = ("comet-demo-key", "eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0", "gate-canary-11")
QUICK = Retry(attempts=2, first_wait=0.01, longest_wait=0.02)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW, prefix="/comet")


def source_of(app: Any, key: str = KEY, retry: Retry = QUICK) -> CometSource:
    server = Settings.model_construct(
        comet_api_key=SecretStr(key),
        comet_url_override="http://demo.localhost/comet/clientlib/",
        comet_allow_header_name="X-Gate",
        comet_allow_header_value=SecretStr("gate-canary-11"),
    )
    transport = (
        httpx.ASGITransport(app=app) if isinstance(app, Starlette) else httpx.MockTransport(app)
    )
    return comet_source(server, transport=transport, retry=retry)


async def load(
    app: Any, caches: Caches | None = None, now: datetime = NOW, key: str = KEY, **asked: Any
) -> ChargebackAnswer:
    source = source_of(app, key)
    query = ask(**asked)
    return await load_chargeback(
        source, source.connect(), query, caches=caches or Caches(), now=now
    )


def statuses(answer: ChargebackAnswer) -> dict[str, str]:
    return {one.name: one.status for one in answer.statuses}


async def test_the_key_is_sent_whole_without_a_scheme_and_with_the_gateways_header() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=[] if "service" in request.url.path else {"users": []})

    await load(handle, month="2026-10")
    assert {request.headers["authorization"] for request in seen} == {KEY}
    assert {request.headers["x-gate"] for request in seen} == {"gate-canary-11"}
    assert sorted(str(request.url) for request in seen) == [
        "http://demo.localhost/comet/api/admin/chargeback/report?reportMonth=2026-10",
        "http://demo.localhost/comet/api/admin/service-accounts",
    ]


async def test_a_report_its_predecessor_and_the_accounts_come_at_once(app: Starlette) -> None:
    answer = await load(app, month="2026-10", compare="2026-08")
    assert statuses(answer) == {
        "comet:chargeback": "ok",
        "comet:chargeback:2026-08": "ok",
        "comet:service-accounts": "ok",
    }
    assert answer.earlier is not None
    assert (answer.report.month, answer.earlier.month) == ("2026-10", "2026-08")
    assert answer.report.label == "2026-10"
    assert len(answer.report.users) == answer.report.number_of_users
    assert answer.host == "demo.localhost"
    assert json.loads(answer.report.raw)["workspaces"]


async def test_without_a_month_the_report_is_the_current_one(app: Starlette) -> None:
    answer = await load(app)
    assert answer.report.label == "current"
    assert answer.earlier is None
    assert [query for name, query in app.state.requests if name == "chargeback"] == [()]


@pytest.mark.parametrize("users", ["licensedUsers", "report", "report.licensedUsers", "list"])
@pytest.mark.parametrize("created", ["createdAt", "created_at", "both"])
async def test_every_kind_of_server_gives_the_same_users(
    app: Starlette, users: Any, created: Any
) -> None:
    usual = (await load(app)).report
    app.state.shape = CometShape(users=users, created=created, organization_id="report")
    found = (await load(app)).report
    pd.testing.assert_frame_equal(found.users, usual.users)
    pd.testing.assert_frame_equal(found.projects, usual.projects)
    assert found.unread == 0


async def test_an_old_server_wants_a_month_and_says_so(app: Starlette) -> None:
    app.state.shape = old_server()
    assert (await load(app, month="2026-10")).report.users["created_at"].notna().all()
    with pytest.raises(SourceRefused) as caught:
        await load(app)
    assert "Choose a month" in caught.value.remedy


async def test_a_server_that_ignores_months_is_found_out(app: Starlette) -> None:
    app.state.shape = CometShape(ignores_month=True)
    answer = await load(app, month="2026-10", compare="2026-08")
    assert any("Both months came with the same content" in note for note in answer.notes)
    assert (answer.report.asked, answer.report.month) == ("2026-10", "2026-11")
    assert statuses(answer)["comet:chargeback"] == "partial"


REFUSALS = [
    (401, SourceDenied, "Copy the API key again"),
    (403, SourceDenied, "ADMIN_USER_LIST"),
    (404, SourceRefused, "3.7.46"),
    (404, SourceRefused, "CHARGEBACK_USAGE_REPORT_ENABLED"),
    (404, SourceRefused, "backend.chargebackUsageReportEnabled"),
    (402, SourceRefused, ""),
    (429, SourceUnavailable, ""),
    (502, SourceUnavailable, ""),
]


@pytest.mark.parametrize(("status", "kind", "remedy"), REFUSALS)
async def test_a_refusal_says_what_to_do(
    app: Starlette, status: int, kind: type[SourceError], remedy: str
) -> None:
    app.state.faults.fail = {"chargeback": status}
    with pytest.raises(kind) as caught:
        await load(app, month="2026-10")
    assert remedy in caught.value.remedy
    assert caught.value.source == "comet:chargeback:2026-10"
    assert not [canary for canary in CANARIES if canary in f"{caught.value} {caught.value!r}"]


@pytest.mark.parametrize("fault", ["html_page", "truncated_json", "empty_object", "redirect"])
async def test_a_reply_that_is_no_report_is_told_apart(app: Starlette, fault: str) -> None:
    setattr(app.state.faults, fault, {"chargeback"})
    app.state.faults.redirect_to = "https://login.example"
    with pytest.raises(SourceReplyError) as caught:
        await load(app)
    said = {
        "html_page": "web page",
        "truncated_json": "breaks off",
        "empty_object": "another shape",
        "redirect": "redirects",
    }
    assert said[fault] in caught.value.detail
    assert caught.value.remedy


async def test_trouble_that_passes_is_not_noticed(app: Starlette) -> None:
    app.state.faults.fail, app.state.faults.fail_times = {"chargeback": 503}, 1
    assert statuses(await load(app))["comet:chargeback"] == "ok"


async def test_a_failing_earlier_month_costs_the_comparison_only() -> None:
    stand_in = create_comet_app(now=lambda: NOW, prefix="/comet")
    transport = httpx.ASGITransport(app=stand_in)

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("reportMonth") == "2026-08":
            return httpx.Response(500)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.send(request)

    answer = await load(handle, month="2026-10", compare="2026-08")
    assert statuses(answer)["comet:chargeback:2026-08"] == "failed"
    assert statuses(answer)["comet:chargeback"] == "ok"
    assert answer.earlier is None


@pytest.mark.parametrize(
    ("status", "expected"), [(404, "skipped"), (403, "skipped"), (400, "skipped"), (500, "failed")]
)
async def test_missing_service_accounts_leave_the_rule_of_names(
    app: Starlette, status: int, expected: str
) -> None:
    app.state.faults.fail = {"service_accounts": status}
    answer = await load(app)
    (one,) = [found for found in answer.statuses if found.name == "comet:service-accounts"]
    assert (one.status, answer.service_accounts) == (expected, None)
    assert "by the" in (one.detail or "") or "by their names" in (one.detail or "")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (["sa-a", " sa-b "], {"sa-a", "sa-b"}),
        ({"serviceAccounts": [{"name": "sa-a"}]}, {"sa-a"}),
        ({"accounts": [{"username": "sa-a"}, {"email": "b@x"}, {"id": 1}]}, {"sa-a", "b@x"}),
        ({"serviceAccounts": [{"name": None, "username": "sa-a", "email": "x"}]}, {"sa-a"}),
        ([], set()),
        ({"serviceAccounts": []}, set()),
        ({"users": ["ada"]}, None),
        ([{"id": 1}], None),
        ([17, None], None),
        ({}, None),
        ("sa-a", None),
        (None, None),
    ],
)
async def test_the_list_of_service_accounts_is_read_or_unknown(reply: Any, expected: Any) -> None:
    body = json.dumps(reply)
    client = source_of(lambda _request: httpx.Response(200, text=body)).connect()
    assert await fetch_service_accounts(client) == expected


async def test_an_unreadable_cell_makes_the_report_partial() -> None:
    user = {"username": "ada", "uiUsageCount": "many"}
    answer = await load(lambda _request: httpx.Response(200, json={"users": [user]}))
    assert statuses(answer)["comet:chargeback"] == "partial"


async def test_a_month_that_is_over_is_kept_longer_than_one_that_runs(app: Starlette) -> None:
    caches = Caches()
    await load(app, caches, month="2026-10")
    await load(app, caches, month="2026-11")
    await load(app, caches)
    seconds = {key[2]: document.seconds for key, document in caches.documents.items() if key[2:]}
    assert seconds["2026-10"] > 3_600 > seconds["2026-11"] == seconds[None]


async def test_what_is_kept_is_not_asked_for_again_and_keeps_its_time(app: Starlette) -> None:
    caches = Caches()
    first = await load(app, caches)
    again = await load(app, caches, now=NOW + timedelta(minutes=2))
    assert again.report is first.report
    assert [one.as_of for one in again.statuses] == [NOW, NOW]
    assert len(app.state.requests) == 2
    await load(app, caches, key="comet-demo-key")
    assert len(app.state.requests) == 4, "another key shares nothing"
    caches.clear()
    await load(app, caches)
    assert len(app.state.requests) == 6


async def test_sessions_that_ask_at_once_cause_one_request(app: Starlette) -> None:
    caches = Caches()
    app.state.faults.latency_seconds = 0.05
    await asyncio.gather(*(load(app, caches, month="2026-10") for _ in range(5)))
    assert len(app.state.requests) == 2


async def test_failures_are_not_kept(app: Starlette) -> None:
    caches = Caches()
    app.state.faults.fail = {"chargeback": 404}
    with pytest.raises(SourceRefused):
        await load(app, caches)
    app.state.faults.fail = {}
    assert statuses(await load(app, caches))["comet:chargeback"] == "ok"


async def test_documents_are_bounded_together_and_a_larger_one_is_served_unkept() -> None:
    caches = Caches(document_bytes=100)

    async def document(size: int) -> Document:
        return Document(f"of {size}", size, 60)

    for size in (60, 70, 500):
        assert await caches.document(size, lambda size=size: document(size)) == f"of {size}"
    assert list(caches.documents) == [70]


async def test_progress_counts_every_part(app: Starlette) -> None:
    source, progress = source_of(app), Progress()
    query = ask(month="2026-10", compare="2026-08")
    await load_chargeback(
        source, source.connect(), query, caches=Caches(), progress=progress, now=NOW
    )
    assert (progress.done, progress.total) == (3, 3)


async def test_no_secret_is_in_any_log_message_or_printed_source(app: Starlette) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE")
    try:
        for status in (401, 403, 404, 500):
            app.state.faults.fail = {"chargeback": status, "service_accounts": status}
            with pytest.raises(DashboardError) as caught:
                await load(app)
            lines.append(f"{caught.value!r} {caught.value.__cause__!r}")
    finally:
        logger.remove(sink)
    source = source_of(app)
    text = "".join([*lines, repr(source), repr(source.connect()), str(source)])
    assert not [canary for canary in CANARIES if canary in text]


async def test_a_month_that_the_server_mistakes_is_noted() -> None:
    reply = {"users": [], "reportDate": "2026-11"}
    client = source_of(lambda _request: httpx.Response(200, json=reply)).connect()
    report = await fetch_chargeback(client, "2026-08")
    assert (report.asked, report.month) == ("2026-08", "2026-11")
    assert report.is_of_another_month


async def test_files_make_an_answer_of_their_own(app: Starlette) -> None:
    saved = [
        (f"{month}.json", (await load(app, month=month)).report.raw)
        for month in ("2026-10", "2026-08")
    ]
    answer = load_chargeback_files(saved, ask())
    assert answer.report.label == "2026-10.json"
    assert answer.earlier is not None
    assert answer.earlier.label == "2026-08.json"
    assert statuses(answer) == {
        "file:2026-10.json": "ok",
        "file:2026-08.json": "ok",
        "comet:service-accounts": "skipped",
    }
    assert (answer.host, answer.service_accounts) == ("", None)
    for wrong in ([], saved * 3, [("x.json", b"{}")]):
        with pytest.raises(InputError):
            load_chargeback_files(wrong, ask())


def test_a_list_of_the_server_decides_alone_and_names_only_without_it() -> None:
    names = ["sa-x", "team.svc-y", "abbot-jones", "data-automated-job", "a-service-account", None]
    names += ["jane-service-accountant", "dana", "automation", "evil"]
    mails = [None] * 7 + [
        "d@eu.sagemaker-integration.com",
        None,
        "e@sagemaker-integration.com.evil",
    ]
    users = pd.DataFrame({"username": names, "email": mails}, dtype="str", index=range(5, 15))
    by_name = is_service(users, None)
    assert by_name.tolist() == [True, True, False, True, True, False, False, True, False, False]
    assert (str(by_name.dtype), by_name.index.tolist()) == ("boolean", users.index.tolist())
    assert is_service(users, {"Abbot-Jones", "D@eu.sagemaker-integration.com"}).sum() == 2
    assert is_service(users, frozenset()).sum() == 0
    assert is_service(users.iloc[:0], None).empty


async def test_a_large_reply_does_not_stop_the_loop() -> None:
    users = [{"username": f"u{number}", "uiUsageCount": number} for number in range(60_000)]
    body = json.dumps({"users": users}).encode()
    source = source_of(lambda _request: httpx.Response(200, content=body))
    longest, last, done = 0.0, time.monotonic(), False

    async def beat() -> None:
        nonlocal longest, last
        while not done:
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()

    beating = asyncio.create_task(beat())
    report = await fetch_chargeback(source.connect())
    done = True
    await beating
    assert len(report.users) == 60_000
    assert longest < 1
