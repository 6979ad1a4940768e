"""A filter that means nothing is refused, one that means several says so, and an empty one is no filter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from starlette.applications import Starlette

from lib.errors import InputError
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.experiments.query import check_usage_query
from lib.sources.tenants.query import check_tenant_query
from tests.support.replies import ask, report_of, status

TODAY = date(2026, 11, 21)


async def notes_of(app: Starlette, **filters: Any) -> str:
    return " ".join((await report_of(app, ask(**filters))).notes)


@pytest.mark.parametrize(("parameter", "kind"), [("projects", "project"), ("users", "user")])
async def test_a_name_that_nothing_has_is_refused(
    stand_in: Starlette, parameter: str, kind: str
) -> None:
    with pytest.raises(InputError) as refused:
        await report_of(stand_in, ask(**{parameter: ["nope"]}))
    assert refused.value.parameter == kind
    assert "'nope'" in refused.value.message
    assert refused.value.remedy


async def test_a_misspelt_project_is_answered_with_its_name(stand_in: Starlette) -> None:
    name = stand_in.state.org.projects[0].name
    with pytest.raises(InputError, match="Did you mean") as refused:
        await report_of(stand_in, ask(projects=[name.upper() + "x"]))
    assert repr(name) in refused.value.remedy


async def test_a_misspelt_user_is_not_answered_with_somebodys_address(stand_in: Starlette) -> None:
    address = stand_in.state.org.users[0].email
    with pytest.raises(InputError) as refused:
        await report_of(stand_in, ask(users=[address.replace("@", "@x")]))
    assert address not in str(refused.value)


@pytest.mark.parametrize("compare", ["none", "preceding"])
async def test_ids_names_and_marked_names_are_known(stand_in: Starlette, compare: str) -> None:
    projects = stand_in.state.org.projects
    archived = [project for project in projects if project.archived_at]
    assert archived
    known = [text for project in projects for text in (project.id, project.name)]
    known += [f"{project.name} (archived)" for project in archived]
    report = await report_of(stand_in, ask(projects=known, compare=compare))
    assert report.filters["projects"] == known
    with pytest.raises(InputError):
        await report_of(stand_in, ask(projects=[*known, "nope"], compare=compare))


async def test_a_deleted_user_with_usage_is_known_by_the_id(stand_in: Starlette) -> None:
    org = stand_in.state.org
    answered = await report_of(stand_in, ask(group_by=["user_id"]))
    used = answered.table("by_user").frame["user_id"].dropna().tolist()
    person = next(user for user in org.users if user.id in used)
    stand_in.state.org = replace(org, users=[user for user in org.users if user != person])
    report = await report_of(stand_in, ask(users=[person.id]))
    assert report.table("by_user").frame["user_id"].tolist() == [person.id]


@pytest.mark.parametrize("part", ["projects", "completions"])
async def test_where_a_list_or_endpoint_failed_nobody_knows_so_nothing_is_refused(
    stand_in: Starlette, part: str
) -> None:
    stand_in.state.faults.fail = {part: 500}
    query = ask(projects=["nope"])
    report = await report_of(stand_in, query)
    assert status(report, part) == "failed"
    assert "nope matches nothing" in " ".join(report.notes)


async def test_a_model_has_no_list_so_an_unknown_one_is_noted(stand_in: Starlette) -> None:
    assert "nope matches nothing" in await notes_of(stand_in, models=["nope"])


@pytest.mark.dear
async def test_a_name_that_two_projects_have_says_which_ids_it_means(stand_in: Starlette) -> None:
    org = stand_in.state.org
    active = next(one for one in org.projects if one.archived_at is None)
    archived = next(one for one in org.projects if one.archived_at is not None)
    renamed = replace(archived, name=active.name)
    stand_in.state.org = replace(
        org, projects=[renamed if one == archived else one for one in org.projects]
    )
    said = await notes_of(stand_in, projects=[active.name])
    assert f"The project filter {active.name} means 2 projects" in said
    assert active.id in said
    assert archived.id in said
    assert "means 2" not in await notes_of(stand_in, projects=[f"{active.name} (archived)"])
    assert "means 2" not in await notes_of(stand_in, projects=[active.id])


EMPTY: dict[str, Callable[[str], object]] = {
    "project": lambda name: ask(projects=[name]),
    "user": lambda name: ask(users=["ada", name]),
    "model": lambda name: ask(models=[name]),
    "tenant": lambda name: check_tenant_query(since=None, until=None, today=TODAY, tenants=[name]),
    "workspace": lambda name: check_chargeback_query(workspaces=[name]),
    "target": lambda name: check_usage_query(targets=[name], today=TODAY),
}


@pytest.mark.parametrize("name", ["", " ", "\t"])
@pytest.mark.parametrize("parameter", EMPTY)
def test_an_empty_filter_is_refused_by_every_command(parameter: str, name: str) -> None:
    with pytest.raises(InputError) as refused:
        EMPTY[parameter](name)
    assert refused.value.parameter == parameter
    assert refused.value.remedy
