"""From one ledger to another: through a folder or a tar file, or straight."""

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import insert, inspect, select

from lib.errors import DashboardError, InputError
from lib.ledger.database import unavailable
from lib.ledger.keeping import in_order
from lib.ledger.store import (
    Capture,
    Ledger,
    add_capture,
    capture_of,
    erase_forgotten,
    every_capture,
    last_named,
    standing,
)
from lib.ledger.tables import FORGOTTEN, NAMES, RULE_SETS
from lib.usage.measure import SCHEMA

FORMAT = "ledger-export/1"

_TABLES = {"names": NAMES, "forgotten": FORGOTTEN, "rule_sets": RULE_SETS}
_FIRST = ("captures", "names", "forgotten")
"""Tables that every export has."""


class Kept(Protocol):
    """All that a ledger knows, wherever it stands."""

    @property
    def captures(self) -> list[Capture]:
        """Of all times, oldest first."""

    def rows(self, capture: Capture) -> pa.Table:
        """What was captured."""

    def records(self, table: str) -> list[dict[str, Any]]:
        """Of one of ``_TABLES``."""


@dataclass(frozen=True)
class OfLedger:
    """All that a ledger knows, in its own place."""

    ledger: Ledger

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
            return [dict(row._mapping) for row in connection.execute(select(_TABLES[table]))]


@dataclass(frozen=True)
class OfFolder:
    """All that a ledger knew when it was exported into a folder."""

    folder: Path

    @property
    def captures(self) -> list[Capture]:
        return [capture_of(plain) for plain in self.records("captures")]

    def rows(self, capture: Capture) -> pa.Table:
        return pq.read_table(self.folder / _file_of(capture)).cast(SCHEMA)

    def records(self, table: str) -> list[dict[str, Any]]:
        path = self.folder / f"{table}.jsonl"
        if table not in _FIRST and not path.exists():  # an earlier program exported it
            return []
        lines = path.read_text(encoding="utf-8").splitlines()
        return [_times(json.loads(line)) for line in lines]


def export(ledger: Ledger, target: Path) -> int:
    """Writes all that a ledger knows into a new folder, or a file that ends in ``.tar``; how many captures.

    ``ledger.json`` names the format; ``captures.jsonl``, ``names.jsonl`` and ``forgotten.jsonl`` hold one
    record a line; ``rows/`` a Parquet file per capture, which any program reads.

    Raises:
        InputError: there is something already, or no folder to put it into.
        SourceUnavailable: the ledger cannot be read.
        DashboardError: the target cannot be written.
    """
    if target.exists():
        raise InputError("target", f"{target} is there already.", "Name another one.")
    if not target.parent.is_dir():
        raise InputError(
            "target", f"{target.parent} is no folder.", "Make it, or name another one."
        )
    try:
        if target.suffix != ".tar":
            return _export(ledger, target)
        with TemporaryDirectory(dir=target.parent) as folder:
            captures = _export(ledger, Path(folder) / "ledger")
            with tarfile.open(target, "x") as archive:
                archive.add(Path(folder) / "ledger", arcname="ledger")
        return captures
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise DashboardError(
            f"{target} cannot be written: {reason}.", "Check the folder, its space and its rights."
        ) from error


def _export(ledger: Ledger, folder: Path) -> int:
    kept = OfLedger(ledger)
    captures = kept.captures
    folder.mkdir(mode=0o700)
    (folder / "rows").mkdir()
    for capture in captures:
        pq.write_table(kept.rows(capture), folder / _file_of(capture), compression="zstd")
    _write_lines(folder / "captures.jsonl", [_plain(capture) for capture in captures])
    for table in _TABLES:
        _write_lines(folder / f"{table}.jsonl", kept.records(table))
    (folder / "ledger.json").write_text(json.dumps({"format": FORMAT, "captures": len(captures)}))
    return len(captures)


@contextmanager
def opened_export(source: Path) -> Iterator[OfFolder]:
    """What ``export`` wrote.

    Raises:
        InputError: it is no such folder or file.
    """
    if source.is_dir():
        yield _checked(source)
        return
    try:
        with TemporaryDirectory() as folder, tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
            yield _checked(Path(folder) / "ledger")
    except (OSError, tarfile.TarError):
        raise InputError(
            "source", f"{source} cannot be read.", "Name what ledger export wrote."
        ) from None


def _checked(folder: Path) -> OfFolder:
    try:
        described = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        described = {}
    if described.get("format") != FORMAT:
        raise InputError(
            "source", f"{folder.name} holds no {FORMAT}.", "Name what ledger export wrote."
        )
    return OfFolder(folder)


def take_in(ledger: Ledger, kept: Kept) -> tuple[int, list[Capture]]:
    """Enters all captures of another ledger, oldest first, with their times.

    A month of which this one has something else stays as it is. Who is killed on the way, begins
    again: what has come in is passed over.

    Returns:
        How many came in, and those that stayed outside.

    Raises:
        InputError: rows are not those that were captured, or the rule sets are others than this one's.
        SourceUnavailable: a ledger cannot be read or written.
    """
    ledger.database.bring_up_to_date()
    _check_rule_sets(ledger, kept)
    known = {_identity(capture) for capture in every_capture(ledger)}
    foreign = {_identity(capture) for capture in kept.captures}
    taken = {capture.key for capture in ledger.captures() if _identity(capture) not in foreign}
    entered, outside = 0, []
    for capture in kept.captures:
        if _identity(capture) in known:
            continue
        if capture.key in taken:
            outside.append(capture)
            continue
        _enter(ledger, capture, kept.rows(capture))
        entered += 1
    _add_records(ledger, kept)
    return entered, outside


def _check_rule_sets(ledger: Ledger, kept: Kept) -> None:
    """Refuses versions that would follow others than they did: a month's rules would not be its own."""
    ours, theirs = (
        {record["version"]: record["sha256"] for record in place.records("rule_sets")}
        for place in (OfLedger(ledger), kept)
    )
    other = [
        version for version in sorted(ours.keys() & theirs) if ours[version] != theirs[version]
    ]
    if other:
        raise InputError(
            "source",
            f"its rules of cost centres are others than this ledger's from version {other[0]} on.",
            "Take it into a ledger without rules, or compare both with cost-centres export.",
        )


def _enter(ledger: Ledger, capture: Capture, rows: pa.Table) -> None:
    rows, digest = in_order(rows)
    if digest != capture.sha256:
        raise InputError(
            "source",
            f"the rows of {capture.platform} {capture.month} are not those that were captured.",
            "Export them again; ledger verify says which file is wrong.",
        )
    with ledger.database.writing() as connection, unavailable("cannot be written"):
        with connection.begin():
            last, named = last_named(connection)
        ledger.warehouse.roll_back(last, named)
        written = ledger.warehouse.overwrite({capture.key: rows})[capture.key]
        facts = {name: getattr(capture, name) for name in _FACTS} | {
            "snapshot": written.snapshot,
            "sequence": written.sequence,
            "files": written.files,
        }
        with connection.begin():
            add_capture(connection, facts)
            assert standing(connection, capture.key)


_FACTS = tuple(
    name for name in Capture.__dataclass_fields__ if name not in ("id", "snapshot", "sequence")
)


def _identity(capture: Capture) -> tuple[object, ...]:
    return (*capture.key, capture.captured_at, capture.sha256, capture.failed)


def _add_records(ledger: Ledger, kept: Kept) -> None:
    """Names and forgotten persons; who is forgotten on either side has no name on any."""
    with ledger.database.writing() as connection, connection.begin():
        for table, definition in _TABLES.items():
            keys = [column.name for column in definition.primary_key]
            there = {
                tuple(row) for row in connection.execute(select(*(definition.c[k] for k in keys)))
            }
            new = [
                record
                for record in kept.records(table)
                if tuple(record[key] for key in keys) not in there
            ]
            if new:
                connection.execute(insert(definition), new)
        erase_forgotten(connection)


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


def _times(record: dict[str, Any]) -> dict[str, Any]:
    """Texts of times as times again, by the names of their columns."""
    return {
        key: datetime.fromisoformat(value)
        if isinstance(value, str) and key.endswith(("_at", "_until", "_seen"))
        else value
        for key, value in record.items()
    }
