"""The laws of the OpenAI report: sums agree, days add up, levels do not, and unknown is never zero."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import OpenAIQuery, check_query
from lib.sources.openai.tables import BREAKDOWN_METRICS, ENDPOINTS
from lib.status import SourceStatus
from tests.support.profiles import examples
from tests.support.replies import DAY, MONDAY, NOW, answer_of, cost

ENDPOINT_NAMES = ("completions", "embeddings", "images", "vector_stores")
BREAKDOWNS = {
    "by_project": "project_id",
    "by_user": "user_id",
    "by_api_key": "api_key_id",
    "by_model": "model",
}
TOTALS = {
    "requests": "num_model_requests",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_cached_tokens": "input_cached_tokens",
}
FOUR_DAYS = [MONDAY + day * DAY for day in range(4)]

Row = dict[str, Any]
Days = dict[int, list[Row]]
PROJECTS, USERS, MODELS = ("proj-a", "proj-b", "proj-c"), ("user-a", "user-b"), ("gpt-5", "gpt-5-x")


def maybe(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *values])


labels = {
    "project_id": maybe(*PROJECTS),
    "user_id": maybe(*USERS),
    "api_key_id": maybe("key-a", "key-b"),
    "model": maybe(*MODELS),
}
amounts = st.one_of(st.none(), st.integers(0, 10**13))


def rows_of(name: str) -> st.SearchStrategy[list[Row]]:
    endpoint = ENDPOINTS[name]
    fields = {key: one for key, one in labels.items() if key in endpoint.group_by}
    metrics = {key: amounts for key in endpoint.metrics if key in BREAKDOWN_METRICS}
    return st.lists(st.fixed_dictionaries(fields, optional=metrics), max_size=4)


money = st.one_of(
    st.none(),
    st.decimals(Decimal("-1e6"), Decimal("1e6"), places=18, allow_nan=False).map(str),
    st.decimals(0, Decimal("1e6"), places=4, allow_nan=False),
)
cost_rows = st.lists(
    st.builds(
        cost,
        money,
        project_id=labels["project_id"],
        user_id=labels["user_id"],
        api_key_id=labels["api_key_id"],
        line_item=maybe("gpt-5, input_tokens", "gpt-5-x, output_tokens", "Web search", "gpt-5"),
    ),
    max_size=5,
)
worlds = st.fixed_dictionaries(
    {
        name: st.fixed_dictionaries({day: rows_of(name) for day in FOUR_DAYS})
        for name in ENDPOINT_NAMES
    }
)
costs_by_day = st.fixed_dictionaries(dict.fromkeys(FOUR_DAYS, cost_rows))
law = settings(
    examples(25),
    # A report takes long enough that shrinking a failure would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def query(**more: Any) -> OpenAIQuery:
    since, until = date(2026, 11, 16), date(2026, 11, 19)
    return check_query(since=since, until=until, today=until, **more)


def report_of(answer: OpenAIAnswer, asked: OpenAIQuery | None = None) -> Report:
    return build_openai_usage(answer, asked or query(), now=NOW)


def total(values: Iterable[Any]) -> Any:
    """The sum of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known else None


def flow(world: dict[str, Days], metric: str, keep: Callable[[Row], bool] = lambda _: True) -> Any:
    rows = [row for days in world.values() for rows in days.values() for row in rows if keep(row)]
    return total(row.get(metric) for row in rows)


def level(world: dict[str, Days]) -> Any:
    """The stored bytes of the last day that has any."""
    by_day = [
        total(row.get("usage_bytes") for row in rows)
        for _, rows in sorted(world["vector_stores"].items())
    ]
    return next((value for value in reversed(by_day) if value is not None), None)


def paid(costs: Days, keep: Callable[[Row], bool] = lambda _: True) -> Any:
    rows = [row for rows in costs.values() for row in rows if keep(row)]
    values = [row["amount"]["value"] for row in rows]
    return total(None if value is None else Decimal(value) for value in values)


def column(report: Report, table: str, key: str) -> list[Any]:
    return [None if pd.isna(value) else value for value in report.table(table).frame[key]]


@law
@given(worlds, costs_by_day)
def test_breakdowns_are_of_the_same_totals_and_days_add_up_but_levels_do_not(
    world: dict[str, Days], costs: Days
) -> None:
    # One law, since they are of the same reports, and to build these takes nearly all of the time
    whole = report_of(answer_of(world, costs))
    breakdowns_sum_to_the_same_totals(whole, world, costs)
    a_breakdown_row_is_what_its_own_rows_add_up_to(whole, world)
    two_halves_add_up_to_the_whole(whole, world, costs)


def breakdowns_sum_to_the_same_totals(report: Report, world: Any, costs: Days) -> None:
    for metric in BREAKDOWN_METRICS:
        expected = level(world) if metric == "usage_bytes" else flow(world, metric)
        for table in BREAKDOWNS:
            assert total(column(report, table, metric)) == expected
            found = report.table(table).totals
            assert found is not None
            assert found[metric] in (expected, None if expected else 0)
    expected_cost = paid(costs)
    for table, key in BREAKDOWNS.items():
        assert total(column(report, table, "cost")) == expected_cost
        assert report.table(table).totals["cost"] == report.totals["cost"]
        assert len({*column(report, table, key)}) == len(report.table(table).frame)
    for name, metric in TOTALS.items():
        assert {report.table(table).totals[metric] for table in BREAKDOWNS} == {report.totals[name]}
    assert report.totals["cost"] == (expected_cost if any(costs.values()) else 0)


def a_breakdown_row_is_what_its_own_rows_add_up_to(report: Report, world: dict[str, Days]) -> None:
    for table, key in BREAKDOWNS.items():
        expected: dict[Any, list[Any]] = defaultdict(list)
        for days in world.values():
            for rows in days.values():
                for row in rows:
                    expected[row.get(key)].append(row.get("input_tokens"))
        found = dict(
            zip(column(report, table, key), column(report, table, "input_tokens"), strict=True)
        )
        sums = {one: total(values) for one, values in expected.items()}
        assert {k: v for k, v in found.items() if v is not None} == {
            k: v for k, v in sums.items() if v is not None
        }


def two_halves_add_up_to_the_whole(whole: Report, world: dict[str, Days], costs: Days) -> None:
    def part(days: list[int]) -> Report:
        cut = {name: {day: rows[day] for day in days} for name, rows in world.items()}
        return report_of(answer_of(cut, {day: costs[day] for day in days}))

    first, second = part(FOUR_DAYS[:2]), part(FOUR_DAYS[2:])
    for key in (*TOTALS, "cost"):
        parts = total([first.totals[key], second.totals[key]])
        assert parts == whole.totals[key] or (not parts and not whole.totals[key])
    for metric in BREAKDOWN_METRICS:
        halves = [total(column(one, "by_project", metric)) for one in (first, second)]
        found = total(column(whole, "by_project", metric))
        if metric == "usage_bytes":
            assert found == (halves[0] if halves[1] is None else halves[1])
        else:
            assert found == total(halves)


filters = st.sampled_from(
    [
        ({"projects": ("proj-a",)}, "project_id", {"proj-a"}),
        ({"projects": ("Twin",)}, "project_id", {"proj-b", "proj-c"}),
        ({"projects": ("Twin", "proj-a")}, "project_id", {"proj-a", "proj-b", "proj-c"}),
        ({"users": ("a@x.example",)}, "user_id", {"user-a"}),
        ({"models": ("gpt-5",)}, "model", {"gpt-5"}),
        ({"projects": ("no such project",)}, "project_id", set()),
    ]
)
NAMES = {
    ("project", "proj-a"): "Twin peaks",
    ("project", "proj-b"): "Twin",
    ("project", "proj-c"): "Twin",
    ("user", "user-a"): "a@x.example",
    ("user", "proj-a"): "Twin",
}


@law
@given(worlds, costs_by_day, filters)
def test_a_filter_by_id_or_name_leaves_exactly_its_rows(
    world: dict[str, Days], costs: Days, chosen: tuple[dict[str, Any], str, set[str]]
) -> None:
    asked, key, ids = chosen
    report = report_of(answer_of(world, costs, names=NAMES), query(**asked))
    for name, metric in TOTALS.items():
        expected = flow(world, metric, lambda row: row.get(key) in ids)
        assert report.totals[name] == expected or (not expected and not report.totals[name])

    def mine(row: Row) -> bool:
        if key == "model":
            return (row["line_item"] or "").split(", ")[0] in ids
        return row[key] in ids

    if report.totals["cost"] is not None:
        assert report.totals["cost"] == (paid(costs, mine) or 0)
    for table in BREAKDOWNS:
        assert report.table(table).totals["cost"] == report.totals["cost"]


# Unknown is not zero


def one_row(**metrics: Any) -> dict[str, Days]:
    return {"completions": {MONDAY: [metrics]}}


def failed(*names: str) -> tuple[SourceStatus, ...]:
    return tuple(SourceStatus("openai", name, "failed", None, None, "down") for name in names)


def test_what_failed_is_unknown_and_marked() -> None:
    report = report_of(answer_of({}, None, statuses=failed("completions", "costs")))
    assert not report.complete
    assert {key: report.totals[key] for key in (*TOTALS, "cost", "currency")} == dict.fromkeys(
        (*TOTALS, "cost", "currency")
    )
    assert {figure.key: figure.value for figure in report.figures} == dict.fromkeys(
        figure.key for figure in report.figures
    ), "also the numbers of users, projects and keys"
    assert all(figure.incomplete for figure in report.figures)


def test_what_answered_with_nothing_is_zero() -> None:
    report = report_of(answer_of({"completions": {MONDAY: []}}, {MONDAY: []}))
    counts = ("active_users", "active_projects", "active_api_keys")
    assert [report.totals[key] for key in (*TOTALS, "cost", *counts)] == [0] * 8
    assert report.table("by_project").totals["cost"] == 0
    assert report.table("by_project").totals["input_tokens"] == 0


def test_what_was_not_asked_for_is_unknown() -> None:
    report = report_of(answer_of({}, {MONDAY: [cost("1.50")]}), query(endpoints=["costs"]))
    assert report.totals["cost"] == Decimal("1.50")
    others = {key for key in report.totals if key not in ("cost", "currency")}
    assert {report.totals[key] for key in others} == {None}


def test_a_field_that_rows_leave_out_is_unknown_not_zero() -> None:
    report = report_of(answer_of(one_row(input_tokens=5), {}))
    assert report.totals["input_tokens"] == 5
    assert report.totals["input_cached_tokens"] is None
    assert report.totals["requests"] is None
    assert report.table("by_model").totals["input_cached_tokens"] is None


def test_storage_alone_is_no_activity_of_anybody() -> None:
    world = {"vector_stores": {MONDAY: [{"usage_bytes": 10, "project_id": "proj-a"}]}}
    report = report_of(answer_of(world, {}), query(endpoints=["vector_stores"]))
    assert report.totals["active_users"] is None
    assert report.table("by_project").totals["usage_bytes"] == 10


# Money


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        ([cost(1), cost(2, "eur")], "several currencies"),
        ([cost(1), cost(2, None)], "without a currency"),
        ([cost(2, None)], "without a currency"),
    ],
)
def test_amounts_that_cannot_be_added_are_listed_and_not_added(rows: list[Row], note: str) -> None:
    report = report_of(answer_of(one_row(num_model_requests=1), {MONDAY: rows}))
    assert report.totals["cost"] is None
    assert report.totals["currency"] is None
    assert any(note in one for one in report.notes)
    assert column(report, "costs", "amount") == [Decimal(row["amount"]["value"]) for row in rows]
    assert not [one for one in column(report, "by_project", "cost") if one is not None]


def test_a_currency_without_an_amount_changes_nothing() -> None:
    rows = [cost("0.10"), cost(None, "eur")]
    report = report_of(answer_of(one_row(), {MONDAY: rows}))
    assert (report.totals["cost"], report.totals["currency"]) == (Decimal("0.10"), "USD")


def test_many_small_amounts_add_up_without_rounding() -> None:
    tiny, huge = "0.000000000000000001", "123456789012345678901234.5"
    rows = [cost(huge), *(cost(tiny) for _ in range(7))]
    report = report_of(answer_of({}, {MONDAY: rows}), query(endpoints=["costs"]))
    assert str(report.totals["cost"]) == "123456789012345678901234.500000000000000007"


# Change against the period before


@pytest.mark.parametrize(
    ("now", "before", "change", "percent"),
    [
        (150, 100, 50, 50.0),
        (50, 100, -50, -50.0),
        (5, 0, 5, None),
        (0, 0, 0, None),
        (0, 8, -8, -100),
    ],
)
def test_a_change_has_a_percentage_only_where_there_was_a_base(
    now: int, before: int, change: int, percent: float | None
) -> None:
    def answer(value: int) -> OpenAIAnswer:
        return answer_of(one_row(num_model_requests=value), {MONDAY: [cost(value)]})

    report = report_of(replace(answer(now), previous=answer(before)), query(compare="preceding"))
    for key in ("requests", "cost"):
        (figure,) = [one for one in report.figures if one.key == key]
        assert figure.delta is not None
        assert (figure.delta.previous, figure.delta.change) == (before, change)
        assert figure.delta.percent == percent


@pytest.mark.parametrize(
    ("compare", "days"),
    [
        ("preceding", "2026-11-12 to 2026-11-15 (UTC)"),
        ("year-before", "2025-11-16 to 2025-11-19 (UTC)"),
    ],
)
def test_a_change_says_against_which_days(compare: str, days: str) -> None:
    answer = answer_of(one_row(num_model_requests=9))
    report = report_of(replace(answer, previous=answer), query(compare=compare))
    assert {figure.delta.against for figure in report.figures if figure.delta} == {days}
    assert f"Changes are against {days}, day for day." in report.notes
    assert report.filters["compare"] == days


@pytest.mark.parametrize(
    "earlier",
    [
        answer_of(one_row(input_tokens=7)),
        answer_of(one_row(num_model_requests=7), statuses=failed("completions")),
        answer_of(
            one_row(num_model_requests=7),
            statuses=(SourceStatus("openai", "completions", "partial", NOW, 1, "half"),),
        ),
    ],
    ids=["unknown", "failed", "partial"],
)
def test_no_change_is_shown_against_what_is_not_known_in_full(earlier: OpenAIAnswer) -> None:
    current = answer_of(one_row(num_model_requests=9), {MONDAY: []})
    report = report_of(replace(current, previous=earlier), query(compare="preceding"))
    (figure,) = [one for one in report.figures if one.key == "requests"]
    assert (figure.value, figure.delta) == (9, None)


def test_a_change_against_a_credit_has_no_percentage() -> None:
    earlier = answer_of({}, {MONDAY: [cost(-20)]})
    current = answer_of({}, {MONDAY: [cost(10)]}, previous=earlier)
    (figure,) = [
        one for one in report_of(current, query(compare="preceding")).figures if one.key == "cost"
    ]
    assert figure.delta is not None
    assert (figure.delta.change, figure.delta.percent) == (30, None)


def test_costs_in_another_currency_are_not_compared() -> None:
    earlier = answer_of({}, {MONDAY: [cost(5, "eur")]})
    current = answer_of({}, {MONDAY: [cost(6, "usd")]})
    report = report_of(replace(current, previous=earlier), query(compare="preceding"))
    (figure,) = [one for one in report.figures if one.key == "cost"]
    assert (figure.value, figure.delta) == (6, None)
