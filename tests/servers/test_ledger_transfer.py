"""From one ledger to another, and what is removed with time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import fs

from lib.errors import InputError
from lib.ledger.retention import tidy
from lib.ledger.store import Ledger, forget_person
from lib.ledger.transfer import OfLedger, export, opened_export, take_in
from lib.ledger.verify import verify
from tests.support.kept import (
    NOW,
    OCTOBER,
    amounts_in_table,
    amounts_of,
    every_kind,
    in_folder,
    put,
)

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

NINE = {("alpha", "input_tokens"): 9, (None, "input_tokens"): None}
TEN = {("=cmd()\n", "input_tokens"): 10}
SEPTEMBER = OCTOBER._replace(month="2026-09")


@pytest.fixture
def filled(tmp_path: Path) -> Ledger:
    """Two months, one of them captured twice, with names."""
    ledger = in_folder(tmp_path / "filled")
    put(ledger, NINE, names=[("user", "u1", "Ann"), ("user", "u2", "Bo")])
    put(ledger, TEN, hours=1)
    put(ledger, NINE, SEPTEMBER, hours=2, failed=frozenset({"images"}))
    forget_person(ledger, "u2", NOW)
    return ledger


def assert_same(ledger: Ledger, other: Ledger) -> None:
    """All that counts, then and now, and all names."""
    for moment in (None, NOW + timedelta(minutes=1)):
        known, told = (
            [(*c.key, c.captured_at, c.confirmed_at, c.failed, c.sha256) for c in captures]
            for captures in (ledger.captures(as_of=moment), other.captures(as_of=moment))
        )
        assert told == known
    for key in (OCTOBER, SEPTEMBER):
        assert amounts_of(other, key) == amounts_in_table(other, key) == amounts_of(ledger, key)
    assert other.names(*OCTOBER[:2]) == ledger.names(*OCTOBER[:2]) == {("user", "u1"): "Ann"}
    assert verify(other) == []


@every_kind
def test_one_command_moves_a_ledger_from_a_folder_to_postgresql_and_s3(
    filled: Ledger, any_ledger: Ledger
) -> None:
    entered, outside = take_in(any_ledger, OfLedger(filled))
    assert (entered, outside) == (3, [])
    assert_same(filled, any_ledger)


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_what_is_exported_can_be_taken_in_elsewhere(
    filled: Ledger, tmp_path: Path, name: str
) -> None:
    assert export(filled, tmp_path / name) == 3
    other = in_folder(tmp_path / "other")
    with opened_export(tmp_path / name) as kept:
        assert take_in(other, kept) == (3, [])
    assert_same(filled, other)


def test_what_came_in_comes_in_once(filled: Ledger, tmp_path: Path) -> None:
    other = in_folder(tmp_path / "other")
    take_in(other, OfLedger(filled))
    assert take_in(other, OfLedger(filled)) == (0, [])
    assert_same(filled, other)


def test_a_month_that_differs_stays_as_it_is_and_is_told(filled: Ledger, tmp_path: Path) -> None:
    other = in_folder(tmp_path / "other")
    put(other, {("alpha", "input_tokens"): 1}, hours=7)
    entered, outside = take_in(other, OfLedger(filled))
    assert (entered, {capture.key for capture in outside}) == (1, {OCTOBER})
    assert amounts_of(other) == {("alpha", "input_tokens"): 1}
    assert amounts_of(other, SEPTEMBER) == NINE


def test_rows_that_were_changed_on_the_way_do_not_come_in(filled: Ledger, tmp_path: Path) -> None:
    export(filled, tmp_path / "folder")
    first, second, *_ = sorted((tmp_path / "folder" / "rows").iterdir())
    second.write_bytes(first.read_bytes())
    other = in_folder(tmp_path / "other")
    with (
        opened_export(tmp_path / "folder") as kept,
        pytest.raises(InputError, match="are not those that were captured"),
    ):
        take_in(other, kept)
    assert amounts_of(other) == NINE


def test_something_else_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("PK")
    for name in ("folder", "file", "nothing"):
        with pytest.raises(InputError, match="source"), opened_export(tmp_path / name):
            pass


def test_an_export_overwrites_nothing(filled: Ledger, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is there already"):
        export(filled, tmp_path / "folder")


def test_an_empty_ledger_is_exported_and_taken_in(tmp_path: Path) -> None:
    assert export(in_folder(tmp_path), tmp_path / "folder") == 0
    with opened_export(tmp_path / "folder") as kept:
        assert take_in(in_folder(tmp_path / "other"), kept) == (0, [])


@every_kind
def test_what_was_replaced_goes_after_400_days_and_what_counts_stays(any_ledger: Ledger) -> None:
    put(any_ledger, NINE)
    put(any_ledger, TEN, hours=1)
    assert tidy(any_ledger, NOW + timedelta(days=399)) == 0
    assert any_ledger.captures(as_of=NOW + timedelta(minutes=1))
    later = datetime.now(UTC) + timedelta(days=402)  # the table's own times are the clock's
    assert tidy(any_ledger, later) == 1
    assert any_ledger.captures(as_of=NOW + timedelta(minutes=1)) == []
    assert amounts_of(any_ledger) == amounts_in_table(any_ledger) == TEN
    assert verify(any_ledger) == []


def test_snapshots_go_after_a_week_and_the_past_can_still_be_told(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    put(folder_ledger, TEN, hours=1)
    assert tidy(folder_ledger, datetime.now(UTC) + timedelta(days=8)) == 0
    assert len(folder_ledger.warehouse.table().snapshots()) == 1
    (then,) = folder_ledger.captures(as_of=NOW + timedelta(minutes=1))
    assert folder_ledger.warehouse.rows(then.files).num_rows == 2
    put(folder_ledger, NINE, hours=2)
    assert amounts_of(folder_ledger) == amounts_in_table(folder_ledger) == NINE
    assert verify(folder_ledger) == []


def test_what_a_tag_names_stays(folder_ledger: Ledger) -> None:
    snapshot = put(folder_ledger, NINE).capture.snapshot
    folder_ledger.warehouse.table().manage_snapshots().create_tag(snapshot, "october").commit()
    put(folder_ledger, TEN, hours=1)
    assert tidy(folder_ledger, NOW + timedelta(days=900)) == 0
    scan = folder_ledger.warehouse.table().scan(snapshot_id=snapshot)
    assert scan.to_arrow().num_rows == 2


def metadata_of(ledger: Ledger) -> set[str]:
    """Files of the table's metadata."""
    folder = fs.FileSelector("usage/measures/metadata")
    return {info.path for info in ledger.warehouse.files.get_file_info(folder)}


@every_kind
def test_metadata_of_snapshots_that_are_gone_goes_after_a_day_and_the_rest_is_read_as_before(
    any_ledger: Ledger,
) -> None:
    for hour, amounts in enumerate((NINE, TEN) * 3):
        put(any_ledger, amounts, hours=hour)
        put(any_ledger, amounts, SEPTEMBER, hours=hour)
    before = metadata_of(any_ledger)
    week = datetime.now(UTC) + timedelta(days=8)
    tidy(any_ledger, week)
    table = any_ledger.warehouse.table()
    (snapshot,) = table.snapshots()
    named = {snapshot.manifest_list, *(one.manifest_path for one in snapshot.manifests(table.io))}
    left = {path for path in metadata_of(any_ledger) if path.endswith(".avro")}
    assert left == {any_ledger.warehouse.below(url) for url in named}
    assert len(before) > 3 * len(left)
    for key in (OCTOBER, SEPTEMBER):
        assert amounts_of(any_ledger, key) == amounts_in_table(any_ledger, key) == TEN
    put(any_ledger, NINE, hours=9)
    assert amounts_of(any_ledger) == amounts_in_table(any_ledger) == NINE
    assert verify(any_ledger) == []


def test_metadata_younger_than_a_day_stays_for_who_is_in_the_middle_of_a_commit(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, NINE)
    folder = Path(folder_ledger.warehouse.place, "usage/measures/metadata")
    (folder / "snap-of-another-process.avro").write_bytes(b"")
    before = metadata_of(folder_ledger)
    tidy(folder_ledger, datetime.now(UTC) + timedelta(hours=23))
    assert metadata_of(folder_ledger) == before
    tidy(folder_ledger, datetime.now(UTC) + timedelta(hours=25))
    assert metadata_of(folder_ledger) == {
        path for path in before if not path.endswith("snap-of-another-process.avro")
    }


def test_metadata_that_a_tag_names_stays(folder_ledger: Ledger) -> None:
    snapshot = put(folder_ledger, NINE).capture.snapshot
    folder_ledger.warehouse.table().manage_snapshots().create_tag(snapshot, "october").commit()
    for hour in range(1, 5):
        put(folder_ledger, TEN if hour % 2 else NINE, hours=hour)
    tidy(folder_ledger, datetime.now(UTC) + timedelta(days=9))
    scan = folder_ledger.warehouse.table().scan(snapshot_id=snapshot)
    assert scan.to_arrow().num_rows == 2
