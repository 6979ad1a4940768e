"""Comet's own command, over real HTTP, accepts what the stand-in says and agrees on the figures."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from lib.demo.comet_chargeback import chargeback_report
from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_organisation import millis
from lib.demo.comet_server import create_comet_app
from tests.support.judges import KEY, Site, Verdict, run_judge, smart_key, start_judge
from tests.support.servers import serve

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
CLOCK = datetime.now(UTC)
"""growth-report looks at the clock, so its server has to as well."""

Judge = Callable[..., Verdict]


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_servers:
        yield open_servers


@pytest.fixture(scope="module")
def served(stack: ExitStack) -> Site:
    app = create_comet_app(now=lambda: NOW)
    return Site(app, stack.enter_context(serve(app)))


@pytest.fixture(scope="module")
def prefixed(stack: ExitStack) -> Site:
    """A deployment under /comet, at the present of the clock."""
    app = create_comet_app(now=lambda: CLOCK, prefix="/comet")
    return Site(app, stack.enter_context(serve(app)))


@pytest.fixture
def site(served: Site) -> Iterator[Site]:
    """The server without faults and without memory of requests."""
    served.app.state.requests.clear()
    yield served
    vars(served.app.state.faults).update(vars(CometFaults()))
    served.app.state.shape = CometShape()


@pytest.fixture
def admin(tmp_path: Path) -> Judge:
    """``cometx admin`` with a plain key and the SDK's own root."""

    def run(site: Site, *words: str, prefix: str = "") -> Verdict:
        root = f"{site.url}{prefix}/clientlib/"
        settings = {"COMET_API_KEY": KEY, "COMET_URL_OVERRIDE": root}
        return run_judge("cometx", "admin", *words, folder=tmp_path, **settings)

    return run


# The chargeback report


def test_chargeback_report_saves_what_the_server_sent(site: Site, admin: Judge) -> None:
    done = admin(site, "chargeback-report")
    assert (done.code, site.seen()) == (0, ["version", "chargeback"]), done.text
    saved = json.loads((done.folder / "comet-chargeback-report.json").read_text())
    assert saved == site.get("/api/admin/chargeback/report")
    assert len(saved["users"]["licensedUsers"]) > 50


def test_a_smart_key_alone_leads_to_the_report_of_a_month(site: Site, tmp_path: Path) -> None:
    words = ("admin", "chargeback-report", "2026-05")
    key = smart_key(site.url)
    done = start_judge("cometx", *words, folder=tmp_path, COMET_API_KEY=key)
    assert done.code == 0, done.text
    assert list(site.app.state.requests)[-1] == ("chargeback", (("reportMonth", "2026-05"),))
    saved = json.loads((tmp_path / "comet-chargeback-report-2026-05.json").read_text())
    assert saved == site.get("/api/admin/chargeback/report", reportMonth="2026-05")
    assert saved["reportDate"] == "2026-05"
    assert saved != site.get("/api/admin/chargeback/report")


def test_cometx_fails_on_what_the_stand_in_refuses(site: Site, admin: Judge) -> None:
    site.app.state.faults.no_admin = True
    done = admin(site, "chargeback-report")
    assert done.code == 1
    assert "failed with status code 403: User is not an admin" in done.text
    assert not list(done.folder.glob("*.json"))


def test_cometx_cannot_read_a_sign_in_page(site: Site, admin: Judge) -> None:
    site.app.state.faults.html_page = {"chargeback"}
    done = admin(site, "chargeback-report")
    assert done.code == 1
    assert "Expecting value: line 1 column 1" in done.text


# growth-report


@pytest.fixture(scope="module")
def growth(prefixed: Site, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    root = f"{prefixed.url}/comet/clientlib/"
    return run_judge(
        "cometx",
        *("admin", "growth-report", "--no-open", "--csv-dir", "csv"),
        folder=tmp_path_factory.mktemp("growth"),
        COMET_API_KEY=KEY,
        COMET_URL_OVERRIDE=root,
    )


def test_under_a_prefix_only_the_admin_endpoints_keep_it(prefixed: Site, growth: Verdict) -> None:
    assert growth.code == 0, growth.text
    assert "Warning" not in growth.text
    seen = [name for name, _pairs in prefixed.app.state.requests]
    assert seen[:3] == ["version", "chargeback", "service_accounts"]
    headers = {"authorization": KEY}
    for path in ("/api/admin/chargeback/report", "/comet/api/rest/v2/workspaces"):
        assert httpx.get(f"{prefixed.url}{path}", headers=headers).status_code == 404


def test_growth_report_shows_the_figures_of_the_stand_in(prefixed: Site, growth: Verdict) -> None:
    text = (growth.folder / "growth_report.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', text)
    assert found
    report = json.loads(found[1])
    sections = report["sections"]
    figures = {
        one["label"]: one["value"]
        for name in ("unified", "people")
        for one in sections[name]["kpis"]
    }
    raw = chargeback_report(prefixed.app.state.laboratory, millis(CLOCK), CometShape())
    sent: Any = json.loads(json.dumps(raw))
    users = [one for one in sent["users"]["licensedUsers"] if not one["suspended"]]
    since = millis(datetime.fromisoformat(report["window"]["end"]) - timedelta(days=60))
    active = {one["username"] for one in users if (one["lastUsedAt"] or 0) >= since}
    busy = [
        one for one in sent["workspaces"] if active & {who["userName"] for who in one["members"]}
    ]
    assert figures["Total workspaces"] == len(sent["workspaces"])
    assert figures["Total projects"] == sum(len(one["projects"]) for one in sent["workspaces"])
    share = round(100 * len(busy) / len(sent["workspaces"]), 1)
    assert figures["Active workspaces %"] == f"{share}%"
    assert figures["Total users"] == len(users)
    assert figures["Active users (60d)"] == len(active)
    assert figures["Active users %"] == f"{round(100 * len(active) / len(users), 1)}%"
    table = {row[0]: row[1:] for row in sections["unified"]["table"]["rows"]}
    assert table == {
        one["name"]: [
            one["numberOfMembers"],
            len(one["projects"]),
            one["numberOfExperiments"],
            round(one["totalSizeInMb"]),
        ]
        for one in sent["workspaces"]
    }
    services = {one.name for one in prefixed.app.state.org.users if one.service}
    split = {"Personal": 0, "Service": 0}
    for one in sent["users"]["licensedUsers"]:
        if "deletedAt" not in one:
            kind = "Service" if one["username"] in services else "Personal"
            split[kind] += one["experimentCount"]
    (chart,) = [
        one
        for one in sections["personal_vs_service"]["charts"]
        if one["id"] == "chart-personal-vs-service-experiments"
    ]
    assert {row["label"]: row["value"] for row in chart["data"]["rows"]} == split
    assert chart["hint"] == "Source: service accounts from admin API."


# usage-report


def usage_text(done: Verdict, name: str) -> str:
    assert (done.code, "ERROR" in done.text) == (0, False), done.text
    assert f"PDF report generated successfully: {name}" in done.text
    return PdfReader(done.folder / name).pages[0].extract_text()


def hours(milliseconds: float) -> str:
    return f"{milliseconds / 3_600_000:.1f}"


def summary(site: Site, workspace: str, project_names: list[str], bucket: str) -> dict[str, str]:
    """usage-report's first page, computed from the replies; ``bucket`` is a format of time."""
    buckets: dict[str, int] = defaultdict(int)
    times: list[int] = []
    users, cells = set(), []
    gpu_ms = 0
    for project in project_names:
        where = {"workspaceName": workspace, "projectName": project}
        runs = site.get("/api/rest/v2/experiments", archived="False", **where)["experiments"]
        columns = site.get("/api/rest/v2/project/column-names", **where)["columns"]
        names = [one["name"] for one in columns if one["name"].endswith(".gpu_utilization")]
        reply = httpx.post(
            f"{site.url}/api/rest/v2/experiments/multi-metric-chart",
            headers={"authorization": KEY},
            json={
                "targetedExperiments": [one["experimentKey"] for one in runs],
                "metrics": names,
                "fetchFull": False,
            },
        )
        series = {key: one["metrics"] for key, one in reply.json()["experiments"].items()}
        peaks: dict[str, list[float]] = defaultdict(list)
        gpu_ms += sum(sum(one["durations"]) for each in series.values() for one in each)
        users |= {one["userName"] for one in runs}
        for one in runs:
            if one["startTimeMillis"]:
                key = f"{datetime.fromtimestamp(one['startTimeMillis'] / 1000, UTC):{bucket}}"
                buckets[key] += 1
                if one["endTimeMillis"]:
                    times.append(one["endTimeMillis"] - one["startTimeMillis"])
                if one["experimentKey"] in series:
                    top = [max(each["values"]) for each in series[one["experimentKey"]]]
                    peaks[key].append(fmean(top))
        cells += [fmean(values) for values in peaks.values()]
    return {
        "Total Number of Experiments": str(sum(buckets.values())),
        "Total Number of Users": str(len(users)),
        "Total Run Time": f"{hours(sum(times))} hours",
        "Experiments with Run Time Data": str(len(times)),
        "Average Run Time per Experiment": f"{hours(fmean(times))} hours",
        "Date Range": f"{min(buckets)} to {max(buckets)}",
        "Number of Workspaces/Projects": str(len(project_names)),
        "Average GPU Utilization": f"{fmean(cells):.1f}%",
        "Total GPU Hours": f"{hours(gpu_ms)} GPU hours",
    }


def figures_of(text: str) -> dict[str, str]:
    """The first page's figures; projects repeat some of the words further down."""
    pairs = [line.strip().partition(": ") for line in text.splitlines()]
    return {name: value for name, _colon, value in reversed(pairs) if value}


def test_usage_report_finds_every_experiment_of_a_workspace(site: Site, admin: Judge) -> None:
    done = admin(site, "usage-report", "--no-open", "recommender")
    text = usage_text(done, "usage_report_recommender.pdf")
    assert set(site.seen()) == {"version", "projects", "experiments", "columns", "metrics"}
    listed = site.get("/api/rest/v2/projects", workspaceName="recommender")["projects"]
    names = [one["projectName"] for one in listed if one["numberOfExperiments"]]
    expected = summary(site, "recommender", names, "%Y-%m")
    assert figures_of(text).items() >= expected.items()
    assert int(expected["Total Number of Experiments"]) > 50


def test_usage_report_groups_one_project_by_week(site: Site, admin: Judge) -> None:
    words = ("--units", "week", "recommender/next-best-offer")
    done = admin(site, "usage-report", "--no-open", *words)
    text = usage_text(done, "usage_report_recommender_next-best-offer.pdf")
    expected = summary(site, "recommender", ["next-best-offer"], "%G-W%V")
    assert figures_of(text).items() >= expected.items()
