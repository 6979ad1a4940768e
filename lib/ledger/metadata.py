"""Files of the table's metadata that nothing names any more: pyiceberg forgets a snapshot and leaves its files."""

from datetime import datetime

from pyarrow import fs

from lib.ledger.warehouse import TABLE, Warehouse

_MANIFEST = "-m"
"""In the names of manifests, which several snapshots may share; lists of them are one snapshot's own."""


def unnamed_metadata(warehouse: Warehouse, before: datetime) -> list[str]:
    """Paths of files that neither the table nor one of its snapshots names, and that were there before a moment.

    Younger ones may be those of a commit that another process is in the middle of.
    """
    table = warehouse.table()
    metadata = table.metadata
    named = {
        table.metadata_location,
        *(entry.metadata_file for entry in metadata.metadata_log),
        *(snapshot.manifest_list for snapshot in metadata.snapshots),
    }
    old = _files_before(warehouse, before) - {warehouse.below(url) for url in named}
    if all(_MANIFEST in path.rpartition("/")[2] for path in old):
        return []  # as a rule, and to look into all snapshots takes a while
    shared = {
        warehouse.below(manifest.manifest_path)
        for snapshot in metadata.snapshots
        for manifest in snapshot.manifests(table.io)
    }
    return sorted(old - shared)


def _files_before(warehouse: Warehouse, moment: datetime) -> set[str]:
    folder = fs.FileSelector(f"{'/'.join(TABLE)}/metadata", allow_not_found=True)
    return {
        info.path
        for info in warehouse.files.get_file_info(folder)
        if info.type is fs.FileType.File and info.mtime <= moment
    }
