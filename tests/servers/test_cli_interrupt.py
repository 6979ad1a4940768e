"""Ctrl-C ends a command at any moment with one exit code and without a traceback."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLOCK = "import time:"
"""How Python begins its lines about imports, by which these tests tell what a process is at."""

FIRST, WITHIN_C, LAST = "atexit", "pandas", "lib.reports.openai.build"

WATCHED = """
import runpy, signal, sys
quiet, loud = [], []
class Watch:
    def find_spec(self, name, path=None, target=None):
        handler = signal.getsignal(signal.SIGINT)
        (quiet if getattr(handler, "__name__", "") == "_end" else loud).append(name)
sys.modules.pop("atexit", None)
sys.meta_path.insert(0, Watch())
sys.argv = ["lib.cli", "openai", "--help"]
try:
    runpy.run_module("lib.cli", run_name="__main__", alter_sys=True)
finally:
    sys.stderr.write(" ".join(quiet) + "\\n" + " ".join(loud))
"""
"""Runs the command, and says what was imported while an interrupt ends it at once, and what was not."""


def started(tmp_path: Path, *options: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, "-m", "lib.cli", "openai"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **environment},
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """The exit code, and what was said apart from imports."""
    try:
        errors = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    return process.returncode, [line for line in errors.splitlines() if CLOCK not in line]


@pytest.mark.parametrize("module", [FIRST, WITHIN_C, LAST])
def test_an_interrupt_while_the_command_is_imported_is_quiet(tmp_path: Path, module: str) -> None:
    with started(tmp_path, "-X", "importtime", DASHBOARD_DEMO="on") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(CLOCK) and line.rpartition("|")[2].strip() == module:
                break
        else:
            raise AssertionError(f"{module} was never imported")
        process.send_signal(signal.SIGINT)
        code, said = ended(process)
    assert code == 130
    assert len(said) <= 1
    assert "Traceback" not in " ".join(said)


def test_everything_that_the_command_imports_is_imported_while_an_interrupt_is_quiet() -> None:
    command = [sys.executable, "-c", WATCHED]
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    quiet, loud = (set(line.split()) for line in done.stderr.split("\n"))
    assert quiet > {"lib.errors", "lib.exports.printer", "typer", "pydantic", "loguru"}
    assert quiet > {"lib.settings", "lib.cli.output", "lib.cli.commands", "httpx"}
    assert quiet > {WITHIN_C, "lib.loader.openai", LAST}
    ours = {name for name in loud if name.partition(".")[0] == "lib"}
    assert ours <= {"lib", "lib.cli", "lib.cli.__main__"}, "which come before it can say so"


def test_an_interrupt_while_the_source_is_asked_is_quiet(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        asked = {"OPENAI_BASE_URL": url, "OPENAI_ADMIN_KEY": "sk-admin-interrupted"}
        with started(tmp_path, **asked) as process:
            silent.settimeout(60)
            silent.accept()[0].close()
            process.send_signal(signal.SIGINT)
            code, said = ended(process)
    assert code == 130
    assert len(said) <= 1
    assert "Traceback" not in " ".join(said)
