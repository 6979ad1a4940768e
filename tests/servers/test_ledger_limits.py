"""What OpenAI itself limits is kept with the month that runs: the newest counts, less never replaces more."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.capture.platforms import PLATFORMS, Asking, openai_said
from lib.demo.openai_server import create_openai_app
from lib.ledger.exported import OfLedger
from lib.ledger.keeping import Outcome, keep, keep_all
from lib.ledger.limits import parts_of
from lib.ledger.overview import load_overview
from lib.ledger.store import Ledger, every_capture
from lib.ledger.transfer import take_in
from lib.loader.openai_limits import LimitsAnswer
from lib.settings import Settings, load_settings
from lib.usage.measure import Name
from tests.support.kept import NOW, Amounts, amounts_of, every_kind, in_folder, put
from tests.support.replies import MONDAY, QUICK, answer_of, asked_of, cost
from tests.support.replies import NOW as TODAY
from tests.support.servers import serve

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

ROWS: Amounts = {("alpha", "input_tokens"): 9}
MORE: Amounts = {("alpha", "input_tokens"): 10}
LIMIT = {
    **{"project": None, "kind": "limit", "amount": "50.00", "currency": "USD"},
    **{"interval": "month", "enforcement": "inactive", "recipients": None},
}


def told(amount: str = "50.00", *, hours: float = 0, name: str = "spend_limits") -> Any:
    at = (NOW + timedelta(hours=hours)).isoformat()
    limits = [LIMIT | {"amount": amount}]
    return {name: {"asked_at": at, "as_of": at, "limits": limits, "trouble": ""}}


def refused(*, hours: float, why: str = "Not you.") -> Any:
    at = (NOW + timedelta(hours=hours)).isoformat()
    return {"spend_limits": {"asked_at": at, "as_of": None, "limits": [], "trouble": why}}


def kept(ledger: Ledger, part: str = "spend_limits") -> Mapping[str, Any]:
    (capture,) = ledger.captures()
    return parts_of(capture.facts)[part]


def amounts(ledger: Ledger) -> list[str]:
    return [limit["amount"] for limit in kept(ledger)["limits"]]


@every_kind
def test_the_same_limits_again_change_nothing_but_when_they_were_told(any_ledger: Ledger) -> None:
    put(any_ledger, ROWS, limits=told())
    (before,) = every_capture(any_ledger)
    assert put(any_ledger, ROWS, hours=1, limits=told(hours=1)).what == "confirmed"
    (after,) = every_capture(any_ledger)
    assert (after.id, after.snapshot, after.files) == (before.id, before.snapshot, before.files)
    assert kept(any_ledger) == told(hours=1)["spend_limits"]
    assert {**after.facts, "limits": None} == {**before.facts, "limits": None}


@pytest.mark.parametrize("rows", [ROWS, MORE], ids=["the same rows", "other rows"])
def test_limits_that_changed_take_the_place_of_the_earlier_ones(
    folder_ledger: Ledger, rows: Amounts
) -> None:
    put(folder_ledger, ROWS, limits=told())
    put(folder_ledger, rows, hours=1, limits=told("80.00", hours=1))
    assert amounts(folder_ledger) == ["80.00"]
    if rows == MORE:  # what was told before stands with the state it was told with
        first, _ = every_capture(folder_ledger)
        assert parts_of(first.facts)["spend_limits"]["limits"][0]["amount"] == "50.00"


@pytest.mark.parametrize("rows", [ROWS, MORE], ids=["the same rows", "other rows"])
def test_where_they_are_refused_the_earlier_ones_stay_with_their_time_and_the_reason(
    folder_ledger: Ledger, rows: Amounts
) -> None:
    put(folder_ledger, ROWS, limits=told())
    outcome = put(folder_ledger, rows, hours=1, limits=refused(hours=1))
    assert outcome.capture.complete
    assert outcome.detail == "spend limits: not all known. Not you."
    assert amounts(folder_ledger) == ["50.00"]
    part = kept(folder_ledger)
    assert (part["as_of"], part["trouble"]) == (NOW.isoformat(), "Not you.")
    put(folder_ledger, rows, hours=2, limits=told(hours=2))
    assert kept(folder_ledger)["trouble"] == ""


def test_a_month_that_is_over_keeps_what_was_limited_while_it_ran(folder_ledger: Ledger) -> None:
    put(folder_ledger, ROWS, limits=told())
    put(folder_ledger, ROWS, hours=1)
    put(folder_ledger, MORE, hours=2)
    assert amounts_of(folder_ledger) == MORE
    assert amounts(folder_ledger) == ["50.00"]


def test_limits_are_news_where_the_rows_that_came_with_them_are_not(folder_ledger: Ledger) -> None:
    put(folder_ledger, ROWS, limits=told())
    less = put(
        folder_ledger, MORE, hours=1, failed=frozenset({"costs"}), limits=told("80.00", hours=1)
    )
    assert less.what == "kept"
    assert amounts_of(folder_ledger) == ROWS
    assert amounts(folder_ledger) == ["80.00"]


def test_an_older_answer_that_comes_late_moves_no_limit_back(folder_ledger: Ledger) -> None:
    put(folder_ledger, ROWS, hours=2, limits=told("80.00", hours=2))
    put(folder_ledger, ROWS, hours=1, limits=told(hours=1))
    assert amounts(folder_ledger) == ["80.00"]
    put(folder_ledger, ROWS, hours=1, limits=refused(hours=1))
    assert kept(folder_ledger)["trouble"] == ""


def test_a_limit_that_is_taken_away_is_gone_and_another_part_stays(folder_ledger: Ledger) -> None:
    both = told() | told("7.00", name="project_spend_limits")
    put(folder_ledger, ROWS, limits=both)
    none = told(hours=1)
    none["spend_limits"]["limits"] = []
    put(folder_ledger, ROWS, hours=1, limits=none)
    assert amounts(folder_ledger) == []
    assert kept(folder_ledger, "project_spend_limits")["limits"][0]["amount"] == "7.00"


def test_they_go_from_one_ledger_to_another_and_newer_ones_follow(
    folder_ledger: Ledger, tmp_path: Path
) -> None:
    target = in_folder(tmp_path / "target")
    put(folder_ledger, ROWS, limits=told())
    take_in(target, OfLedger(folder_ledger))
    assert kept(target) == kept(folder_ledger)
    put(folder_ledger, ROWS, hours=1, limits=told("80.00", hours=1))
    assert take_in(target, OfLedger(folder_ledger)).confirmed == 1
    assert amounts(target) == ["80.00"]
    put(target, ROWS, hours=2, limits=told("90.00", hours=2))
    take_in(target, OfLedger(folder_ledger))
    assert amounts(target) == ["90.00"]


# The whole way, from the stand-in over HTTP into the ledger

MONTH = f"{TODAY:%Y-%m}"
SPEND = ("spend_alerts", "spend_limit", "project_spend_alerts", "project_spend_limit")


@pytest.fixture(scope="module")
def openai() -> Any:
    return create_openai_app(now=lambda: TODAY)


@pytest.fixture
def settings(openai: Starlette, no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serve(openai) as url:
        monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-demo")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        yield load_settings()
    openai.state.faults.fail = {}


async def captured(settings: Settings, ledger: Ledger, *months: str) -> list[Outcome]:
    asking = Asking(settings, months or (MONTH,), TODAY, Caches())
    outcomes = []
    async for answer in PLATFORMS["openai"].ask(asking):
        assert isinstance(answer, list), answer
        outcomes += keep_all(ledger, answer)
    return outcomes


async def test_a_capture_keeps_them_and_nobody_s_address(
    settings: Settings, folder_ledger: Ledger, tmp_path: Path
) -> None:
    (outcome,) = await captured(settings, folder_ledger)
    assert (outcome.capture.complete, outcome.detail) == (True, "")
    parts = parts_of(outcome.capture.facts)
    assert [len(part["limits"]) for part in parts.values()] == [3, 3]
    assert {limit["recipients"] for limit in parts["spend_limits"]["limits"]} == {2, None}
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert b"finance@demo.example" not in file.read_bytes(), file
            assert b"platform-owners" not in file.read_bytes(), file


async def test_months_that_are_over_are_not_told_what_is_limited_today(
    settings: Settings, openai: Starlette, folder_ledger: Ledger
) -> None:
    before = f"{TODAY.replace(day=1) - timedelta(days=1):%Y-%m}"
    openai.state.requests.clear()
    (outcome,) = await captured(settings, folder_ledger, before)
    assert parts_of(outcome.capture.facts) == {}
    assert not [tail for tail, _ in openai.state.requests if "spend_" in tail]


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("failing", SPEND)
async def test_whatever_answers_there_usage_and_costs_are_whole(
    settings: Settings, openai: Starlette, folder_ledger: Ledger, failing: str, status: int
) -> None:
    openai.state.faults.fail = {failing: status}
    (outcome,) = await captured(settings, folder_ledger)
    openai.state.faults.fail = {}
    assert outcome.capture.complete
    assert not outcome.capture.unknown_metrics
    assert outcome.capture.rows > 100
    states = {one["part"]: one["status"] for one in outcome.capture.facts["statuses"]}
    lost = [part for part in ("spend_limits", "project_spend_limits") if states[part] != "ok"]
    expected = {
        404: [],
        403: ["spend_limits", "project_spend_limits"][failing.startswith("project") :],
    }
    assert lost == expected[status]
    assert ("answered 403" in outcome.detail) is bool(lost)


async def test_an_outage_there_costs_no_usage_either(
    settings: Settings,
    openai: Starlette,
    folder_ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lib.api_client.Retry", lambda: QUICK)
    openai.state.faults.fail = {"project_spend_limit": 500}
    (outcome,) = await captured(settings, folder_ledger)
    openai.state.faults.fail = {}
    assert outcome.capture.complete
    assert "project spend limits: not all known." in outcome.detail
    assert "answered 500" in outcome.detail
    answer = load_overview(folder_ledger, MONTH, TODAY)
    assert [one.limit.project for one in answer.limits] == [None, None, None]
    assert answer.limit_troubles == (f"OpenAI: {outcome.detail}",)


async def test_the_overview_sets_them_beside_what_each_project_was_billed(
    settings: Settings, openai: Starlette, folder_ledger: Ledger
) -> None:
    await captured(settings, folder_ledger)
    asked_of(openai)
    answer = load_overview(folder_ledger, MONTH, TODAY)
    assert not asked_of(openai)
    billed: dict[str | None, Decimal] = {}
    for line in answer.lines:
        for key in (None, line.sub_account or ""):
            billed[key] = billed.get(key, Decimal(0)) + (line.billed or 0)
    assert len(answer.limits) == 6
    for one in answer.limits:
        assert one.billed == billed[one.limit.project], one
        assert one.as_of == TODAY
    names = {answer.names.get(("openai", one.limit.project or "")) for one in answer.limits}
    assert names == {None, "Research Agents", "Data Science Sandbox"}


def test_a_project_that_was_never_used_is_named_and_billed_nothing(folder_ledger: Ledger) -> None:
    limits = told(name="project_spend_limits")
    limits["project_spend_limits"]["limits"][0]["project"] = "proj_idle"
    idle = LimitsAnswer(limits, (Name("project", "proj_idle", "Idle hands"),), ())
    answer = answer_of({}, {MONDAY: [cost(7, project_id="alpha")]}, host="api.example")
    keep(folder_ledger, openai_said(answer, MONTH, TODAY, idle))
    told_of = load_overview(folder_ledger, MONTH, TODAY)
    (one,) = told_of.limits
    assert told_of.names["openai", "proj_idle"] == "Idle hands"
    assert one.billed == 0


@pytest.mark.parametrize(
    ("failed", "amounts"),
    [
        (frozenset(), {("alpha", "billed_cost"): None}),
        (frozenset(), {("alpha", "billed_cost"): 1, (None, "billed_cost"): None}),
        (frozenset({"costs"}), {("alpha", "input_tokens"): 1}),
    ],
    ids=["the amount", "whose it is", "all costs"],
)
def test_what_nobody_knows_is_billed_is_unknown_and_never_0(
    folder_ledger: Ledger, failed: frozenset[str], amounts: Amounts
) -> None:
    limits = told() | told(name="project_spend_limits")
    limits["project_spend_limits"]["limits"][0]["project"] = "alpha"
    unknown = frozenset({"billed_cost"}) if failed else frozenset[str]()
    put(folder_ledger, amounts, limits=limits, failed=failed, unknown_metrics=unknown)
    answer = load_overview(folder_ledger, "2026-10", NOW)
    assert [one.billed for one in answer.limits] == [None, None]
