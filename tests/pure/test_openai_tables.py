"""Tables and charts of the OpenAI report: ids are never lost, names never merge, nobody's use is shown."""

from decimal import Decimal

import pandas as pd
import pytest

from lib.demo.catalogue import HOSTILE_NAMES
from lib.exports.columns import shown_columns
from lib.exports.values import plain_columns
from lib.reports.openai.build import build_openai_usage
from lib.reports.openai.tables import NOT_SPLIT, UNALLOCATED
from lib.reports.report import Report
from lib.sources.openai.tables import ENDPOINTS
from lib.status import SourceStatus
from lib.ui.altair_charts import altair_chart
from lib.ui.table_view import View, matching, see
from tests.support.replies import DAY, MONDAY, NOW, answer_of, ask, cost

IDS = [f"proj-{number:02d}" for number in range(len(HOSTILE_NAMES))]
NAMES = {("project", key): name for key, name in zip(IDS, HOSTILE_NAMES, strict=True)}


def build(answer, **asked) -> Report:
    return build_openai_usage(answer, ask(**asked), now=NOW)


def rows(*projects: str | None) -> list[dict[str, object]]:
    return [{"input_tokens": 10, "num_model_requests": 1, "project_id": one} for one in projects]


def test_hostile_and_equal_names_stay_as_they_are_and_apart() -> None:
    costs = {MONDAY: [cost("1.25", project_id=key, line_item="gpt-5") for key in IDS]}
    answer = answer_of({"completions": {MONDAY: rows(*IDS)}}, costs, names=NAMES)
    report = build(answer)
    frame = report.table("by_project").frame
    assert dict(zip(frame["project_id"], frame["project_name"], strict=True)) == {
        key: NAMES["project", key] for key in IDS
    }
    assert frame["cost"].tolist() == [Decimal("1.25")] * len(IDS)
    for table in ("usage", "costs"):
        found = report.table(table).frame
        assert set(found["project_name"]) == set(HOSTILE_NAMES)
        assert set(found["project_id"]) == set(IDS)
    (ranking,) = [chart for chart in report.charts if chart.key == "top_projects"]
    (points,) = altair_chart(ranking.chart).to_dict()["datasets"].values()
    assert len({point["label"] for point in points}) == len(points) == 10


@pytest.mark.parametrize("name", [UNALLOCATED, "Other", NOT_SPLIT])
def test_a_project_named_like_a_row_of_ours_is_not_mixed_with_it(name: str) -> None:
    projects = [*IDS[:10], "proj-named", None]
    world = {"completions": {MONDAY: rows(*projects)}}
    costs = {MONDAY: [cost(1, project_id=key, line_item="gpt-5") for key in projects]}
    report = build(answer_of(world, costs, names={("project", "proj-named"): name}))
    frame = report.table("by_project").frame
    assert len(frame) == len(projects)
    named = frame[frame["project_name"] == name]
    assert "proj-named" in set(named["project_id"].dropna())
    assert {*frame.loc[frame["project_id"].isna(), "project_name"]} == {UNALLOCATED}
    for chart in report.charts:
        (points,) = altair_chart(chart.chart).to_dict()["datasets"].values()
        if chart.key == "tokens_by_project":
            assert sum(point["value"] or 0 for point in points) == 10 * len(projects)


def test_an_id_without_a_name_is_still_there() -> None:
    report = build(answer_of({"completions": {MONDAY: rows("proj-x")}}, {}))
    frame = report.table("by_project").frame
    assert frame["project_id"].tolist() == ["proj-x"]
    assert frame["project_name"].isna().all()
    assert report.table("usage").frame["project_name"].isna().all()


def test_what_belongs_to_nobody_has_a_row_of_its_own() -> None:
    costs = {MONDAY: [cost("7.00", project_id=None, line_item=None), cost(1, project_id="proj-x")]}
    report = build(answer_of({"completions": {MONDAY: rows(None, "proj-x")}}, costs))
    frame = report.table("by_project").frame
    nobody = frame[frame["project_id"].isna()]
    assert nobody["project_name"].tolist() == [UNALLOCATED]
    assert nobody["cost"].tolist() == [Decimal("7.00")]
    assert nobody["input_tokens"].tolist() == [10]


@pytest.mark.parametrize("group_by", [[], ["project_id"], ["user_id", "api_key_id"], ["model"]])
def test_a_report_by_other_dimensions_holds_the_same_totals(group_by: list[str]) -> None:
    keys = {"project_id": "proj-x", "user_id": "user-x", "api_key_id": "key-x", "model": "gpt-5"}
    kept = {name: value for name, value in keys.items() if name in group_by}
    items = {"line_item": "gpt-5, input_tokens"} if "model" in group_by else {}
    labels = {name: value for name, value in kept.items() if name != "model"} | items
    world = {"completions": {MONDAY: [{"input_tokens": 10, **kept}]}}
    report = build(answer_of(world, {MONDAY: [cost("2.50", **labels)]}), group_by=group_by)
    assert report.totals["input_tokens"] == 10
    assert report.totals["cost"] == Decimal("2.50")
    for table in ("by_project", "by_user", "by_api_key", "by_model"):
        assert report.table(table).frame["cost"].tolist() == [Decimal("2.50")]
        assert report.table(table).frame["input_tokens"].tolist() == [10]
    unsplit = [key for key in keys if key not in group_by]
    assert bool(unsplit) is any("Not asked for" in note for note in report.notes)
    for name in ("users", "projects", "api_keys"):
        column = {"users": "user_id", "projects": "project_id", "api_keys": "api_key_id"}[name]
        assert report.totals[f"active_{name}"] == (1 if column in group_by else None)


def test_a_users_address_that_costs_carry_stands_in_where_the_look_up_failed() -> None:
    sent = [
        cost(1, user_id="user-a", user_email="sent-a@x.example"),
        cost(1, user_id="user-b", user_email="sent-b@x.example"),
        cost(1, user_id=None, user_email=None),
    ]
    names = {("user", "user-b"): "known-b@x.example"}
    frame = build(answer_of({}, {MONDAY: sent}, names=names)).table("costs").frame
    emails = [None if pd.isna(one) else one for one in frame["user_email"]]
    assert emails == ["sent-a@x.example", "known-b@x.example", None]


def test_a_level_is_the_last_value_even_where_the_last_day_is_missing() -> None:
    stores = {
        MONDAY: [{"usage_bytes": 5, "project_id": "a"}, {"usage_bytes": 2, "project_id": "b"}],
        MONDAY + DAY: [{"usage_bytes": 6, "project_id": "a"}],
        MONDAY + 2 * DAY: [],
    }
    report = build(answer_of({"vector_stores": stores}, {}))
    frame = report.table("by_project").frame
    assert dict(zip(frame["project_id"], frame["usage_bytes"], strict=True)) == {"a": 6}
    assert any("level" in note for note in report.notes)
    assert "usage_bytes" not in (report.table("usage").totals or {})


def test_a_level_that_is_gone_does_not_come_back_under_a_filter() -> None:
    days = {
        MONDAY: [{"project_id": "old", "usage_bytes": 5}, {"project_id": "new", "usage_bytes": 1}],
        MONDAY + DAY: [{"project_id": "new", "usage_bytes": 2}],
    }
    answer = answer_of({"vector_stores": days})
    assert build(answer).table("by_project").totals["usage_bytes"] == 2
    assert build(answer, projects=["old"]).table("by_project").totals["usage_bytes"] is None
    assert build(answer, projects=["new"]).table("by_project").totals["usage_bytes"] == 2


def test_what_a_filter_cannot_see_is_unknown_not_zero() -> None:
    answer = answer_of(
        {
            "completions": {MONDAY: [{"input_tokens": 5, "user_id": "u1"}]},
            "code_interpreter_sessions": {MONDAY: [{"num_sessions": 3, "project_id": "p"}]},
        }
    )
    totals = build(answer, users=["u1"]).table("by_user").totals
    assert (totals["input_tokens"], totals["num_sessions"]) == (5, None)
    assert build(answer).table("by_user").totals["num_sessions"] == 3


def test_two_filters_that_exclude_each_other_each_match_something() -> None:
    answer = answer_of(
        {
            "completions": {
                MONDAY: [
                    {"input_tokens": 5, "user_id": "u1", "project_id": "p1"},
                    {"input_tokens": 7, "user_id": "u2", "project_id": "p2"},
                ]
            }
        }
    )
    notes = " ".join(build(answer, users=["u1"], projects=["p2"]).notes)
    assert "matches nothing" not in notes
    assert "matches nothing" in " ".join(build(answer, users=["nobody"]).notes)


@pytest.mark.parametrize("asked", ["p1", "Legacy", "Legacy (archived)"])
def test_a_filter_takes_an_id_or_a_name_with_or_without_its_mark(asked: str) -> None:
    answer = answer_of(
        {"completions": {MONDAY: rows("p1", "p2")}},
        names={("project", "p1"): "Legacy (archived)", ("project", "p2"): "Other one"},
    )
    report = build(answer, projects=[asked])
    assert list(report.table("by_project").frame["project_id"]) == ["p1"]


def test_a_source_that_failed_for_the_period_compared_with_only_is_named() -> None:
    before = answer_of(
        {}, None, statuses=(SourceStatus("openai", "images", "failed", detail="down"),)
    )
    current = answer_of({"completions": {MONDAY: rows("proj-x")}}, {}, previous=before)
    report = build(current, compare="preceding")
    assert [one.name for one in report.sources if one.status == "failed"] == [
        "openai:images (compared period)"
    ]
    assert not report.complete


def test_every_chart_states_its_trend_in_a_sentence() -> None:
    world = {"completions": {MONDAY: [{"input_tokens": 10, "model": "gpt-5"} | rows("proj-x")[0]]}}
    costs = {MONDAY: [cost("2.50", project_id="proj-x", line_item="gpt-5, input_tokens")]}
    report = build(answer_of(world, costs))
    assert {"cost_by_project", "cost_by_model", "tokens_by_model", "top_projects"} <= {
        chart.key for chart in report.charts
    }
    for chart in report.charts:
        assert chart.alt.endswith(".")
        assert any(digit in chart.alt for digit in "0123456789")
        assert "tokens" in chart.alt or "$" in chart.alt


def test_only_parts_of_one_sign_are_told_as_shares_and_never_the_whole() -> None:
    def said(*amounts: int) -> dict[str, str]:
        bill = [cost(value, project_id=f"proj-{at}") for at, value in enumerate(amounts)]
        return {chart.key: chart.alt for chart in build(answer_of({}, {MONDAY: bill})).charts}

    assert "largest is proj-0, 75 % of all" in said(3, 1)["cost_by_project"]
    assert "largest is proj-0." in said(10, -9)["cost_by_project"]
    assert "largest" not in said(5)["cost_by_project"]
    assert "largest" not in said(3, 1)["cost_in_all"]


def test_a_part_names_a_metric_that_its_own_endpoint_counts() -> None:
    for endpoint in ENDPOINTS.values():
        assert {metric.inside for metric in endpoint.counts} - {""} <= {*endpoint.metrics}


def test_a_table_lists_exactly_the_columns_of_its_frame() -> None:
    undocumented = {"dream_tokens": 3, "dream_state": "lucid"}
    world = {"completions": {MONDAY: [rows("proj-x")[0] | undocumented]}}
    report = build(answer_of(world, {MONDAY: [cost(1, project_id="proj-x", novelty=7)]}))
    for table in report.tables:
        assert [column.key for column in table.columns] == list(table.frame.columns)
        assert {*table.brief} <= {*table.frame.columns}
        assert {*(table.totals or {})} <= {*table.frame.columns}
    kinds = {column.key: column.kind for column in report.table("usage").columns}
    assert (kinds["dream_tokens"], kinds["dream_state"]) == ("int", "text")
    assert "novelty" in report.table("costs").frame


def test_whole_quantities_of_costs_are_read_without_decimals_and_others_with_them() -> None:
    amounts = {"gpt-5": Decimal("171258.0"), "storage": Decimal("1.25")}
    billed = [
        {**cost("1.00", line_item=name), "quantity": amount} for name, amount in amounts.items()
    ]
    table = build(answer_of({}, {MONDAY: billed})).table("costs")
    (quantity,) = (one for one in shown_columns(table, brief=False) if one.column.key == "quantity")
    assert quantity.cells == ["171,258", "1.25"]
    seen = see(table, "", matching(table, ""), View("", falling=False, page=1, hidden=frozenset()))
    assert seen.arrow.column("quantity").to_pylist()[:2] == ["171,258", "1.25"]
    plain = dict(zip([one.key for one in table.columns], plain_columns(table), strict=True))
    assert plain["quantity"] == ["171258.0", "1.25"], "programs get every digit, as before"
