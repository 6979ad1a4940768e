"""The command ``chargeback``: its options, its files, its exit codes, and no key in any of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from starlette.applications import Starlette
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.demo.comet_server import create_comet_app
from lib.periods import months_before
from lib.sources.comet.chargeback.files import LARGEST_FILE
from tests.support.comet_page import CANARY, NOW, Served, asked, saved
from tests.support.servers import serve

OCTOBER = ("--month", "2026-10")
JSON = ("--format", "json")
OCTOBER_END = 1_793_491_199_999
"""Milliseconds."""

pytestmark = pytest.mark.usefixtures("no_settings")


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["chargeback", *words])


@pytest.fixture
def files(comet_served: Served, tmp_path: Path) -> dict[str, Path]:
    """Saved reports by month."""
    found = {month: tmp_path / f"{month}.json" for month in ("2026-08", "2026-10")}
    for month, path in found.items():
        path.write_bytes(saved(comet_served[1], month))
    return found


def test_with_nothing_set_the_report_is_of_made_up_data_and_says_so() -> None:
    done = run()
    assert done.exit_code == 0, done.stderr
    assert "Comet chargeback report" in done.stdout
    assert "made-up demo data" in done.stderr


def test_all_options_reach_the_report(comet_served: Served, comet_upstream: Starlette) -> None:
    done = run(
        *(*OCTOBER, "--compare", "2026-08", "--window", "2m", "--active-window", "2w"),
        *("--workspace", "vision", "--workspace", "language", "--exclude", "lang*"),
        *("--accounts", "personal", *JSON),
    )
    assert (done.exit_code, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["filters"] == {
        "month": "2026-10",
        "compare": "2026-08",
        "window": "2m",
        "active_window": "2w",
        "workspaces": ["vision", "language"],
        "exclude": "lang*",
        "accounts": "personal",
    }
    assert sorted(asked(comet_upstream)) == ["2026-08", "2026-10"]
    sent = json.loads(saved(comet_served[1], "2026-10"))
    (vision,) = [one for one in sent["workspaces"] if one["name"] == "vision"]
    programs = {one.name for one in comet_upstream.state.org.users if one.service}
    members = {one["userName"] for one in vision["members"]}
    assert programs & members, "else the filter would show nothing"
    totals = report["totals"]
    assert (totals["workspaces"], totals["users"]) == (1, len(members - programs))
    assert totals["experiments"] == vision["numberOfExperiments"]
    assert "changes" in report["tables"]


@pytest.mark.parametrize(("ending", "begins"), [("csv", b"\xef\xbb\xbf"), ("pdf", b"%PDF")])
def test_the_ending_of_the_file_decides_its_format(
    comet_upstream: Starlette, tmp_path: Path, ending: str, begins: bytes
) -> None:
    path = tmp_path / f"r.{ending}"
    done = run(*OCTOBER, "--output", str(path))
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert path.read_bytes().startswith(begins)


def test_any_table_can_be_had_as_csv(comet_upstream: Starlette, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    assert run(*OCTOBER, "--table", "members", "--output", str(path)).exit_code == 0
    assert path.read_text("utf-8-sig").startswith("workspace,userName,email,")
    done = run(*OCTOBER, "--table", "planets", "--output", str(path))
    assert done.exit_code == 2
    assert "users, reclaim, reclaim_by_workspace, workspaces, members" in done.stderr


@pytest.mark.parametrize(
    ("words", "month", "name"),
    [
        ((), "", "comet-chargeback-report.json"),
        (OCTOBER, "2026-10", "comet-chargeback-report-2026-10.json"),
        ((*OCTOBER, "--output", "mine.json"), "2026-10", "mine.json"),
    ],
)
def test_raw_saves_the_very_bytes_of_the_server(
    comet_served: Served,
    comet_upstream: Starlette,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    month: str,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("--raw", *words)
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == [name]
    assert (tmp_path / name).read_bytes() == saved(comet_served[1], month)
    assert name in done.stderr


def test_raw_that_fails_leaves_no_file(
    comet_upstream: Starlette, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    comet_upstream.state.faults.no_admin = True
    done = run("--raw")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ADMIN_USER_LIST" in done.stderr
    assert not [one for one in tmp_path.iterdir() if one.is_file()]


def test_one_file_is_read_without_any_server(
    comet_upstream: Starlette, files: dict[str, Path]
) -> None:
    comet_upstream.state.requests.clear()
    done = run("--input", str(files["2026-10"]), *JSON)
    assert (done.exit_code, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    sent = json.loads(files["2026-10"].read_bytes())
    assert report["totals"]["users"] == len(sent["users"]["licensedUsers"])
    assert report["period"] is None
    assert report["state_at"] == "2026-10-31T23:59:59Z"
    assert not comet_upstream.state.requests


def test_two_files_are_compared_whatever_their_order(files: dict[str, Path]) -> None:
    reports = []
    for months in (("2026-08", "2026-10"), ("2026-10", "2026-08")):
        words = [word for month in months for word in ("--input", str(files[month]))]
        done = run(*words, *JSON)
        assert done.exit_code == 0, done.stderr
        reports.append(json.loads(done.stdout))
    one, other = (report["tables"]["changes"] for report in reports)
    assert one == other
    assert one


def test_the_server_and_its_saved_files_give_the_same_figures(
    comet_upstream: Starlette, files: dict[str, Path]
) -> None:
    asked_now = run(*OCTOBER, "--compare", "2026-08", *JSON)
    read = run("--input", str(files["2026-10"]), "--input", str(files["2026-08"]), *JSON)
    one, other = (json.loads(done.stdout) for done in (asked_now, read))
    told_by_list = {"personal_accounts", "service_accounts"}  # which files do not hold
    assert {key: value for key, value in one["totals"].items() if key not in told_by_list} == {
        key: value for key, value in other["totals"].items() if key not in told_by_list
    }
    assert one["tables"]["workspaces"] == other["tables"]["workspaces"]
    assert one["tables"]["changes"] == other["tables"]["changes"]


@pytest.mark.parametrize(
    ("words", "months"),
    [
        (("--period", "last-month", "--compare-with", "month-before"), (1, 2)),
        (("--period", "this-month", "--compare-with", "year-before"), (0, 12)),
        (("--compare-with", "month-before"), (None, 1)),
    ],
)
def test_months_can_be_named_and_the_current_report_compared_with_one(
    comet_upstream: Starlette, words: tuple[str, ...], months: tuple[int | None, int]
) -> None:
    today = datetime.now(UTC).date()
    named = [None if back is None else f"{months_before(today, back):%Y-%m}" for back in months]
    report = json.loads(run(*words, *JSON).stdout)
    assert [report["filters"]["month"], report["filters"]["compare"]] == named
    assert "changes" in report["tables"] or not report["complete"]
    assert sorted(asked(comet_upstream)) == sorted(month or "" for month in named)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"\x00\xff", "is no"), (b"[1]", "JSON"), (b'{"days": []}', "JSON")],
)
def test_a_file_that_is_no_report_is_named_with_exit_code_two(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "holidays.json"
    if content is not None:
        path.write_bytes(content)
    done = run("--input", str(path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "holidays.json" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_too_large_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 10)  # holds no bytes on the disk
    done = run("--input", str(path))
    assert done.exit_code == 2
    assert "'large.json' is larger than 200 MB" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "October"), "'October' is not a month"),
        ((*OCTOBER, "--period", "last-month"), "--month says it already"),
        (("--period", "last-week"), "Use this-month or last-month"),
        ((*OCTOBER, "--compare", "2026-08", "--compare-with", "year-before"), "says it already"),
        (("--compare-with", "same-days"), "Use none, month-before, year-before"),
        (("--raw", "--compare-with", "month-before"), "--raw goes with"),
        ((*OCTOBER, "--compare", "2026-10"), "both months are the same"),
        (("--window", "7 days"), "'7 days' is not a span"),
        (("--active-window", "0d"), "'0d' is not a span"),
        (("--accounts", "robots"), "both, personal, service"),
        ((*OCTOBER, "--workspace", "visoin"), "'vision'"),
        (("--month", "9999-12"), "'9999-12' is not a month"),
        (("--month", "0000-01"), "'0000-01' is not a month"),
        (("--raw", "--workspace", "vision"), "--raw goes with"),
        (("--raw", "--output", "no/such/x.json"), "the folder does not exist"),
        (("--raw", *JSON), "--raw goes with"),
        (("--raw", *OCTOBER, "--compare", "2026-08"), "--raw goes with"),
        (("--raw", "--input", "any.json"), "--raw goes with"),
        (("--raw", "--month", "October"), "'October' is not a month"),
        (("--input", "pyproject.toml", "--host", "https://comet.example.com"), "without a server"),
        (("--host", "comet example"), "host"),
        (("--nonsense",), "nonsense"),
    ],
)
def test_misuse_is_named_on_stderr_with_exit_code_two(
    comet_upstream: Starlette, words: tuple[str, ...], said: str
) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_made_up_report_that_is_saved_unchanged_is_called_so(tmp_path: Path) -> None:
    done = run("--raw", "--output", str(tmp_path / "x.json"))
    assert done.exit_code == 0, done.stderr
    assert "made-up demo data" in done.stderr


def test_a_missing_key_is_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    done = run()
    assert (done.exit_code, done.stdout) == (2, "")
    assert "COMET_API_KEY is not set" in done.stderr


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_refuses_ends_with_one_the_remedy_and_no_key(
    comet_upstream: Starlette, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    comet_upstream.state.faults.fail = {"chargeback": status}
    done = run(*OCTOBER)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"answered {status}" in done.stderr
    assert CANARY not in done.output


def test_an_earlier_month_that_is_not_there_ends_with_one_and_the_report_is_written(
    comet_upstream: Starlette, tmp_path: Path
) -> None:
    path = tmp_path / "r.json"
    done = run(*OCTOBER, "--compare", "2020-01", "--output", str(path))
    assert done.exit_code == 1
    assert "INCOMPLETE" in done.stderr
    report = json.loads(path.read_text())
    assert report["complete"] is False
    assert report["totals"]["users"] > 50
    assert CANARY not in path.read_text()


def test_another_host_is_asked_instead_of_the_one_that_is_set(comet_upstream: Starlette) -> None:
    second = create_comet_app(now=lambda: NOW, api_key=CANARY, seed=8)
    with serve(second) as url:
        done = run(*OCTOBER, "--host", url, *JSON)
    assert done.exit_code == 0, done.stderr
    assert asked(second) == ["2026-10"]
    assert not comet_upstream.state.requests
    users = [one for one in second.state.org.users if one.created <= OCTOBER_END]
    assert json.loads(done.stdout)["totals"]["users"] == len(users)


@pytest.mark.parametrize("admin", [True, False])
def test_the_check_asks_the_admin_api(comet_upstream: Starlette, admin: bool) -> None:
    comet_upstream.state.faults.no_admin = not admin
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == (0 if admin else 1)
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("comet:chargeback")]
    assert f"configured: yes, reachable: yes, permitted: {'yes' if admin else 'NO'}" in line
    assert ("ADMIN_USER_LIST" in line) is not admin
    assert CANARY not in done.output
