"""From one ledger to another, and what is removed with time."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier

import pytest
from pyarrow import fs

from lib.allocation.rule_set import CostCentre, RuleSet
from lib.errors import InputError
from lib.ledger.exported import Kept, OfLedger, export, opened_export
from lib.ledger.retention import tidy
from lib.ledger.rule_sets import publish, versions
from lib.ledger.store import Capture, Ledger, change_capture, every_capture, forget_person
from lib.ledger.transfer import TakenIn, take_in
from lib.ledger.verify import verify
from lib.settings import Settings
from lib.upstreams import ledger_upstream, other_ledger
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
    assert take_in(any_ledger, OfLedger(filled)) == TakenIn(3, [])
    assert_same(filled, any_ledger)


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_what_is_exported_can_be_taken_in_elsewhere(
    filled: Ledger, tmp_path: Path, name: str
) -> None:
    assert export(filled, tmp_path / name) == 3
    other = in_folder(tmp_path / "other")
    with opened_export(tmp_path / name) as kept:
        assert take_in(other, kept) == TakenIn(3, [])
    assert_same(filled, other)


def test_what_came_in_comes_in_once(filled: Ledger, tmp_path: Path) -> None:
    other = in_folder(tmp_path / "other")
    take_in(other, OfLedger(filled))
    assert take_in(other, OfLedger(filled)) == TakenIn(0, [])
    assert_same(filled, other)


def test_a_month_that_differs_stays_as_it_is_and_is_told(filled: Ledger, tmp_path: Path) -> None:
    other = in_folder(tmp_path / "other")
    put(other, {("alpha", "input_tokens"): 1}, hours=7)
    taken = take_in(other, OfLedger(filled))
    assert (taken.entered, {capture.key for capture in taken.outside}) == (1, {OCTOBER})
    assert amounts_of(other) == {("alpha", "input_tokens"): 1}
    assert amounts_of(other, SEPTEMBER) == NINE


def test_what_a_later_capture_has_replaced_never_comes_to_count_again(
    filled: Ledger, tmp_path: Path
) -> None:
    export(filled, tmp_path / "folder")
    tidy(filled, NOW + timedelta(days=402))
    assert len(every_capture(filled)) == 2
    with opened_export(tmp_path / "folder") as kept:
        assert take_in(filled, kept) == TakenIn(0, [], older=1)
    assert amounts_of(filled) == amounts_in_table(filled) == TEN
    assert len(every_capture(filled)) == 2


def test_what_was_confirmed_since_is_final_after_a_second_import(
    filled: Ledger, tmp_path: Path
) -> None:
    early = {"key": OCTOBER._replace(account="early"), "hours": -500}  # of 31 October
    put(filled, NINE, **early)
    other = in_folder(tmp_path / "other")
    take_in(other, OfLedger(filled))
    put(filled, NINE, **early | {"hours": 3})
    with filled.database.engine.begin() as connection:
        change_capture(connection, 1, lost="Kept: 1 counter.")
    assert take_in(other, OfLedger(filled)) == TakenIn(0, [], confirmed=2)
    told, known = ({capture.key: capture for capture in one.captures()} for one in (other, filled))
    assert told[early["key"]].confirmed_at == known[early["key"]].confirmed_at
    assert told[early["key"]].is_final()
    assert [capture.lost for capture in every_capture(other)] == ["Kept: 1 counter.", *[None] * 3]
    assert take_in(filled, OfLedger(other)) == TakenIn(0, []), "times never move back"
    assert_same(filled, other)


def test_two_imports_at_once_enter_every_capture_once(
    filled: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_have_looked = Barrier(2)

    def looked_at_once(ledger: Ledger) -> list[Capture]:
        known = every_capture(ledger)
        both_have_looked.wait(timeout=60)
        return known

    monkeypatch.setattr("lib.ledger.transfer.every_capture", looked_at_once)
    other = in_folder(tmp_path / "other")
    with ThreadPoolExecutor() as threads:
        both = [
            threads.submit(take_in, in_folder(tmp_path / "other"), OfLedger(filled))
            for _ in range(2)
        ]
        entered = [taken.result().entered for taken in both]
    assert sum(entered) == len(every_capture(other)) == 3
    assert_same(filled, other)


def test_what_is_captured_during_an_import_stays(
    filled: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, fresh = in_folder(tmp_path / "other"), {("alpha", "input_tokens"): 999}

    def captured_meanwhile(ledger: Ledger) -> list[Capture]:
        known = every_capture(ledger)
        put(in_folder(tmp_path / "other"), fresh, hours=-9)
        return known

    monkeypatch.setattr("lib.ledger.transfer.every_capture", captured_meanwhile)
    taken = take_in(other, OfLedger(filled))
    assert (taken.entered, {capture.key for capture in taken.outside}) == (1, {OCTOBER})
    assert amounts_of(other) == amounts_in_table(other) == fresh


def test_rules_that_are_published_during_an_import_are_not_mixed_with_others(
    filled: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_own(ledger: Ledger, centre: str) -> None:
        rule_set = RuleSet(cost_centres=(CostCentre(centre),))
        publish(ledger, rule_set, over=0, by="ann", reason="new", now=NOW)

    def published_meanwhile(ledger: Ledger) -> list[Capture]:
        publish_own(ledger, "4712")
        return every_capture(ledger)

    publish_own(filled, "4711")
    other = in_folder(tmp_path / "other")
    monkeypatch.setattr("lib.ledger.transfer.every_capture", published_meanwhile)
    with pytest.raises(InputError, match="others than this ledger's from version 1 on"):
        take_in(other, OfLedger(filled))
    assert [one.rule_set.cost_centres[0].id for one in versions(other)] == ["4712"]


def made_up(folder: Path) -> Ledger:
    """The demo's, at another place."""
    url = f"sqlite:///{folder / 'catalog.db'}"
    return Ledger(url, str(folder / "files"), made_up=True)


@pytest.mark.parametrize("through", ["folder", "file.tar", ""])
def test_made_up_data_and_what_platforms_said_never_meet(
    filled: Ledger, tmp_path: Path, through: str
) -> None:
    demo = made_up(tmp_path / "demo")
    put(demo, NINE, OCTOBER._replace(account="made-up"))
    for source, target, said in (
        (demo, in_folder(tmp_path / "new"), "it holds made-up demo data, and this ledger"),
        (filled, made_up(tmp_path / "new demo"), "and this ledger made-up demo data"),
    ):
        with ExitStack() as stack:
            kept: Kept = OfLedger(source)
            if through:
                export(source, tmp_path / f"{target.made_up}-{through}")
                kept = stack.enter_context(opened_export(tmp_path / f"{target.made_up}-{through}"))
            with pytest.raises(InputError, match=said):
                take_in(target, kept)
        assert not target.exists
    assert take_in(made_up(tmp_path / "another demo"), OfLedger(demo)).entered == 1


def test_the_demo_s_ledger_is_known_by_its_place() -> None:
    demo = ledger_upstream(Settings(dashboard_demo="on"))
    real = Settings(dashboard_demo="off")
    assert demo.made_up
    assert not ledger_upstream(real).made_up
    assert other_ledger(real, f"sqlite:///{demo.database.file}", demo.warehouse.place).made_up
    assert not other_ledger(real, "sqlite:////no/such/file", "/no/such/folder").made_up


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


def test_an_empty_ledger_is_exported_and_taken_in(tmp_path: Path) -> None:
    assert export(in_folder(tmp_path), tmp_path / "folder") == 0
    with opened_export(tmp_path / "folder") as kept:
        assert take_in(in_folder(tmp_path / "other"), kept) == TakenIn(0, [])


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
