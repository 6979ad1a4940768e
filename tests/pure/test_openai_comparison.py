"""Two periods of OpenAI usage side by side: card, tables, changes and charts tell one change."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given

from lib.charts import OverTime
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.status import SourceStatus
from tests.pure.test_openai_report import BREAKDOWNS, costs_by_day, law, query, worlds
from tests.support.replies import DAY, MONDAY, NOW, answer_of, cost

BEFORE = MONDAY - 4 * DAY
PARTIAL = SourceStatus("openai", "completions", "partial", NOW, 1, "half")


def shifted(days: dict[int, Any]) -> dict[int, Any]:
    return {start - 4 * DAY: rows for start, rows in days.items()}


def compared(now: OpenAIAnswer, before: OpenAIAnswer, **asked: Any) -> Report:
    answer = OpenAIAnswer(**{**vars(now), "previous": before})
    return build_openai_usage(answer, query(compare="preceding", **asked), now=NOW)


def known(values: Any) -> list[Any]:
    return [value for value in values if not pd.isna(value)]


def used(project: str, tokens: int, model: str = "gpt-5") -> dict[str, Any]:
    return {"project_id": project, "model": model, "input_tokens": tokens, "num_model_requests": 1}


def paid(project: str, amount: object, item: str = "gpt-5, input_tokens") -> dict[str, Any]:
    return cost(amount, project_id=project, line_item=item)


def row_of(report: Report, table: str, key: str, value: object) -> dict[str, Any]:
    frame = report.table(table).frame
    (row,) = frame[frame[key] == value].to_dict("records")
    return row


@law
@given(worlds, costs_by_day, worlds, costs_by_day)
def test_card_and_tables_tell_the_same_change(now, costs, before, costs_before):
    report = compared(
        answer_of(now, costs),
        answer_of({name: shifted(days) for name, days in before.items()}, shifted(costs_before)),
    )
    deltas = {figure.key: figure.delta for figure in report.figures}
    for table in BREAKDOWNS:
        frame, totals = report.table(table).frame, report.table(table).totals
        for key, figure in (("cost", "cost"), ("num_model_requests", "requests")):
            change = totals[f"{key}_change"]
            assert change == (deltas[figure].change if deltas[figure] else None)
            if change is not None:
                assert sum(known(frame[f"{key}_change"])) == change
                assert sum(known(frame[f"{key}_previous"])) == deltas[figure].previous
            else:
                assert not known(frame[f"{key}_change"])


@law
@given(worlds, costs_by_day, worlds, costs_by_day)
def test_the_changes_of_each_dimension_sum_to_the_change_of_all(now, costs, before, costs_before):
    report = compared(
        answer_of(now, costs),
        answer_of({name: shifted(days) for name, days in before.items()}, shifted(costs_before)),
    )
    changes = [table for table in report.tables if table.key == "changes"]
    for table in changes:
        measure = "cost" if "cost" in table.frame else "num_model_requests"
        whole = report.table("by_model").totals[f"{measure}_change"]
        rows = table.frame[f"{measure}_change"]
        labels = table.frame["dimension"]
        for label, others in (("Project", "projects"), ("Model", "models")):
            block = rows[(labels == label) | labels.str.endswith(f"other {others}")]
            assert sum(known(block)) == whole


def test_a_project_that_rose_names_the_model_that_made_it():
    now = answer_of(
        {"completions": {MONDAY: [used("proj-a", 5)]}},
        {MONDAY: [paid("proj-a", 9), paid("proj-a", 4, "o4, output_tokens"), paid("proj-b", 1)]},
    )
    before = answer_of(
        {"completions": {BEFORE: [used("proj-c", 5)]}},
        {BEFORE: [paid("proj-a", 2), paid("proj-a", 5, "o4, output_tokens"), paid("proj-c", 3)]},
    )
    report = compared(now, before)
    row = row_of(report, "changes", "id", "proj-a")
    assert (row["dimension"], row["compared"], row["cost_change"]) == ("Project", "both", 6)
    assert (row["part_of"], row["part"], row["part_change"]) == ("Model", "gpt-5", 7)
    assert row_of(report, "changes", "id", "proj-b")["compared"] == "new"
    gone = row_of(report, "by_project", "project_id", "proj-c")
    assert (gone["compared"], gone["cost_previous"], gone["cost_change"]) == ("gone", 3, -3)


def test_projects_of_one_name_stay_apart_and_one_that_was_renamed_stays_itself():
    now = answer_of(
        {},
        {MONDAY: [paid("proj-a", 9), paid("proj-b", 4)]},
        names={("project", "proj-a"): "Web", ("project", "proj-b"): "Web"},
    )
    before = answer_of({}, {BEFORE: [paid("proj-a", 2)]}, names={("project", "proj-a"): "Old"})
    report = compared(now, before)
    rows = report.table("changes").frame
    rows = rows[rows["dimension"] == "Project"]
    told = [*zip(rows["name"], rows["id"], rows["cost_change"], strict=True)]
    assert told == [("Web", "proj-a", 7), ("Web", "proj-b", 4)]


@pytest.mark.parametrize("side", [0, 1], ids=["now", "before"])
def test_nothing_is_new_or_changed_where_a_source_answered_in_part(side: int):
    sides = [{"completions": {MONDAY: [used("proj-a", 5)]}}, {"completions": {BEFORE: []}}]
    answers = [
        answer_of(days, **({"statuses": (PARTIAL,)} if at == side else {}))
        for at, days in enumerate(sides)
    ]
    report = compared(*answers)
    row = row_of(report, "by_project", "project_id", "proj-a")
    assert pd.isna(row["compared"])
    assert pd.isna(row["input_tokens_change"])
    assert all(table.key != "changes" for table in report.tables)


def test_movers_go_by_requests_where_costs_are_in_two_currencies():
    now = answer_of({"completions": {MONDAY: [used("proj-a", 5)]}}, {MONDAY: [paid("proj-a", 9)]})
    before = answer_of({"completions": {BEFORE: []}}, {BEFORE: [cost(5, "eur")]})
    report = compared(now, before)
    assert row_of(report, "changes", "id", "proj-a")["num_model_requests_change"] == 1
    assert report.table("by_project").totals["cost_change"] is None


def test_a_period_without_costs_is_compared_in_the_currency_of_the_other():
    report = compared(answer_of({}, {MONDAY: []}), answer_of({}, {BEFORE: [paid("proj-a", 9)]}))
    (figure,) = [figure for figure in report.figures if figure.key == "cost"]
    assert (figure.value, figure.delta.change, figure.unit) == (0, -9, "USD")
    assert row_of(report, "by_project", "project_id", "proj-a")["cost_change"] == -9


def test_a_chart_has_a_line_of_what_was_before_with_its_own_days():
    now = answer_of({}, {MONDAY: [paid("proj-a", 9)]})
    before = answer_of({}, {BEFORE + DAY: [paid("proj-b", 2), paid("proj-c", Decimal("1.5"))]})
    (chart,) = [spec for spec in compared(now, before).charts if spec.key == "cost_by_project"]
    assert isinstance(chart.chart, OverTime)
    line = chart.chart.before
    days = [
        f"{place:%d} was {own:%d}" for place, own in zip(line["time"], line["own"], strict=True)
    ]
    assert days == ["16 was 12", "17 was 13", "18 was 14", "19 was 15"]
    assert known(line["value"]) == [3.5]
    assert "The grey line is 2026-11-12 to 2026-11-15 (UTC), $3.50 in all." in chart.alt


def test_days_that_a_shorter_period_has_no_place_for_are_told():
    now = answer_of({}, {MONDAY: [paid("proj-a", 9)]})
    before = answer_of({}, {MONDAY - 20 * DAY: [paid("proj-b", 2)]})
    answer = OpenAIAnswer(**{**vars(now), "previous": before})
    report = build_openai_usage(answer, query(compare="month-before"), now=NOW)
    chart = report.charts[0]
    assert len(chart.chart.before) == 4
    assert chart.alt.endswith("$2.00 in all; 27 days at its end had no place here.")
    assert "31 days against 4" in report.table("changes").note


def test_without_a_comparison_nothing_of_it_is_there():
    answer = answer_of({"completions": {MONDAY: [used("proj-a", 5)]}}, {MONDAY: []})
    report = build_openai_usage(answer, query(), now=NOW)
    assert "compared" not in report.table("by_project").frame
    assert all(table.key != "changes" for table in report.tables)
    assert all(getattr(chart.chart, "before", None) is None for chart in report.charts)
