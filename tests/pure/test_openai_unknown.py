"""Unknown and partial in the OpenAI report: never a smaller number that looks whole, never a wrong one."""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from lib.cache import Caches
from lib.exports.terminal import to_terminal
from lib.loader.openai import load_openai
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import costs_frame
from lib.sources.openai.tables import BREAKDOWN_METRICS, COSTS_BY_USER, ENDPOINTS
from lib.status import SourceStatus
from tests.support.profiles import examples
from tests.support.replies import (
    DAY,
    LAST,
    MONDAY,
    NOW,
    answer_of,
    ask,
    bucket_of,
    cost,
    kept,
    load,
    mock_client,
    page,
)

BREAKDOWNS = {
    "by_project": "project_id",
    "by_user": "user_id",
    "by_api_key": "api_key_id",
    "by_model": "model",
}
COUNTING = {
    metric: {name for name, row in ENDPOINTS.items() if metric in row.metrics}
    for metric in BREAKDOWN_METRICS
}
law = settings(examples(30), phases=[Phase.explicit, Phase.reuse, Phase.generate])


def report_of(answer: OpenAIAnswer, **asked: Any) -> Report:
    return build_openai_usage(answer, ask(**asked), now=NOW)


def cells(report: Report, table: str, key: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in report.table(table).frame[key]]


def figure(report: Report, key: str) -> Any:
    return next(figure for figure in report.figures if figure.key == key)


def row_of(name: str) -> dict[str, Any]:
    return {**dict.fromkeys(ENDPOINTS[name].metrics, 3), "project_id": "proj-a", "model": "gpt-5"}


@law
@given(st.sets(st.sampled_from(sorted(ENDPOINTS))))
def test_a_total_and_its_parts_are_unknown_exactly_when_a_source_that_counts_into_it_failed(
    failed: set[str],
) -> None:
    world = {name: {MONDAY: [row_of(name)]} for name in ENDPOINTS if name not in failed}
    statuses = tuple(
        SourceStatus("openai", name, "failed", None, None, "down")
        if name in failed
        else SourceStatus("openai", name, "ok", NOW, 1)
        for name in ENDPOINTS
    )
    report = report_of(answer_of(world, {MONDAY: []}, statuses=statuses))
    for metric, counting in COUNTING.items():
        expected = None if counting & failed else 3 * len(counting)
        for table in BREAKDOWNS:
            assert report.table(table).totals[metric] == expected
            parts = [value for value in cells(report, table, metric) if value is not None]
            assert sum(parts) == (expected or 0)
    tokens = COUNTING["input_tokens"] | COUNTING["output_tokens"]
    drawn = {chart.key for chart in report.charts if chart.key.startswith("tokens")}
    assert bool(drawn) == (not tokens & failed)


@law
@given(
    st.lists(
        st.tuples(st.sampled_from([None, "proj-a", "proj-b"]), st.integers(2**61, 2**63 - 1)),
        min_size=3,
        max_size=6,
    )
)
def test_sums_beyond_sixty_four_bits_are_exact(rows: list[tuple[str | None, int]]) -> None:
    sent = [{"input_tokens": tokens, "project_id": project} for project, tokens in rows]
    report = report_of(answer_of({"completions": {MONDAY: sent}}, {MONDAY: []}))
    assert report.totals["input_tokens"] == sum(tokens for _, tokens in rows)
    expected: dict[Any, int] = defaultdict(int)
    for project, tokens in rows:
        expected[project] += tokens
    found = dict(
        zip(
            cells(report, "by_project", "project_id"),
            cells(report, "by_project", "input_tokens"),
            strict=True,
        )
    )
    assert found == expected
    assert report.table("usage").totals["input_tokens"] == sum(tokens for _, tokens in rows)
    assert f"{sum(tokens for _, tokens in rows):,}" in to_terminal(report, width=None, colour=False)


# Costs by user, where OpenAI refuses to split them by user and project at once


def apart(by_user: list[dict[str, Any]] | None, status: str = "ok") -> OpenAIAnswer:
    """An answer whose costs by user come from a request of their own; None when that failed."""
    costs = [cost("7.50", project_id="proj-a", line_item="gpt-5, input_tokens")]
    statuses = (
        SourceStatus("openai", "completions", "ok", NOW, 1),
        SourceStatus("openai", "costs", "ok", NOW, 1),
        SourceStatus("openai", COSTS_BY_USER, status, NOW, 1, "down"),  # type: ignore[arg-type]
    )
    frame = None if by_user is None else costs_frame([kept(MONDAY, by_user, "costs")])
    usage = {"completions": {MONDAY: [{"input_tokens": 5, "user_id": "user-a"}]}}
    return answer_of(usage, {MONDAY: costs}, costs_by_user=frame, statuses=statuses)


USER_ROWS = [cost("5", user_id="user-a"), cost("2.50")]


def test_costs_by_user_that_failed_are_unknown_and_nobodys() -> None:
    report = report_of(apart(None, "failed"))
    assert report.totals["cost"] == Decimal("7.50")
    assert {*cells(report, "by_user", "cost")} == {None}
    assert report.table("by_user").totals["cost"] == Decimal("7.50")
    assert "Cost by user is unknown" in report.table("by_user").note
    assert cells(report, "by_project", "cost") == [Decimal("7.50"), None]


def test_costs_by_user_under_a_filter_by_project_are_unknown_and_nobodys() -> None:
    report = report_of(apart(USER_ROWS), projects=("proj-a",))
    assert report.totals["cost"] == Decimal("7.50")
    assert not [value for value in cells(report, "by_user", "cost") if value is not None]


@pytest.mark.parametrize(("status", "incomplete"), [("ok", False), ("partial", True)])
def test_the_cost_of_a_user_is_as_sure_as_the_source_it_is_from(
    status: str, incomplete: bool
) -> None:
    report = report_of(apart(USER_ROWS, status), users=("user-a",))
    assert figure(report, "cost").value == Decimal(5)
    assert figure(report, "cost").incomplete == incomplete
    assert cells(report, "by_user", "cost") == [Decimal(5)]
    assert not [value for value in cells(report, "by_project", "cost") if value is not None]
    assert not [chart.key for chart in report.charts if chart.key == "cost_by_project"]


def test_the_cost_of_a_user_is_unknown_when_the_source_it_is_from_failed() -> None:
    report = report_of(apart(None, "failed"), users=("user-a",))
    assert figure(report, "cost").value is None
    assert figure(report, "cost").incomplete


# What a reply leaves out


def client_of(costs: list[dict[str, Any]], leave_out: int = 0) -> Any:
    """A client of an upstream that gives these costs on each day, without its first days."""

    def handle(request: httpx.Request) -> httpx.Response:
        if "costs" not in request.url.path:
            return httpx.Response(200, json={"data": [], "has_more": False})
        start, end = (int(request.url.params[key]) for key in ("start_time", "end_time"))
        starts = [*range(start, end, DAY)][leave_out:]
        return httpx.Response(200, json=page([bucket_of(day, costs) for day in starts]))

    return mock_client(handle)


async def loaded(costs: list[dict[str, Any]], leave_out: int = 0) -> Report:
    query = ask(endpoints=("costs",))
    answer = await load_openai(client_of(costs, leave_out), Caches(), query, now=NOW)
    return build_openai_usage(answer, query, now=NOW)


@pytest.mark.parametrize("amount", [None, {"value": None, "currency": "usd"}, {}])
async def test_costs_without_an_amount_are_said_and_mark_the_total(amount: Any) -> None:
    lacking = {"object": "organization.costs.result", "amount": amount, "line_item": "gpt-5"}
    report = await loaded([cost("2"), lacking])
    assert report.totals["cost"] == Decimal(8)
    assert figure(report, "cost").incomplete
    assert not report.complete
    (source,) = [source for source in report.sources if source.part == "costs"]
    assert (source.status, source.lacks) == ("partial", "amounts")
    assert "4 without an amount, on 4 buckets from 2026-11-09" in str(source.detail)
    assert len(report.table("costs").frame) == 8


async def test_costs_without_a_currency_are_said_with_their_project_and_mark_the_total() -> None:
    lacking = [cost("2", None, project_id="proj-a"), cost("3", "", project_id="proj-a")]
    report = await loaded([cost("2"), *lacking])
    assert figure(report, "cost").incomplete
    (source,) = [source for source in report.sources if source.part == "costs"]
    assert source.status == "partial"
    assert "8 without a currency" in str(source.detail)
    assert "of proj-a: they are in no total" in str(source.detail)


@pytest.mark.parametrize("failed", [set(), {"costs"}, {COSTS_BY_USER}, {"costs", COSTS_BY_USER}])
def test_each_cost_is_unknown_exactly_when_the_source_it_is_from_failed(failed: set[str]) -> None:
    answer = apart(None if COSTS_BY_USER in failed else USER_ROWS)
    report = report_of(
        replace(
            answer,
            costs=None if "costs" in failed else answer.costs,
            statuses=tuple(
                replace(status, status="failed") if status.part in failed else status
                for status in answer.statuses
            ),
        )
    )
    assert (report.totals["cost"] is None) == ("costs" in failed)
    of_projects = [value for value in cells(report, "by_project", "cost") if value is not None]
    assert of_projects == ([] if "costs" in failed else [Decimal("7.50")])
    of_users = {value for value in cells(report, "by_user", "cost") if value is not None}
    assert of_users == (set() if COSTS_BY_USER in failed else {Decimal(5), Decimal("2.50")})


async def test_a_reply_that_leaves_out_every_day_has_failed() -> None:
    report = await loaded([cost("2")], leave_out=9)
    (source,) = [source for source in report.sources if source.part == "costs"]
    assert source.status == "failed"
    assert report.totals["cost"] is None


# As of


@pytest.mark.dear
async def test_data_are_as_of_their_oldest_number_and_names_do_not_hold_that_back(
    stand_in: Starlette,
) -> None:
    caches, query = Caches(), ask(LAST - timedelta(days=3), NOW.date())
    for minutes in (0, 2, 4):
        now = NOW + timedelta(minutes=minutes)
        stand_in.state.now = lambda now=now: now
        answer = await load(stand_in, query, caches, now)
        report = build_openai_usage(answer, query, now=now)
        assert report.as_of == now, "the day that runs is asked for again after a minute"
        names = [source.as_of for source in report.sources if source.part == "users"]
        assert names == [NOW], "else nothing would be proven"


async def test_final_data_are_as_of_when_they_were_fetched(stand_in: Starlette) -> None:
    caches, query = Caches(), ask()
    await load(stand_in, query, caches)
    later = NOW + timedelta(hours=5)
    report = build_openai_usage(await load(stand_in, query, caches, later), query, now=later)
    assert report.as_of == NOW


# Nobody's


def test_people_read_who_pays_for_what_no_model_is_known_of() -> None:
    report = report_of(
        answer_of({"completions": {MONDAY: [{"input_tokens": 5, "model": None}]}}, {MONDAY: []})
    )
    assert cells(report, "by_model", "model") == [None]
    shown = to_terminal(report, width=None, colour=False)
    of_models = shown[shown.index("By model") :]
    assert "Unallocated" in of_models[: of_models.index("TOTAL")]
