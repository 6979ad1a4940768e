"""Runs official programs in their own environment, with nothing but loopback within reach."""

import base64
import json
import os
import subprocess
from dataclasses import dataclass
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


def run_judge(program: str, *words: str, folder: Path, home: Path, **environ: str) -> Verdict:
    """Runs ``cometx`` or ``python`` in a folder, with these settings and no others.

    ``home`` may be shared: Matplotlib looks for fonts for seconds when it finds none there.
    """
    command = JUDGES / program
    if not command.exists():
        raise RuntimeError(f"{command} is missing: run `make setup`, which installs it")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(command), *words],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TZ": "UTC",
            "MPLBACKEND": "Agg",
            "COMET_ERROR_TRACKING_ENABLE": "false",
            "HTTP_PROXY": NOWHERE,
            "HTTPS_PROXY": NOWHERE,
            "NO_PROXY": "127.0.0.1",
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Verdict(done.returncode, done.stdout + done.stderr, folder)
