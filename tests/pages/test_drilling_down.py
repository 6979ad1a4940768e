"""A row that is selected narrows each page, a path leads back, and nobody learns a name by it."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest

from lib.access.visitors import Visitor
from lib.demo.comet_organisation import CometSize
from lib.reports.personal import pseudonym
from tests.support.comet_usage_page import Lab, served_lab
from tests.support.pages import (
    everything,
    figures,
    grid_of,
    open_link,
    press,
    row_of,
    select,
    select_cell,
    texts,
)

pytestmark = pytest.mark.usefixtures("no_settings")

_HERE = re.compile(r"\*\*(Project|API key|Model|Tenant|Workspace) ")
OPENAI: dict[str, Any] = {"oai_period": ["2026-10-05", "2026-10-05"]}


def in_address(at: AppTest, key: str) -> list[str]:
    """The values of a parameter; one alone is no list there."""
    value = at.query_params[key]
    return [value] if isinstance(value, str) else list(value)


def path(at: AppTest) -> list[str]:
    """The steps that lead back, and the one where the page is."""
    steps = [button.label for button in at.button if "_path_" in str(button.key)]
    here = [one.value[2:-2] for one in at.markdown if _HERE.match(one.value)]
    return [step.replace("\\", "") for step in (*steps, *here[: bool(steps)])]


def test_rows_of_openai_lead_into_each_other_and_every_step_of_the_path_leads_back(
    upstream: Starlette,
) -> None:
    at = open_link("openai_usage", **OPENAI).run()
    everybody = figures(at)
    assert path(at) == []
    grid = next(one for one in at.dataframe if "_grid_" in one.proto.id)
    name, cost = grid.value["project_name"][0], grid.value["cost"][0]
    at = select(at, 0)
    (project,) = in_address(at, "oai_projects")
    assert figures(at)["Billed cost"] == cost
    assert path(at) == ["All", f"Project {name}"]
    narrowed = figures(at)
    opened = open_link("openai_usage", **OPENAI, oai_projects=[project], oai_view_table="By model")
    opened = opened.run()
    assert figures(opened) == narrowed  # the address alone says the same
    model = next(one for one in opened.dataframe if "_grid_" in one.proto.id).value["model"][0]
    opened = select(opened, 0)
    assert path(opened) == ["All", f"Project {name}", f"Model {model}"]
    assert in_address(opened, "oai_models") == [model]
    back = press(opened, next(one.label for one in opened.button if "Project" in one.label))
    assert figures(back) == narrowed
    assert "oai_models" not in back.query_params
    back = press(back, "All")
    assert figures(back) == everybody
    assert path(back) == []


def test_a_row_of_sums_narrows_nothing_says_so_and_is_not_selected_any_more(
    upstream: Starlette,
) -> None:
    at = open_link("openai_usage", **OPENAI, oai_view_find_by_project="a").run()
    everybody, rows = figures(at), len(grid_of(at).value)
    for row, said in ((rows - 1, "TOTAL stands for all rows"), (rows - 2, "match the filter")):
        before = grid_of(at).proto.id
        at = select(at, row)
        assert said in texts(at.toast)
        assert grid_of(at).proto.id != before, "a new grid, without a selection"
        assert figures(at) == everybody
        assert path(at) == []


def test_a_row_that_no_filter_means_says_so(upstream: Starlette) -> None:
    at = open_link("openai_usage", **OPENAI, oai_view_table="By project").run()
    at = select(at, row_of(at, "project_name", "Unallocated"))
    assert "no filter means it alone" in texts(at.toast)
    assert path(at) == []


def test_a_project_alone_is_split_by_its_models(upstream: Starlette) -> None:
    at = open_link("openai_usage", **OPENAI).run()
    assert at.button_group(key="oai_view_cost").value == "project"
    at = select(at, 0)
    assert at.button_group(key="oai_view_cost").value == "model"


@pytest.mark.parametrize(
    ("page", "link", "table", "column", "what"),
    [
        ("tenant_usage", {}, "red_tenants", "tenant_id", "Tenant"),
        (
            "comet_chargeback",
            {"cmc_view_table": "Workspaces"},
            "cmc_workspaces",
            "name",
            "Workspace",
        ),
    ],
)
def test_a_row_of_the_demo_narrows_tenants_and_chargeback(
    page: str, link: dict[str, Any], table: str, column: str, what: str
) -> None:
    at = open_link(page, **link).run()
    grid = next(one for one in at.dataframe if "_grid_" in one.proto.id)
    name = grid.value[column][1]
    at = select(at, 1)
    assert in_address(at, table) == [name]
    assert path(at) == ["All", f"{what} {name}"]
    at = press(at, "All")
    assert table not in at.query_params


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Any:
    size = CometSize(workspaces=3, users=8, projects=4, experiments_per_project=6, points=5)
    with served_lab(monkeypatch, size=size) as served:
        yield served


def first_project(at: AppTest) -> list[str]:
    """Workspace, project and experiments of the first row of the open table."""
    grid = next(one for one in at.dataframe if "_grid_" in one.proto.id)
    return [grid.value[key][0] for key in ("workspace", "project", "experiments")]


def test_a_project_of_experiments_leads_back_to_its_workspace_and_to_all_that_were_chosen(
    lab: Lab,
) -> None:
    places = lab.workspaces
    at = open_link("comet_usage", cmu_workspaces=places, cmu_view_table="By project").run()
    assert path(at) == []
    workspace, project, runs = first_project(at)
    at = select(at, 0)
    assert in_address(at, "cmu_projects") == [f"{workspace}/{project}"]
    assert figures(at)["Experiments"] == runs
    several = f"{len(places)} workspaces"
    assert path(at) == [several, f"Workspace {workspace}", f"Project {project}"]
    at = press(at, next(one.label for one in at.button if one.label.startswith("Workspace")))
    assert figures(at)["Experiments"] == f"{len(lab.experiments(workspace)):,}"
    at = press(at, several)
    assert in_address(at, "cmu_workspaces") == places


def test_a_visitor_who_may_not_know_people_follows_pseudonyms_and_learns_no_name(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.access.sign_in.LOCAL", Visitor("viewer"))
    hidden = [pseudonym(name, "workspace") for name in lab.workspaces]
    at = open_link("comet_usage", cmu_workspaces=hidden, cmu_view_table="By project").run()
    workspace, project, runs = first_project(at)
    at = select(at, 0)
    assert in_address(at, "cmu_projects") == [f"{workspace}/{project}"]
    assert figures(at)["Experiments"] == runs
    assert path(at)[1:] == [f"Workspace {workspace}", f"Project {project}"]
    sent = everything(at) + repr(at.query_params) + texts(at.markdown)
    assert not [name for name in lab.workspaces if name in sent.replace("language:", "")]


def test_the_link_holds_the_table_that_a_selected_row_has_opened(upstream: Starlette) -> None:
    at = open_link("openai_usage", **OPENAI, oai_view_table="By project")
    at = select(at, 0)
    link = parse_qs(urlsplit(at.code[0].value).query)
    assert link["oai_projects"]
    assert link["oai_view_table"] == ["By model"]


def test_a_row_of_an_api_key_narrows_to_that_key(upstream: Starlette) -> None:
    at = open_link("openai_usage", **OPENAI, oai_view_table="By API key").run()
    grid = grid_of(at).value
    row = next(at for at, name in enumerate(grid["api_key_name"]) if name != "Unallocated")
    name, cost = grid["api_key_name"][row], grid["cost"][row]
    at = select(at, row)
    (key,) = in_address(at, "oai_api_keys")
    assert key.startswith("key_")
    assert figures(at)["Billed cost"] == cost
    assert path(at) == ["All", f"API key {name}"]


def test_a_cell_of_two_dimensions_narrows_to_both_and_other_says_that_it_leads_nowhere(
    upstream: Starlette,
) -> None:
    at = open_link("openai_usage", **OPENAI, oai_view_table="Project × model").run()
    grid = grid_of(at).value
    model = next(key for key in grid if key.startswith("model:"))
    held = [bool(re.search("[1-9]", text)) for text in grid[model]]
    row = held.index(True)
    name, cost = grid["project_name"][row], grid[model][row]
    narrowed = select_cell(at, row, model)
    assert path(narrowed) == ["All", f"Project {name}", f"Model {model.partition(':')[2]}"]
    assert figures(narrowed)["Billed cost"] == cost
    at = open_link("openai_usage", **OPENAI, oai_view_table="Project × model").run()
    everybody = figures(at)
    for nothing in ((row, "none" if "none" in grid else "other"), (held.index(False), model)):
        at = select_cell(at, *nothing)
        assert "This cell leads nowhere" in texts(at.toast)
        assert figures(at) == everybody


def test_a_row_of_changes_leads_to_what_moved(upstream: Starlette) -> None:
    link = {**OPENAI, "oai_compare": "preceding", "oai_view_table": "Changes"}
    at = open_link("openai_usage", **link).run()
    grid = grid_of(at).value
    row = next(at for at, kind in enumerate(grid["dimension"]) if kind == "Model")
    model, cost = grid["name"][row], grid["cost"][row]
    at = select(at, row)
    assert in_address(at, "oai_models") == [model]
    assert figures(at)["Billed cost"] == cost


def test_a_workspace_among_the_changes_of_chargeback_leads_to_it() -> None:
    at = open_link("comet_chargeback", cmc_compare="month-before", cmc_view_table="Changes").run()
    grid = grid_of(at).value
    row = grid["kind"].tolist().index("workspace")
    name = grid["name"][row]
    at = select(at, row)
    assert in_address(at, "cmc_workspaces") == [name]
    at = open_link("comet_chargeback", cmc_compare="month-before", cmc_view_table="Changes").run()
    at = select(at, grid_of(at).value["kind"].tolist().index("project"))
    assert "This row leads nowhere" in texts(at.toast)


def test_a_bar_that_stands_for_several_says_that_it_leads_nowhere(upstream: Starlette) -> None:
    at = open_link("openai_usage", **OPENAI).run()
    everybody = figures(at)
    chart = at.get("vega_lite_chart")[0].proto
    states = at._tree.get_widget_states()
    clicked = '{"selection": {"clicked": [{"series": "Other"}]}}'
    states.widgets.append(WidgetState(id=chart.id, string_value=clicked))
    at = at._run(states)
    assert "This bar leads nowhere" in texts(at.toast)
    assert figures(at) == everybody
