"""A private PostgreSQL for tests, one database per test."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

INSTALL = "sudo apt-get install --no-install-recommends postgresql"

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


@dataclass(frozen=True)
class PostgresServer:
    """A running server.

    Args:
        superuser: connection parameters of somebody who may make databases and roles.
        tcp: parameters that reach it over TCP, where it asks for passwords.
    """

    superuser: Mapping[str, str]
    tcp: Mapping[str, str]

    def url(self, **changes: str) -> str:
        """Its URL, with other parameters than the superuser's where given."""
        parts = {**self.superuser, **changes}
        user, password = quote(parts.pop("user", ""), safe=""), parts.pop("password", "")
        login = f"{user}:{quote(password, safe='')}" if password else user
        database = quote(parts.pop("dbname", "postgres"), safe="")
        return f"postgresql://{login}@/{database}?{urlencode(parts, quote_via=quote)}"

    def run(self, *statements: str | sql.Composed, dbname: str = "postgres") -> None:
        """Each statement by itself, as the superuser."""
        with psycopg.connect(self.url(dbname=dbname), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]


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

    def reader(self, *statements: str, password: str = "") -> str:
        """A new role's name, after statements in which ``{role}`` stands for it.

        It goes away with the database.
        """
        role = f"{self.name}_reader_{secrets.token_hex(3)}"
        self.run(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(role), sql.Literal(password or None)
            ),
            *(statement.format(role=role) for statement in statements),
        )
        return role


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server of one's own, or the one that ``USAGE_TEST_POSTGRES_URL`` names.

    That URL must be a superuser's, on a server that asks for passwords over TCP.
    """
    if given := os.environ.get("USAGE_TEST_POSTGRES_URL"):
        parts = {name: str(value) for name, value in conninfo_to_dict(given).items()}
        yield PostgresServer(parts, {})
        return
    programs = _programs()
    if programs is None and os.environ.get("CI"):
        pytest.fail(f"PostgreSQL is missing: {INSTALL}")
    if programs is None:
        pytest.skip(f"PostgreSQL is missing: {INSTALL}")
    with _running(programs) as server:
        yield server


@pytest.fixture
def database(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database, dropped with its roles afterwards."""
    name = f"usage_test_{secrets.token_hex(4)}"
    postgres_server.run(f"CREATE DATABASE {name}")
    yield Database(postgres_server, name)
    with psycopg.connect(postgres_server.url(), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE starts_with(rolname, %s)", [f"{name}_reader_"]
        ).fetchall()
    postgres_server.run(
        f"DROP DATABASE {name} WITH (FORCE)", *(f"DROP ROLE {role}" for (role,) in rows)
    )


def _programs() -> Path | None:
    """The folder that holds initdb and postgres; the newest of several."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: float(folder.parent.name),
        reverse=True,
    )
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, debian)])
    found = shutil.which("initdb", path=path)
    folder = Path(found).parent if found else None
    return folder if folder and (folder / "postgres").exists() else None


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
def _running(programs: Path) -> Iterator[PostgresServer]:
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
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = str(probe.getsockname()[1])
            facts = {
                **FAST,
                "port": port,
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": str(folder),
            }
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data"]
                + [word for name, value in facts.items() for word in ("-c", f"{name}={value}")],
                stdout=sink,
                stderr=sink,
                **common,  # type: ignore[call-overload]
            )
        server = PostgresServer(
            {"user": "postgres", "host": str(folder), "port": port},
            {"host": "127.0.0.1", "port": port},
        )
        try:
            _wait_until_up(server, process, log)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # "fast shutdown": ends sessions, then itself
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(server: PostgresServer, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")
        with suppress(psycopg.OperationalError):
            server.run("SELECT 1")
            return
        time.sleep(0.02)
    raise AssertionError(f"PostgreSQL did not start: {log.read_text(errors='replace')}")
