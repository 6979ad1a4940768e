"""A private PostgreSQL for tests, one database per test."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.support.certificates import make_certificates
from tests.support.missing import missing

VARIABLE = "USAGE_TEST_POSTGRES_URL"

# Nothing here survives the session: what protects data from a power cut only costs time.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


ELSEWHERE = "db.test"
"""A host name that is not this machine's, for a server that is."""


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Args:
        superuser: connection parameters of somebody who may make databases and roles.
        network: parameters that reach one of our own over TCP as ``ELSEWHERE``; it asks for
            passwords there.
        authority: who signed its certificate, where it speaks TLS.
    """

    superuser: Mapping[str, str]
    network: Mapping[str, str] = field(default_factory=dict)
    authority: Path | None = None

    def url(self, **changes: str) -> str:
        """Its URL, with other parameters than the superuser's where given."""
        parts = {**self.superuser, **changes}
        user, password = quote(parts.pop("user", ""), safe=""), parts.pop("password", "")
        login = f"{user}:{quote(password, safe='')}" if password else user
        database = quote(parts.pop("dbname", "postgres"), safe="")
        return f"postgresql://{login}@/{database}?{urlencode(parts, quote_via=quote)}"

    def run(self, *statements: str | sql.Composed, **changes: str) -> None:
        """Each statement by itself, as the superuser."""
        with psycopg.connect(self.url(**changes), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]


@dataclass
class Running:
    """The process of a server of our own.

    Args:
        log: what it says; common: Popen's arguments.
    """

    server: PostgresServer
    command: Sequence[str]
    log: Path
    common: Mapping[str, object]
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Comes back once it answers."""
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(self.command, stdout=sink, stderr=sink, **self.common)  # type: ignore[call-overload]
        _wait_until_up(self.server, self.process, self.log)

    def kill(self) -> None:
        """As ``pg_ctl stop -m immediate`` does it: every session is cut off, and nothing tidied up."""
        self._end(signal.SIGQUIT)

    def stop(self) -> None:
        """A "fast shutdown": it ends sessions, then itself."""
        self._end(signal.SIGINT)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class Database:
    """One test's database."""

    server: PostgresServer
    name: str

    def url(self, **changes: str) -> str:
        """The superuser's URL of this database, with other parameters where given."""
        return self.server.url(**{"dbname": self.name, **changes})

    def run(self, *statements: str | sql.Composed) -> None:
        """Each statement by itself, as the superuser."""
        self.server.run(*statements, dbname=self.name)

    def reader(self, *statements: str) -> dict[str, str]:
        """How a new role signs in, after statements in which ``{role}`` stands for its name.

        It goes away with the database.
        """
        role, password = f"{self.name}_reader_{secrets.token_hex(3)}", secrets.token_hex(8)
        self.run(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password)
            ),
            *(statement.format(role=role) for statement in statements),
        )
        return {"user": role, "password": password}


def given_postgres() -> PostgresServer | None:
    """The server that ``USAGE_TEST_POSTGRES_URL`` names; the URL must be a superuser's."""
    given = os.environ.get(VARIABLE)
    if not given:
        return None
    return PostgresServer({name: str(value) for name, value in conninfo_to_dict(given).items()})


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> PostgresServer:
    """Any server: the one given, else one of our own."""
    own = "own_postgres"
    return given_postgres() or request.getfixturevalue(own)


@pytest.fixture(scope="session")
def own_postgres() -> Iterator[PostgresServer]:
    """A private server that speaks no TLS."""
    with _running(_programs()) as running:
        yield running.server


@pytest.fixture(scope="session")
def tls_postgres() -> Iterator[PostgresServer]:
    """A private server that speaks TLS over TCP, with a certificate for ``ELSEWHERE``."""
    with _running(_programs(), tls=True) as running:
        yield running.server


@pytest.fixture(scope="module")
def mortal_postgres() -> Iterator[Running]:
    """A private server that no other module's tests see, to be killed; what it has committed it keeps."""
    with _running(_programs(), synchronous_commit="on") as running:
        yield running


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database on any server, dropped with its roles afterwards."""
    with fresh_database(postgres_server) as made:
        yield made


@pytest.fixture
def bytewise_database(postgres_server: PostgresServer) -> Iterator[Database]:
    """As ``database``, one that takes any bytes for text."""
    with fresh_database(
        postgres_server, "ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0"
    ) as made:
        yield made


@pytest.fixture
def own_database(own_postgres: PostgresServer) -> Iterator[Database]:
    """As ``database``, on a private server."""
    with fresh_database(own_postgres) as made:
        yield made


@pytest.fixture
def mortal_database(mortal_postgres: Running) -> Iterator[Database]:
    """As ``database``, on a private server that is killed and started anew."""
    with fresh_database(mortal_postgres.server) as made:
        yield made


@pytest.fixture
def tls_database(tls_postgres: PostgresServer) -> Iterator[Database]:
    """As ``database``, on a private server that speaks TLS."""
    with fresh_database(tls_postgres) as made:
        yield made


@contextmanager
def fresh_database(server: PostgresServer, options: str = "") -> Iterator[Database]:
    """A database that is dropped with its roles afterwards."""
    name = f"usage_test_{secrets.token_hex(4)}"
    server.run(f"CREATE DATABASE {name} {options}")
    try:
        yield Database(server, name)
    finally:
        with psycopg.connect(server.url(), autocommit=True) as connection:
            rows = connection.execute(
                "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [f"{name}_reader_"]
            ).fetchall()
        server.run(f"DROP DATABASE {name} WITH (FORCE)", *(f"DROP ROLE {role}" for (role,) in rows))


def _programs() -> Path:
    """The folder that holds initdb and postgres, the newest of several.

    In CI a missing one fails, elsewhere the test is skipped.
    """
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, debian)])
    found = shutil.which("initdb", path=path)
    folder = Path(found).parent if found else None
    if not folder or not (folder / "postgres").exists():
        missing("PostgreSQL", "postgresql")
    return folder


def address_of_this_machine() -> str:
    """One that other machines know it by, if there is one, else loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        # An address reserved for documentation; only the route to it is looked up.
        probe.connect(("198.51.100.1", 9))
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _account() -> dict[str, object]:
    """Popen's arguments for an account that PostgreSQL accepts: it refuses root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    pytest.fail("root needs an account named postgres or nobody to run PostgreSQL as")


@contextmanager
def _running(programs: Path, *, tls: bool = False, **settings: str) -> Iterator[Running]:
    # A socket's path may have 107 bytes: the system's temporary folder can be too deep.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    account = _account()
    if account:
        os.chown(folder, account["user"], account["group"])  # type: ignore[arg-type]
    common = {
        "cwd": folder,
        "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        "stdin": subprocess.DEVNULL,
        **account,
    }
    log = folder / "log"
    try:
        with log.open("wb") as sink:
            options = "--username=postgres --encoding=UTF8 --locale=C --no-sync"
            auth = "--auth-local=trust --auth-host=scram-sha-256"
            made = subprocess.run(
                [programs / "initdb", *options.split(), *auth.split(), folder / "data"],
                stdout=sink,
                stderr=sink,
                check=False,
                **common,  # type: ignore[call-overload]
            )
            assert made.returncode == 0, log.read_text(errors="replace")
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samehost scram-sha-256\n")  # this machine, nobody else
        with socket.socket() as probe:
            probe.bind(("", 0))  # free at every address
            port = str(probe.getsockname()[1])
        outside = address_of_this_machine()
        facts = {
            **FAST,
            **(_tls(folder, account) if tls else {}),
            **settings,
            "port": port,
            "listen_addresses": f"127.0.0.1,{outside}",
            "unix_socket_directories": str(folder),
        }
        server = PostgresServer(
            {"user": "postgres", "host": str(folder), "port": port},
            {"host": ELSEWHERE, "hostaddr": outside, "port": port},
            folder / "ca.crt" if tls else None,
        )
        command = [str(programs / "postgres"), "-D", str(folder / "data")]
        command += [word for name, value in facts.items() for word in ("-c", f"{name}={value}")]
        running = Running(server, command, log, common)
        try:
            running.start()
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tls(folder: Path, account: Mapping[str, object]) -> dict[str, str]:
    """Settings of a server that speaks TLS, after making its certificate."""
    signed = make_certificates(folder, ELSEWHERE)
    signed.key.chmod(0o600)  # PostgreSQL takes no key that others can read
    if account:
        os.chown(signed.key, account["user"], account["group"])  # type: ignore[arg-type]
    certificate, key = str(signed.certificate), str(signed.key)
    return {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key}


def _wait_until_up(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        with suppress(psycopg.OperationalError):
            server.run("SELECT 1")
            return
        time.sleep(0.02)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
