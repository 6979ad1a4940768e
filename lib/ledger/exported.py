"""An export: all that a ledger knows in a folder or a tar file, written and read again."""

import json
import lzma
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import JSON, Boolean, Column, Integer, Text, inspect, select
from sqlalchemy.types import String

from lib.errors import DashboardError, InputError
from lib.ledger.database import unavailable
from lib.ledger.store import Capture, Ledger, every_capture
from lib.ledger.tables import CAPTURES, FORGOTTEN, NAMES, RULE_SETS, Moment
from lib.usage.measure import SCHEMA

FORMAT = "ledger-export/1"

TABLES = {"names": NAMES, "forgotten": FORGOTTEN, "rule_sets": RULE_SETS}
"""What is exported beside captures and their rows."""

_FIRST = ("captures", "names", "forgotten")
"""Tables that every export has."""

_COLUMNS = {
    name: {column.name: column for column in table.columns}
    for name, table in ({"captures": CAPTURES} | TABLES).items()
}

_KINDS: dict[type, type | tuple[type, ...]] = {
    Boolean: bool,
    Integer: int,
    JSON: (dict, list),
    String: str,
    Text: str,
}
"""What JSON has for each type of column but times, which are texts in it."""

_OTHER = "Name what ledger export wrote."
_AGAIN = "Export it again."
_BROKEN_TAR = (tarfile.TarError, EOFError, lzma.LZMAError, zlib.error)


class Kept(Protocol):
    """All that a ledger knows, wherever it stands."""

    @property
    def made_up(self) -> bool:
        """Whether it is the demo's."""

    @property
    def captures(self) -> list[Capture]:
        """Of all times, oldest first."""

    def rows(self, capture: Capture) -> pa.Table:
        """What was captured."""

    def records(self, table: str) -> list[dict[str, Any]]:
        """Of one of ``TABLES``."""


@dataclass(frozen=True)
class OfLedger:
    """All that a ledger knows, in its own place."""

    ledger: Ledger

    @property
    def made_up(self) -> bool:
        return self.ledger.made_up

    @property
    def captures(self) -> list[Capture]:
        return every_capture(self.ledger) if self.ledger.exists else []

    def rows(self, capture: Capture) -> pa.Table:
        return self.ledger.warehouse.rows(capture.files)

    def records(self, table: str) -> list[dict[str, Any]]:
        if not self.ledger.exists:
            return []
        with unavailable("cannot be read"), self.ledger.database.engine.connect() as connection:
            if not inspect(connection).has_table(table):  # an earlier program made the ledger
                return []
            return [dict(row._mapping) for row in connection.execute(select(TABLES[table]))]


@dataclass(frozen=True)
class OfFolder:
    """All that a ledger knew when it was exported into a folder.

    Args:
        source: what a person calls it.
        described: what ``ledger.json`` says of it.

    Raises:
        InputError: a file is missing or damaged; it names the file.
    """

    folder: Path
    source: Path
    described: Mapping[str, Any]

    @property
    def made_up(self) -> bool:
        return self.described.get("made_up") is True

    @property
    def captures(self) -> list[Capture]:
        records = self.records("captures")
        try:
            return [_CAPTURE.validate_python(record) for record in records]
        except ValidationError as error:
            place = error.errors(include_url=False, include_input=False)[0]["loc"][0]
            raise self._damaged(_lines_of("captures"), f"a capture has no such {place}") from None

    def rows(self, capture: Capture) -> pa.Table:
        name = _file_of(capture)
        try:
            with (self.folder / name).open("rb") as file:
                return pq.read_table(file).cast(SCHEMA)
        except (OSError, ValueError, pa.ArrowException) as error:
            reason = getattr(error, "strerror", None)  # pyarrow's own words name addresses
            said = reason or "it is no Parquet file of rows, or cut off"
            raise self._damaged(name, said) from None

    def records(self, table: str) -> list[dict[str, Any]]:
        name, count = _lines_of(table), self.described.get(table)
        if table not in _FIRST and count is None and not (self.folder / name).exists():
            return []  # an earlier program exported it
        records = []
        for number, line in enumerate(self._lines(name), start=1):
            try:
                records.append(_record(json.loads(line), _COLUMNS[table]))
            except (ValueError, TypeError, RecursionError):
                raise self._damaged(name, f"line {number} is no record of it") from None
        if count not in (None, len(records)):
            raise self._damaged(name, f"it has {len(records)} lines of {count}")
        return records

    def _lines(self, name: str) -> list[str]:
        try:
            # No other character ends a line: a name may hold one
            text = (self.folder / name).read_text(encoding="utf-8")
            return [line for line in text.split("\n") if line]
        except OSError as error:
            raise self._damaged(name, _reason(error)) from None
        except UnicodeDecodeError:
            raise self._damaged(name, "it is no text in UTF-8") from None

    def _damaged(self, name: str, reason: str) -> InputError:
        return InputError("source", f"{name} in {self.source} is damaged: {reason}.", _AGAIN)


_CAPTURE = TypeAdapter(Capture)


def _record(read: Any, columns: Mapping[str, Column[Any]]) -> dict[str, Any]:
    """A row of a table out of JSON.

    Raises:
        ValueError, TypeError: it is none.
    """
    if not isinstance(read, dict) or read.keys() != columns.keys():
        raise ValueError
    return {name: _value(value, columns[name]) for name, value in read.items()}


def _value(read: Any, column: Column[Any]) -> Any:
    if read is None and column.nullable:
        return None
    if isinstance(column.type, Moment):
        moment = datetime.fromisoformat(read)
        if moment.tzinfo is None:
            raise ValueError
        return moment
    kinds = next(kind for of, kind in _KINDS.items() if isinstance(column.type, of))
    if not isinstance(read, kinds):
        raise TypeError
    return read


def export(ledger: Ledger, target: Path) -> int:
    """Writes all that a ledger knows into a new folder, or a file that ends in ``.tar``; how many captures.

    ``ledger.json`` names the format, says whether the data is made up, and counts; ``captures.jsonl``,
    ``names.jsonl``, ``forgotten.jsonl`` and ``rule_sets.jsonl`` hold one record a line; ``rows/`` a Parquet
    file per capture, which any program reads. Only the owner may read it. Whoever is interrupted leaves
    nothing under the target's name.

    Raises:
        InputError: there is something already, or no folder to put it into.
        SourceUnavailable: the ledger cannot be read.
        DashboardError: the target cannot be written.
    """
    try:
        if target.exists():
            raise InputError("target", f"{target} is there already.", "Name another one.")
        if not target.parent.is_dir():
            raise InputError(
                "target", f"{target.parent} is no folder.", "Make it, or name another one."
            )
        with TemporaryDirectory(dir=target.parent, prefix=".ledger-export-") as neighbour:
            made = Path(neighbour, "ledger")
            captures = _export(OfLedger(ledger), made)
            (made if target.suffix != ".tar" else _packed(made)).rename(target)
        return captures
    except OSError as error:
        raise DashboardError(
            f"{target} cannot be written: {_reason(error)}.",
            "Check the folder, its space and its rights.",
        ) from error


def _export(kept: Kept, folder: Path) -> int:
    captures = kept.captures
    folder.mkdir(mode=0o700)
    (folder / "rows").mkdir()
    for capture in captures:
        pq.write_table(kept.rows(capture), folder / _file_of(capture), compression="zstd")
    records = {"captures": [_plain(capture) for capture in captures]}
    records |= {table: kept.records(table) for table in TABLES}
    for table, of_table in records.items():
        _write_lines(folder / _lines_of(table), of_table)
    counts = {table: len(of_table) for table, of_table in records.items()}
    described = {"format": FORMAT, "made_up": kept.made_up, **counts}
    (folder / "ledger.json").write_text(json.dumps(described))
    return len(captures)


def _packed(folder: Path) -> Path:
    """A tar file beside a folder that holds it."""
    path = folder.with_suffix(".tar")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(folder, arcname=folder.name)
    return path


@contextmanager
def opened_export(source: Path) -> Iterator[OfFolder]:
    """What ``export`` wrote.

    Raises:
        InputError: it is no such folder or file.
        DashboardError: there is no room to unpack it.
    """
    if source.is_dir():
        yield _checked(source, source)
        return
    with _unpacked(source) as folder:
        yield _checked(folder / "ledger", source)


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(tarfile.open(source))
        except (OSError, *_BROKEN_TAR) as error:
            raise _no_export(source, error) from None
        try:
            folder = stack.enter_context(TemporaryDirectory())
            archive.extractall(folder, filter="data")
        except _BROKEN_TAR as error:
            raise _no_export(source, error) from None
        except OSError as error:
            raise DashboardError(
                f"{source} cannot be unpacked: {_reason(error)}.",
                "It is unpacked where temporary files go: make room there, or set TMPDIR.",
            ) from error
        yield Path(folder)


def _no_export(source: Path, error: Exception) -> InputError:
    reason = _reason(error) if isinstance(error, OSError) else "it is no whole tar file"
    return InputError("source", f"{source} cannot be read: {reason}.", _OTHER)


def _checked(folder: Path, source: Path) -> OfFolder:
    name = f"ledger.json in {source}"
    try:
        described = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError("source", f"{name} cannot be read: {_reason(error)}.", _OTHER) from None
    except (ValueError, RecursionError):
        described = None
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise InputError("source", f"{name} does not say {FORMAT}.", _OTHER)
    return OfFolder(folder, source, described)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _lines_of(table: str) -> str:
    return f"{table}.jsonl"


def _file_of(capture: Capture) -> str:
    return f"rows/{capture.id:08}.parquet"


def _plain(capture: Capture) -> dict[str, Any]:
    """As one record; files go by its number."""
    facts = {name: getattr(capture, name) for name in Capture.__dataclass_fields__}
    return {
        **facts,
        "files": [asdict(file) for file in capture.files],
        "unknown_metrics": sorted(capture.unknown_metrics),
        "failed": sorted(capture.failed),
    }


def _write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, default=_time) + "\n")


def _time(value: datetime) -> str:
    return value.isoformat()
