"""The command: its exit codes, its two outputs, and no key in either."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import uvicorn
from click.testing import Result
from pypdf import PdfReader
from starlette.applications import Starlette
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.exports.pdf_forms import PAGES
from lib.periods import months_before

ROOT = Path(__file__).parents[2]
CANARY = "sk-admin-canary-Zx81Lq77"
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
ONE_DAY = ["openai", "--since", YESTERDAY, "--until", YESTERDAY, "--endpoint", "embeddings"]


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but demo data, whatever the developer's own say."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in {
        "OPENAI_ADMIN_KEY": "",
        "OPENAI_BASE_URL": "",
        "LOGURU_LEVEL": "",
        "DASHBOARD_DEMO": "on",
    }.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["openai", "--endpoint", "completion"], "completions"),
        (["openai", "--group-by", "project"], "project_id"),
        (["openai", "--bucket-width", "1w"], "1d"),
        (["openai", "--since", "21.11.2026"], "YYYY-MM-DD"),
        (["openai", "--until", "soon"], "YYYY-MM-DD"),
        (["openai", "--since", "2026-02-01", "--until", "2026-01-01"], "Swap"),
        (["openai", "--until", "2999-01-01"], "future"),
        (["openai", "--since", "0001-01-02", "--until", "0001-01-03", "--compare"], "before"),
        (["openai", "--period", "last-week"], "Use last-"),
        (["openai", "--period", "last-month", "--until", YESTERDAY], "the days are given twice"),
        (["tenants", "report", "--period", "this-month", "--since", YESTERDAY], "given twice"),
        (["comet-usage", "vision", "--period", "this-year", "--since", YESTERDAY], "given twice"),
        (["openai", "--compare-with", "same-day"], "Use same-days"),
        (["openai", "--compare", "--compare-with", "same-days"], "Leave out --compare"),
        (["openai", "--output", "report.xlsx"], "--format"),
        (["openai", "--format", "xlsx"], "xlsx"),
        (["openai", "--profile", "lotus"], "lotus"),
        (["openai", "--project", "nope"], "nope"),
        (["openai", "--user", "nope"], "nope"),
        (["openai", "--project", ""], "leave it out"),
        (["tenants", "report", "--tenant", ""], "leave it out"),
        (["tenants", "summary", "--tenant", " "], "leave it out"),
        (["chargeback", "--workspace", ""], "leave it out"),
        (["comet-usage", ""], "WORKSPACE"),
        (["openai", "--nonsense"], "nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_misuse_is_named_on_stderr_with_exit_code_two(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_key_is_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    done = run("openai")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "OPENAI_ADMIN_KEY is not set" in done.stderr


def test_the_check_names_every_source_that_is_not_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    done = run("check")
    assert done.exit_code == 1, "a probe must not pass with nothing set"
    assert "OPENAI_ADMIN_KEY is not set" in done.stdout
    assert "REDIS_PRIMARY_ENDPOINT is not set" in done.stdout


def test_json_stands_alone_on_stdout_and_the_demo_note_on_stderr() -> None:
    done = run(*ONE_DAY, "--endpoint", "costs", "--format", "json")
    assert done.exit_code == 0
    report = json.loads(done.stdout)
    assert report["schema"] == "usage-report/1"
    assert report["demo"] is True
    assert report["complete"] is True
    assert report["period"] == {"start": YESTERDAY, "end": YESTERDAY, "timezone": "UTC"}
    assert report["totals"]["input_tokens"] > 0
    assert done.stderr == "Note: this report is made-up demo data.\n", "and no progress"


def test_without_days_the_last_seven_whole_ones_are_told_and_since_alone_reaches_to_today() -> None:
    today, asked = datetime.now(UTC).date(), ("--endpoint", "embeddings", "--format", "json")
    whole, until_now = (
        json.loads(run("openai", *days, *asked).stdout)["period"]
        for days in ((), ("--since", YESTERDAY))
    )
    week_ago = today - timedelta(days=7)
    assert (whole["start"], whole["end"]) == (week_ago.isoformat(), YESTERDAY)
    assert (until_now["start"], until_now["end"]) == (YESTERDAY, today.isoformat())


def test_a_period_and_what_it_is_compared_with_can_be_named() -> None:
    done = run(
        *("openai", "--period", "last-month", "--compare-with", "month-before"),
        *("--endpoint", "embeddings", "--format", "json"),
    )
    today = datetime.now(UTC).date()
    first, before = months_before(today, 1), months_before(today, 2)
    one_day = timedelta(days=1)
    report = json.loads(done.stdout)
    assert report["period"] == {
        "start": first.isoformat(),
        "end": (today.replace(day=1) - one_day).isoformat(),
        "timezone": "UTC",
    }
    assert report["filters"]["compare"] == f"{before} to {first - one_day} (UTC)"


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.csv", b"\xef\xbb\xbf"),
        ("r.zip", b"PK"),
        ("r.JSON", b"{"),
        ("r.pdf", b"%PDF"),
        ("r.txt", b""),
    ],
)
def test_the_ending_of_the_file_decides_its_format(
    tmp_path: Path, name: str, begins: bytes
) -> None:
    path = tmp_path / name
    done = run(*ONE_DAY, "--output", str(path))
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    data = path.read_bytes()
    assert data.startswith(begins)
    assert len(data) > 200


def test_a_pdf_is_a_summary_unless_details_are_asked_for(tmp_path: Path) -> None:
    pages = {}
    for words in ((), ("--detail",)):
        path = tmp_path / "r.pdf"
        assert run(*ONE_DAY, "--output", str(path), *words).exit_code == 0
        text = [page.extract_text() for page in PdfReader(path).pages]
        assert ("see the detailed PDF" in "".join(text)) == (not words)
        pages[words] = len(text)
    assert pages[()] <= PAGES
    assert pages["--detail",] > pages[()]


def test_details_of_what_is_no_pdf_are_refused() -> None:
    done = run(*ONE_DAY, "--detail")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--detail goes with a PDF" in done.stderr


def test_any_table_can_be_had_as_csv_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    done = run(*ONE_DAY, "--table", "by_project", "--output", str(path))
    assert done.exit_code == 0, done.stderr
    assert path.read_text("utf-8-sig").startswith("project_name,project_id,cost")
    done = run(*ONE_DAY, "--table", "planets", "--output", str(path))
    assert done.exit_code == 2
    assert "by_project" in done.stderr


def test_a_folder_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    done = run(*ONE_DAY, "--output", str(tmp_path / "missing" / "r.json"))
    assert done.exit_code == 2
    assert "demo data" not in done.stderr, "nothing was asked"
    assert "--output" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("target", [">/dev/full", ">&-"])
def test_a_standard_output_that_cannot_be_written_is_a_failure_in_one_line(target: str) -> None:
    command = f"{sys.executable} -m lib.cli tenants summary --format json {target}"
    environment = {"PATH": "/usr/bin:/bin", "DASHBOARD_DEMO": "on"}
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    notes = [line for line in done.stderr.splitlines() if not line.startswith("Note:")]
    assert len(notes) == 1
    assert notes[0].startswith("Error: standard output cannot be written")


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    done = run(*ONE_DAY, "--output", str(tmp_path / "r.json"))
    assert done.exit_code == 1
    assert "--output" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_the_check_fails_while_demo_data_stands_in_and_says_that_it_does(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", mode)
    done = run("check")
    assert (done.exit_code, done.stderr) == (1, ""), "a probe must not pass with nothing set"
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        *("openai:usage", "openai:costs", "openai:names", "redis", "control-database"),
        *("comet:chargeback", "comet:workspaces"),
    ]
    assert all("configured: NO, reachable: yes, permitted: yes" in line for line in lines)
    assert all("(demo data)" in line for line in lines)


def test_the_check_of_a_permitted_key_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(create_openai_app(admin_key=CANARY)) as url:
        monkeypatch.setenv("DASHBOARD_DEMO", "auto")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        done = run("check")
    assert (done.exit_code, done.stderr) == (0, "")
    *lines, redis, comet = done.stdout.splitlines()
    assert len(lines) == 3
    assert "REDIS_PRIMARY_ENDPOINT is not set" in redis, "which is no fault"
    assert "COMET_API_KEY" in comet
    assert "configured: NO" in comet
    assert all("configured: yes, reachable: yes, permitted: yes" in line for line in lines)
    assert not any("demo" in line for line in lines)


@contextmanager
def served(stand_in: Starlette) -> Iterator[str]:
    """The stand-in over HTTP; its base URL."""
    server = uvicorn.Server(uvicorn.Config(stand_in, port=0, log_config=None, lifespan="off"))
    sock = server.config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


def test_an_incomplete_report_is_written_marked_and_exits_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults = Faults(fail={"images": 404}, no_management_scope=True)
    with served(create_openai_app(faults=faults, admin_key=CANARY)) as url:
        monkeypatch.setenv("DASHBOARD_DEMO", "auto")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        done = run(*ONE_DAY, "--endpoint", "images", "--format", "json")
        checked = run("check")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["complete"], report["demo"]) == (False, False)
    assert report["totals"]["input_tokens"] > 0
    assert "INCOMPLETE" in done.stderr
    assert checked.exit_code == 1
    usage, costs, names, *_ = checked.stdout.splitlines()
    assert "permitted: yes" in usage
    assert "permitted: yes" in costs
    assert "permitted: NO" in names
    assert "api.management.read" in names
    assert CANARY not in done.stdout + done.stderr + checked.stdout + checked.stderr


class Parrot(BaseHTTPRequestHandler):
    """Repeats the key it was sent, first in a passing failure, then in a denial."""

    asked = 0

    def do_GET(self) -> None:
        Parrot.asked += 1
        key = self.headers["Authorization"]
        body = json.dumps({"error": {"message": f"What is {key}? {key.split()[1]}?"}}).encode()
        self.send_response(500 if Parrot.asked <= 2 else 401)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def parrot() -> Iterator[str]:
    """An upstream that repeats the key; its base URL."""
    Parrot.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_key_that_the_upstream_repeats_shows_up_nowhere_even_when_debugging(
    tmp_path: Path, parrot: str
) -> None:
    done = process(tmp_path, ONE_DAY, OPENAI_ADMIN_KEY=CANARY, OPENAI_BASE_URL=parrot)
    assert done.returncode == 1
    holds_no_key(done.stdout + done.stderr)
    assert "trying again" in done.stderr, "the log speaks at this level"


def test_a_key_that_the_upstream_repeats_to_the_check_shows_up_nowhere_even_when_debugging(
    monkeypatch: pytest.MonkeyPatch, parrot: str
) -> None:
    debugging(monkeypatch, OPENAI_ADMIN_KEY=CANARY, OPENAI_BASE_URL=parrot)
    done = run("check")
    assert done.exit_code == 1
    holds_no_key(done.stdout + done.stderr)
    assert "trying again" in done.stderr, "the log speaks at this level"


def holds_no_key(said: str) -> None:
    assert "canary" not in said.lower()
    assert "[secret]" in said


def test_a_key_that_is_refused_as_a_setting_shows_up_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    debugging(monkeypatch, OPENAI_ADMIN_KEY="sk-proj-canary-Zx81Lq77")
    done = run("check")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "OPENAI_ADMIN_KEY is a project key" in done.stderr
    assert "canary" not in done.stderr.lower()


def debugging(patch: pytest.MonkeyPatch, **settings: str) -> None:
    """The same settings and level for a command in this process."""
    for name, value in ({"DASHBOARD_DEMO": "auto", "LOGURU_LEVEL": "DEBUG"} | settings).items():
        patch.setenv(name, value)


def process(
    tmp_path: Path, command: list[str], **settings: str
) -> "subprocess.CompletedProcess[str]":
    """The command as a process of its own, at the chattiest level."""
    environ = os.environ | {"HOME": str(tmp_path), "DASHBOARD_DEMO": "auto"}
    return subprocess.run(
        [sys.executable, "-m", "lib.cli", *command],
        cwd=ROOT,
        env=environ | {"LOGURU_LEVEL": "DEBUG"} | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
