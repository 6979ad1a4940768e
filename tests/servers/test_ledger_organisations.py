"""Months of one organisation are never another's, and an organisation is never counted twice."""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.cache import Caches
from lib.capture.platforms import PLATFORMS, openai_said
from lib.demo.openai_server import create_openai_app
from lib.errors import SettingsError, SourceDenied
from lib.ledger.keeping import keep
from lib.ledger.store import Ledger
from lib.loader.openai import connect_openai, load_openai
from lib.periods import Period
from lib.settings import load_settings
from lib.sources.openai.query import CHOICES, OpenAIQuery
from lib.sources.openai.tables import DIMENSIONS
from lib.upstreams import comet_upstream
from tests.support.kept import (
    OCTOBER,
    Amounts,
    amounts_in_table,
    amounts_of,
    every_kind,
    put,
)
from tests.support.replies import KEY, QUICK, ask, asked_of
from tests.support.replies import NOW as TODAY

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

MONTH = Period(date(2026, 11, 1), TODAY.date())
WITHIN = OCTOBER._replace(account="api.example/org-b")
SEPTEMBER = OCTOBER._replace(month="2026-09")
OURS: Amounts = {("proj_a", "input_tokens"): 9}
THEIRS: Amounts = {("proj_b", "input_tokens"): 5}


def names_of(projects: Iterable[str]) -> Any:
    return [("project", project, project.upper()) for project in projects]


def listed(*projects: str) -> Any:
    return {"projects": frozenset(projects), "names": names_of(projects)}


@every_kind
def test_another_organisation_under_the_same_account_is_refused_and_changes_nothing(
    any_ledger: Ledger,
) -> None:
    put(any_ledger, OURS, **listed("proj_a"))
    for key in (OCTOBER, SEPTEMBER):
        with pytest.raises(SourceDenied, match=r"another organisation .* api\.example.*ORG_ID"):
            put(any_ledger, THEIRS, key, hours=1, **listed("proj_b"))
    assert [capture.month for capture in any_ledger.captures()] == ["2026-10"]
    assert amounts_of(any_ledger) == OURS


@every_kind
def test_with_its_id_another_organisation_of_the_same_host_is_kept_apart(
    any_ledger: Ledger,
) -> None:
    put(any_ledger, OURS, **listed("proj_a"))
    put(any_ledger, THEIRS, WITHIN, **listed("proj_b"))
    assert amounts_of(any_ledger) == amounts_in_table(any_ledger) == OURS
    assert amounts_of(any_ledger, WITHIN) == amounts_in_table(any_ledger, WITHIN) == THEIRS


def test_an_organisation_that_is_kept_without_an_id_is_not_kept_once_more_with_it(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, OURS, **listed("proj_a"))
    with pytest.raises(SourceDenied, match=r"kept as api\.example already"):
        put(folder_ledger, OURS, WITHIN, **listed("proj_a"))


def test_an_organisation_that_exchanged_all_projects_it_uses_is_known_by_those_it_lists(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, OURS, SEPTEMBER, **listed("proj_a"))
    put(folder_ledger, {("proj_new", "input_tokens"): 1}, **listed("proj_a", "proj_new"))
    assert len(folder_ledger.captures()) == 2


def test_an_account_whose_names_nobody_knows_is_told_by_the_projects_with_amounts(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, OURS, projects=frozenset())
    with pytest.raises(SourceDenied, match="another organisation"):
        put(folder_ledger, THEIRS, hours=1, projects=frozenset())
    with pytest.raises(SourceDenied, match="another organisation"):
        put(folder_ledger, THEIRS, SEPTEMBER, hours=1, projects=frozenset({"proj_b"}))


def test_where_no_projects_are_listed_other_months_prove_nothing(folder_ledger: Ledger) -> None:
    put(folder_ledger, OURS, SEPTEMBER, projects=frozenset())
    assert put(folder_ledger, THEIRS, projects=frozenset()).what == "captured"


def test_amounts_without_a_project_prove_nothing(folder_ledger: Ledger) -> None:
    put(folder_ledger, OURS, projects=frozenset())
    nobodys: Amounts = {(None, "input_tokens"): 5}
    assert put(folder_ledger, nobodys, hours=1, projects=frozenset()).what == "replaced"


@pytest.fixture
def other() -> Starlette:
    return create_openai_app(admin_key=KEY, seed=8, now=lambda: TODAY)


async def loaded(app: Starlette, query: OpenAIQuery, *, organisation: str = "", **more: Any) -> Any:
    client = connect_openai(
        "http://demo.localhost/v1",
        SecretStr(KEY),
        organisation=organisation,
        transport=httpx.ASGITransport(app=app),
        retry=QUICK,
    )
    return await load_openai(client, Caches(), query, now=more.pop("now", TODAY), **more)


EVERYTHING = OpenAIQuery(MONTH, group_by=tuple(DIMENSIONS))


async def test_a_capture_with_another_organisation_s_key_is_refused(
    stand_in: Starlette, other: Starlette, folder_ledger: Ledger
) -> None:
    keep(folder_ledger, openai_said(await loaded(stand_in, EVERYTHING), "2026-11", TODAY))
    theirs = await loaded(other, EVERYTHING)
    with pytest.raises(SourceDenied, match="OpenAI: this is another organisation"):
        keep(folder_ledger, openai_said(theirs, "2026-11", TODAY))
    named = await loaded(other, EVERYTHING, organisation="org-b")
    assert keep(folder_ledger, openai_said(named, "2026-11", TODAY)).what == "captured"
    accounts = [capture.account for capture in folder_ledger.captures()]
    assert accounts == ["demo.localhost", "demo.localhost/org-b"]


async def test_another_organisation_s_page_shows_none_of_the_days_that_are_kept(
    stand_in: Starlette, other: Starlette, folder_ledger: Ledger
) -> None:
    keep(folder_ledger, openai_said(await loaded(stand_in, EVERYTHING), "2026-11", TODAY))
    asked_of(other)
    shown = await loaded(other, ask(), ledger=folder_ledger)
    assert set(CHOICES) <= set(asked_of(other))
    projects = {project.id for project in other.state.org.projects}
    assert {*shown.usage["project_id"].dropna()} <= projects


async def test_each_organisation_s_page_shows_its_own_days(
    stand_in: Starlette, other: Starlette, folder_ledger: Ledger
) -> None:
    for app, organisation in ((stand_in, ""), (other, "org-b")):
        answer = await loaded(app, EVERYTHING, organisation=organisation)
        keep(folder_ledger, openai_said(answer, "2026-11", TODAY))
        asked_of(app)
        await loaded(app, ask(), organisation=organisation, ledger=folder_ledger)
        assert set(asked_of(app)) <= {"look-ups"}


async def test_the_id_goes_along_with_every_request() -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("OpenAI-Organization"))
        return httpx.Response(200, json={})

    transport = httpx.MockTransport(answer)
    for organisation in ("org-b", ""):
        client = connect_openai(
            "https://api.example/v1", SecretStr(KEY), organisation=organisation, transport=transport
        )
        await client.get_json("/organization/projects")
    assert sent == ["org-b", None]


def settings_of(**values: str) -> Any:
    return load_settings(values, folder=Path("/nowhere"))


def test_the_settings_name_the_account() -> None:
    key = {"OPENAI_ADMIN_KEY": "sk-admin-made-up"}
    account = PLATFORMS["openai"].account
    assert account(settings_of(**key)) == "api.openai.com"
    assert account(settings_of(**key, OPENAI_ORG_ID=" org-B1 ")) == "api.openai.com/org-B1"
    with pytest.raises(SettingsError, match="OPENAI_ORG_ID is not the id of an organisation"):
        settings_of(**key, OPENAI_ORG_ID="org/../b")


def test_two_comet_servers_on_one_host_are_two_accounts() -> None:
    def account(url: str) -> str:
        settings = settings_of(COMET_API_KEY="made-up", COMET_URL_OVERRIDE=url)
        return comet_upstream(settings).host

    assert account("https://comet.example:8443") == "comet.example:8443"
    assert account("https://comet.example:9443/clientlib") == "comet.example:9443"
    assert account("https://comet.example") == "comet.example"
