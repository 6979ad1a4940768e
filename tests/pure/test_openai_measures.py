"""OpenAI's rows as measures: what stands where, and what does not fit is not lost without a word."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import pyarrow.compute as pc
import pytest
from starlette.applications import Starlette

from lib.reports.openai.build import build_openai_usage
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import costs_frame
from lib.sources.openai.measures import (
    LEDGER_METRICS,
    PLATFORM,
    answer_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.openai.tables import (
    AMOUNTS,
    COSTS_BY_USER,
    DIMENSIONS,
    ENDPOINTS,
    METRICS,
    NAME_MARKS,
)
from lib.status import SourceStatus
from lib.usage.measure import Name
from tests.support.ledger import Row, assert_same, written
from tests.support.replies import DAY, MONDAY, NOW, ask, cost, kept, load
from tests.support.replies import answer_of as answered

MONTH, DECEMBER = "2026-11", MONDAY + 20 * DAY
IDS = {"project_id": "proj-a", "api_key_id": "key-a", "user_id": "user-a"}


def rows_of(answer: OpenAIAnswer) -> list[Row]:
    rows: list[Row] = measures_of(answer).to_pylist()
    return rows


def completions(*rows: Row) -> OpenAIAnswer:
    return answered({"completions": {MONDAY: [*rows]}}, host="api.example")


def back(answer: OpenAIAnswer, month: str = MONTH) -> OpenAIAnswer:
    measures = measures_of(answer)
    of_month = measures.filter(pc.equal(measures["month"], month))
    return answer_of(of_month, names_of(answer), written(facts_of(answer, month)))


def test_a_row_of_usage_is_one_measure_per_number_under_its_keys() -> None:
    row = IDS | {"model": "gpt-5", "batch": True, "service_tier": "flex", "input_tokens": 7}
    (found,) = rows_of(completions(row | {"output_tokens": None}))
    assert found == {
        "platform": "openai",
        "account": "api.example",
        "month": "2026-11",
        "start": datetime(2026, 11, 16, tzinfo=UTC),
        "end": datetime(2026, 11, 17, tzinfo=UTC),
        "part": "completions",
        "sub_account": "proj-a",
        "resource": "key-a",
        "principal": "user-a",
        "sku": "gpt-5",
        "dimensions": '{"batch": true, "service_tier": "flex"}',
        "metric": "input_tokens",
        "nature": "flow",
        "quantity": Decimal(7),
        "unit": "tokens",
    }


def test_a_cost_is_money_in_its_currency_and_a_quantity_in_its_unit() -> None:
    sent = cost(
        "1.2345678901e-05", **IDS, line_item="gpt-5, input", quantity="3", quantity_unit="1k"
    )
    found = rows_of(answered({}, {MONDAY: [sent]}))
    assert [(row["metric"], row["quantity"], row["unit"]) for row in found] == [
        ("billed_cost", Decimal("0.000012345678901"), "USD"),
        ("billed_quantity", Decimal(3), "1k"),
    ]
    assert {(row["part"], row["sku"], row["dimensions"]) for row in found} == {
        ("costs", "gpt-5, input", None)
    }


def test_a_cost_without_amount_is_not_known_rather_than_not_there() -> None:
    bare = {"object": "organization.costs.result", "amount": None, "line_item": "gpt-5"}
    (found,) = rows_of(answered({}, {MONDAY: [bare]}))
    assert (found["metric"], found["quantity"], found["unit"]) == ("billed_cost", None, "")
    (unpriced,) = rows_of(answered({}, {MONDAY: [cost(None, "eur")]}))
    assert (unpriced["quantity"], unpriced["unit"]) == (None, "EUR")


def test_a_unit_without_a_quantity_is_kept() -> None:
    answer = answered({}, {MONDAY: [cost("1", quantity_unit="1k tokens")]})
    costs = back(answer).costs
    assert costs is not None
    assert costs["quantity_unit"].tolist() == ["1k tokens"]
    assert costs["quantity"].tolist() == [None]


def test_costs_by_user_are_metrics_of_their_own_inside_the_costs() -> None:
    by_user = costs_frame([kept(MONDAY, [cost("5", user_id="user-a", quantity="2")], "costs")])
    found = rows_of(answered({}, {MONDAY: [cost("5")]}, costs_by_user=by_user))
    assert {row["metric"]: row["part"] for row in found} == {
        "billed_cost": "costs",
        "billed_cost_by_user": COSTS_BY_USER,
        "billed_quantity_by_user": COSTS_BY_USER,
    }
    assert LEDGER_METRICS["billed_cost_by_user"].inside == "billed_cost"
    assert LEDGER_METRICS["billed_quantity_by_user"].inside == "billed_quantity"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_row_without_any_number_is_a_measure_that_is_not_known(endpoint: str) -> None:
    answer = answered({endpoint: {MONDAY: [{"project_id": "proj-a"}]}})
    (found,) = rows_of(answer)
    metric = ENDPOINTS[endpoint].metrics[0]
    assert (found["metric"], found["quantity"], found["part"]) == (metric, None, endpoint)
    assert found["nature"] == METRICS[metric].nature
    assert back(answer).usage["project_id"].tolist() == ["proj-a"]
    assert metric not in back(answer).usage


def test_rows_that_nothing_tells_apart_are_numbered_and_come_back_each() -> None:
    same = IDS | {"batch": False}
    answer = completions(*({**same, "input_tokens": tokens} for tokens in (5, 5, 7)))
    numbered = [row["dimensions"] for row in rows_of(answer)]
    assert numbered == [
        '{"batch": false}',
        '{"#again": 1, "batch": false}',
        '{"#again": 2, "batch": false}',
    ]
    assert sorted(back(answer).usage["input_tokens"]) == [5, 5, 7]


def test_what_nobody_documents_is_kept_and_never_passes_for_what_is() -> None:
    odd = {"new_tokens": 3, "billed_cost": 9, "#again": "x", "input_tokens": 1}
    answer = replace(
        completions(odd), costs=costs_frame([kept(MONDAY, [cost("2", input_tokens=8)], "costs")])
    )
    found = {
        (row["part"], row["metric"]): (row["quantity"], row["unit"]) for row in rows_of(answer)
    }
    assert found == {
        ("completions", "new_tokens"): (3, ""),
        ("completions", "#billed_cost"): (9, ""),
        ("completions", "input_tokens"): (1, "tokens"),
        ("costs", "#input_tokens"): (8, ""),
        ("costs", "billed_cost"): (2, "USD"),
    }
    read = back(answer)
    assert read.usage[[*odd]].iloc[0].tolist() == [*odd.values()]
    assert read.costs is not None
    assert read.costs["input_tokens"].tolist() == [8]


def test_every_metric_is_in_the_table_of_what_the_ledger_holds() -> None:
    everything = {name: {MONDAY: [dict.fromkeys(ENDPOINTS[name].metrics, 1)]} for name in ENDPOINTS}
    money = [cost("1", quantity=1)]
    answer = answered(
        everything, {MONDAY: money}, costs_by_user=costs_frame([kept(MONDAY, money, "costs")])
    )
    found = {row["metric"]: row for row in rows_of(answer)}
    assert found.keys() == LEDGER_METRICS.keys()
    for key, row in found.items():
        assert row["nature"] == LEDGER_METRICS[key].nature
        assert row["unit"] == (LEDGER_METRICS[key].unit or ("USD" if "cost" in key else ""))
        assert row["platform"] == PLATFORM
    assert {row["metric"] for row in found.values() if row["nature"] == "level"} == {"usage_bytes"}


# Numbers that do not fit


def test_numbers_that_the_ledger_rounds_or_does_not_hold_are_told_in_a_note() -> None:
    amounts = ["1e-19", "0.1234567890123456789", "1e25", "1e25", "7.5"]
    costs = [cost(amount, quantity="1e-20") for amount in amounts]
    answer = answered({}, {MONDAY: costs}, notes=("Read this.",))
    assert facts_of(answer, MONTH)["notes"] == [
        "Read this.",
        "Rounded to 18 decimals in the ledger: 2 costs, 5 billed quantities.",
        "Not known in the ledger, which holds 20 digits before the point: 2 costs.",
    ]
    found = [row["quantity"] for row in rows_of(answer) if row["metric"] == "billed_cost"]
    assert found == [0, Decimal("0.123456789012345679"), None, None, Decimal("7.5")]


def test_numbers_that_fit_need_no_note() -> None:
    answer = answered({}, {MONDAY: [cost("1.2345678901e-05"), cost(None)]})
    assert facts_of(answer, MONTH)["notes"] == []


# Names


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        ("Alice", "Alice"),
        ("Alice (deleted)", "Alice"),
        ("Search (archived)", "Search"),
        ("Search (archived) (deleted)", "Search"),
        ("robot (service account)", "robot"),
        (" (deleted)", " (deleted)"),
        ("user-a (deleted or unknown)", None),
    ],
)
def test_a_name_is_kept_without_marks_and_comes_back_with_those_of_its_month(
    shown: str, known: str | None
) -> None:
    answer = replace(completions(IDS), names={("user", "user-a"): shown})
    assert names_of(answer) == ([Name("user", "user-a", known)] if known else [])
    assert back(answer).names == answer.names


def test_an_id_that_is_named_by_now_was_deleted_and_not_unknown() -> None:
    answer = replace(completions(IDS), names={("user", "user-a"): "user-a (deleted or unknown)"})
    names = [Name("user", "user-a", "Alice"), Name("user", "user-b", "Bob")]
    read = answer_of(measures_of(answer), names, facts_of(answer, MONTH))
    assert read.names == {("user", "user-a"): "Alice (deleted)"}


def test_a_name_that_was_erased_leaves_its_id_without_one() -> None:
    answer = replace(completions(IDS), names={("user", "user-a"): "Alice (deleted)"})
    assert answer_of(measures_of(answer), [], facts_of(answer, MONTH)).names == {}
    assert "Alice" not in str(facts_of(answer, MONTH))


# Sources and months


@pytest.mark.parametrize(
    ("part", "unknown"),
    [
        *((name, {*endpoint.metrics}) for name, endpoint in ENDPOINTS.items()),
        ("costs", {"billed_cost", "billed_quantity"}),
        (COSTS_BY_USER, {"billed_cost_by_user", "billed_quantity_by_user"}),
        ("users", set()),
    ],
)
@pytest.mark.parametrize("status", ["failed", "partial"])
def test_what_a_source_counts_that_failed_or_gave_some_days_only_is_not_known(
    part: str, unknown: set[str], status: Literal["failed", "partial"]
) -> None:
    lacking = SourceStatus("openai", part, status, None, None, "Nothing for 2026-11-09: down")
    others = (SourceStatus("openai", name, "ok", NOW, 1) for name in (*ENDPOINTS, "costs"))
    statuses = (lacking, *(one for one in others if one.part != part))
    assert unknown_metrics(answered({}, statuses=statuses)) == unknown


def test_costs_of_which_some_lack_their_amount_are_known_but_for_these_rows() -> None:
    answer = answered({}, {MONDAY: [cost(None), cost(7)]})
    lacking = SourceStatus("openai", "costs", "partial", NOW, 2, "…", lacks=AMOUNTS)
    assert unknown_metrics(replace(answer, statuses=(lacking,))) == set()
    assert {row["quantity"] for row in measures_of(answer).to_pylist()} == {None, 7}


@pytest.mark.parametrize("costs", [None, {MONDAY: []}])
def test_costs_that_failed_are_not_costs_of_nothing(costs: Any) -> None:
    answer = answered({"completions": {MONDAY: []}}, costs)
    assert (back(answer).costs is None) == (costs is None)


def test_a_month_comes_back_without_what_is_of_another() -> None:
    first = {**IDS, "input_tokens": 1, "batch": True}
    other = {"project_id": "proj-b", "input_tokens": 2, "new_text": "x"}
    answer = answered(
        {"completions": {MONDAY: [first], DECEMBER: [other]}},
        {MONDAY: [cost("1")], DECEMBER: [cost("1e-19")]},
        names={("project", "proj-b"): "Search (archived)"},
    )
    november, december = back(answer), back(answer, "2026-12")
    assert november.usage.to_dict("records") == completions(first).usage.to_dict("records")
    assert december.usage["new_text"].tolist() == ["x"]
    assert "batch" not in december.usage
    assert (november.notes, len(december.notes)) == ((), 1)
    assert (november.names, december.names) == ({}, dict(answer.names))


async def test_what_was_really_asked_comes_back_as_the_same_report(stand_in: Starlette) -> None:
    query = ask(group_by=DIMENSIONS)
    answer = await load(stand_in, query)
    assert any(name.endswith(tuple(NAME_MARKS)) for name in answer.names.values())
    read = back(answer)
    assert_same(*(build_openai_usage(one, query, now=NOW) for one in (read, answer)))
    assert read.names == answer.names
