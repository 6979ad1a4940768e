"""The control database's list of tenants: one read-only look, errors told apart once."""

import ipaddress
import os
import socket
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import pandas as pd

from lib.errors import (
    SettingsError,
    SourceDenied,
    SourceError,
    SourceReplyError,
    SourceUnavailable,
)

if TYPE_CHECKING:
    import psycopg

SOURCE = "control-database"
VARIABLE = "CONTROL_DATABASE_URL"
COLUMNS = ("id", "state", "deleted_at", "is_dormant")
"""The columns of `tenants` that are used where they exist; only `id` must."""

_POSTGRES = ("postgresql://", "postgres://")
_SQLITE = "sqlite:///"
_EXAMPLE = "it looks like postgresql://host/database or sqlite:///file"

_BYTEWISE = "SQL_ASCII"
"""The encoding of a database that takes any bytes for text, and of a client that gets them as they are."""

# has_column_privilege tells "not granted" from "not there", which information_schema.columns does
# not: a hidden deleted_at would otherwise bring deleted tenants back without a word.
_LOOK = """
    SELECT attname::text, has_column_privilege(attrelid, attnum, 'SELECT')
    FROM pg_catalog.pg_attribute
    WHERE attrelid = to_regclass('tenants') AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True)
class _Trouble:
    """What one failure is called.

    Args:
        signs: SQLSTATEs, or parts of the message that a failed connection leaves.
    """

    signs: tuple[str, ...]
    kind: type[SourceError]
    detail: str
    remedy: str

    def error(self) -> SourceError:
        return self.kind(SOURCE, self.detail, self.remedy)


# One row after the other, each in three lines.
# fmt: off
_NO_TABLE = _Trouble(("42P01", "no such table"), SourceReplyError,
    "there is no table `tenants` that this role can see.",
    f"Check which database {VARIABLE} names, and GRANT USAGE on the schema that holds the table.")
_NO_COLUMN = _Trouble(("42703", "no such column"), SourceReplyError,
    "the table `tenants` has no column `id`, or lost a column meanwhile.",
    f"Check which database {VARIABLE} names.")
_SLOW = _Trouble(("57014", "55P03", "database is locked", "database table is locked"), SourceUnavailable,
    "the list of tenants did not arrive in time.",
    "Try again; if it stays so, look for a lock on the table `tenants`.")
_UNKNOWN = _Trouble((), SourceReplyError,
    "the query failed.",
    "Look into the database server's log.")
_QUERY_TROUBLES = (
    _NO_TABLE,
    _NO_COLUMN,
    _SLOW,
    _Trouble(("25006", "readonly database"), SourceReplyError,
        "reading `tenants` would write, which a read-only transaction refuses.",
        "Let `tenants` be a table, or a view that only reads."),
    _Trouble(("42804", "42883", "22P02"), SourceReplyError,
        "a column of `tenants` has another type than expected.",
        "Expected are state as text, deleted_at as a time and is_dormant as a boolean."),
    _Trouble(("57P01", "57P02", "57P03", "53300", "53200"), SourceUnavailable,
        "the server is shutting down or overloaded.",
        "Try again in a minute."),
    _Trouble(("unable to open",), SourceUnavailable,
        "the sqlite file cannot be opened.",
        f"Check that the file {VARIABLE} names exists and may be read."),
    _Trouble(("not a database", "malformed"), SourceReplyError,
        "the file is not a sqlite database, or is damaged.",
        f"Check which file {VARIABLE} names."),
)
_LOST = _Trouble((), SourceUnavailable,
    "the connection was lost before the list arrived.",
    "Try again in a minute.")

# A failed connection has no SQLSTATE: libpq keeps it to itself. Its words hold host and user, so
# they are read and not repeated. The first row that fits is taken.
_CONNECT_TROUBLES = (
    _Trouble(("password authentication failed", "no password supplied", "authentication failed"), SourceDenied,
        "the user or password is wrong.",
        f"Correct {VARIABLE}."),
    _Trouble(("no pg_hba.conf entry", "pg_hba.conf rejects"), SourceDenied,
        "the server does not let this user in from this machine.",
        "Add a line for it to the server's pg_hba.conf."),
    _Trouble(("not permitted to log in", "permission denied for database"), SourceDenied,
        "the role may not connect to this database.",
        "Grant it LOGIN, and CONNECT on the database."),
    _Trouble(("certificate verify failed", "does not match host name", "root certificate file"), SourceUnavailable,
        "the server's certificate is not trusted.",
        f"Let sslrootcert in {VARIABLE} name the file of the authority that signed it, and use the host name it was made for."),
    _Trouble(("support SSL", "SSL error", "certificate", "SSL negotiation", "SSL connection"), SourceUnavailable,
        "no encrypted connection came about.",
        "Turn TLS on in the server and check its certificate; where plain text is safe, add " f"sslmode=disable to {VARIABLE}."),
    _Trouble(("failed to resolve", "could not translate host name"), SourceUnavailable,
        "the host's name is unknown.",
        f"Correct the host in {VARIABLE}, or check the name service."),
    _Trouble(("Connection refused", "No such file or directory"), SourceUnavailable,
        "nothing listens at this host and port.",
        f"Start the server, or correct host and port in {VARIABLE}."),
    _Trouble(("timeout expired", "timed out"), SourceUnavailable,
        "the server did not answer in time.",
        "Check the address, and firewalls on the way."),
    _Trouble(("too many", "remaining connection slots", "starting up", "shutting down"), SourceUnavailable,
        "the server takes no connections at the moment.",
        "Try again in a minute."),
    _Trouble(('database "',), SourceReplyError,
        "the server has no database of that name.",
        f"Correct the database's name in {VARIABLE}."),
    _Trouble(('role "',), SourceDenied,
        "the server has no role of that name.",
        f"Correct the user in {VARIABLE}."),
)
_NO_CONNECTION = _Trouble((), SourceUnavailable,
    "no connection came about.",
    f"Check host, port, user, database and sslmode in {VARIABLE}.")
# fmt: on


def check_url(text: str) -> None:
    """The URL can be one of a control database: ``postgresql://``, ``postgres://``, ``sqlite:///``.

    ``sqlite:///`` is followed by the path: a relative one, or an absolute one with its own slash.

    Raises:
        ValueError: says what is wrong without repeating any of the value.
    """
    url = text.strip()
    if not url.isprintable():
        raise ValueError(f"holds characters that no URL has; {_EXAMPLE}")
    if url.startswith(_SQLITE):
        if url.removeprefix(_SQLITE) in ("", ":memory:") or "?" in url:
            raise ValueError("names no sqlite file; it looks like sqlite:///file, without ?")
        return
    if not url.startswith(_POSTGRES):
        raise ValueError(f"is not the URL of a control database; {_EXAMPLE}")
    parts = _postgres_parts(url)
    # A password with an unescaped @ becomes part of the host, which messages may show.
    if any("@" in host.removeprefix("@") for host in _hosts(parts)):
        raise ValueError("holds more than one @; write one in a password as %40")
    if parts.get("service"):
        raise ValueError("names a service; give host and database instead")
    ports = parts.get("port", "").split(",")
    if any(port and not (port.isdecimal() and 0 < int(port) < 65_536) for port in ports):
        raise ValueError("has an impossible port")
    if not parts.get("connect_timeout", "0").isdecimal():
        raise ValueError("has a connect_timeout that is not a whole number of seconds")


def host_of(url: str) -> str:
    """The host or sqlite file's name, for readers to see; never a user or password.

    Raises:
        ValueError: as ``check_url``.
    """
    check_url(url)
    url = url.strip()
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE)).name
    parts = _postgres_parts(url)
    return parts.get("host") or parts.get("hostaddr") or "localhost"


def fetch_tenants(
    url: str, *, connect_seconds: float = 5, statement_seconds: float = 5
) -> pd.DataFrame:
    """The provisioned tenants that are not deleted, in the order of their ids. Blocks: use a thread.

    Filters apply as far as their columns exist: older schemas have no ``deleted_at``.

    Args:
        url: as ``check_url`` wants it.
        connect_seconds: per address, unless the URL has a ``connect_timeout``. psycopg waits for
            two seconds at least.
        statement_seconds: for each of two statements, time waiting for locks included.

    Returns:
        ``tenant_id`` text, ``dormant`` boolean, null where there is no readable ``is_dormant``.

    Raises:
        SettingsError: the URL is unusable.
        SourceUnavailable: no connection, no answer in time, no file.
        SourceDenied: wrong user or password, or a missing grant, which the remedy spells out.
        SourceReplyError: no such database, table or column, or ids that are none.
    """
    try:
        check_url(url)
    except ValueError as error:
        raise SettingsError(VARIABLE, f"{error}.") from None
    url = url.strip()
    if url.startswith(_SQLITE):
        rows = _rows_of_sqlite(Path(url.removeprefix(_SQLITE)), statement_seconds)
    else:
        rows = _rows_of_postgres(connection_parameters(url, connect_seconds), statement_seconds)
    return _frame(rows)


def connection_parameters(url: str, connect_seconds: float = 5) -> dict[str, str]:
    """What libpq is told: the URL, limits, and TLS for every host that is not this machine.

    libpq's own ``sslmode=prefer`` falls back to plain text. An ``sslmode`` of the URL is kept.
    """
    from psycopg import pq  # noqa: PLC0415 - slow, and not always needed

    parts = _postgres_parts(url)
    parts.setdefault("connect_timeout", str(max(1, round(connect_seconds))))
    parts.setdefault("client_encoding", "utf8")
    parts.setdefault("application_name", "usage-dashboard")
    if "sslmode" not in parts and not _all_local(_hosts(parts)):
        known = {option.keyword.decode(): option.val for option in pq.Conninfo.get_defaults()}
        mode = (known.get("sslmode") or b"prefer").decode()
        if mode not in ("require", "verify-ca", "verify-full"):  # PGSSLMODE may ask for more
            root = parts.get("sslrootcert") or (known.get("sslrootcert") or b"").decode()
            mode = "verify-full" if root == "system" else "require"
        parts["sslmode"] = mode
    return parts


def select_of(columns: Iterable[str]) -> str:
    """The one SELECT, with the filters whose columns there are."""
    there = set(columns)
    dormant = "COALESCE(is_dormant, false)" if "is_dormant" in there else "NULL"
    filters = [
        text
        for column, text in (
            ("state", "state = 'provisioned'"),
            ("deleted_at", "deleted_at IS NULL"),
        )
        if column in there
    ]
    where = f"WHERE {' AND '.join(filters)} " if filters else ""
    return f"SELECT id, {dormant} FROM tenants {where}ORDER BY id"  # noqa: S608 - constants only


def _postgres_parts(url: str) -> dict[str, str]:
    from psycopg import ProgrammingError  # noqa: PLC0415 - slow, and not always needed
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 - slow, and not always needed

    try:
        return {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError:
        raise ValueError(f"cannot be read as a URL, or has an unknown option; {_EXAMPLE}") from None


def _hosts(parts: Mapping[str, str]) -> list[str]:
    """Every host that may be connected to; hostaddr, where there is one, is what counts."""
    return [one for key in ("host", "hostaddr") if key in parts for one in parts[key].split(",")]


def _all_local(hosts: list[str]) -> bool:
    """Whether all are sockets or loopback. No host at all may mean PGHOST: not known to be local."""

    def local(host: str) -> bool:
        if host.startswith(("/", "@")) or host == "localhost":
            return True
        with suppress(ValueError):
            return ipaddress.ip_address(host).is_loopback
        return False

    return bool(hosts) and all(map(local, hosts))


def _readable(granted: Mapping[str, bool]) -> list[str]:
    """The columns to use.

    Args:
        granted: every column of ``tenants``, and whether it may be read.
    """
    if not granted:
        raise _NO_TABLE.error()
    if "id" not in granted:
        raise _NO_COLUMN.error()
    there = [column for column in COLUMNS if column in granted]
    # Without is_dormant a badge is missing; without a filter's column the list would be wrong.
    if any(not granted[column] for column in there if column != "is_dormant"):
        raise _denied(there)
    return [column for column in there if granted[column]]


def _denied(columns: Iterable[str]) -> SourceDenied:
    return SourceDenied(
        SOURCE,
        "the role may not read the columns of `tenants` that are needed.",
        f"Run: GRANT SELECT ({', '.join(columns)}) ON tenants TO <the dashboard's role>;",
    )


def _rows_of_postgres(
    parts: Mapping[str, str], statement_seconds: float
) -> list[tuple[object, object]]:
    import psycopg  # noqa: PLC0415 - slow, and not always needed

    try:
        connection = psycopg.connect(**parts, prepare_threshold=None)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise _first(_CONNECT_TROUBLES, str(error), _NO_CONNECTION).error() from None
    columns: Iterable[str] = COLUMNS
    try:
        with closing(connection), _hang_up_after(connection, 2 * statement_seconds + 1):
            connection.read_only = True
            milliseconds = max(1, round(statement_seconds * 1000))
            connection.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            columns = _readable(dict(connection.execute(_LOOK).fetchall()))
            if connection.info.parameter_status("server_encoding") == _BYTEWISE:
                connection.execute(f"SET client_encoding = {_BYTEWISE}")
            return connection.execute(select_of(columns)).fetchall()
    except psycopg.errors.InsufficientPrivilege:
        raise _denied(columns) from None
    except psycopg.Error as error:
        fallback = _UNKNOWN if error.sqlstate else _LOST
        raise _first(_QUERY_TROUBLES, error.sqlstate or "", fallback).error() from None


@contextmanager
def _hang_up_after(connection: "psycopg.Connection", seconds: float) -> Iterator[None]:
    """Cuts the line in the end: the server's own timeout helps nobody if the server falls silent."""
    line = socket.socket(fileno=os.dup(connection.fileno()))

    def hang_up() -> None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        line.close()


def _rows_of_sqlite(path: Path, statement_seconds: float) -> list[tuple[object, object]]:
    try:
        file = f"file:{quote(str(path))}?mode=ro"
        with closing(sqlite3.connect(file, uri=True, timeout=statement_seconds)) as connection:
            there = [row[1].lower() for row in connection.execute("PRAGMA table_info(tenants)")]
            columns = _readable(dict.fromkeys(there, True))
            connection.text_factory = bytes
            return connection.execute(select_of(columns)).fetchall()
    except sqlite3.Error as error:
        raise _first(_QUERY_TROUBLES, str(error), _UNKNOWN).error() from None


def _first(troubles: Iterable[_Trouble], text: str, otherwise: _Trouble) -> _Trouble:
    """The first trouble one of whose signs is in the text."""
    return next((one for one in troubles if any(sign in text for sign in one.signs)), otherwise)


def _frame(rows: list[tuple[object, object]]) -> pd.DataFrame:
    # Bytes that are no UTF-8 are shown by their numbers, so that two ids stay two
    rows = [
        (one.decode("utf-8", "backslashreplace") if isinstance(one, bytes) else one, dormant)
        for one, dormant in rows
    ]
    if not all(value != "" and isinstance(value, str | int | UUID | Decimal) for value, _ in rows):
        raise SourceReplyError(
            SOURCE, "a tenant's id is empty or no text, number or uuid.", "Correct the row."
        )
    ids = [str(value) for value, _ in rows]
    if len(set(ids)) < len(ids):
        raise SourceReplyError(
            SOURCE, "the list has a tenant twice.", "Let `id` be unique in `tenants`."
        )
    dormant = [None if flag is None else bool(flag) for _, flag in rows]
    return pd.DataFrame(
        {"tenant_id": pd.Series(ids, dtype="str"), "dormant": pd.array(dormant, dtype="boolean")}
    )
