"""What is kept how long: what counts, for ever; what was replaced, for 400 days; the table's snapshots, for a week;
what nobody names, for a day."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pyarrow import fs
from sqlalchemy import delete

from lib.ledger.database import unavailable
from lib.ledger.metadata import unnamed_metadata
from lib.ledger.store import Capture, Ledger, every_capture, last_named
from lib.ledger.tables import CAPTURES
from lib.ledger.warehouse import Month

REPLACED = timedelta(days=400)
"""After it was replaced: so long ``--as-of`` reaches back everywhere."""

SNAPSHOTS = timedelta(days=7)
"""Of the table, unless a tag names them: each makes every commit slower, and ``--as-of`` needs none."""

UNNAMED = timedelta(days=1)
"""Of a file: a capture that still runs has not named its own yet."""


def tidy(ledger: Ledger, now: datetime) -> int:
    """Removes what was replaced long ago, and files that nothing names; how many files of rows.

    What a tag of the table names is kept, whatever its age.

    Raises:
        SourceUnavailable: the ledger cannot be written.
    """
    if not ledger.exists:
        return 0
    with ledger.database.writing() as connection, unavailable("cannot be written"):
        every = every_capture(ledger)
        old = [*_replaced_before(every, now - REPLACED)]
        with connection.begin():
            connection.execute(delete(CAPTURES).where(CAPTURES.c.id.in_(old)))
            last, named = last_named(connection)
        if not named:
            return 0
        ledger.warehouse.roll_back(last, named)
        ledger.warehouse.expire(now - SNAPSHOTS)
        held = {file.path for capture in every if capture.id not in old for file in capture.files}
        old_files = [*_unnamed_since(ledger, held, now - UNNAMED)]
        if old_files:  # as a rule there is none, and to look through all snapshots takes seconds
            held = ledger.warehouse.files_of_all_snapshots()
        removed = [path for path in old_files if path not in held]
        for path in [*removed, *unnamed_metadata(ledger.warehouse, now - UNNAMED)]:
            ledger.warehouse.files.delete_file(path)
        return len(removed)


def _replaced_before(every: Iterable[Capture], moment: datetime) -> Iterator[int]:
    """Numbers of the captures whose successors are older than that."""
    last: dict[Month, Capture] = {}
    for capture in sorted(every, key=lambda capture: (capture.sequence, capture.id)):
        replaced = last.get(capture.key)
        if replaced is not None and capture.captured_at < moment:
            yield replaced.id
        last[capture.key] = capture


def _unnamed_since(ledger: Ledger, named: set[str], moment: datetime) -> Iterator[str]:
    """Files that no capture names, and that were there before a moment."""
    files = ledger.warehouse.files
    unnamed = [path for path in ledger.warehouse.data_files() if path not in named]
    for info in files.get_file_info(unnamed):
        if info.type is fs.FileType.File and info.mtime <= moment:
            yield info.path
