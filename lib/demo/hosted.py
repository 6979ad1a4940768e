"""The hosted dashboard on loopback, from the files in ``hosting/``: nginx, replicas, sign-in, made-up data.

``make hosted-demo`` runs it.
"""

import os
import secrets
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from dotenv import dotenv_values
from starlette.applications import Starlette

from lib.demo.oidc import CLIENT_ID, DEMO_ROLES, create_oidc_app
from lib.errors import SettingsError
from lib.settings import ROOT, Settings, load_sign_in

SUB_PATH = "usage"
USUAL_PORT = 8443
HOSTING = ROOT / "hosting"
ENTRY = "asgi.py"
CONTACT = "the FinOps team (finops@demo.example)"
_START_SECONDS = 90

_AROUND = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
    include {folder}/mime.types;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/dashboard.conf;
}}
"""
"""What Debian's nginx.conf holds around a site, without a folder that only root may write."""

_UNIT = HOSTING / "dashboard@.service"
_WITHOUT_NEW_CODE = """\
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What systemd does for MemoryDenyWriteExecute=; kernels before 6.3 take no notice."""


@dataclass
class Replica:
    """One process of the dashboard, started as the systemd unit starts it."""

    port: int
    environ: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    entry: str = ENTRY

    @property
    def address(self) -> str:
        """Of its own port, without nginx."""
        return f"http://127.0.0.1:{self.port}/{SUB_PATH}"

    def start(self) -> None:
        """Starts it; ``wait`` says when it answers."""
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(  # noqa: S603 - the unit's own words
                [*deny_new_code(), *start_command(self.port, self.entry)],
                cwd=ROOT,
                env=self.environ,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def wait(self) -> None:
        """Until it is healthy."""
        _wait_until(f"{self.address}/_stcore/health", self.process, self.log)

    def stop(self) -> None:
        """Ends it as systemd does."""
        _end(self.process)


@dataclass(frozen=True)
class Stack:
    """A running hosted dashboard.

    Args:
        url: where people open it, sub-path included, without trailing slash.
        plain_url: the same over http, which only redirects.
        certificate: self-signed; what a client has to trust.
        provider: its ``state`` holds the people.
        folder: logs, configuration; gone when the block ends.
    """

    url: str
    plain_url: str
    certificate: Path
    provider: Starlette
    folder: Path
    replicas: list[Replica] = field(default_factory=list)
    nginx: "list[subprocess.Popen[bytes]]" = field(default_factory=list)


def nginx_binary() -> str:
    """Where nginx is.

    Raises:
        SettingsError: not installed.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise SettingsError(
            "nginx", "is not installed.", "Please install it:  sudo apt-get install nginx"
        )
    return found


@contextmanager
def hosted_stack(
    *,
    port: int = 0,
    replicas: int = 1,
    environ: Mapping[str, str] | None = None,
    entry: str = ENTRY,
) -> Iterator[Stack]:
    """nginx with TLS under a sub-path, replicas that nobody has opened yet, and a provider.

    Args:
        port: that nginx listens on; a free one when 0.
        replicas: how many run, one or two.
        environ: settings of the dashboard beside those of the demo.
        entry: another file to run instead of the unit's.

    Raises:
        SettingsError: nginx is missing, or this checkout has an [auth] of its own.
        RuntimeError: a part does not start; the message ends with its log.
    """
    nginx = nginx_binary()
    if load_sign_in():  # Streamlit prefers it to the demo's, whose people could not sign in
        raise SettingsError(
            "[auth]", "stands in your secrets.toml and would be used.", "Move the file away."
        )
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="hosted-demo-")))
        folder.chmod(0o711)  # nginx's workers are another user when root starts it
        port, plain_port, *ports = _ports(port)
        url = f"https://localhost:{port}/{SUB_PATH}"
        certificate = _make_certificate(folder)
        client_secret = secrets.token_hex()
        provider = ending.enter_context(
            _provider(redirect_uri=f"{url}/oauth2callback", client_secret=client_secret)
        )
        _write_secrets(folder, url, provider.state.issuer, client_secret)
        stack = Stack(url, f"http://localhost:{plain_port}", certificate, provider, folder)
        (folder / "state").mkdir(mode=0o700)
        settings = _environ(folder, environ or {})
        for number, own_port in enumerate(ports[:replicas], 1):
            log = folder / f"dashboard-{number}.log"
            replica = Replica(own_port, settings, log, entry=entry)
            stack.replicas.append(replica)
            ending.callback(replica.stop)
            replica.start()
        _write_nginx(folder, certificate, port, plain_port, ports)
        stack.nginx.append(_start_nginx(nginx, folder))
        ending.callback(_end, stack.nginx[0])
        for replica in stack.replicas:
            replica.wait()
        trusting = ssl.create_default_context(cafile=str(certificate))
        _wait_until(f"{url}/_stcore/health", stack.nginx[0], folder / "nginx.log", trusting)
        yield stack


def start_command(port: int, entry: str = ENTRY) -> list[str]:
    """What the unit starts, with this Python, port and entry."""
    unit = _UNIT.read_text(encoding="utf-8")
    line = next(line for line in unit.splitlines() if line.startswith("ExecStart="))
    _, *words = shlex.split(line.removeprefix("ExecStart="))
    ours = {"%i": str(port), ENTRY: entry}
    return [sys.executable, *(ours.get(word, word) for word in words)]


def deny_new_code() -> list[str]:
    """Words before a command, which deny its process what the unit denies it."""
    denied = "MemoryDenyWriteExecute=true" in _UNIT.read_text(encoding="utf-8").splitlines()
    return [sys.executable, "-c", _WITHOUT_NEW_CODE] if denied and sys.platform == "linux" else []


def _environ(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    """The operator's settings, with what is different on loopback; none of whoever starts it."""
    given = dotenv_values(HOSTING / "dashboard.env")
    return {
        **os.environ,
        **dict.fromkeys(map(str.upper, Settings.model_fields), ""),
        **{name: value or "" for name, value in given.items()},
        "HOME": str(folder),
        "STREAMLIT_SERVER_ALLOWED_HOSTS": "localhost",
        "STREAMLIT_BROWSER_SERVER_ADDRESS": "localhost",
        "DASHBOARD_STATE_DIR": str(folder / "state"),
        "DASHBOARD_DEMO": "on",
        **DEMO_ROLES,
        "DASHBOARD_CONTACT": CONTACT,
        **more,
    }


def _write_secrets(folder: Path, url: str, issuer: str, client_secret: str) -> None:
    (folder / ".streamlit").mkdir(mode=0o700)
    path = folder / ".streamlit" / "secrets.toml"
    path.touch(mode=0o600)
    path.write_text(
        f"""[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "{secrets.token_hex()}"
client_id = "{CLIENT_ID}"
client_secret = "{client_secret}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
""",
        encoding="utf-8",
    )


def _write_nginx(
    folder: Path, certificate: Path, port: int, plain_port: int, ports: list[int]
) -> None:
    """The operator's file, with what is different on loopback."""
    text = (HOSTING / "nginx.conf").read_text(encoding="utf-8")
    for theirs, ours in (
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80", f"listen 127.0.0.1:{plain_port}"),
        ("https://$host$request_uri", f"https://$host:{port}$request_uri"),
        ("/etc/ssl/certs/usage.company.com.pem", str(certificate)),
        ("/etc/ssl/private/usage.company.com.key", str(certificate.with_suffix(".key"))),
        ("usage.company.com", "localhost"),
        ("/var/log/nginx/", f"{folder}/"),
        (":8501", f":{ports[0]}"),
        (":8502", f":{ports[1]}"),
        # A browser must not remember https for every other server on this machine.
        ('"max-age=31536000"', '"max-age=0"'),
    ):
        if theirs not in text:
            raise RuntimeError(f"hosting/nginx.conf no longer holds {theirs!r}")
        text = text.replace(theirs, ours)
    (folder / "dashboard.conf").write_text(text, encoding="utf-8")
    (folder / "mime.types").write_text("types { text/html html; }\n", encoding="utf-8")
    (folder / "nginx.conf").write_text(_AROUND.format(folder=folder), encoding="utf-8")


def _start_nginx(nginx: str, folder: Path) -> "subprocess.Popen[bytes]":
    # Debian's build opens its own log before it reads any file, unless told where.
    words = ["-e", str(folder / "nginx.log"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return subprocess.Popen([nginx, *words])  # noqa: S603 - as above


def _make_certificate(folder: Path) -> Path:
    certificate = folder / "certificate.pem"
    words = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 7 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    files = ["-out", str(certificate), "-keyout", str(certificate.with_suffix(".key"))]
    subprocess.run([*words.split(), *files], check=True, capture_output=True)  # noqa: S603 - as above
    return certificate


@contextmanager
def _provider(*, redirect_uri: str, client_secret: str) -> Iterator[Starlette]:
    """The provider over HTTP in a thread of its own, on a free port."""
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms a request else.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = create_oidc_app(issuer=issuer, redirect_uri=redirect_uri, client_secret=client_secret)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield app
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def _ports(first: int) -> list[int]:
    """The one asked for, or a free one, and three free ones."""
    probes = [socket.socket() for _ in range(4)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        free = [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
    return [first or free[0], *free[1:]]


def _wait_until(
    url: str,
    process: "subprocess.Popen[bytes] | None",
    log: Path,
    context: ssl.SSLContext | None = None,
) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process is not None and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2, context=context) as reply:  # noqa: S310 - ours
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} does not answer.\n{log.read_text(encoding='utf-8')[-2_000:]}")


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Runs until Ctrl-C, or until a part of it ends; the exit code."""
    # `kill` ends all of it, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with hosted_stack(port=_usual_port(), replicas=2) as stack:
            print(_welcome(stack), flush=True)
            processes = [*stack.nginx, *(one.process for one in stack.replicas)]
            while all(one is not None and one.poll() is None for one in processes):
                time.sleep(0.5)
    except KeyboardInterrupt:
        print("Ended.")
        return 0
    except (SettingsError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    print("A part of it has ended, so the rest has ended too.", file=sys.stderr)
    return 1


def _welcome(stack: Stack) -> str:
    people = stack.provider.state.people.values()
    return "\n".join(
        (
            f"Open {stack.url}/ (the browser warns of a certificate that this machine made itself).",
            "Sign in as one of these; their surnames say what to expect:",
            *(f"  {one['name']:<16} {one['email']}" for one in people),
            f"Logs: {stack.folder}. Ctrl-C ends everything.",
        )
    )


def _usual_port() -> int:
    """The port that is easy to remember; 0 when somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


if __name__ == "__main__":
    sys.exit(main())
