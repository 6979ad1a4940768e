"""What a request and a token cost, and which share is cached or in batches: known only where both sides are whole."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.exports.formats import delta, figure
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Figure, Report
from lib.sources.openai.query import CHOICES, check_query
from lib.sources.openai.tables import ENDPOINTS
from lib.status import SourceStatus
from tests.pure.test_openai_report import column, paid
from tests.support.profiles import examples
from tests.support.replies import DAY, MONDAY, NOW, answer_of, cost

Row = dict[str, Any]
RATES = ("cost_per_request", "cost_per_million_tokens")
TOKENS = ("input_tokens", "output_tokens")


def chat(requests: int = 1, tokens: int = 1, cached: int = 0, **labels: Any) -> Row:
    counts = {"num_model_requests": requests, "input_tokens": tokens, "output_tokens": tokens}
    return counts | {"input_cached_tokens": cached} | labels


def embedded(requests: int = 1, tokens: int = 1, **labels: Any) -> Row:
    return {"num_model_requests": requests, "input_tokens": tokens} | labels


def built(
    usage: dict[str, Iterable[Row]],
    costs: Iterable[Row] | None,
    trouble: dict[str, Any] | None = None,
    **asked: Any,
) -> Report:
    """The report of one day; sources answered in full, unless told otherwise."""
    day = date(2026, 11, 16)
    query = check_query(since=day, until=day, today=day, **asked)
    states: dict[str, Any] = dict.fromkeys(query.endpoints, "ok")
    statuses = [
        SourceStatus("openai", name, state, NOW, 1)
        for name, state in (states | (trouble or {})).items()
    ]
    answer = answer_of(
        {name: {MONDAY: [*rows]} for name, rows in usage.items()},
        None if costs is None else {MONDAY: [*costs]},
        statuses=tuple(statuses),
    )
    return build_openai_usage(answer, query, now=NOW)


def shown(report: Report, key: str) -> Figure | None:
    return next((one for one in report.figures if one.key == key), None)


USAGE: dict[str, Iterable[Row]] = {
    "completions": [
        chat(3, 100, 40, project_id="a", model="gpt-5"),
        chat(1, 300, 0, project_id="b", model="gpt-5-mini"),
    ],
    "embeddings": [embedded(4, 200, project_id="b", model="embed")],
}
COSTS = (
    cost("0.60", project_id="a", line_item="gpt-5, input_tokens"),
    cost("0.40", project_id="b", line_item="Web search"),
)


def test_rates_are_sums_by_sums_and_their_help_says_how() -> None:
    report = built(USAGE, COSTS)
    assert report.totals["cost_per_request"] == Decimal("0.125")
    assert report.totals["cost_per_million_tokens"] == Decimal(1_000)
    assert report.totals["cached_input_percent"] == 10.0, "embeddings have no cache"
    per_request = shown(report, "cost_per_request")
    assert per_request is not None
    assert "÷ requests" in per_request.help
    assert figure(per_request) == "$0.125 per request"


def test_projects_and_models_have_rates_of_their_own_where_cost_and_usage_meet() -> None:
    report = built(USAGE, COSTS)
    rates = dict(
        zip(
            column(report, "by_project", "project_id"),
            column(report, "by_project", "cost_per_request"),
            strict=True,
        )
    )
    assert rates == {"a": Decimal("0.2"), "b": Decimal("0.08")}
    cached = dict(
        zip(
            column(report, "by_model", "model"),
            column(report, "by_model", "cached_input_percent"),
            strict=True,
        )
    )
    assert cached == {"gpt-5": 40, "gpt-5-mini": 0, "embed": None, "Web search": None}
    assert column(report, "by_model", "cost_per_request").count(None) == 3
    assert report.table("by_project").totals["cost_per_request"] == Decimal("0.125")
    assert "cost_per_request" not in report.table("by_api_key").frame


def test_what_belongs_to_nobody_has_no_rate() -> None:
    usage = {"completions": [chat(), chat(project_id="a")]}
    report = built(usage, [cost("1"), cost("3", project_id="a")])
    assert column(report, "by_project", "project_id") == ["a", None]
    assert column(report, "by_project", "cost_per_request") == [3, None]
    report = built({"completions": [chat(2)]}, [cost("1"), cost("3")], group_by=["model"])
    assert column(report, "by_project", "cost_per_request") == [2], "one row of everything"


@pytest.mark.parametrize("state", ["failed", "partial"])
@pytest.mark.parametrize("name", ["completions", "embeddings", "web_search_calls", "costs"])
def test_a_source_that_is_not_whole_makes_rates_unknown(name: str, state: Any) -> None:
    report = built(USAGE, COSTS, {name: state})
    assert report.totals["cost_per_request"] is None
    assert not any(one is not None for one in column(report, "by_project", "cost_per_request"))
    per_request = shown(report, "cost_per_request")
    assert per_request is not None
    assert per_request.incomplete
    assert (report.totals["cached_input_percent"] is None) == (name == "completions")


def test_an_endpoint_that_is_not_offered_counts_nothing() -> None:
    report = built(USAGE, COSTS, {"decisions": "skipped"})
    assert report.totals["cost_per_request"] == Decimal("0.125")


def test_costs_of_everything_are_not_told_for_a_part_of_the_endpoints() -> None:
    report = built(USAGE, COSTS, endpoints=["completions", "costs"])
    assert [report.totals[key] for key in RATES] == [None, None]
    assert report.totals["cached_input_percent"] == 10.0
    assert shown(built(USAGE, None, endpoints=["completions"]), "cost_per_request") is None


@pytest.mark.parametrize(
    ("row", "unknown"),
    [
        ({"input_tokens": 5}, {*RATES, "cached_input_percent"}),
        (chat() | {"input_cached_tokens": None}, {"cached_input_percent"}),
        (chat() | {"output_tokens": None}, {"cost_per_million_tokens"}),
    ],
)
def test_a_row_that_leaves_a_number_out_makes_what_rests_on_it_unknown(
    row: Row, unknown: set[str]
) -> None:
    totals = built({"completions": [chat(), row]}, COSTS).totals
    assert {key for key in (*RATES, "cached_input_percent") if totals[key] is None} == unknown


def test_nothing_against_nothing_is_unknown_and_several_currencies_have_no_rate() -> None:
    report = built({"completions": []}, [])
    assert [report.totals[key] for key in (*RATES, "cached_input_percent")] == [None] * 3
    report = built(USAGE, [cost(1), cost(1, "eur")])
    assert [report.totals[key] for key in RATES] == [None, None]


def test_costs_that_cannot_be_filtered_alike_have_no_rate() -> None:
    usage = {"completions": [chat(user_id="ann"), chat(user_id="bob")]}
    report = built(usage, [cost("1.00")], users=["ann"])
    assert report.totals["cost_per_request"] is None
    report = built(usage, [cost("1.00", user_id="ann"), cost(5, user_id="bob")], users=["ann"])
    assert report.totals["cost_per_request"] == Decimal(1)


def test_the_share_of_batches_is_told_where_usage_is_grouped_by_them() -> None:
    usage = {
        "completions": [chat(3, batch=True), chat(1, batch=False)],
        "embeddings": [embedded(96)],
    }
    report = built(usage, COSTS, group_by=["batch"])
    assert report.totals["batch_requests_percent"] == 75.0
    assert shown(report, "batch_requests_percent") is not None
    assert shown(built(usage, COSTS), "batch_requests_percent") is None
    doubtful = {"completions": [chat(3, batch=True), chat(1, batch=None)]}
    assert built(doubtful, COSTS, group_by=["batch"]).totals["batch_requests_percent"] is None


def test_a_comparison_tells_money_in_percent_and_percentages_in_points() -> None:
    day = date(2026, 11, 16)
    query = check_query(since=day, until=day, today=day, compare="preceding")
    ok = tuple(SourceStatus("openai", name, "ok", NOW, 1) for name in CHOICES)
    sides = [
        answer_of(
            {"completions": {start: [chat(4, 100, cached)]}}, {start: [cost(paid)]}, statuses=ok
        )
        for start, cached, paid in ((MONDAY, 40, "1.00"), (MONDAY - DAY, 30, "0.80"))
    ]
    report = build_openai_usage(replace(sides[0], previous=sides[1]), query, now=NOW)
    changes = {one.key: delta(one.delta, one.unit) for one in report.figures if one.delta}
    assert changes["cost_per_million_tokens"] == "+$1,000.00 (+25.0 %)"
    assert changes["cached_input_percent"] == "+10.0 points"


labels = {
    "project_id": st.sampled_from([None, "a", "b"]),
    "model": st.sampled_from(["gpt-5", "gpt-5-x"]),
}
counts = st.integers(0, 10**13)
chats = st.builds(chat, counts, counts, counts, **labels)
amounts = st.decimals(-(10**6), 10**9, places=15, allow_nan=False)
costs = st.builds(
    cost,
    amounts.map(str),
    project_id=labels["project_id"],
    line_item=st.sampled_from([None, "gpt-5, input_tokens", "gpt-5-x, output_tokens"]),
)


@examples(40)
@given(
    st.lists(chats, max_size=5),
    st.lists(st.builds(embedded, counts, counts), max_size=2),
    st.lists(costs, max_size=5),
    st.sampled_from([None, *CHOICES]),
)
def test_a_rate_times_its_base_is_the_cost_and_trouble_makes_it_unknown(
    chatted: list[Row], embeds: list[Row], bills: list[Row], lost: str | None
) -> None:
    usage = {"completions": chatted, "embeddings": embeds}
    report = built(usage, bills, {lost: "partial"} if lost else {})
    totals = report.totals
    for key, keys, per in zip(RATES, (("num_model_requests",), TOKENS), (1, 10**6), strict=True):
        counting = {name for name, one in ENDPOINTS.items() if {*one.metrics} & {*keys}}
        base = sum(row.get(metric) or 0 for row in (*chatted, *embeds) for metric in keys)
        if not base or lost in {*counting, "costs"}:
            assert totals[key] is None
            continue
        bill = paid({MONDAY: bills}) or Decimal(0)
        assert same(totals[key] * base, bill * per)
        frame = report.table("by_project").frame
        for _, row in frame[frame["project_id"].notna()].iterrows():
            rows = [one for one in chatted if one["project_id"] == row["project_id"]]
            of_row = sum(one[metric] for one in rows for metric in keys)
            if row["cost"] is None or not of_row:
                assert row[key] is None
            else:
                assert same(row[key] * of_row, row["cost"] * per)


def same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= abs(other) * Decimal("1e-10")
