"""What a click on a row or a bar chooses, and which bars can be clicked."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from lib.charts import OTHER, OverTime, Ranking, Stacks, ids_behind
from lib.reports.personal import hide_people, pseudonym
from lib.reports.report import Column, Report, Table
from lib.ui.altair_charts import CLICKED, LABELS_IN, drawing
from lib.ui.controls import Control, Narrows, ids
from lib.ui.drill import narrowed
from lib.ui.table_view import View, matching, see
from tests.support import comet_usage_answers
from tests.support.comet_usage_answers import answer_of, ms, run
from tests.support.report_strategies import chart


def control(key: str, *of: str, **facts: Any) -> Control[Any, list[str]]:
    return ids(key, key, lambda _: None, Narrows(of, "One", **facts))


PROJECTS, USERS = control("projects", "project_id"), control("users", "user_id")
PLACES = (
    control("workspaces", "workspace", pseudonyms=True, always=True),
    control("paths", "workspace", "project", pseudonyms=True),
)


def test_a_row_chooses_its_id_and_leaves_the_other_filters_alone() -> None:
    now = {"projects": ["p-1", "p-2"], "users": ["u-1"]}
    assert narrowed((PROJECTS, USERS), {"project_id": "p-2"}, now) == {"projects": ["p-2"]}


@pytest.mark.parametrize("value", [None, float("nan"), pd.NA, "", "  ", " p", 7])
def test_what_has_no_id_leads_nowhere(value: object) -> None:
    assert narrowed((PROJECTS,), {"project_id": value}, {"projects": []}) == {}


def test_what_is_shown_alone_already_leads_nowhere() -> None:
    assert narrowed((PROJECTS,), {"project_id": "p-1"}, {"projects": ["p-1"]}) == {}


def test_what_no_input_of_the_page_narrows_leads_nowhere() -> None:
    assert narrowed((PROJECTS,), {"api_key_id": "k-1"}, {"projects": []}) == {}


def test_a_project_is_chosen_with_its_workspace_and_a_workspace_keeps_its_projects_only() -> None:
    now = {"workspaces": ["a", "ab"], "paths": ["a/x", "ab/x"]}
    both = narrowed(PLACES, {"workspace": "a", "project": "y/z"}, now)
    assert both == {"workspaces": ["a"], "paths": ["a/y/z"]}
    place = narrowed(PLACES, {"workspace": "a", "project": None}, now)
    assert place == {"workspaces": ["a"], "paths": ["a/x"]}


@pytest.mark.parametrize(("workspace", "project"), [("a/b", "x"), ("a", "x "), ("a", "x/")])
def test_a_project_whose_path_means_another_leads_nowhere(workspace: str, project: str) -> None:
    thing = {"workspace": workspace, "project": project}
    assert narrowed(PLACES, thing, {"workspaces": [], "paths": []}) == {}


def test_a_pseudonym_leads_nowhere_unless_the_input_knows_it() -> None:
    hidden = pseudonym("ada@corp.test")
    assert narrowed((USERS,), {"user_id": hidden}, {"users": []}, people=False) == {}
    assert narrowed((USERS,), {"user_id": hidden}, {"users": []}) == {"users": [hidden]}
    place = pseudonym("ada", "workspace")
    now: dict[str, list[str]] = {"workspaces": [], "paths": []}
    followed = narrowed(PLACES, {"workspace": place}, now, people=False)
    assert followed == {"workspaces": [place], "paths": []}


def test_the_rows_in_view_tell_their_ids_in_the_order_shown_and_sums_tell_none() -> None:
    columns = (
        Column("project_name", "Project", missing="Unallocated"),
        Column("project_id", "ID", told_by="project_name", of="project"),
        Column("cost", "Cost", "decimal", "USD"),
    )
    frame = pd.DataFrame(
        {
            "project_name": ["A", "B", None],
            "project_id": ["p-1", "p-2", None],
            "cost": [Decimal(1), Decimal(3), Decimal(2)],
        }
    ).astype({"project_name": "str", "project_id": "str"})
    table = Table("by_project", "By project", frame, columns, {"cost": Decimal(6)})
    seen = see(table, "", matching(table, ""), View("cost", falling=True))
    told = [narrowed((control("projects", "project"),), ids, {"projects": []}) for ids in seen.ids]
    assert told == [{"projects": ["p-2"]}, {}, {"projects": ["p-1"]}]
    assert len(seen.text) == len(seen.ids) + seen.sums
    records = Table("usage", "Usage", frame, columns, records=True)
    assert not any(see(records, "", matching(records, ""), View()).ids)


def test_only_bars_that_lead_somewhere_can_be_clicked_under_a_line_of_what_was_before_too() -> None:
    stacks = chart().chart
    assert isinstance(stacks, Stacks)
    label = stacks.series[0]
    plain = drawing(stacks)
    table, spec = drawing(stacks, frozenset({label}))
    data = table.to_pandas()
    assert {*data.loc[data["leads"], "series"]} == {label}
    assert spec["params"][0]["select"]["fields"] == ["series"]
    assert "params" not in plain[1]
    assert "leads" not in plain[0].column_names
    before = pd.DataFrame({"bucket": stacks.buckets.keys, "own": "x", "value": 1.0})
    layered = Stacks(stacks.frame, stacks.buckets, stacks.series, stacks.unit, 9.0, before)
    _, spec = drawing(layered, frozenset({label}))
    bars, *lines = spec["layer"]
    assert bars["params"][0]["name"] == CLICKED
    assert not any("params" in line for line in lines)
    assert {*LABELS_IN} == {OverTime, Stacks, Ranking}


def of_two_workspaces(group: str) -> Report:
    runs = [
        run(ms(2024, 9, 5), workspace=place, project=project)
        for place in ("ada", "vision")
        for project in ("churn", "detector")
    ]
    return comet_usage_answers.build(answer_of(runs), group=group)


@pytest.mark.parametrize(("group", "of"), [("project", "project"), ("workspace", "workspace")])
def test_bars_stand_for_the_same_pseudonyms_as_rows(group: str, of: str) -> None:
    hidden = hide_people(of_two_workspaces(group))
    spec = next(one for one in hidden.charts if isinstance(one.chart, Stacks))
    assert spec.stands_for is not None
    assert {*spec.stands_for["label"]} == {*spec.chart.series}  # type: ignore[union-attr]
    keys = ["workspace", "project"][: 2 if of == "project" else 1]
    rows = hidden.table(f"by_{group}").frame[keys]
    told = spec.stands_for[keys]
    assert {*told.itertuples(index=False, name=None)} == {*rows.itertuples(index=False, name=None)}
    assert not told.isin(["ada", "vision", "churn", "detector"]).any(axis=None)


def test_a_bar_of_sums_stands_for_nothing_and_cannot_be_clicked() -> None:
    bars = Ranking(pd.DataFrame({"label": ["A", OTHER], "value": [2.0, 1.0]}), "tokens")
    told = ids_behind({"p-1": "A"}, "project_id")
    assert told.to_dict("records") == [{"label": "A", "project_id": "p-1"}]
    assert drawing(bars, frozenset({"A"}))[0]["leads"].to_pylist() == [True, False]


def test_headings_stand_for_the_same_pseudonyms_as_rows() -> None:
    plain = of_two_workspaces("project")
    hidden = hide_people(plain)
    rows = hidden.table("by_project").frame[["workspace", "project"]]
    heads = [dict(column.heads) for column in hidden.table("user_by_project").columns]
    told = {(ids["workspace"], ids["project"]) for ids in heads if ids}
    assert told == {*rows.itertuples(index=False, name=None)}
    open_ones = [dict(column.heads) for column in plain.table("user_by_project").columns]
    assert {"workspace": "ada", "project": "churn"} in open_ones
    assert not {name for pair in told for name in pair} & {"ada", "vision", "churn", "detector"}
