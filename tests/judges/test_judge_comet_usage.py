"""The report of experiments against the real ``cometx admin usage-report`` on the same server.

What cometx counts the same way must be equal to the last digit that it prints; where decision 0012
counts otherwise, the difference must be exactly the one that it speaks of.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import httpx
import pytest
from pypdf import PdfReader
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.demo.comet_organisation import CometSize
from tests.support.comet_page import CANARY
from tests.support.comet_usage_page import Lab, served_lab
from tests.support.judges import run_judge
from tests.support.servers import NOTHING

SIZE = CometSize(workspaces=2, users=24, projects=4, experiments_per_project=150, points=12)
UNIT = "week"

Item = dict[str, Any]


@dataclass(frozen=True)
class Both:
    """One question to both programs.

    Args:
        items: every experiment that is not archived, as the server sends it.
        theirs: cometx's first page, label to text.
        ours: our JSON.
        cells: our mean of peaks of each project and week that has one.
        series: GPU utilisation by experiment key.
    """

    items: list[Item]
    theirs: dict[str, str]
    ours: Item
    cells: list[float]
    series: dict[str, list[Item]]

    @property
    def started(self) -> list[Item]:
        return [one for one in self.items if one["startTimeMillis"]]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("judge")
    with pytest.MonkeyPatch.context() as patch, served_lab(patch, size=SIZE) as lab:
        for name in {*NOTHING, "LOGURU_LEVEL", "DASHBOARD_DEMO"} - {
            "COMET_API_KEY",
            "COMET_URL_OVERRIDE",
        }:
            patch.setenv(name, "")
        patch.setenv("HOME", str(folder))
        names = lab.workspaces
        done = run_judge(
            "cometx",
            *("admin", "usage-report", "--no-open", "--units", UNIT, *names),
            folder=folder,
            COMET_API_KEY=CANARY,
            COMET_URL_OVERRIDE=f"{lab.url}/clientlib/",
        )
        assert (done.code, "ERROR" in done.text) == (0, False), done.text
        (paper,) = folder.glob("*.pdf")
        targets = [f"{name}/{project}" for name in names for project in lab.projects(name)]
        yield Both(
            _items(lab, targets),
            _figures("\n".join(page.extract_text() for page in PdfReader(paper).pages)),
            _report(*names),
            [
                row["gpu_utilisation"]
                for target in targets
                for row in _report(target)["tables"]["by_bucket"]
                if row["gpu_utilisation"] is not None
            ],
            _series(lab, targets),
        )


def _report(*targets: str) -> Item:
    words = ("comet-usage", *targets, "--units", UNIT, "--utilisation", "peak", "--format", "json")
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.stderr
    found: Item = json.loads(done.stdout)
    return found


def _figures(text: str) -> dict[str, str]:
    """Projects repeat some of the words further down: the first one counts."""
    pairs = [line.strip().partition(": ") for line in text.splitlines()]
    return {name: value for name, _colon, value in reversed(pairs) if value}


def _items(lab: Lab, targets: list[str]) -> list[Item]:
    found = []
    for target in targets:
        workspace, _, project = target.partition("/")
        query = {"workspaceName": workspace, "projectName": project, "archived": "False"}
        found += lab.get("/experiments", **query)["experiments"]
    return found


def _series(lab: Lab, targets: list[str]) -> dict[str, list[Item]]:
    found: dict[str, list[Item]] = {}
    for target in targets:
        reply = httpx.post(
            f"{lab.url}/api/rest/v2/experiments/multi-metric-chart",
            headers={"authorization": CANARY},
            json={
                "targetedExperiments": [one["experimentKey"] for one in _items(lab, [target])],
                "metrics": [f"sys.gpu.{gpu}.gpu_utilization" for gpu in range(8)],
                "fetchFull": False,
            },
        )
        found |= {key: one["metrics"] for key, one in reply.json()["experiments"].items()}
    return found


def number(text: str) -> float:
    found = re.match(r"[\d,.]+", text)
    assert found, text
    return float(found[0].replace(",", ""))


def test_both_count_the_same_experiments_in_the_same_weeks(both: Both) -> None:
    rows = [row for row in both.ours["tables"]["by_bucket"] if row["experiments"]]
    assert both.ours["totals"]["experiments"] == len(both.started) > 500
    assert both.theirs["Total Number of Experiments"] == f"{len(both.started)}"
    assert both.theirs["Date Range"] == f"{rows[0]['bucket']} to {rows[-1]['bucket']}"
    assert both.theirs["Number of Workspaces/Projects"] == str(both.ours["totals"]["projects"])
    most = max(rows, key=lambda row: row["experiments"])
    assert both.theirs["Peak Week"].startswith(most["bucket"])


def test_cometx_counts_the_users_of_experiments_without_a_start_time_too(both: Both) -> None:
    users = {one["userName"] for one in both.started}
    assert both.ours["totals"]["users"] == len(users)
    everyone = {one["userName"] for one in both.items}
    assert both.theirs["Total Number of Users"] == str(len(everyone))


def test_run_times_differ_by_the_durations_that_stand_in_for_an_end(both: Both) -> None:
    stand_ins = [
        one["durationMillis"] / 1_000
        for one in both.started
        if not one["endTimeMillis"] and not one["running"]
    ]
    assert stand_ins, "else nothing is shown"
    totals = both.ours["totals"]
    counted = totals["experiments_with_run_time"] - len(stand_ins)
    seconds = totals["run_time_seconds"] - sum(stand_ins)
    assert both.theirs["Experiments with Run Time Data"] == str(counted)
    assert both.theirs["Total Run Time"] == f"{seconds / 3_600:.1f} hours"
    assert (
        both.theirs["Average Run Time per Experiment"] == f"{seconds / counted / 3_600:.1f} hours"
    )


def test_the_peaks_of_projects_and_weeks_are_equal_and_only_their_average_differs(
    both: Both,
) -> None:
    assert both.theirs["Average GPU Utilization"] == f"{fmean(both.cells):.1f}%"
    peaks = [
        fmean(max(one["values"]) for one in both.series[item["experimentKey"]])
        for item in both.started
        if item["experimentKey"] in both.series
    ]
    assert both.ours["totals"]["peak_gpu_utilisation"] == pytest.approx(fmean(peaks))
    assert abs(fmean(peaks) - fmean(both.cells)) > 0.1, "else nothing is shown"


def test_gpu_hours_differ_by_what_is_before_the_first_sample_or_without_a_start(both: Both) -> None:
    started = {one["experimentKey"] for one in both.started}
    milliseconds = {
        place: sum(
            sum(one["durations"] if key not in started else one["durations"][:1])
            for key, each in both.series.items()
            for one in each
            if (key in started) is place
        )
        for place in (True, False)
    }
    ours = both.ours["totals"]["gpu_hours"]
    left_out = sum(milliseconds.values()) / 3_600_000
    assert number(both.theirs["Total GPU Hours"]) == pytest.approx(ours + left_out, abs=0.051)
    assert 0 < left_out < ours
