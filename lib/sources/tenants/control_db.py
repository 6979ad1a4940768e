"""The control database's list of tenants: one read-only look, errors told apart once."""

import ipaddress
import os
import socket
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

import pandas as pd

from lib.errors import (
    SettingsError,
    SourceDenied,
    SourceReplyError,
)
from lib.sources.tenants.control_failures import (
    CONNECT_TROUBLES,
    LOST,
    NO_COLUMN,
    NO_CONNECTION,
    NO_TABLE,
    QUERY_TROUBLES,
    SOURCE,
    UNKNOWN,
    VARIABLE,
    first_trouble,
)

if TYPE_CHECKING:
    import psycopg

COLUMNS = ("id", "state", "deleted_at", "is_dormant")
"""The columns of `tenants` that are used where they exist; only `id` must."""

_POSTGRES = ("postgresql://", "postgres://")
_SQLITE = "sqlite:///"
_PORT = "5432"
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
    place = url.partition("://")[2].partition("?")[0]
    if "@" in place.partition("/")[2]:  # the half before would pass for host and port
        raise ValueError("holds a / in user name or password; write it as %2F")
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
    """Hosts with their ports, or the sqlite file's name, for readers to see; never a user or password.

    Raises:
        ValueError: as ``check_url``.
    """
    check_url(url)
    url = url.strip()
    if url.startswith(_SQLITE):
        return Path(url.removeprefix(_SQLITE)).name
    return _place(_postgres_parts(url))


def _place(parts: Mapping[str, str]) -> str:
    """What libpq connects to: hosts with their ports, or a socket's folder."""
    known = _defaults() | dict(parts)  # PGHOST and PGPORT fill gaps
    hosts = (known.get("host") or known.get("hostaddr") or "localhost").split(",")
    ports = known.get("port", "").split(",")
    if len(ports) < len(hosts):
        ports = ports[:1] * len(hosts)
    return ", ".join(
        host if host.startswith(("/", "@")) else f"{_bracketed(host)}:{port or _PORT}"
        for host, port in zip(hosts, ports, strict=False)
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _defaults() -> dict[str, str]:
    """What libpq takes where the URL says nothing: of the environment, else its own."""
    from psycopg import pq  # noqa: PLC0415 - slow, and not always needed

    return {
        option.keyword.decode(): option.val.decode()
        for option in pq.Conninfo.get_defaults()
        if option.val
    }


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
    parts = _postgres_parts(url)
    parts.setdefault("connect_timeout", str(max(1, round(connect_seconds))))
    parts.setdefault("client_encoding", "utf8")
    parts.setdefault("application_name", "usage-dashboard")
    if "sslmode" not in parts and not _all_local(_hosts(parts)):
        known = _defaults()
        mode = known.get("sslmode", "prefer")
        if mode not in ("require", "verify-ca", "verify-full"):  # PGSSLMODE may ask for more
            root = parts.get("sslrootcert") or known.get("sslrootcert", "")
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
    return [host for key in ("host", "hostaddr") if key in parts for host in parts[key].split(",")]


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
        raise NO_TABLE.error()
    if "id" not in granted:
        raise NO_COLUMN.error()
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
        trouble = first_trouble(CONNECT_TROUBLES, str(error), NO_CONNECTION)
        raise trouble.error(_place(parts)) from None
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
        fallback = UNKNOWN if error.sqlstate else LOST
        trouble = first_trouble(QUERY_TROUBLES, error.sqlstate or "", fallback)
        raise trouble.error(_place(parts)) from None


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
        raise first_trouble(QUERY_TROUBLES, str(error), UNKNOWN).error() from None


def _frame(rows: list[tuple[object, object]]) -> pd.DataFrame:
    # Bytes that are no UTF-8 are shown by their numbers, so that two ids stay two
    rows = [
        (
            identity.decode("utf-8", "backslashreplace")
            if isinstance(identity, bytes)
            else identity,
            dormant,
        )
        for identity, dormant in rows
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
