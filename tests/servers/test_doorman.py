"""What the doorman of a running dashboard does: sign-outs, uploads, forged inputs, sign-ins that were ended."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lib.access.hosts import hosts_of
from lib.access.uploads import MOST_FILES
from lib.cli.commands import app as commands
from tests.servers.test_uploads import SIZE, kept, upload
from tests.support.hosted import Hosted, cookie_of, hosted, leave
from tests.support.servers import NOTHING, ROOT
from tests.support.tabs import tab

METRICS_SECONDS = 5
"""How long Streamlit gives the same answer for its memory."""

FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def app(state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    settings = {"DASHBOARD_STATE_DIR": str(state)}
    # Nothing that a test has uploaded goes while another one weighs the memory
    settings["STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"] = "3600"
    with hosted(tmp_path_factory.mktemp("hosted"), **settings) as running:
        yield running


def audited(app: Hosted, event: str) -> list[dict[str, object]]:
    if not app.audit.exists():
        return []
    lines = [json.loads(line) for line in app.audit.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["event"] == event]


def test_a_replica_leaves_its_hosts_name_in_the_state_folder(app: Hosted, state: Path) -> None:
    assert hosts_of(str(state)) == [socket.gethostname()]


@pytest.mark.parametrize(
    "headers",
    [
        FROM_ELSEWHERE,
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Referer": "https://evil.example/"},
        {"Origin": "null"},
        {"User-Agent": "a program that says nothing"},
    ],
)
def test_a_sign_out_that_another_site_asks_for_asks_the_person_and_ends_nothing(
    app: Hosted, headers: dict[str, str]
) -> None:
    cookie = cookie_of(app, "fritz", hours_ago=0.1)
    reply = leave(app.url, cookie, **headers)
    assert reply.status_code == 403
    assert 'href="logout"' in reply.text
    assert "set-cookie" not in reply.headers
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert upload(app, cookie) == 204, "still signed in"


def test_signing_out_from_our_page_ends_the_sign_in_and_is_audited_once(app: Hosted) -> None:
    cookie = cookie_of(app, "fritz", hours_ago=0.2)
    before = len(audited(app, "sign-out"))
    for _ in range(3):
        reply = leave(app.url, cookie)
        assert reply.status_code == 302
        assert "_streamlit_user=" in reply.headers["set-cookie"]
    assert upload(app, cookie) == 403
    (line,) = audited(app, "sign-out")[before:]
    assert (line["user"], line["written"]) == ("fritz@demo.example", True)
    old_browser = {"Referer": f"{app.url}/openai_usage"}
    assert leave(app.url, cookie_of(app, "fritz", hours_ago=0.3), **old_browser).status_code == 302


def test_a_sign_out_that_could_not_be_written_is_told_audited_and_written_later(
    app: Hosted, state: Path
) -> None:
    cookie = cookie_of(app, "ada", hours_ago=0.4)
    before = {path.name for path in state.iterdir()}
    gone = state.with_name("gone")
    state.rename(gone)
    try:
        reply = leave(app.url, cookie)
    finally:
        gone.rename(state)
    assert reply.status_code == 503
    assert "Signed out here only" in reply.text
    assert "finops@demo.example" in reply.text
    assert "_streamlit_user=" in reply.headers["set-cookie"], "this browser is signed out"
    assert "/logout?" in reply.text, "and goes on to the provider"
    assert audited(app, "sign-out")[-1]["written"] is False
    deadline = time.monotonic() + 30
    while {path.name for path in state.iterdir()} == before:
        assert upload(app, cookie) == 403
        assert time.monotonic() < deadline


def test_the_command_ends_all_sign_ins_of_one_person_and_of_nobody_else(
    app: Hosted, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookies = [cookie_of(app, "ada", hours_ago=hours) for hours in (0, 1, 5)]
    assert [upload(app, cookie) for cookie in cookies] == [204] * 3
    folder = app.log.parent
    environ = {**NOTHING, "HOME": str(folder), "DASHBOARD_AUDIT": str(app.audit)}
    environ |= {"DASHBOARD_STATE_DIR": str(folder.parent / "missing"), "PATH": ""}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    refused = CliRunner().invoke(commands, ["sign-outs", "end", "ada@demo.example"])
    assert refused.exit_code == 2
    assert "DASHBOARD_STATE_DIR" in refused.stderr
    assert [upload(app, cookie) for cookie in cookies] == [204] * 3
    ran = ended_by_command(environ | {"DASHBOARD_STATE_DIR": str(state)}, "ADA@demo.example")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Every sign-in of ada@demo.example up to 20")
    assert [upload(app, cookie) for cookie in cookies] == [403] * 3
    assert upload(app, cookie_of(app, "fritz")) == 204
    assert upload(app, cookie_of(app, "ada", hours_ago=-0.01)) == 204, "a later sign-in is let in"
    assert audited(app, "sign-out")[-1] | {"time": ""} == {
        "time": "",
        "event": "sign-out",
        "user": "ada@demo.example",
        "by": "command",
        "written": True,
    }
    misused = CliRunner().invoke(commands, ["sign-outs", "end", "ada"])
    assert misused.exit_code == 2
    assert "not one e-mail address" in misused.stderr


def ended_by_command(environ: dict[str, str], email: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "lib.cli", "sign-outs", "end", email]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def test_a_copied_cookie_opens_nothing_at_another_process_nor_at_one_that_starts_later(
    app: Hosted, state: Path, tmp_path: Path
) -> None:
    earlier, cookie = (cookie_of(app, "fritz", hours_ago=hours) for hours in (0.7, 0.8))
    assert upload(app, earlier) == 204
    leave(app.url, earlier)
    with hosted(tmp_path, DASHBOARD_STATE_DIR=str(state)) as other:
        assert upload(other, earlier) == 403
        assert [upload(one, cookie) for one in (app, other)] == [204, 204]
        leave(app.url, cookie)
        assert [upload(one, cookie) for one in (app, other)] == [403, 403]
        before = {path.name for path in state.iterdir()}
        leave(app.url, {})
        after = {path.name for path in state.iterdir()}
        assert after == before, "whoever is not signed in leaves nothing there"
        assert upload(other, cookie_of(other, "fritz")) == 204
        gone = state.with_name("gone")
        state.rename(gone)
        try:
            assert upload(other, cookie_of(other, "fritz")) == 403
            leave(other.url, cookie_of(other, "fritz"))
            assert "A sign-out could not be written" in other.log.read_text(encoding="utf-8")
        finally:
            gone.rename(state)


def test_only_who_sees_the_page_that_takes_files_may_upload(app: Hosted) -> None:
    before = kept(app)
    left = cookie_of(app, "fritz", hours_ago=0.9)
    leave(app.url, left)
    strangers = {
        "anonymous": {},
        "forged": {"_streamlit_user": "x" + cookie_of(app, "ada")["_streamlit_user"]},
        "viewer": cookie_of(app, "vera"),
        "without a verified address": cookie_of(app, "ulf"),
        "of another domain": cookie_of(app, "otto"),
        "without a role": cookie_of(app, "nora"),
        "expired": cookie_of(app, "fritz", hours_ago=13),
        "signed out": left,
    }
    refused = {who: upload(app, cookies) for who, cookies in strangers.items()}
    assert refused == dict.fromkeys(strangers, 403)
    assert upload(app, {}, "DELETE") == 403
    for person in ("fritz", "ada"):
        assert upload(app, cookie_of(app, person, hours_ago=-0.02)) == 204
    time.sleep(METRICS_SECONDS)
    assert kept(app) == before + 2 * SIZE, "what was refused has left nothing"


def test_forged_inputs_break_no_page_and_the_log_says_so_once(app: Hosted) -> None:
    with tab(app, cookie_of(app, "fritz", hours_ago=0.5)) as page:
        for forged in ("cmu_host", "oai_view_x", "$$STREAMLIT_INTERNAL_KEY_X"):
            shown = page.run("openai_usage", forged)
            assert "Data as of" in shown
            assert "went wrong" not in shown
    log = app.log.read_text(encoding="utf-8")
    assert log.count("Inputs refused that no page has") == 1
    assert "Traceback" not in log
    assert "cmu_host" not in log


def test_one_persons_uploads_are_bounded_and_the_refusal_says_what_to_do(app: Hosted) -> None:
    with tab(app, cookie_of(app, "fritz", hours_ago=0.6)) as page:
        folder, taken = f"/_stcore/upload_file/{page.session()}", 0
        file = {"file": ("october.json", b"{}")}
        while (reply := page.ask("PUT", f"{folder}/{taken}", files=file)).status_code == 204:
            taken += 1
        assert 0 < taken <= MOST_FILES
        assert reply.status_code == 413
        assert reply.text.startswith("Your uploads would hold more than")
        assert page.ask("DELETE", f"{folder}/0").status_code == 204
        assert page.ask("PUT", f"{folder}/another", files=file).status_code == 204
