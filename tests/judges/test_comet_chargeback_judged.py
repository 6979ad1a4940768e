"""Comet's own growth-report counts what our report counts, from one saved file and up to one moment.

Where docs/decisions/0010-chargeback-definitions.md says that we count otherwise, it says by how much.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_server import create_comet_app
from lib.loader.chargeback import load_chargeback_files
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.sources.comet.chargeback.query import check_chargeback_query
from tests.support.judges import KEY, Site, run_judge
from tests.support.servers import serve

CLOCK = datetime.now(UTC)
"""growth-report looks at the clock, so its server has to as well."""
WINDOW, ACTIVE = "1y", "2w"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A server that lists no service accounts, so that both sides go by their names.

    Its users are a bare list, which does not say when it was made: both sides then take the present.
    """
    faults = CometFaults(fail={"service_accounts": 404})
    shape = CometShape(users="list", created="createdAt")
    app = create_comet_app(now=lambda: CLOCK, shape=shape, faults=faults)
    with serve(app) as url:
        yield Site(app, url)


@dataclass(frozen=True)
class Both:
    """What growth-report found in a file, and our report of the same file up to the same moment."""

    kpis: dict[str, str]
    cards: dict[str, str]
    ours: Report


def judged(site: Site, folder: Path, document: Any) -> Both:
    folder.mkdir()
    file = folder / "saved.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    words = ("--no-open", "--csv-dir", "csv", "--window", WINDOW, "--active-window", ACTIVE)
    done = run_judge(
        *("cometx", "admin", "growth-report", "--chargeback-report", str(file), *words),
        folder=folder,
        COMET_API_KEY=KEY,
        COMET_URL_OVERRIDE=f"{site.url}/clientlib/",
    )
    assert done.code == 0, done.text
    with (folder / "csv" / "growth_org_kpis.csv").open(encoding="utf-8") as rows:
        kpis = {row["metric_name"]: row["metric_value"] for row in csv.DictReader(rows)}
    text = (folder / "growth_report.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', text)
    assert found
    html = json.loads(found[1])
    cards = {
        f"{section}: {one['label']}": f"{one['value']} {one.get('sub', '')}"
        for section in ("unified", "people")
        for one in html["sections"][section]["kpis"]
    }
    query = check_chargeback_query(window=WINDOW, active_window=ACTIVE)
    answer = load_chargeback_files([(file.name, file.read_bytes())], query)
    moment = datetime.fromisoformat(html["window"]["end"])
    return Both(kpis, cards, build_comet_chargeback(answer, query, now=moment))


@pytest.fixture(scope="module")
def document(site: Site) -> Any:
    return site.get("/api/admin/chargeback/report")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("judged")


@pytest.fixture(scope="module")
def whole(site: Site, folder: Path, document: Any) -> Both:
    return judged(site, folder / "whole", document)


@pytest.fixture(scope="module")
def undeleted(site: Site, folder: Path, document: Any) -> Both:
    """Of a report in which nobody was ever deleted, where both count alike."""
    users = [one for one in document["users"] if "deletedAt" not in one]
    return judged(site, folder / "undeleted", {**document, "users": users})


def test_both_find_the_same_users_workspaces_projects_experiments_and_megabytes(
    whole: Both,
) -> None:
    ours, theirs = whole.ours.totals, whole.kpis
    assert str(ours["workspaces"]) == theirs["total_workspaces"]
    assert str(ours["projects"]) == theirs["total_projects"]
    assert str(ours["experiments"]) == theirs["total_experiments"]
    assert float(str(ours["total_size_mb"])) == pytest.approx(float(theirs["total_data_mb"]))
    assert str(ours["deleted_users"]) == theirs["deleted_users"] != "0"
    in_table = whole.ours.table("users").frame["status"] != "deleted"
    assert str(in_table.sum()) == theirs["users_in_table"]


def test_both_find_the_same_new_users_and_the_same_percentage(whole: Both) -> None:
    ours, theirs = whole.ours.totals, whole.kpis
    assert str(ours["new_users"]) == theirs["new_users_in_window"] != "0"
    percent = {one.key: one.value for one in whole.ours.figures}["new_users_percent"]
    assert str(percent) == theirs["new_users_in_window_pct"]


def test_both_find_the_same_new_workspaces_by_their_oldest_members(whole: Both) -> None:
    ours = {one.key: one.value for one in whole.ours.figures}
    new, percent = ours["new_workspaces"], ours["new_workspaces_percent"]
    assert whole.cards[f"unified: New in {WINDOW} (% of base)"].startswith(
        f"{percent or 0.0}% +{new} new"
    )


def test_both_find_the_same_active_users_and_workspaces_where_nobody_was_deleted(
    undeleted: Both,
) -> None:
    ours, theirs = undeleted.ours.totals, undeleted.kpis
    assert str(ours["licensed_users"]) == theirs["total_users"]
    assert str(ours["active_users"]) == theirs["active_users_14d"]
    assert str(ours["active_users_percent"]) == theirs["active_users_pct"]
    active, places = ours["active_workspaces"], ours["workspaces"]
    share = ours["active_workspaces_percent"]
    assert undeleted.cards["unified: Active workspaces %"] == f"{share}% {active}/{places} active"
    assert int(theirs["active_users_14d"]) < int(theirs["total_users"])


def test_deleted_users_are_counted_as_licensed_there_and_not_here(whole: Both) -> None:
    statuses = whole.ours.table("users").frame
    deleted = statuses["deletedAt"].notna() & ~statuses["suspended"]
    ours = whole.ours.totals
    assert int(whole.kpis["total_users"]) == int(str(ours["licensed_users"])) + deleted.sum()
    assert deleted.any()


def test_both_tell_the_same_accounts_to_be_programs_by_their_names(whole: Both) -> None:
    users = whole.ours.table("users").frame
    there = users[users["deletedAt"].isna()]
    experiments = there.groupby("account")["experimentCount"].sum()
    for kind in ("personal", "service"):
        assert str(experiments[kind]) == whole.kpis[f"{kind}_experiments"] != "0"
