"""Real servers for tests: the stand-in over HTTP, and the dashboard as a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import uvicorn
from starlette.applications import Starlette

ROOT = Path(__file__).parents[2]

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


NOTHING = {
    **dict.fromkeys(
        (
            "OPENAI_ADMIN_KEY",
            "OPENAI_ORG_ID",
            "REDIS_PRIMARY_ENDPOINT",
            "CONTROL_DATABASE_URL",
            "COMET_API_KEY",
            "COMET_URL_OVERRIDE",
            "COMET_INCLUDE_CUSTOM_CA_BUNDLE",
            "COMET_ALLOW_HEADER_NAME",
            "COMET_ALLOW_HEADER_VALUE",
            "DASHBOARD_ALLOWED_DOMAINS",
            "DASHBOARD_ALLOWED_GROUPS",
            "DASHBOARD_VIEWERS",
            "DASHBOARD_FINANCE",
            "DASHBOARD_ADMINS",
            "DASHBOARD_STATE_DIR",
            "DASHBOARD_AUDIT",
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
        ),
        "",
    ),
    # Where nothing is, not where whoever runs the tests may keep something
    "LEDGER_URL": f"sqlite:///{gettempdir()}/no-ledger/catalog.db",
    "LEDGER_WAREHOUSE": f"{gettempdir()}/no-ledger/files",
}
"""No test reads the settings of whoever runs it."""


def chromium() -> str:
    """The browser to drive."""
    for name in (os.environ.get("CHROMIUM", ""), "chromium", "google-chrome"):
        if name and (found := shutil.which(name)):
            return found
    raise RuntimeError("no Chromium found: run `make test`, which installs it or says how")


@contextmanager
def serve(app: Starlette) -> Iterator[str]:
    """An ASGI app over real HTTP on a free loopback port; gives its address."""
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms a request else.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard."""

    url: str
    log: Path


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def dashboard(
    folder: Path, *, command: Sequence[str] = (), port: int = 0, **environ: str
) -> Iterator[Dashboard]:
    """`streamlit run app.py` with exactly these settings, fresh: nobody has opened it yet.

    Args:
        command: another way to serve it, without the port.
        port: to listen on; a free one when 0.
    """
    port = port or free_port()
    log = folder / "dashboard.log"
    command = command or ("streamlit", "run", "app.py", "--server.headless", "true")
    options = ["--server.port" if command[0] == "streamlit" else "--port", str(port)]
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", *command, *options],
            cwd=ROOT,
            env={**os.environ, **NOTHING, "HOME": str(folder), **environ},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_healthy(f"{url}/_stcore/health", process)
            yield Dashboard(url, log)
        finally:
            process.terminate()
            process.wait(20)


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the dashboard ended while starting"
        try:
            with urllib.request.urlopen(url, timeout=1) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{url} did not answer within a minute")
