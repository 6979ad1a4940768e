"""Readiness to let people in: each thing that is missing is named, and platforms may be down."""

import socket
import sqlite3
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from lib.access.hosts import hosts_of, note_host
from lib.access.readiness import check_ready
from lib.checks import Check
from lib.cli.commands import app
from lib.demo.oidc import create_oidc_app
from lib.settings import Settings

ISSUER = "https://id.company.com"
AUTH: dict[str, object] = {
    "redirect_uri": "https://usage.company.com/oauth2callback",
    "cookie_secret": "c" * 32,
    "client_id": "dashboard",
    "client_secret": "canary-client-secret-9921",
    "server_metadata_url": f"{ISSUER}/.well-known/openid-configuration",
}
READY = {
    "dashboard_allowed_domains": ("company.com",),
    "dashboard_viewers": ("@company.com",),
    "dashboard_audit": "stdout",
}


async def troubles(
    section: dict[str, object], transport: httpx.AsyncBaseTransport | None = None, **changed: object
) -> list[Check]:
    """What stands in the way."""
    provider = create_oidc_app(issuer=ISSUER, redirect_uri=str(AUTH["redirect_uri"]))
    found = await check_ready(
        Settings.model_validate(READY | changed),
        section,
        transport=transport or httpx.ASGITransport(provider),
    )
    assert found
    return [one for one in found if not one.fine]


async def test_with_sign_in_people_and_an_audit_trail_it_is_ready() -> None:
    assert await troubles(AUTH) == []
    named = {key: AUTH[key] for key in ("redirect_uri", "cookie_secret")} | {"okta": AUTH}
    assert await troubles(named) == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"dashboard_allowed_domains": ()}, "DASHBOARD_ALLOWED_DOMAINS"),
        ({"dashboard_viewers": ()}, "DASHBOARD_VIEWERS"),
        ({"dashboard_audit": "off"}, "DASHBOARD_AUDIT"),
        ({"dashboard_audit": "/dev/null/audit"}, "DASHBOARD_AUDIT"),
        ({"dashboard_state_dir": "/no/such/folder"}, "DASHBOARD_STATE_DIR"),
        ({"dashboard_state_dir": "/proc"}, "DASHBOARD_STATE_DIR"),
    ],
)
async def test_a_setting_that_is_missing_or_unusable_is_named(
    changed: dict[str, object], named: str
) -> None:
    (trouble,) = await troubles(AUTH, **changed)
    assert named in trouble.detail


@pytest.mark.parametrize("shared", [True, False])
async def test_it_says_how_far_a_sign_out_reaches(shared: bool, tmp_path: Path) -> None:
    place = {"dashboard_state_dir": str(tmp_path)} if shared else {}
    provider = create_oidc_app(issuer=ISSUER, redirect_uri=str(AUTH["redirect_uri"]))
    found = await check_ready(
        Settings.model_validate(READY | place), AUTH, transport=httpx.ASGITransport(provider)
    )
    (check,) = [one for one in found if one.source == "sign-out"]
    assert check.fine
    assert ("at every replica" if shared else "DASHBOARD_STATE_DIR is not set") in check.detail


def ledger_at(folder: Path, **changed: str) -> dict[str, object]:
    """Settings of a ledger in a folder, on a machine without a demo."""
    place = {"ledger_url": f"sqlite:///{folder}/catalog.db", "ledger_warehouse": f"{folder}/files"}
    return {"dashboard_demo": "off"} | place | changed


async def test_a_ledger_that_can_be_made_is_ready_and_is_not_made(tmp_path: Path) -> None:
    assert await troubles(AUTH, **ledger_at(tmp_path / "new" / "ledger")) == []
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"ledger_url": "sqlite:////dev/null/catalog.db"}, "LEDGER_URL names a folder below"),
        ({"ledger_warehouse": "/dev/null/files"}, "LEDGER_WAREHOUSE names a folder below"),
        ({"ledger_url": f"sqlite:////{'x' * 300}/catalog.db"}, "File name too long"),
        ({"ledger_url": f"sqlite:////{'x' * 300}/catalog.db"}, "Check LEDGER_URL"),
        ({"ledger_warehouse": f"/{'x' * 300}/files"}, "Check LEDGER_WAREHOUSE"),
        ({"ledger_url": "postgresql://nobody:canary@127.0.0.1:9/x"}, "OperationalError"),
    ],
)
async def test_a_ledger_that_cannot_be_reached_is_named(
    changed: dict[str, str], named: str, tmp_path: Path
) -> None:
    (trouble,) = await troubles(AUTH, **ledger_at(tmp_path, **changed))
    assert (trouble.source, named in trouble.detail) == ("ledger", True), trouble.detail
    assert "canary" not in trouble.detail


async def test_a_folder_in_which_nothing_can_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.ledger.reach.os.access", lambda *_: False)
    for folder, problem in ((tmp_path, "may not write"), (tmp_path / "new", "may not make")):
        (trouble,) = await troubles(AUTH, **ledger_at(folder))
        assert problem in trouble.detail


async def test_a_ledger_of_a_newer_program_and_a_file_that_is_none_are_named(
    tmp_path: Path,
) -> None:
    with sqlite3.connect(tmp_path / "catalog.db") as made:
        made.execute("CREATE TABLE ledger_version AS SELECT '9999' AS version_num")
    made.close()
    (trouble,) = await troubles(AUTH, **ledger_at(tmp_path))
    assert "version 9999, newer" in trouble.detail
    (tmp_path / "catalog.db").write_text("no database, but some text of a file" * 99)
    (trouble,) = await troubles(AUTH, **ledger_at(tmp_path))
    assert "DatabaseError" in trouble.detail


async def test_hosts_that_share_a_state_folder_and_not_the_ledger_are_named(
    tmp_path: Path,
) -> None:
    state, here = tmp_path / "state", socket.gethostname()
    state.mkdir()
    shared: dict[str, object] = {"dashboard_state_dir": str(state)}
    assert await troubles(AUTH, **ledger_at(tmp_path), **shared) == []
    assert hosts_of(str(state)) == [here]
    note_host(str(state), "a/other")
    (trouble,) = await troubles(AUTH, **ledger_at(tmp_path), **shared)
    both = ", ".join(sorted([here, "a_other"]))
    assert trouble.detail.startswith(
        f"2 hosts share DASHBOARD_STATE_DIR ({both}), but the ledger is a file of this one: use "
        "postgresql:// and s3://."
    )
    (state / "hosts" / "a_other").unlink()
    assert await troubles(AUTH, **ledger_at(tmp_path), **shared) == []


async def test_hosts_that_cannot_be_noted_are_told(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("somebody's notes")
    shared: dict[str, object] = {"dashboard_state_dir": str(tmp_path)}
    (trouble,) = await troubles(AUTH, **ledger_at(tmp_path), **shared)
    assert "hosts cannot be noted" in trouble.detail


async def test_without_auth_it_is_not_ready_even_on_a_laptop() -> None:
    (trouble,) = await troubles({})
    assert "[auth] is missing" in trouble.detail
    (trouble,) = await check_ready(Settings(), {})
    assert "sees everything" in trouble.detail


async def test_a_weak_auth_is_named_and_not_repeated() -> None:
    (trouble,) = await troubles({**AUTH, "cookie_secret": "canary-short"})
    assert "cookie_secret" in trouble.detail
    assert "canary" not in trouble.detail


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"issuer": ISSUER}),
    ],
)
async def test_a_provider_that_describes_itself_otherwise_is_named(reply: httpx.Response) -> None:
    (trouble,) = await troubles(AUTH, httpx.MockTransport(lambda _: reply))
    assert (trouble.source, trouble.reachable, trouble.permitted) == ("sign-in", True, False)


async def test_a_provider_that_is_down_is_named() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    (trouble,) = await troubles(AUTH, httpx.MockTransport(fail))
    assert (trouble.source, trouble.reachable) == ("sign-in", False)


def test_the_command_ends_with_one_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DASHBOARD_VIEWERS", "@company.com")
    done = CliRunner().invoke(app, ["check", "--ready"])
    assert done.exit_code == 1
    assert "[auth] is missing" in done.stdout
