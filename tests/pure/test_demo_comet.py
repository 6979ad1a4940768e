"""The stand-in for a Comet server tells one story, by month, by project and by experiment."""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette
from typer.testing import CliRunner

from lib.demo.__main__ import cli
from lib.demo.comet_catalogue import HOSTILE
from lib.demo.comet_faults import CometShape, old_server
from lib.demo.comet_organisation import NEVER, CometSize, millis
from lib.demo.comet_server import create_comet_app

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
KEY = {"Authorization": "comet-demo-key"}
MONTHS = [f"2025-{month}" for month in ("10", "11", "12")]
MONTHS += [f"2026-{month:02d}" for month in range(1, 12)]
REPORT = "/api/admin/chargeback/report"
REST = "/api/rest/v2"
OLD_ONLY = {"username", "email", "created_at", "suspended"} | {
    f"{kind}Usage{what}" for kind in ("ui", "sdk") for what in ("Count", "UpdateTs")
}


def client_of(app: Starlette) -> AsyncClient:
    return AsyncClient(transport=ASGITransport(app=app), base_url="http://comet", headers=KEY)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW)


@pytest.fixture
async def demo(app: Starlette) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


async def get(client: AsyncClient, path: str, **query: Any) -> Any:
    reply = await client.get(path, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def all_experiments(client: AsyncClient) -> list[dict[str, Any]]:
    """Archived ones too, of every project that the key sees."""
    found = []
    for workspace in (await get(client, f"{REST}/workspaces"))["workspaceNames"]:
        listed = await get(client, f"{REST}/projects", workspaceName=workspace)
        for project in listed["projects"]:
            where = {"workspaceName": workspace, "projectName": project["projectName"]}
            for archived in ("False", "True"):
                reply = await get(client, f"{REST}/experiments", archived=archived, **where)
                assert {one["archived"] for one in reply["experiments"]} <= {archived == "True"}
                found += reply["experiments"]
    return found


# One story


async def test_the_demo_has_the_size_of_a_real_organisation(demo: AsyncClient) -> None:
    report = await get(demo, REPORT)
    runs = await all_experiments(demo)
    assert len(report["workspaces"]) == 7
    assert 55 <= report["users"]["numberOfUsers"] == len(report["users"]["licensedUsers"]) <= 60
    assert 1_200 <= len(runs) <= 1_500
    assert len({one["experimentKey"] for one in runs}) == len(runs)
    months = {f"{datetime.fromtimestamp(began(one) / 1000, UTC):%Y-%m}" for one in runs}
    assert months - {"1970-01"} == set(MONTHS)
    assert 3 < sum(one["startTimeMillis"] is None for one in runs) < 20
    lost = [one["running"] for one in runs if one["endTimeMillis"] is None]
    assert 10 < len(lost) < 40
    assert set(lost) == {True, False}


def began(experiment: dict[str, Any]) -> int:
    return int(experiment["startTimeMillis"] or 0)


async def test_chargeback_and_experiments_agree_on_every_workspace_project_and_member(
    demo: AsyncClient,
) -> None:
    by: Counter[tuple[str, ...]] = Counter()
    for one in await all_experiments(demo):
        workspace = one["workspaceName"]
        by.update([(workspace,), (workspace, "p", one["projectName"])])
        by.update([(workspace, "u", one["userName"])])
    workspaces = (await get(demo, REPORT))["workspaces"]
    for one in workspaces:
        name = one["name"]
        assert one["numberOfExperiments"] == by[name,]
        listed = await get(demo, f"{REST}/projects", workspaceName=name)
        assert {p["name"]: p["numberOfExperiments"] for p in one["projects"]} == {
            p["projectName"]: p["numberOfExperiments"] for p in listed["projects"]
        }
        for project in one["projects"]:
            assert project["numberOfExperiments"] == by[name, "p", project["name"]]
        for member in one["members"]:
            assert member["numberOfExperiments"] == by[name, "u", member["userName"]]
    assert sum(by[one["name"],] for one in workspaces) > 1_200


async def test_a_report_may_leave_archived_experiments_out(app: Starlette) -> None:
    app.state.shape = CometShape(counts_archived=False)
    async with client_of(app) as client:
        kept = [one for one in await all_experiments(client) if not one["archived"]]
        workspaces = (await get(client, REPORT))["workspaces"]
    assert sum(one["numberOfExperiments"] for one in workspaces) == len(kept)


async def test_sizes_add_up_and_lifetime_totals_hold_what_is_gone(
    app: Starlette, demo: AsyncClient
) -> None:
    report = await get(demo, REPORT)
    logged: Counter[tuple[str, str]] = Counter()
    for project, runs in app.state.laboratory.everywhere():
        past = [at <= millis(NOW) for at in runs.began]
        logged[project.workspace.name, project.name] += sum(compress(runs.sizes, past))
    left = {one["username"] for one in report["users"]["licensedUsers"] if "deletedAt" in one}
    for one in report["workspaces"]:
        for project in one["projects"]:
            assert project["totalSizeInMb"] == logged[one["name"], project["name"]] / 100
        parts = sum(project["totalSizeInMb"] for project in one["projects"])
        assert one["totalSizeInMb"] == pytest.approx(parts)
        assert sum(who["totalSizeInMb"] for who in one["members"]) <= parts + 0.001
        assert one["numberOfMembers"] == len(one["members"])
        assert not left & {who["userName"] for who in one["members"]}
    lifetime = sum(one["experimentCount"] for one in report["users"]["licensedUsers"])
    # The workspace that was deleted is in people's totals and nowhere else.
    assert lifetime > sum(one["numberOfExperiments"] for one in report["workspaces"])


async def test_users_are_of_every_kind(demo: AsyncClient) -> None:
    users = (await get(demo, REPORT))["users"]["licensedUsers"]
    assert sum(one["suspended"] for one in users) >= 2
    assert sum("deletedAt" in one for one in users) >= 3
    assert sum(one["uiUsageUpdateTs"] == 0 and one["lastUsedAt"] is None for one in users) >= 2
    assert {None} < {one["email"] for one in users}
    assert 5 < sum("opikSpanCount" in one for one in users) < len(users)
    services = await get(demo, "/api/admin/service-accounts")
    names = [one["name"] for one in services["serviceAccounts"]]
    assert set(names) <= {one["username"] for one in users}
    assert sum(name.startswith("sa-") for name in names) == len(names) - 1 == 3


# By month


async def test_the_organisation_changes_from_month_to_month(demo: AsyncClient) -> None:
    reports = [await get(demo, REPORT, reportMonth=month) for month in MONTHS]
    assert [one["reportDate"] for one in reports] == MONTHS
    names = [{one["name"] for one in report["workspaces"]} for report in reports]
    assert "legacy-models" in names[0] - names[-1]
    assert {"robotics", "Zürich-Lab"} <= names[-1] - names[0]
    users = [report["users"]["licensedUsers"] for report in reports]
    for field in ("suspended", "deletedAt"):
        counts = [sum(bool(one.get(field)) for one in each) for each in users]
        assert counts == sorted(counts)
        assert counts[0] == 0 < counts[-1]
    totals = [sum(one["numberOfUsers"] for one in [report["users"]]) for report in reports]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]
    sizes = [
        next(one["totalSizeInMb"] for one in report["workspaces"] if one["name"] == "vision")
        for report in reports
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[6] < sizes[-1]
    for field in ("uiUsageCount", "sdkUsageCount", "experimentCount", "dataLoggedMb"):
        first, last = (
            {one["username"]: one[field] for one in each} for each in users[:: len(users) - 1]
        )
        assert all(last[name] >= count for name, count in first.items())
        assert sum(last.values()) > sum(first.values())


async def test_a_months_report_is_what_the_server_said_when_it_ended(
    app: Starlette, demo: AsyncClient
) -> None:
    asked = await get(demo, REPORT, reportMonth="2026-05")
    app.state.now = lambda: datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC)
    said = await get(demo, REPORT)
    asked["users"].pop("createdAt")
    said["users"].pop("createdAt")
    assert asked == said


async def test_the_current_month_is_the_report_without_a_month(demo: AsyncClient) -> None:
    assert await get(demo, REPORT, reportMonth="2026-11") == await get(demo, REPORT)


@pytest.mark.parametrize(
    ("month", "status"),
    [("2026-13", 400), ("2026-5", 400), ("", 400), ("2025-09", 404), ("2026-12", 404)],
)
async def test_a_month_that_has_no_report_is_refused(
    demo: AsyncClient, month: str, status: int
) -> None:
    reply = await demo.get(REPORT, params={"reportMonth": month})
    assert reply.status_code == status
    assert reply.json()["code"] == status
    assert reply.json()["msg"]


async def test_an_old_server_wants_a_month_and_tells_less(app: Starlette) -> None:
    app.state.shape = old_server()
    async with client_of(app) as client:
        assert (await client.get(REPORT)).status_code == 400
        report = await get(client, REPORT, reportMonth="2026-10")
        version = await get(client, "/clientlib/isAlive/ver")
    for user in report["users"]["licensedUsers"]:
        assert user.keys() - {"deletedAt"} == OLD_ONLY
    assert report["users"].keys() == {"numberOfUsers", "createdAt", "licensedUsers"}
    assert version["version"] == "3.7.46"


async def test_a_server_may_not_know_of_months(app: Starlette) -> None:
    app.state.shape = CometShape(ignores_month=True)
    async with client_of(app) as client:
        assert await get(client, REPORT, reportMonth="2026-01") == await get(client, REPORT)


@pytest.mark.parametrize(
    ("where", "levels"),
    [
        ("users", (False, True)),
        ("report", (True, False)),
        ("both", (True, True)),
        ("none", (False, False)),
    ],
)
async def test_the_organisations_id_stands_at_either_level(
    app: Starlette, where: Any, levels: tuple[bool, bool]
) -> None:
    app.state.shape = CometShape(organization_id=where)
    async with client_of(app) as client:
        report = await get(client, REPORT)
    assert ("organizationId" in report, "organizationId" in report["users"]) == levels


# Determinism, size and time


async def test_one_seed_and_month_tell_one_story() -> None:
    early = create_comet_app(now=lambda: datetime(2026, 11, 3, tzinfo=UTC))
    early.state.now = lambda: NOW
    other = create_comet_app(now=lambda: NOW, seed=8)
    reports = []
    for app in (create_comet_app(now=lambda: NOW), early, other):
        async with client_of(app) as client:
            reports.append(await get(client, REPORT))
    assert reports[0] == reports[1] != reports[2]


async def test_the_organisation_lives_on_while_the_clock_moves(
    app: Starlette, demo: AsyncClient
) -> None:
    app.state.now = lambda: datetime(2026, 11, 20, 15, tzinfo=UTC)
    before = {one["experimentKey"]: one for one in await all_experiments(demo)}
    app.state.now = lambda: NOW + timedelta(days=24)
    after = {one["experimentKey"]: one for one in await all_experiments(demo)}
    assert before.keys() < after.keys()
    # The month that the sizes speak of ends on the way.
    assert any(began(one) > millis(datetime(2026, 12, 1, tzinfo=UTC)) for one in after.values())
    running = [key for key, one in before.items() if one["running"]]
    assert running
    assert any(after[key]["endTimeMillis"] for key in running)
    assert all(one["endTimeMillis"] is None for one in before.values() if one["running"])


def test_nothing_is_logged_by_who_is_not_there(app: Starlette) -> None:
    users = app.state.org.users
    for project, runs in app.state.laboratory.everywhere():
        for place, at in zip(runs.users, runs.began, strict=True):
            user = users[place]
            assert user.created <= at < user.deleted, (project.name, user.name)
            assert project.workspace.created <= at <= project.workspace.deleted
    assert any(one.deleted < NEVER for one in users)


async def test_a_large_organisation_is_made_as_it_is_asked_for() -> None:
    size = CometSize(projects=500, experiments_per_project=1_000, spread=(1.0,))
    app = create_comet_app(now=lambda: NOW, size=size)
    where = {"workspaceName": "vision", "projectName": "defect-detector"}
    async with client_of(app) as client:
        await get(client, f"{REST}/workspaces")
        runs = (await get(client, f"{REST}/experiments", **where))["experiments"]
    assert 850 < len(runs) < 1_000
    assert len(app.state.laboratory.runs.entries) == 1


async def test_hostile_names_are_different_and_answer_to_them() -> None:
    app = create_comet_app(now=lambda: NOW, hostile_names=True, size=CometSize(workspaces=18))
    async with client_of(app) as client:
        names = (await get(client, f"{REST}/workspaces"))["workspaceNames"]
        report = await get(client, REPORT)
        runs = await all_experiments(client)
    assert names == [one["name"] for one in report["workspaces"]]
    assert len(set(names)) == len(names) > 12
    assert set(names[:12]) <= set(HOSTILE)
    users = [one["username"] for one in report["users"]["licensedUsers"]]
    assert len(set(users)) == len(users)
    assert set(HOSTILE) & set(users)
    assert {one["projectName"] for one in runs} & set(HOSTILE)


def test_the_command_offers_the_comet_stand_in() -> None:
    said = CliRunner().invoke(cli, ["comet", "--help"])
    assert said.exit_code == 0
    for option in ("--port", "--latency", "--hostile-names", "--prefix", "--users"):
        assert option in said.output
