"""The control database's tenants, read from a real PostgreSQL and from sqlite files."""

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from lib.errors import (
    SettingsError,
    SourceDenied,
    SourceError,
    SourceReplyError,
    SourceUnavailable,
)
from lib.sources.tenants.control_db import check_url, connection_parameters, fetch_tenants, host_of

if TYPE_CHECKING:
    from tests.support.postgres_server import Database

pytest_plugins = ["tests.support.postgres_server"]

CANARY = "canary7f3a91"
OLD = "CREATE TABLE tenants (id text PRIMARY KEY, state text)"
NEW = "CREATE TABLE tenants (id text PRIMARY KEY, state text, deleted_at timestamp, is_dormant boolean)"
NEW_ROWS = """INSERT INTO tenants VALUES
    ('b', 'provisioned', NULL, true), ('a', 'provisioned', NULL, NULL),
    ('gone', 'provisioned', '2026-01-01', false), ('early', 'pending', NULL, false),
    ('leaving', 'deactivating', NULL, false)"""
READ_ONLY = "ALTER ROLE {role} SET default_transaction_read_only = on"
IN_TIME = "ALTER ROLE {role} SET statement_timeout = '5s'"


def sqlite_file(folder: Path, *statements: str) -> Path:
    path = folder / "control.db"
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def failure(url: str, **limits: float) -> SourceError:
    """The error of a URL, after a look for anything in it that should not be told."""
    with pytest.raises(SourceError) as caught:
        fetch_tenants(url, **limits)
    assert caught.value.source == "control-database"
    assert caught.value.remedy
    assert CANARY not in str(caught.value)
    assert url not in str(caught.value)
    assert "_reader_" not in str(caught.value)
    return caught.value


@pytest.fixture(params=["postgres", "sqlite"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """Makes a control database from statements and gives its URL."""

    def make(*statements: str) -> str:
        if request.param == "sqlite":
            return f"sqlite:///{sqlite_file(tmp_path, *statements)}"
        database: Database = request.getfixturevalue("database")
        database.run(*statements)
        return database.url()

    return make


def test_an_old_schema_lists_provisioned_tenants_of_unknown_dormancy(made) -> None:
    url = made(
        OLD, "INSERT INTO tenants VALUES ('b', 'provisioned'), ('a', 'provisioned'), ('c', 'error')"
    )
    frame = fetch_tenants(url)
    assert list(frame["tenant_id"]) == ["a", "b"]
    assert str(frame["dormant"].dtype) == "boolean"
    assert frame["dormant"].isna().all()


def test_a_new_schema_hides_other_states_and_deleted_tenants(made) -> None:
    frame = fetch_tenants(made(NEW, NEW_ROWS))
    assert frame.to_dict("list") == {"tenant_id": ["a", "b"], "dormant": [False, True]}


def test_integer_ids_become_text(made) -> None:
    url = made("CREATE TABLE tenants (id integer)", "INSERT INTO tenants VALUES (10), (9)")
    assert list(fetch_tenants(url)["tenant_id"]) == ["9", "10"]


def test_hostile_ids_and_ten_thousand_of_them_arrive_unchanged(database: "Database") -> None:
    ids = ["a'b\";--", "🦊", "x" * 300, "a:b{c}*", *(f"t{n:05}" for n in range(10_000))]
    database.run(OLD)
    with psycopg.connect(database.url()) as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO tenants VALUES (%s, 'provisioned')", [(i,) for i in ids])
    assert sorted(fetch_tenants(database.url())["tenant_id"]) == sorted(ids)


BYTEWISE = [b"ok", b"M\xfcller", b"M\xffller", b"half \xed\xa0\x80", "Ä".encode()]
ESCAPED = ["M\\xfcller", "M\\xffller", "half \\xed\\xa0\\x80", "ok", "Ä"]


def test_an_id_that_is_no_utf_8_costs_no_other_and_is_merged_with_none(tmp_path: Path) -> None:
    rows = [f"(CAST(X'{one.hex()}' AS text), 'provisioned')" for one in BYTEWISE]
    path = sqlite_file(tmp_path, OLD, f"INSERT INTO tenants VALUES {', '.join(rows)}")
    assert sorted(fetch_tenants(f"sqlite:///{path}")["tenant_id"]) == ESCAPED


@pytest.mark.parametrize("kind", ["text", "varchar(99)", "char(20)"])
def test_a_database_of_any_bytes_loses_no_id_that_is_no_utf_8(
    bytewise_database: "Database", kind: str
) -> None:
    bytewise_database.run(f"CREATE TABLE tenants (id {kind} PRIMARY KEY)")
    for one in BYTEWISE:
        escaped = "".join(f"\\x{byte:02x}" for byte in one)
        bytewise_database.run(f"INSERT INTO tenants VALUES (E'{escaped}')")
    listed = fetch_tenants(bytewise_database.url())["tenant_id"]
    assert sorted(one.rstrip() for one in listed) == ESCAPED


def test_a_role_with_column_grants_suffices(database: "Database") -> None:
    grant = "GRANT SELECT (id, state, deleted_at, is_dormant) ON tenants TO {role}"
    database.run(NEW, NEW_ROWS)
    reader = database.reader(grant, READ_ONLY, IN_TIME)
    assert list(fetch_tenants(database.url(**reader))["tenant_id"]) == ["a", "b"]


@pytest.mark.parametrize("granted", ["", "GRANT SELECT (id, state) ON tenants TO {role}"])
def test_a_missing_grant_is_spelled_out(database: "Database", granted: str) -> None:
    database.run(NEW, NEW_ROWS)
    error = failure(database.url(**database.reader(*filter(None, [granted]))))
    assert isinstance(error, SourceDenied)
    assert "GRANT SELECT (id, state, deleted_at, is_dormant) ON tenants TO" in error.remedy


def test_a_missing_table_is_not_an_empty_list(made) -> None:
    assert isinstance(failure(made("CREATE TABLE other (id text)")), SourceReplyError)


def test_a_wrong_database_is_named_as_such(database: "Database") -> None:
    assert "no database" in failure(database.url(dbname=CANARY)).detail


def test_nothing_listening_is_unavailable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{held.getsockname()[1]}"
        error = failure(f"postgresql://u:{CANARY}@{place}/d")
        assert "nothing listens" in error.detail
        assert place in error.detail
        assert "CONTROL_DATABASE_URL" in error.remedy


def test_an_unknown_host_is_unavailable() -> None:
    error = failure(f"postgresql://u:{CANARY}@nowhere.invalid/d")
    assert "name is unknown" in error.detail
    assert "nowhere.invalid:5432" in error.detail


def test_a_locked_table_runs_into_the_statement_timeout(database: "Database") -> None:
    database.run(OLD)
    with psycopg.connect(database.url()) as holder:
        holder.execute("LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE")
        error = failure(database.url(), statement_seconds=0.2)
    assert isinstance(error, SourceUnavailable)
    assert "in time" in error.detail


def test_a_silent_server_runs_into_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:{CANARY}@127.0.0.1:{silent.getsockname()[1]}/d"
        assert "did not answer" in failure(url, connect_seconds=1).detail


def test_the_postgres_connection_cannot_write(database: "Database") -> None:
    database.run(
        "CREATE TABLE seen (id text)",
        "CREATE FUNCTION peek() RETURNS text LANGUAGE sql VOLATILE AS "
        "$$ INSERT INTO seen VALUES ('x') RETURNING id $$",
        "CREATE VIEW tenants AS SELECT peek() AS id",
    )
    assert "would write" in failure(database.url()).detail


def test_sqlite_files_that_are_none_say_so_and_are_not_made(tmp_path: Path) -> None:
    missing = tmp_path / f"{CANARY}.db"
    assert isinstance(failure(f"sqlite:///{missing}"), SourceUnavailable)
    assert not missing.exists()
    missing.write_text("no database at all" * 100)
    assert isinstance(failure(f"sqlite:///{missing}"), SourceReplyError)


def test_a_read_only_sqlite_file_is_enough(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path, NEW, NEW_ROWS)
    path.chmod(0o444)
    assert len(fetch_tenants(f"sqlite:///{path}")) == 2


@pytest.mark.parametrize(
    "host", ["db.example.com", "10.0.0.1", "localhost,db.example.com", "", "localhost.example.com"]
)
def test_tls_is_required_for_hosts_that_may_be_elsewhere(host: str) -> None:
    assert connection_parameters(f"postgresql://u@{host}/d")["sslmode"] == "require"


def test_hostaddr_decides_over_a_local_host_name() -> None:
    url = "postgresql://localhost/d?hostaddr=10.0.0.1"
    assert connection_parameters(url)["sslmode"] == "require"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.9", "[::1]", "%2Ftmp"])
def test_this_machine_is_left_as_it_is(host: str) -> None:
    assert "sslmode" not in connection_parameters(f"postgresql://u@{host}/d")


def test_an_sslmode_of_the_url_is_kept_and_one_of_the_environment_never_weakened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert connection_parameters("postgres://h/d?sslmode=disable")["sslmode"] == "disable"
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert connection_parameters("postgres://h/d")["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://{CANARY}@h/d",
        CANARY,
        "",
        "sqlite:///",
        "sqlite:///:memory:",
        f"postgresql://u:{CANARY}@{CANARY}@h/d",
        f"postgresql://u:{CANARY}%ZZ@h/d",
        f"postgresql://h/d?{CANARY}=1",
        f"postgresql://h:{CANARY}/d",
        f"postgresql://u:12/{CANARY}@h/d",
        f"postgresql://h/d?service={CANARY}",
    ],
)
def test_an_unusable_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        check_url(url)
    assert CANARY not in str(caught.value)
    with pytest.raises(SettingsError, match="CONTROL_DATABASE_URL") as refused:
        fetch_tenants(url)
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgres://u:{CANARY}@db.example.com:5433/d", "db.example.com:5433"),
        (f"postgres://u:{CANARY}@db.example.com/d", "db.example.com:5432"),
        (f"postgres://u:{CANARY}@[::1]/d", "[::1]:5432"),
        (f"postgres://u:{CANARY}@a.test,b.test:5433/d", "a.test:5432, b.test:5433"),
        (
            f"postgres:///d?host=a.test,b.test&port=5433&password={CANARY}",
            "a.test:5433, b.test:5433",
        ),
        (f"postgres:///d?host=/run/postgres&password={CANARY}", "/run/postgres"),
        ("sqlite:////srv/control.db", "control.db"),
    ],
)
def test_the_host_is_shown_with_its_port_and_without_user_or_password(
    url: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGPORT"):
        monkeypatch.delenv(name, raising=False)
    assert host_of(url) == shown


def test_a_port_that_only_the_environment_gives_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    assert host_of("postgres://db.example.com/d") == "db.example.com:6543"
