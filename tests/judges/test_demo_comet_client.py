"""Comet's own client and parsers accept what the stand-in says, in all of its shapes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any, get_args, get_type_hints

import httpx
import pytest

from lib.demo.comet_answers import service_account
from lib.demo.comet_chargeback import chargeback_report
from lib.demo.comet_faults import CometShape, old_server
from lib.demo.comet_organisation import millis
from lib.demo.comet_server import create_comet_app
from tests.support.judges import KEY, Site, run_judge
from tests.support.servers import serve

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
WHERE = {"workspaceName": "recommender", "projectName": "next-best-offer"}

READ_EVERYTHING = """
import json
from comet_ml import API
api = API(cache=False)
workspaces = api.get_workspaces()
found = {"workspaces": workspaces, "default": api.get_default_workspace()}
found["projects"] = {name: api.get_projects(name) for name in workspaces}
found["id"] = api.get_project("recommender", "next-best-offer")["projectId"]
found["pages"] = pages = []
while not pages or len(pages[-1]) == 7:
    pages.append([one.id for one in api.get_experiments(
        "recommender", "next-best-offer", page=len(pages) + 1, page_size=7,
        sort_by="startTime", sort_order="asc")])
frame = api.get_metrics_df(
    pages[0][:3], ["sys.gpu.0.gpu_utilization"], x_axis="duration", interpolate=False)
found["mean"] = float(frame["sys.gpu.0.gpu_utilization"].mean())
found["longest"] = int(frame["duration"].max())
print("FOUND" + json.dumps(found))
"""

READ_SHAPES = """
import json
from cometx.cli.admin_growth_report import _extract_service_account_names as accounts
from cometx.cli.admin_growth_users import parse_users, parse_workspaces
given = json.load(open("given.json"))
reports = []
for one in given["reports"]:
    users = parse_users(one)
    reports.append([
        len(users),
        sum(user.created_at is not None for user in users),
        sum(workspace.num_projects for workspace in parse_workspaces(one)),
    ])
names = [sorted(accounts(one)) for one in given["accounts"]]
print("FOUND" + json.dumps({"reports": reports, "accounts": names}))
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    app = create_comet_app(now=lambda: NOW, shape=CometShape(durations="cumulative"))
    with serve(app) as url:
        yield Site(app, url)


def judged(program: str, folder: Path, **settings: str) -> Any:
    """What a program for Comet's own packages prints."""
    done = run_judge("python", "-c", program, folder=folder, **settings)
    assert done.code == 0, done.text
    return json.loads(done.text.partition("FOUND")[2].splitlines()[0])


def choices(field: str) -> tuple[str, ...]:
    return get_args(get_type_hints(CometShape)[field])


def test_comets_client_reads_every_endpoint_page_by_page(site: Site, tmp_path: Path) -> None:
    root = f"{site.url}/clientlib/"
    found = judged(READ_EVERYTHING, tmp_path, COMET_API_KEY=KEY, COMET_URL_OVERRIDE=root)
    assert found["workspaces"] == site.get("/api/rest/v2/workspaces")["workspaceNames"]
    assert found["default"] == "vision"
    for workspace, names in found["projects"].items():
        listed = site.get("/api/rest/v2/projects", workspaceName=workspace)["projects"]
        assert sorted(names) == sorted(one["projectName"] for one in listed)
    assert found["id"] == site.get("/api/rest/v2/project", **WHERE)["projectId"]
    runs = site.get("/api/rest/v2/experiments", **WHERE)["experiments"]
    keys = [one["experimentKey"] for one in runs]
    paged = [key for page in found["pages"] for key in page]
    assert len(found["pages"]) > 3
    assert sorted(paged) == sorted(keys)
    body = {"targetedExperiments": paged[:3], "metrics": ["sys.gpu.0.gpu_utilization"]}
    reply = httpx.post(
        f"{site.url}/api/rest/v2/experiments/multi-metric-chart",
        headers={"authorization": KEY},
        json=body,
    )
    series = [one["metrics"][0] for one in reply.json()["experiments"].values()]
    assert found["mean"] == pytest.approx(fmean(v for one in series for v in one["values"]))
    assert found["longest"] == max(one["durations"][-1] for one in series)


def test_cometx_reads_every_shape_of_the_chargeback_report(site: Site, tmp_path: Path) -> None:
    laboratory, at = site.app.state.laboratory, millis(NOW)
    shapes = [
        CometShape(users=users, created=created, organization_id=where, projects=projects)
        for users, created, where, projects in product(
            *(choices(field) for field in ("users", "created", "organization_id", "projects"))
        )
    ]
    shapes.append(old_server())
    reports = [chargeback_report(laboratory, at, shape) for shape in shapes]
    for shape, report in zip(shapes, reports, strict=True):
        first: Any = report["workspaces"]
        assert isinstance(first[0]["projects"], list) is (shape.projects == "list")
    services = [one for one in site.app.state.org.users if one.service]
    accounts = []
    for entry, container in product(choices("service_accounts"), choices("service_container")):
        shape = CometShape(service_accounts=entry, service_container=container)
        entries = [service_account(one, shape) for one in services]
        accounts.append({container: entries} if container else entries)
    given = {"reports": reports, "accounts": accounts}
    (tmp_path / "given.json").write_text(json.dumps(given), encoding="utf-8")
    found = judged(READ_SHAPES, tmp_path)
    assert len(shapes) == 97
    users = sum(one.created <= at for one in site.app.state.org.users)
    for shape, (read, created, projects) in zip(shapes, found["reports"], strict=True):
        # cometx knows only one of the two spellings of a user's creation.
        assert (read, created) == (users, 0 if shape.created == "created_at" else users)
        assert projects == 29
    entries = product(choices("service_accounts"), choices("service_container"))
    for (entry, _container), read in zip(entries, found["accounts"], strict=True):
        assert read == sorted((one.email if entry == "email" else one.name) for one in services)
