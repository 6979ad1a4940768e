"""Where the rows are: Parquet files of one Iceberg table, in a folder or in S3."""

import hashlib
import os
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pyarrow import fs

from lib.errors import SourceUnavailable
from lib.ledger.database import Database, make_folder, readable
from lib.settings.ledger import S3
from lib.usage.measure import SCHEMA

if TYPE_CHECKING:
    import duckdb
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

warnings.filterwarnings("ignore", "Delete operation did not match any records")  # a new month

TABLE = ("usage", "measures")
"""Namespace and name, as other engines see it."""

PARTITION = ("platform", "account", "month")

ADDED = 1
"""The status of a manifest's entry that its snapshot has brought."""

_CATALOG = "ledger"
_PROPERTIES = {
    "format-version": "2",
    # Every commit writes the metadata anew; a hundred of them are enough to go back to
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
    "write.parquet.compression-codec": "zstd",
    # Files are found by their partition; lower and upper bounds would only repeat ids
    "write.metadata.metrics.default": "none",
}


class Month(NamedTuple):
    """What is captured at once."""

    platform: str
    account: str
    month: str


@dataclass(frozen=True)
class DataFile:
    """One file of rows.

    Args:
        path: below the warehouse.
        sha256: of its bytes.
    """

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True)
class Written:
    """One commit to the table: its snapshot, its place among them, and the month's files."""

    snapshot: int
    sequence: int
    files: tuple[DataFile, ...]


class Warehouse:
    """The Iceberg table and its files.

    Args:
        place: a folder, or ``s3://bucket/path``.
        database: that holds the catalog.
        s3: ``endpoint``, ``region``, ``access-key-id``, ``secret-access-key``, ``session-token``; what
            is left out, pyarrow finds by itself.
    """

    def __init__(self, place: str, database: Database, s3: Mapping[str, str]) -> None:
        self.place, self._database, self._s3 = place, database, s3

    @property
    def in_s3(self) -> bool:
        return self.place.startswith(S3)

    @property
    def location(self) -> str:
        """As a URL."""
        return self.place if self.in_s3 else f"file://{self.place}"  # pyiceberg decodes nothing

    @cached_property
    def files(self) -> fs.FileSystem:
        """Where ``path`` of a file is found, from the warehouse on."""
        if not self.in_s3:
            return fs.SubTreeFileSystem(self.place, fs.LocalFileSystem())
        options = {
            "endpoint_override": self._s3.get("endpoint"),
            "region": self._s3.get("region"),
            "access_key": self._s3.get("access-key-id"),
            "secret_key": self._s3.get("secret-access-key"),
            "session_token": self._s3.get("session-token"),
        }
        known = {key: value for key, value in options.items() if value}
        return fs.SubTreeFileSystem(self.place.removeprefix(S3), fs.S3FileSystem(**known))

    def table(self) -> "Table":
        """The table as it is now, made where there is none. Imports pyiceberg, which takes a second."""
        from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415
        from pyiceberg.exceptions import NoSuchTableError, TableAlreadyExistsError  # noqa: PLC0415

        catalog = SqlCatalog(_CATALOG, **self._catalog_properties())
        catalog.engine.dispose()  # its own connections would stay open
        catalog.engine = self._database.engine
        try:
            return catalog.load_table(TABLE)
        except NoSuchTableError:
            if not self.in_s3:
                make_folder(Path(self.place))
            catalog.create_namespace_if_not_exists(TABLE[0])
        try:
            return catalog.create_table(
                TABLE, _schema(), partition_spec=_partition(), properties=_PROPERTIES
            )
        except TableAlreadyExistsError:  # by another process, just now
            return catalog.load_table(TABLE)

    def overwrite(self, rows: Mapping[Month, pa.Table]) -> dict[Month, Written]:
        """Puts rows in the place of all that the table has of their months, in one commit."""
        from pyiceberg.expressions import AlwaysFalse, And, EqualTo, Or  # noqa: PLC0415

        table = self.table()
        months = [
            And(*(EqualTo(term=key, value=value) for key, value in month._asdict().items()))
            for month in rows
        ]
        with _alone():
            table.overwrite(pa.concat_tables(rows.values()), Or(AlwaysFalse(), *months))
        snapshot = table.current_snapshot()
        number, sequence = (
            (0, 0) if snapshot is None else (snapshot.snapshot_id, snapshot.sequence_number or 0)
        )
        files: dict[Month, list[DataFile]] = {month: [] for month in rows}
        if snapshot is not None and any(part.num_rows for part in rows.values()):
            for month, file in self._added(table, snapshot):
                files[month].append(file)
        return {month: Written(number, sequence, tuple(files[month])) for month in rows}

    def _added(self, table: "Table", snapshot: "Snapshot") -> Iterator[tuple[Month, DataFile]]:
        """The files that a commit has brought, once they are on the disk."""
        manifests = [
            manifest
            for manifest in snapshot.manifests(table.io)
            if manifest.added_snapshot_id == snapshot.snapshot_id
        ]
        entries = [
            entry.data_file
            for manifest in manifests
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == snapshot.snapshot_id and entry.status == ADDED
        ]
        self._onto_disk(
            [
                table.metadata_location,
                snapshot.manifest_list,
                *(manifest.manifest_path for manifest in manifests),
                *(file.file_path for file in entries),
            ]
        )
        for file in entries:
            path = self.below(file.file_path)
            month = Month(*(file.partition[place] for place in range(len(PARTITION))))
            yield month, DataFile(path, file.record_count, self.sha256(path))

    def roll_back(self, snapshot: int, named: Container[int]) -> bool:
        """Takes back what was committed and never named, by a capture that was killed; whether there was any.

        Args:
            snapshot: the last one that was named; 0 where none was.
            named: all that were.
        """
        table = self.table()
        current = table.current_snapshot()
        if current is None or current.snapshot_id in named:
            return False
        with _alone():
            if snapshot:
                table.manage_snapshots().set_current_snapshot(snapshot).commit()
            else:
                table.delete()
        return True

    def data_files(self) -> list[str]:
        """Paths of all files of rows that lie below the warehouse, named by anybody or not."""
        folder = fs.FileSelector(f"{'/'.join(TABLE)}/data", allow_not_found=True, recursive=True)
        found = self.files.get_file_info(folder)
        return sorted(info.path for info in found if info.type is fs.FileType.File)

    def current_files(self) -> set[str]:
        """Paths of the files that the table has now, as other engines see it."""
        snapshot = self.table().current_snapshot()
        if snapshot is None:
            return set()
        return {self.below(task.file.file_path) for task in self.table().scan().plan_files()}

    def expire(self, before: datetime) -> None:
        """Forgets snapshots of an earlier time; those that a tag or branch names stay."""
        table = self.table()
        if any(one.timestamp_ms < before.timestamp() * 1_000 for one in table.snapshots()[:-1]):
            with _alone():
                table.maintenance.expire_snapshots().older_than(
                    before.replace(tzinfo=None)
                ).commit()

    def files_of_all_snapshots(self) -> set[str]:
        """Paths of the files of rows that any snapshot has."""
        table = self.table()
        manifests = {
            manifest.manifest_path: manifest
            for snapshot in table.snapshots()
            for manifest in snapshot.manifests(table.io)
        }
        return {
            self.below(entry.data_file.file_path)
            for manifest in manifests.values()
            for entry in manifest.fetch_manifest_entry(table.io)
        }

    def below(self, url: str) -> str:
        """The path of a file below the warehouse."""
        return url.removeprefix(self.location).removeprefix(self.place).lstrip("/")

    def sha256(self, path: str) -> str:
        """Of a file's bytes."""
        digest = hashlib.sha256()
        with self.files.open_input_stream(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    def rows(self, files: Iterable[DataFile]) -> pa.Table:
        """All rows of some files.

        Raises:
            SourceUnavailable: one cannot be read, and which.
        """
        tables = [self._rows_of(file.path) for file in files]
        return pa.concat_tables(tables) if tables else SCHEMA.empty_table()

    def values(self, column: str, files: Iterable[DataFile]) -> set[str]:
        """The different texts that stand in one column of some files.

        Raises:
            SourceUnavailable: one cannot be read, and which.
        """
        parts = [self._rows_of(file.path, [column])[column].unique() for file in files]
        return {value for part in parts for value in part.to_pylist() if value is not None}

    def _rows_of(self, path: str, columns: Sequence[str] = SCHEMA.names) -> pa.Table:
        import pyarrow.parquet as pq  # noqa: PLC0415

        with readable(path):
            rows = pq.read_table(path, columns=columns, filesystem=self.files, partitioning=None)
            return rows.cast(pa.schema([SCHEMA.field(name) for name in columns]))

    def relation(self, connection: "duckdb.DuckDBPyConnection", paths: Sequence[str]) -> Any:
        """The rows of files, for DuckDB to read what it needs of them.

        In S3 through pyarrow: DuckDB's own way there is an extension that it would have to download.
        """
        if not paths:
            return SCHEMA.empty_table()
        if self.in_s3:
            import pyarrow.dataset as ds  # noqa: PLC0415

            return ds.dataset([*paths], schema=SCHEMA, filesystem=self.files, format="parquet")
        whole = [str(Path(self.place, path)) for path in paths]
        return connection.read_parquet(whole, hive_partitioning=False)

    def _catalog_properties(self) -> dict[str, str]:
        return {
            "uri": self._database.driver_url,
            "warehouse": self.location,
            "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
            **({f"s3.{key}": value for key, value in self._s3.items()} if self.in_s3 else {}),
        }

    def _onto_disk(self, urls: Iterable[str]) -> None:
        """Waits until files and their names are on the disk: the database must not know more than it."""
        if self.in_s3:
            return
        paths = {Path(self.place, self.below(url)) for url in urls}
        for path in sorted(paths | {path.parent for path in paths}):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def _alone() -> Iterator[None]:
    """A commit to the table, which is refused where somebody else's came first.

    The right to write goes by locks, so this is rare: the database was restarted, and its locks are gone.
    """
    from pyiceberg.exceptions import CommitFailedException, ValidationException  # noqa: PLC0415

    try:
        yield
    except (CommitFailedException, ValidationException) as error:
        raise SourceUnavailable(
            "ledger",
            "another capture has written to it meanwhile.",
            "Capture again.",
        ) from error


def _schema() -> Any:
    from pyiceberg.schema import Schema  # noqa: PLC0415
    from pyiceberg.types import (  # noqa: PLC0415
        DecimalType,
        NestedField,
        StringType,
        TimestamptzType,
    )

    def kind(of: pa.DataType) -> Any:
        if pa.types.is_decimal(of):
            return DecimalType(of.precision, of.scale)
        return TimestamptzType() if pa.types.is_timestamp(of) else StringType()

    return Schema(
        *(
            NestedField(place, field.name, kind(field.type), required=not field.nullable)
            for place, field in enumerate(SCHEMA, start=1)
        )
    )


def _partition() -> Any:
    from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: PLC0415
    from pyiceberg.transforms import IdentityTransform  # noqa: PLC0415

    return PartitionSpec(
        *(
            PartitionField(SCHEMA.get_field_index(key) + 1, 1_000 + place, IdentityTransform(), key)
            for place, key in enumerate(PARTITION)
        )
    )
