"""The Comet usage page when its server is ill: what is still shown, and what is said of the rest."""

from typing import Any

import pytest

from lib.ui.ask import REFRESH
from tests.support.comet_page import CANARY
from tests.support.comet_usage_page import Lab, open_page
from tests.support.pages import everything, figures, press, texts

pytestmark = pytest.mark.usefixtures("no_settings")

GPU_USE = "GPU use, mean of samples"


@pytest.fixture
def busy(lab: Lab) -> str:
    """A workspace with more than one project, one of them with GPUs."""
    projects = lab.app.state.org.projects
    names = [one.workspace.name for one in projects if one.gpus and one.experiments > 10]
    return next(name for name in names if len(lab.projects(name)) > 1)


def test_one_project_that_fails_is_named_beside_the_figures_of_the_others(
    lab: Lab, busy: str
) -> None:
    lost, *others = lab.projects(busy)
    kept = len(lab.experiments(busy, *others))
    lab.app.state.faults.fail_project = {("experiments", lost): 500}
    at = open_page(cmu_workspaces=busy)
    assert not at.error
    assert f"Comet {busy}/{lost}" in texts(at.warning)
    assert "500" in texts(at.warning)
    assert figures(at)["Experiments (incomplete)"] == f"≥ {kept}"
    assert {button.proto.disabled for button in at.get("download_button")} == {True}
    at.checkbox(key="cmu_incomplete").check().run()
    assert {button.proto.disabled for button in at.get("download_button")} == {False}
    lab.app.state.faults.fail_project = {}
    at = press(at, REFRESH)
    assert not at.warning, "what failed is asked for again"
    assert figures(at)["Experiments"] == str(len(lab.experiments(busy)))


def test_a_server_that_refuses_many_experiments_at_once_costs_no_figure(
    lab: Lab, busy: str
) -> None:
    whole = figures(open_page(cmu_workspaces=busy))
    assert whole[GPU_USE].endswith("%")
    lab.app.state.faults.most_keys = 7
    lab.app.state.faults.too_many_keys = 413
    press(open_page(), "Clear cache")
    lab.asked()
    at = open_page(cmu_workspaces=busy)
    assert lab.asked().count("metrics") > 3
    assert not at.warning
    assert figures(at) == whole


def test_nulls_among_values_are_counted_and_cost_no_experiment(lab: Lab, busy: str) -> None:
    lab.app.state.faults.null_values = 3
    at = open_page(cmu_workspaces=busy)
    assert figures(at)["Experiments"] == str(len(lab.experiments(busy)))
    assert figures(at)[GPU_USE].endswith("%"), "the other values still say something"
    (note,) = [one.value for one in at.markdown if "were skipped one by one" in one.value]
    assert "null" in note
    assert not at.error


def test_values_as_text_are_the_numbers_that_they_spell(lab: Lab, busy: str) -> None:
    whole = figures(open_page(cmu_workspaces=busy))
    lab.app.state.faults.text_values = True
    lab.asked()
    press(open_page(), "Clear cache")
    at = open_page(cmu_workspaces=busy)
    assert "metrics" in lab.asked()
    assert figures(at) == whole
    assert whole[GPU_USE].endswith("%")


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"fail": {"experiments": 403}}, "answered 403"),
        ({"html_page": {"experiments"}}, "a web page instead of data"),
        ({"truncated_json": {"experiments"}}, "cannot be read"),
    ],
)
def test_a_server_that_gives_no_experiments_gives_one_error_with_the_remedy(
    lab: Lab, busy: str, faults: dict[str, Any], said: str
) -> None:
    vars(lab.app.state.faults).update(faults)
    at = open_page(cmu_workspaces=busy)
    assert len(at.error) == 1
    assert said in texts(at.error)
    assert "What to do" in texts(at.error)
    assert not at.metric
    assert not at.get("progress")
    assert CANARY not in everything(at)


def test_a_list_of_workspaces_that_fails_gives_one_error(lab: Lab) -> None:
    lab.app.state.faults.fail = {"workspaces": 401}
    at = open_page()
    assert len(at.error) == 1
    assert "answered 401" in texts(at.error)
    assert not at.metric


def test_without_gpu_figures_the_others_are_whole_and_no_average_is_a_lower_bound(
    lab: Lab, busy: str
) -> None:
    whole = figures(open_page(cmu_workspaces=busy))
    press(open_page(), "Clear cache")
    lab.app.state.faults.fail = {"metrics": 500}
    at = open_page(cmu_workspaces=busy)
    assert "GPU figures of" in texts(at.warning)
    told = figures(at)
    for label in ("Experiments", "Users", "Total run time", "Average run time"):
        assert told[label] == whole[label]
    assert {label for label in told if "incomplete" in label} <= {
        f"{label} (incomplete)" for label in whole if "GPU" in label
    }
    lab.app.state.faults.fail = {}
    lost, *_ = lab.projects(busy)
    lab.app.state.faults.fail_project = {("experiments", lost): 500}
    at = press(at, REFRESH)
    told = figures(at)
    assert told["Experiments (incomplete)"].startswith("≥")
    assert "≥" not in told["Average run time (incomplete)"]


def test_a_list_of_workspaces_that_failed_can_be_asked_for_again(lab: Lab) -> None:
    lab.app.state.faults.fail = {"workspaces": 500}
    at = open_page()
    assert at.error
    lab.app.state.faults.fail = {}
    at = press(at, REFRESH)
    assert not at.error
    assert {*at.multiselect(key="cmu_workspaces").options} == {*lab.workspaces}
