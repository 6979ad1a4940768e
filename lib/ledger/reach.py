"""Could a capture write to the ledger? Asked without writing."""

import os
from pathlib import Path

from pyarrow import fs
from sqlalchemy import text

from lib.errors import SettingsError
from lib.ledger.database import LEDGER_URL, LEDGER_WAREHOUSE, Database, unavailable
from lib.ledger.store import Ledger
from lib.settings.ledger import S3


def check_reach(ledger: Ledger) -> None:
    """Nothing, where a capture could write; a ledger that is to be made can be made.

    Raises:
        SettingsError: the database or the warehouse cannot be used, and why.
        SourceUnavailable: one of them does not answer.
    """
    with unavailable("cannot be reached", LEDGER_URL):
        _check_database(ledger.database)
    with unavailable("cannot be reached", LEDGER_WAREHOUSE):
        if ledger.warehouse.in_s3:
            _check_bucket(ledger)
        else:
            _check_folder(LEDGER_WAREHOUSE, Path(ledger.warehouse.place))


def _check_database(database: Database) -> None:
    file = database.file
    if file is not None:
        _check_folder(LEDGER_URL, file.parent)
        if not database.exists:
            return
        if not os.access(file, os.R_OK | os.W_OK):
            raise _unusable(LEDGER_URL, "names a file that this process may not write.")
    made = bool(database.version)
    if file is None and not _may_write(database, made=made):
        raise _unusable(LEDGER_URL, "names a database in which this user may not write.")


def _may_write(database: Database, *, made: bool) -> bool:
    """Whether PostgreSQL lets this user write to the tables, or make them."""
    right = (
        "has_table_privilege('captures', 'INSERT')"
        if made
        else "has_schema_privilege(current_schema(), 'CREATE')"
    )
    asked = text(f"SELECT {right} AND NOT pg_is_in_recovery()")  # one of the two above
    with database.engine.connect() as connection:
        return bool(connection.scalar(asked))


def _check_folder(variable: str, folder: Path) -> None:
    """Whether one can write in a folder, or make it."""
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise _unusable(variable, "names a folder below something that is none.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        what = (
            "in which this process may not write" if nearest == folder else "that it may not make"
        )
        raise _unusable(variable, f"names a folder {what}.")


def _check_bucket(ledger: Ledger) -> None:
    files = ledger.warehouse.files
    if files.get_file_info(fs.FileSelector("", allow_not_found=True)):
        return
    bucket = ledger.warehouse.place.removeprefix(S3).partition("/")[0]
    if files.base_fs.get_file_info(bucket).type is fs.FileType.NotFound:
        raise _unusable(LEDGER_WAREHOUSE, "names a bucket that is not there.")


def _unusable(variable: str, problem: str) -> SettingsError:
    return SettingsError(variable, problem, "Give the dashboard's user the right, or name another.")
