"""Runs official programs in their own environment, with nothing but loopback within reach."""

import atexit
import base64
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

JUDGES = Path(__file__).parents[2] / ".venv" / "judges" / "bin"
NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there: whatever leaves the machine fails."""

KEY = "comet-demo-key"


@dataclass(frozen=True)
class Site:
    """A served stand-in of Comet's server."""

    app: Starlette
    url: str

    def get(self, path: str, **query: str) -> Any:
        """A reply, as the key's owner gets it."""
        reply = httpx.get(f"{self.url}{path}", params=query, headers={"authorization": KEY})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def seen(self) -> list[str]:
        """Names of the requests since the last look."""
        names = [name for name, _pairs in self.app.state.requests]
        self.app.state.requests.clear()
        return names


def smart_key(url: str) -> str:
    """The key with the server's address in it, its padding left out as Comet does."""
    packed = base64.b64encode(json.dumps({"baseUrl": url}).encode()).decode()
    return f"{KEY}*{packed.rstrip('=')}"


@dataclass(frozen=True)
class Verdict:
    """What a program said and left behind in its folder."""

    code: int
    text: str
    folder: Path


def run_judge(program: str, *words: str, folder: Path, **environ: str) -> Verdict:
    """Runs ``cometx`` or ``python -c`` in a folder, with these settings and no others.

    It is a process of its own that need not import anything: see ``judge_host.py``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    host = _host()
    assert host.stdin is not None
    assert host.stdout is not None
    with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as errors:
        asked = {
            "program": program,
            "words": words,
            "folder": str(folder),
            "environ": _environment(**environ),
            "stdout": out.name,
            "stderr": errors.name,
        }
        host.stdin.write(f"{json.dumps(asked)}\n")
        host.stdin.flush()
        code = host.stdout.readline()
        assert code, "the process that runs the judges has ended"
        return Verdict(int(code), (out.read() + errors.read()).decode(), folder)


def start_judge(program: str, *words: str, folder: Path, **environ: str) -> Verdict:
    """The same as its file is started from a shell, which takes seconds longer."""
    done = subprocess.run(
        [str(_command(program)), *words],
        cwd=folder,
        env=_environment(**environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Verdict(done.returncode, done.stdout + done.stderr, folder)


def _environment(**more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": _home(),
        "TZ": "UTC",
        "MPLBACKEND": "Agg",
        "COMET_ERROR_TRACKING_ENABLE": "false",
        "HTTP_PROXY": NOWHERE,
        "HTTPS_PROXY": NOWHERE,
        "NO_PROXY": "127.0.0.1",
        **more,
    }


def _command(program: str) -> Path:
    command = JUDGES / program
    if not command.exists():
        raise RuntimeError(f"{command} is missing: run `make setup`, which installs it")
    return command


@cache
def _home() -> str:
    """One for all: Matplotlib looks for fonts for seconds when it finds none there."""
    home = tempfile.TemporaryDirectory(prefix="judges-")
    atexit.register(home.cleanup)
    return home.name


@cache
def _host() -> "subprocess.Popen[str]":
    """The process that has imported everything; it ends with this one."""
    host = subprocess.Popen(
        [str(_command("python")), str(Path(__file__).with_name("judge_host.py"))],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(_end, host)
    return host


def _end(host: "subprocess.Popen[str]") -> None:
    with host:  # closes its input, which ends it
        pass
