"""Is the ledger what it says it is? Every file against its hash, files nobody names, months nobody has."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from pyarrow import fs

from lib.errors import SourceUnavailable
from lib.ledger.database import unavailable
from lib.ledger.gaps import missing_months
from lib.ledger.store import Capture, Ledger, every_capture
from lib.ledger.warehouse import Warehouse
from lib.periods import EARLIEST, Period


class Finding(NamedTuple):
    """One thing that is not as it should be.

    Args:
        kind: ``missing``, ``changed``, ``orphan``, ``gap``, ``table`` or ``unnamed``.
        place: the file, or platform and month.
    """

    kind: str
    place: str
    detail: str


def verify(ledger: Ledger, until: date | None = None) -> list[Finding]:
    """All that is wrong; nothing where every file is there, unchanged and named, and no month is missing.

    Without a database all files are those of nobody.

    Args:
        until: months that ended by this day must be there; None: only those between others.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    every = every_capture(ledger) if ledger.exists else []
    standing = ledger.captures()
    with unavailable("cannot be read"):
        findings = [
            *_files(ledger.warehouse, every),
            *_orphans(ledger.warehouse, every),
            *_gaps(standing, until),
        ]
    return [*findings, *(_table(ledger.warehouse, standing) if every else ())]


def _files(warehouse: Warehouse, every: list[Capture]) -> Iterator[Finding]:
    """Files that are gone, or not what was written."""
    known = {file.path: (file, capture) for capture in every for file in capture.files}
    for path, (file, capture) in sorted(known.items()):
        of = f"{capture.platform} {capture.month} of {capture.captured_at:%Y-%m-%d %H:%M} UTC"
        if warehouse.files.get_file_info(path).type is fs.FileType.NotFound:
            yield Finding("missing", path, f"It holds {of}: {file.rows:,} rows.")
        elif warehouse.sha256(path) != file.sha256:
            yield Finding("changed", path, f"It holds {of}, and is not what was written.")


def _orphans(warehouse: Warehouse, every: list[Capture]) -> Iterator[Finding]:
    """Files that no capture names: of a capture that was killed, or that is just being made."""
    named = {file.path for capture in every for file in capture.files}
    for path in warehouse.data_files():
        if path not in named:
            yield Finding("orphan", path, "No capture names it; it is not counted.")


def _gaps(standing: list[Capture], until: date | None) -> Iterator[Finding]:
    for platform, account, month in missing_months(standing, Period(EARLIEST, until or EARLIEST)):
        yield Finding("gap", f"{platform} {month}", f"Nothing of {account} was captured.")


def _table(warehouse: Warehouse, standing: list[Capture]) -> Iterator[Finding]:
    """Whether other engines, who read the table, see what counts here."""
    try:
        with unavailable("cannot be read"):
            there = warehouse.current_files()
    except SourceUnavailable as error:
        yield Finding("table", "metadata", f"Other engines cannot read the table: {error.message}")
        return
    named = {file.path for capture in standing for file in capture.files}
    for path in sorted(there ^ named):
        which = "only the table has it" if path in there else "the table lacks it"
        yield Finding("unnamed", path, f"Of what counts, {which}: the next capture sets it right.")
