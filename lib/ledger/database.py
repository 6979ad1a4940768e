"""The database of the ledger's tables and of the catalog: SQLite or PostgreSQL, brought up to date, one writer at a time."""

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    inspect,
    text,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from lib.errors import SettingsError, SourceUnavailable
from lib.settings.ledger import POSTGRES, SQLITE, is_there

NEWEST = "0002"
"""The version of the tables that this program writes."""

LEDGER_URL, LEDGER_WAREHOUSE = "LEDGER_URL", "LEDGER_WAREHOUSE"
"""The variables that say where database and files are."""

_VERSION_TABLE = "ledger_version"
_LOCK = 7_203_014_815
"""Of PostgreSQL's advisory locks; any number that nobody else takes."""

_LOCK_FLAGS = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC

_OF_STORE = re.compile(r"AWS Error (?:UNKNOWN \()?(HTTP status \d+|\w+)")

_PATIENCE = 300.0
"""Seconds to wait for another writer."""


class Database:
    """One database, connected when first asked.

    Args:
        url: ``sqlite:///`` with an absolute path, or ``postgresql://…``.
        patience: seconds to wait for another writer.
    """

    def __init__(self, url: str, *, patience: float = _PATIENCE) -> None:
        self._url, self._patience = url, patience
        self.file = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None

    @property
    def exists(self) -> bool:
        """Whether there is one, empty or not."""
        return self.file is None or is_there(self.file)

    @property
    def driver_url(self) -> str:
        """As SQLAlchemy wants it."""
        return self._url.replace(POSTGRES, "postgresql+psycopg://", 1)

    @cached_property
    def engine(self) -> Engine:
        """Connections for one use each: a server that was restarted is not noticed."""
        if self.file is None:
            try:
                return create_engine(
                    self.driver_url, poolclass=NullPool, connect_args={"connect_timeout": 3}
                )
            except (ArgumentError, ValueError):  # its words may hold what the address holds
                raise SettingsError(
                    LEDGER_URL,
                    "has parameters after its question mark that no database's client takes.",
                    "Correct them, or leave them out.",
                ) from None
        with unavailable("cannot be opened", LEDGER_URL):
            make_folder(self.file.parent)
            _make_file(self.file)
        engine = create_engine(self.driver_url, poolclass=NullPool, connect_args={"timeout": 30})
        event.listen(engine, "connect", _prepared)
        event.listen(engine, "begin", _begun)
        return engine

    def bring_up_to_date(self) -> None:
        """Makes the tables, or changes those of an earlier version.

        Raises:
            SettingsError: a newer program has made them.
        """
        with unavailable("cannot be opened"):
            if self.version == NEWEST:
                return
            with self.writing() as connection, connection.begin():
                _upgrade(connection)  # to no effect where another process has just done it

    @property
    def version(self) -> str:
        """Of the tables; empty without any."""
        with self.engine.connect() as connection:
            if not inspect(connection).has_table(_VERSION_TABLE):
                return ""
            version = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608
        if str(version) > NEWEST:
            raise SettingsError(
                LEDGER_URL,
                f"names a ledger of version {version}, newer than this program's {NEWEST}.",
                "Run the newer program.",
            )
        return str(version)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection for transactions, while nobody else writes to the ledger.

        Where the database is lost meanwhile, so are the connection and the right to write. No
        transaction may be open while the table is committed to: SQLite has one writer at a time.

        Raises:
            SourceUnavailable: somebody else writes, and does not come to an end.
        """
        with unavailable("cannot be written"):
            if self.file is None:
                with self._locked_in_database() as connection:
                    yield connection
            else:
                with self._locked_file(), self.engine.connect() as connection:
                    yield connection

    @contextmanager
    def _locked_in_database(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {int(self._patience * 1_000)}"))
            try:
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            except OperationalError:
                if connection.invalidated:
                    raise
                raise _busy() from None
            connection.commit()
            try:
                yield connection
            finally:
                with suppress(SQLAlchemyError):  # a lost connection has lost its lock, too
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
                    connection.execute(text("RESET lock_timeout"))
                    connection.commit()

    @contextmanager
    def _locked_file(self) -> Iterator[None]:
        assert self.file is not None  # the other kind locks in the database
        with unavailable("cannot be written", LEDGER_URL):
            make_folder(self.file.parent)
            descriptor = os.open(self.file.with_suffix(".lock"), _LOCK_FLAGS, 0o600)
        with os.fdopen(descriptor) as lock:
            until = time.monotonic() + self._patience
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > until:
                        raise _busy() from None
                    time.sleep(0.05)
            yield


@contextmanager
def unavailable(what: str, place: str = LEDGER_WAREHOUSE) -> Iterator[None]:
    """What a database, a disk or a store of objects says, as one error that names no address.

    Args:
        what: what cannot be done, after "the ledger".
        place: the variable that says where the disk or the store is.
    """
    try:
        yield
    except DBAPIError as error:
        reason = type(error.orig).__name__ if error.orig is not None else type(error).__name__
        raise SourceUnavailable(
            "ledger",
            f"it {what}: the database gave {reason}.",
            f"Check {LEDGER_URL} and that database; what was kept before is still there.",
        ) from error
    except OSError as error:
        raise SourceUnavailable(
            "ledger",
            f"it {what}: {_reason(error)}.",
            f"Check {place}, its space and its rights; what was kept before is still there.",
        ) from error


def _reason(error: OSError) -> str:
    """What a disk says, or a store of objects: pyarrow tells its code in a text full of addresses."""
    if of_store := _OF_STORE.search(str(error)):
        return f"the store of objects gave {of_store[1]}"
    return error.strerror or type(error).__name__


def make_folder(folder: Path) -> None:
    """A folder that only its owner may enter, with all above it that is missing."""
    for missing in reversed([folder, *folder.parents]):
        with suppress(FileExistsError):
            missing.mkdir(mode=0o700)


def _make_file(file: Path) -> None:
    """An empty database that only its owner may read, where there is none; SQLite gives its other files the same mode."""
    if not is_there(file):  # to open one that is there, and close it, would end SQLite's locks
        with suppress(FileExistsError):
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


@contextmanager
def readable(path: str) -> Iterator[None]:
    """What is wrong with one file of rows, whoever finds it, as one error that names the file."""
    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = "it is not what was written"
        if isinstance(error, FileNotFoundError):
            reason = "it is not there"
        elif isinstance(error, OSError) and (error.strerror or "AWS Error" in str(error)):
            reason = error.strerror or "the store of objects does not give it"
        raise SourceUnavailable(
            "ledger",
            f"its file {path} cannot be read: {reason}.",
            "Run ai-usage ledger verify, and put that file back from a backup.",
        ) from error


def _busy() -> SourceUnavailable:
    return SourceUnavailable(
        "ledger", "another capture has been writing for minutes.", "Wait for its end."
    )


def _prepared(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """SQLite: readers do not wait for a writer, and what is committed is on disk."""
    connection.isolation_level = None  # else the driver begins late, and a table is made at once
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  # only where there is something to change
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
