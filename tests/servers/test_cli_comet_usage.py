"""The command ``comet-usage``: its options, its files, its exit codes, and no key in any of them."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.cli.output import write_report
from lib.loader.progress import Progress
from lib.reports.deferred import DeferredReport
from lib.settings import Settings
from tests.support.comet_page import CANARY
from tests.support.comet_usage_page import PRESENT, Lab, served_lab
from tests.support.servers import ROOT

JSON = ("--format", "json")

pytestmark = pytest.mark.usefixtures("no_settings")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["comet-usage", *words])


def test_with_nothing_set_the_report_is_of_made_up_data_and_says_so() -> None:
    done = run("vision")
    assert done.exit_code == 0, done.stderr
    assert "Comet usage" in done.stdout
    assert "made-up demo data" in done.stderr


def test_all_options_reach_the_report(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    project = lab.projects(second)[0]
    since, until = ((PRESENT - timedelta(days=back)).date() for back in (200, 20))
    lab.asked()
    done = run(
        *(first, f"{second}/{project}", "--units", "week", "--include-archived"),
        *("--since", since.isoformat(), "--until", until.isoformat(), "--utilisation", "peak"),
        *("--group", "user", "--max-series-per-chart", "3", *JSON),
    )
    assert (done.exit_code, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["period"] == {
        "start": since.isoformat(),
        "end": until.isoformat(),
        "timezone": "UTC",
    }
    runs = [
        one
        for archived in (False, True)
        for one in (
            *lab.experiments(first, archived=archived),
            *lab.experiments(second, project, archived=archived),
        )
        if since <= datetime.fromtimestamp(one["startTimeMillis"] / 1_000, UTC).date() <= until
    ]
    assert any(one["archived"] for one in runs), "else the option would show nothing"
    assert report["totals"]["experiments"] == len(runs)
    assert report["totals"]["users"] == len({one["userName"] for one in runs})
    filters = report["filters"]
    assert (filters["units"], filters["group"], filters["utilisation"]) == ("week", "user", "peak")
    assert all("-W" in row["bucket"] for row in report["tables"]["by_bucket"])


def test_a_target_given_twice_counts_once(lab: Lab) -> None:
    name = lab.workspaces[0]
    done = run(name, f"{name}/{lab.projects(name)[0]}", name, *JSON)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["experiments"] == len(lab.experiments(name))


@pytest.mark.parametrize(("ending", "begins"), [("csv", b"\xef\xbb\xbf"), ("pdf", b"%PDF")])
def test_the_ending_of_the_file_decides_its_format(
    lab: Lab, tmp_path: Path, ending: str, begins: bytes
) -> None:
    path = tmp_path / f"x.{ending}"
    done = run(lab.workspaces[0], "--output", str(path))
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert path.read_bytes().startswith(begins)


@pytest.mark.parametrize("form", ["json", "pdf"])
def test_a_question_that_no_report_can_answer_ends_with_two_wherever_it_is_built(
    form: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    async def load(settings: Settings, progress: Progress) -> DeferredReport:
        return DeferredReport(
            "lib.periods", "parse_day", ("--since", "soon")
        )  # refuses as a builder does

    with pytest.raises(typer.Exit) as ended:
        write_report(load, form, None)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err.startswith("Error: --since")


def test_a_server_is_asked_before_pandas_is_imported() -> None:
    rooms = "lib.cli.comet_usage, lib.upstreams, lib.loader.comet_source, lib.loader.experiments"
    seen = f"import sys, {rooms}; print({{'numpy', 'pandas', 'pyarrow'}} & {{*sys.modules}})"
    command = [sys.executable, "-c", seen]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_any_table_can_be_had_as_csv(lab: Lab, tmp_path: Path) -> None:
    path, name = tmp_path / "r.csv", lab.workspaces[0]
    assert run(name, "--table", "by_project", "--output", str(path)).exit_code == 0
    assert path.read_text("utf-8-sig").startswith("workspace,project,experiments,")
    done = run(name, "--table", "planets", "--output", str(path))
    assert done.exit_code == 2
    assert "by_bucket, by_project, by_workspace, by_user" in done.stderr


def test_a_misspelt_workspace_or_project_ends_with_two_and_the_name_that_is_meant(
    lab: Lab,
) -> None:
    name = lab.workspaces[0]
    project = lab.projects(name)[0]
    for target, meant in ((f"{name}x", name), (f"{name}/{project}x", project)):
        done = run(target)
        assert (done.exit_code, done.stdout) == (2, "")
        assert f"Did you mean {meant!r}" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--units", "decade"), "month, week, day, hour"),
        (("--group", "planet"), "project, workspace, user"),
        (("--utilisation", "median"), "mean, peak"),
        (("--max-series-per-chart", "0"), "series"),
        (("--since", "21.11.2025"), "YYYY-MM-DD"),
        (("--since", "2025-02-01", "--until", "2025-01-01"), "Swap"),
        (("--until", "2999-01-01", "--since", "2025-01-01"), "future"),
        (("--host", "comet example"), "host"),
        (("--output", "report.xlsx"), "--format"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_misuse_is_named_on_stderr_with_exit_code_two(
    lab: Lab, words: tuple[str, ...], said: str
) -> None:
    done = run("vision", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "experiments" not in lab.asked()


def test_without_a_target_the_command_says_what_it_wants() -> None:
    done = run()
    assert done.exit_code == 2
    assert "WORKSPACE[/PROJECT]" in done.stderr


def test_a_missing_key_is_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    done = run("vision")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "COMET_API_KEY is not set" in done.stderr


def test_a_server_that_refuses_ends_with_one_the_remedy_and_no_key(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    name = lab.workspaces[0]
    lab.app.state.faults.fail = {"experiments": 403}
    done = run(name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "answered 403" in done.stderr
    assert CANARY not in done.output


def test_a_project_that_fails_ends_with_one_and_the_report_of_the_others_is_written(
    lab: Lab, tmp_path: Path
) -> None:
    name, path = lab.workspaces[0], tmp_path / "r.json"
    lost, *others = lab.projects(name)
    lab.app.state.faults.fail_project = {("experiments", lost): 403}
    done = run(name, "--output", str(path))
    assert done.exit_code == 1
    assert "INCOMPLETE" in done.stderr
    report = json.loads(path.read_text())
    assert report["complete"] is False
    assert report["totals"]["experiments"] == len(lab.experiments(name, *others))
    assert CANARY not in path.read_text()


def test_another_host_is_asked_instead_of_the_one_that_is_set(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = lab.workspaces[0]
    lab.asked()
    with pytest.MonkeyPatch.context() as other, served_lab(other) as second:
        monkeypatch.setenv("COMET_URL_OVERRIDE", lab.url)
        done = run(name, "--host", second.url)
        assert done.exit_code == 0, done.stderr
        assert "experiments" in second.asked()
    assert lab.asked() == []
    assert second.url.removeprefix("http://") in done.stdout


@pytest.mark.parametrize("status", [None, 403])
def test_the_check_asks_for_the_workspaces_which_takes_no_admin(
    lab: Lab, status: int | None
) -> None:
    lab.app.state.faults.no_admin = True
    lab.app.state.faults.fail = {"workspaces": status} if status else {}
    done = CliRunner().invoke(app, ["check"])
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("comet:workspaces")]
    assert f"configured: yes, reachable: yes, permitted: {'NO' if status else 'yes'}" in line
    assert CANARY not in done.output
