"""What platforms no longer have, their pages show from the ledger, and say so."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette

from lib.cache import Caches
from lib.capture import platforms
from lib.capture.platforms import chargeback_said
from lib.capture.rounds import MonthResult, capture_round
from lib.demo.comet_server import create_comet_app
from lib.ledger.keeping import Said, keep
from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from lib.loader.chargeback import load_chargeback
from lib.loader.tenants import tenant_source
from lib.loader.tenants_kept import with_kept
from lib.periods import Period
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.tenants.build import build_tenant_usage
from lib.settings import load_settings
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.tenants.measures import facts_of, measures_of
from lib.sources.tenants.query import TenantQuery
from tests.pure.test_comet_loader import source_of
from tests.support.kept import OCTOBER, in_folder, put
from tests.support.profiles import examples
from tests.support.redis_servers import redis_server
from tests.support.tenant_answers import answer_of

pytest_plugins = ["tests.support.ledgers"]

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
HALF_A_YEAR = TenantQuery(Period(date(2026, 6, 1), date(2026, 11, 21)))

NINE: Any = {("alpha", "input_tokens"): 9}
SEPTEMBER = OCTOBER._replace(month="2026-09")
NO_SETTINGS = load_settings({}, folder=Path("/nowhere"))

Counters = dict[tuple[str, str, str], int]


def capture_tenants(
    ledger: Ledger, counters: Mapping[tuple[str, str, str], int], host: str = ""
) -> None:
    """What Redis said of each month when it had all of it."""
    answer = answer_of(counters)
    answer = replace(answer, host=host or answer.host)
    months = {period[:7] for _, _, period in counters}
    for month in months:
        own = answer_of({key: value for key, value in counters.items() if key[2][:7] == month})
        own = replace(own, host=answer.host)
        key = Month("tenants", answer.host, month)
        keep(
            ledger,
            Said(key, NOW, NOW, measures_of(own), facts=facts_of(own, month), loses_rows=True),
        )


def requests_of(ledger: Ledger, living: Counters, query: TenantQuery = HALF_A_YEAR) -> Any:
    answer = with_kept(answer_of(living), ledger, query, NOW)
    return answer, build_tenant_usage(answer, query, now=NOW)


OLD: Counters = {
    ("acme", "requests", "2026-07"): 10,
    ("acme", "requests", "2026-08-14"): 20,
    ("borealis", "input_tokens", "2026-07"): 5,
}
LIVING: Counters = {
    ("acme", "requests", "2026-08-14"): 3,
    ("acme", "requests", "2026-11"): 100,
    ("new", "requests", "2026-07"): 1,
}


def test_expired_months_of_tenants_come_from_the_ledger_and_are_marked(
    folder_ledger: Ledger,
) -> None:
    capture_tenants(folder_ledger, OLD)
    answer, report = requests_of(folder_ledger, LIVING)
    assert report.totals["requests"] == 10 + 20 + 100 + 1
    assert report.totals["input_tokens"] == 5
    (ledger,) = [status for status in report.sources if status.source == "ledger"]
    assert (ledger.status, ledger.rows, ledger.as_of) == ("ok", 3, NOW)
    (note,) = [note for note in report.notes if "from the ledger" in note]
    assert note.startswith("2026-07 to 2026-08: 3 counters")
    assert {"2026-07", "2026-08"} <= answer.months


def test_of_one_tenant_only_its_own_expired_counters_come_back(folder_ledger: Ledger) -> None:
    capture_tenants(folder_ledger, OLD)
    query = replace(HALF_A_YEAR, tenants=("borealis",))
    living = {("borealis", "requests", "2026-11"): 2}
    _, report = requests_of(folder_ledger, living, query)
    assert (report.totals["requests"], report.totals["input_tokens"]) == (2, 5)


def test_months_that_redis_has_whole_are_left_alone(folder_ledger: Ledger) -> None:
    capture_tenants(folder_ledger, OLD)
    living = {key: value + 1 for key, value in OLD.items()}
    answer, report = requests_of(folder_ledger, living)
    assert report.totals["requests"] == 32
    assert not [status for status in answer.statuses if status.source == "ledger"]


def test_this_month_and_the_one_before_are_redis_s_alone(folder_ledger: Ledger) -> None:
    capture_tenants(folder_ledger, {("acme", "requests", "2026-10"): 9})
    _, report = requests_of(folder_ledger, {("acme", "requests", "2026-11"): 1})
    assert report.totals["requests"] == 1


@examples(15)
@given(
    everything=st.dictionaries(
        st.tuples(
            st.sampled_from(["a", "a:b", "", "名"]),
            st.sampled_from(["requests", "input_tokens", "dreams"]),
            st.sampled_from(["2026-06", "2026-07", "2026-07-31", "2026-08", "2026-11"]),
        ),
        st.integers(0, 2**62),
        min_size=1,
        max_size=8,
    ),
    data=st.data(),
)
def test_whatever_expires_the_report_is_that_of_the_day_it_was_whole(
    everything: Counters, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = [key for key in everything if key[2] < "2026-10"]
    gone = data.draw(st.sets(st.sampled_from(old)) if old else st.just(set()))
    ledger = in_folder(tmp_path_factory.mktemp("ledger"))
    capture_tenants(ledger, everything)
    living = {key: value for key, value in everything.items() if key not in gone}
    _, report = requests_of(ledger, living)
    whole = build_tenant_usage(answer_of(everything), HALF_A_YEAR, now=NOW)
    assert report.totals == whole.totals
    assert [*report.table("by_month").frame["month"]] == [*whole.table("by_month").frame["month"]]


@pytest.fixture
def comet() -> Starlette:
    return create_comet_app(now=lambda: NOW, prefix="/comet")


async def chargeback_of(app: Any, ledger: Ledger | None, **asked: Any) -> Any:
    source = replace(source_of(app), ledger=ledger)
    query = check_chargeback_query(now=NOW, **asked)
    answer = await load_chargeback(source, source.connect(), query, caches=Caches(), now=NOW)
    return answer, build_comet_chargeback(answer, query, now=NOW)


async def test_chargeback_compares_with_a_captured_month_that_the_server_does_not_give(
    comet: Starlette, folder_ledger: Ledger
) -> None:
    before, wanted = await chargeback_of(comet, None, compare="2026-08")
    month, _ = await chargeback_of(comet, None, month="2026-08")
    keep(folder_ledger, chargeback_said(month, "2026-08", NOW))

    refusing = create_comet_app(now=lambda: NOW, prefix="/comet")
    refusing.state.shape.ignores_month = True
    answer, report = await chargeback_of(refusing, folder_ledger, compare="2026-08")
    assert answer.earlier is not None
    assert answer.earlier.users.equals(before.earlier.users)
    assert report.totals == wanted.totals
    changes, wanted_changes = (one.table("changes").frame for one in (report, wanted))
    assert changes.equals(wanted_changes)
    (ledger,) = [status for status in answer.statuses if status.source == "ledger"]
    assert (ledger.part, ledger.status) == ("chargeback 2026-08", "ok")


async def test_a_month_that_is_kept_as_it_stays_is_compared_with_and_not_asked_for(
    comet: Starlette, folder_ledger: Ledger
) -> None:
    for month in ("2026-08", "2026-11"):
        answer, _ = await chargeback_of(comet, None, month=month)
        keep(folder_ledger, chargeback_said(answer, month, NOW))
    comet.state.requests.clear()
    answer, _ = await chargeback_of(comet, folder_ledger, compare="2026-08")
    asked = [dict(pairs) for name, pairs in comet.state.requests if name == "chargeback"]
    assert asked == [{}]
    assert answer.earlier is not None
    await chargeback_of(comet, folder_ledger, month="2026-09", compare="2026-11")
    months = [
        dict(pairs).get("reportMonth")
        for name, pairs in comet.state.requests
        if name == "chargeback"
    ]
    assert "2026-11" in months, "a month that runs is asked for"


async def test_a_month_that_nobody_has_is_missing_as_before(
    comet: Starlette, folder_ledger: Ledger, tmp_path: Path
) -> None:
    comet.state.shape.ignores_month = True
    answer, _ = await chargeback_of(comet, folder_ledger, compare="2026-08")
    assert [status.status for status in answer.statuses if "2026-08" in status.part] != ["ok"]


async def test_a_capture_takes_what_redis_says_not_what_the_ledger_remembers(
    folder_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with redis_server() as redis:
        with redis.admin() as client:
            client.set("usage:acme:requests:2026-07", 10)
        monkeypatch.setattr(
            platforms,
            "tenant_upstream",
            lambda of: replace(tenant_source(of), ledger=folder_ledger),
        )
        settings = load_settings({"REDIS_PRIMARY_ENDPOINT": redis.url}, folder=Path("/nowhere"))
        capture_tenants(folder_ledger, OLD, tenant_source(settings).host)
        asking = platforms.Asking(settings, ["2026-07"], NOW)
        [[said]] = [answers async for answers in platforms.PLATFORMS["tenants"].ask(asking)]
    assert isinstance(said, Said)
    assert said.measures["sub_account"].to_pylist() == ["acme"]


async def test_a_month_from_before_a_servers_history_is_beyond_its_reach_and_no_fault(
    comet: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platforms, "comet_upstream", lambda _: source_of(comet))
    asking = platforms.Asking(NO_SETTINGS, ["2001-01"], NOW)
    answers = [said async for said in platforms.PLATFORMS["comet-chargeback"].ask(asking)]
    assert [type(said[1]) for said in answers] == [platforms.BeyondReach]


@pytest.mark.parametrize("ignores_month", [True, False])
async def test_each_month_that_is_named_has_a_result_of_its_own_though_the_first_is_refused(
    comet: Starlette,
    monkeypatch: pytest.MonkeyPatch,
    folder_ledger: Ledger,
    *,
    ignores_month: bool,
) -> None:
    comet.state.shape.ignores_month = ignores_month
    monkeypatch.setattr(platforms, "comet_upstream", lambda _: source_of(comet))
    named = ["2001-01", "2001-02", "2001-03"]
    chargeback = [platforms.PLATFORMS["comet-chargeback"]]
    results = [
        result
        async for result in capture_round(NO_SETTINGS, folder_ledger, chargeback, named, now=NOW)
    ]
    assert sorted(result.month for result in results) == named
    for result in results:
        assert f"keeps no report of {result.month}" in str(result.error)
        assert not result.complete


async def test_of_months_that_are_due_the_first_beyond_reach_is_told_alone(
    comet: Starlette, monkeypatch: pytest.MonkeyPatch, folder_ledger: Ledger
) -> None:
    comet.state.shape.ignores_month = True
    monkeypatch.setattr(platforms, "comet_upstream", lambda _: source_of(comet))
    chargeback = [platforms.PLATFORMS["comet-chargeback"]]
    results = [
        result
        async for result in capture_round(NO_SETTINGS, folder_ledger, chargeback, [], now=NOW)
    ]
    assert [(result.month, result.complete) for result in results] == [
        ("2026-11", True),
        ("2026-10", True),
    ]
    assert results[1].beyond_reach


def test_a_month_that_comes_back_empty_is_no_fault_of_a_capture(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    gone = put(folder_ledger, {}, hours=1)
    assert MonthResult("openai", "2026-10", gone).complete
    put(folder_ledger, NINE, SEPTEMBER, failed=frozenset({"images"}))
    stays = put(folder_ledger, {}, SEPTEMBER, hours=1)
    assert not MonthResult("openai", "2026-09", stays).complete
