"""What only the ledger needs is imported by nothing else: commands start as fast as without it."""

import inspect
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from lib.cli.commands import _COMMANDS, _LISTED, _imported
from lib.demo.openai_server import create_openai_app
from tests.support.servers import NOTHING, ROOT, serve

HEAVY = ("pyiceberg", "duckdb", "sqlalchemy", "alembic")
RUN = f"""
import runpy, sys
try:
    runpy.run_module("lib.cli", run_name="__main__", alter_sys=True)
finally:
    print("imported:", *sorted(sys.modules.keys() & {{*{HEAVY}}}), file=sys.stderr)
"""


def imported(folder: Path, *words: str, **environment: str) -> list[str]:
    """Runs a command to its end where there is no ledger; which of ``HEAVY`` it has imported by then."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", RUN, *words],
        cwd=folder,
        env=os.environ
        | NOTHING
        | {"PYTHONPATH": str(ROOT), "HOME": str(folder), "DASHBOARD_DEMO": "off"}
        | {"LEDGER_URL": f"sqlite:///{folder}/catalog.db", "LEDGER_WAREHOUSE": str(folder)}
        | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    return done.stderr.rpartition("imported:")[2].split()


@pytest.mark.parametrize(
    "command",
    ["", "openai", "tenants report", "chargeback", "comet-usage", "check", "sign-outs"],
)
def test_a_command_starts_without_what_only_the_ledger_needs(tmp_path: Path, command: str) -> None:
    assert imported(tmp_path, *command.split(), "--help") == []


def test_the_ledger_tells_of_its_commands_without_the_engines_that_they_start(
    tmp_path: Path,
) -> None:
    assert imported(tmp_path, "ledger", "--help") == ["sqlalchemy"]


def test_where_nothing_was_captured_a_report_needs_nothing_of_the_ledger(tmp_path: Path) -> None:
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    with serve(create_openai_app(admin_key="sk-admin-demo")) as url:
        found = imported(
            tmp_path,
            *("openai", "--since", yesterday, "--until", yesterday, "--format", "json"),
            OPENAI_ADMIN_KEY="sk-admin-demo",
            OPENAI_BASE_URL=f"{url}/v1",
        )
    assert found == []
    assert not (tmp_path / "catalog.db").exists()


@pytest.mark.parametrize("name", _LISTED)
def test_the_list_of_commands_says_what_a_command_says_itself(name: str) -> None:
    imported_command = _imported(*_COMMANDS[name])
    if isinstance(imported_command, typer.Typer):
        imported_command = get_command(imported_command).callback
    told = inspect.getdoc(imported_command)
    assert told is not None
    assert _LISTED[name] == told.partition("\n")[0]
