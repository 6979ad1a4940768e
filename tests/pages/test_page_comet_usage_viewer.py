"""The Comet usage page for who may not know people: pseudonyms in controls, address, link and errors."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from lib.access.visitors import Visitor
from lib.reports.personal import pseudonym
from tests.support.comet_usage_page import Lab, open_page
from tests.support.pages import everything, figures, texts

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def as_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.access.sign_in.LOCAL", Visitor("viewer"))


def tokens(*names: str) -> list[str]:
    return [pseudonym(name, "workspace") for name in names]


def project_token(workspace: str, project: str) -> str:
    return f"{pseudonym(workspace, 'workspace')}/{pseudonym(project, 'project')}"


def copied(at: AppTest) -> dict[str, list[str]]:
    return parse_qs(urlsplit(at.code[0].value).query)


def names_in(at: AppTest, lab: Lab) -> list[str]:
    """Names of workspaces and projects that the page sends, the address and the session's choices."""
    sent = everything(at).replace("language:", "") + repr(at.query_params)  # a field of Streamlit's
    projects = [f"/{name}" for one in lab.workspaces for name in lab.projects(one)]
    return [name for name in (*lab.workspaces, *projects) if name in sent]


@pytest.mark.usefixtures("as_viewer")
def test_a_viewer_chooses_from_pseudonyms_and_gets_the_numbers_of_what_stands_under_them(
    lab: Lab,
) -> None:
    first, second = lab.workspaces[:2]
    project = lab.projects(second)[0]
    link: dict[str, Any] = {
        "cmu_workspaces": tokens(first, second),
        "cmu_projects": [project_token(second, project)],
    }
    at = open_page(**link)
    assert {*at.multiselect(key="cmu_workspaces").options} == {*tokens(*lab.workspaces)}
    runs = [*lab.experiments(first), *lab.experiments(second, project)]
    assert figures(at)["Experiments"] == f"{len(runs):,}"
    assert names_in(at, lab) == []
    assert not at.warning


@pytest.mark.usefixtures("as_viewer")
def test_the_link_a_viewer_copies_has_pseudonyms(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    path = project_token(second, lab.projects(second)[0])
    at = open_page(cmu_workspaces=tokens(first, second), cmu_projects=[path])
    assert copied(at)["cmu_workspaces"] == tokens(first, second)
    assert copied(at)["cmu_projects"] == [path]


@pytest.mark.usefixtures("as_viewer")
def test_a_link_with_a_name_tells_a_viewer_nothing_about_it(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    at = open_page(cmu_workspaces=[first, *tokens(second)])
    assert "Workspaces: it holds a name" in texts(at.warning)
    assert figures(at)["Experiments"] == f"{len(lab.experiments(second)):,}"
    assert at.multiselect(key="cmu_workspaces").value == tokens(second)
    assert names_in(at, lab) == []


def test_whoever_may_know_people_opens_the_links_of_those_who_may_not(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    project = lab.projects(second)[0]
    at = open_page(
        cmu_workspaces=tokens(first, second), cmu_projects=[project_token(second, project)]
    )
    assert at.multiselect(key="cmu_workspaces").value == [first, second]
    assert at.multiselect(key="cmu_projects").value == [f"{second}/{project}"]
    runs = [*lab.experiments(first), *lab.experiments(second, project)]
    assert figures(at)["Experiments"] == f"{len(runs):,}"
    assert not at.warning


@pytest.mark.usefixtures("as_viewer")
def test_an_error_names_nobody_to_a_viewer(lab: Lab) -> None:
    first = lab.workspaces[0]
    lab.app.state.faults.fail = {"experiments": 403}
    at = open_page(cmu_workspaces=tokens(first))
    assert project_token(first, lab.projects(first)[0]) in texts(at.error)
    assert names_in(at, lab) == []


@pytest.mark.usefixtures("as_viewer")
def test_a_name_that_a_viewer_may_not_read_is_left_out_of_the_link_and_said(lab: Lab) -> None:
    at = open_page(cmu_workspaces=lab.workspaces[0])
    assert "sees under a pseudonym only" in texts(at.warning)
    assert "Choose one or more workspaces" in texts(at.info)
    assert not at.metric
