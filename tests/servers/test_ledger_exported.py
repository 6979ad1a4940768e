"""An export is whole or not there, its owner's alone, and what is damaged of it is named."""

import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lib.errors import DashboardError, InputError, SourceUnavailable
from lib.ledger.exported import OfFolder, OfLedger, export, opened_export
from lib.ledger.store import Ledger
from lib.ledger.transfer import TakenIn, take_in
from tests.support.kept import OCTOBER, in_folder, put

pytest_plugins = ["tests.support.ledgers", "tests.support.small_disk"]

NINE = {("alpha", "input_tokens"): 9}
FORMS = pytest.mark.parametrize("name", ["folder", "file.tar"])


@pytest.fixture
def filled(tmp_path: Path) -> Ledger:
    """Two months, with a name that holds what ends lines elsewhere."""
    ledger = in_folder(tmp_path / "filled")
    put(ledger, NINE, names=[("user", "u1", "Ann\u2028Lee\x85")])
    put(ledger, NINE, OCTOBER._replace(month="2026-09"))
    return ledger


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Everybody may read what a program makes without a thought."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def assert_refused(source: Path, target: Ledger, said: str) -> None:
    """One sentence that names the file."""
    with pytest.raises(InputError, match=said) as refused, opened_export(source) as kept:
        take_in(target, kept)
    assert refused.value.remedy
    assert "\n" not in str(refused.value)


@FORMS
def test_a_name_comes_out_of_an_export_as_it_was(filled: Ledger, tmp_path: Path, name: str) -> None:
    export(filled, tmp_path / name)
    with opened_export(tmp_path / name) as kept:
        assert kept.records("names") == OfLedger(filled).records("names")
        assert kept.captures == OfLedger(filled).captures


@FORMS
@pytest.mark.usefixtures("usual_umask")
def test_only_the_owner_may_read_an_export(filled: Ledger, tmp_path: Path, name: str) -> None:
    export(filled, tmp_path / name)
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == (0o600 if "." in name else 0o700)


@FORMS
def test_an_export_that_fails_leaves_nothing_and_can_be_tried_again(
    filled: Ledger, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "exports" / name
    target.parent.mkdir()
    gone = sorted(Path(filled.warehouse.place).rglob("*.parquet"))[-1]
    gone.rename(tmp_path / "gone")
    with pytest.raises(SourceUnavailable):
        export(filled, target)
    assert [*target.parent.iterdir()] == []
    (tmp_path / "gone").rename(gone)
    assert export(filled, target) == 2
    assert [*target.parent.iterdir()] == [target]


@FORMS
def test_an_export_onto_a_full_disk_leaves_nothing(
    filled: Ledger, small_disk: Path, name: str
) -> None:
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 8_192))
    with pytest.raises(DashboardError, match=r"cannot be written: .*No space left on device"):
        export(filled, small_disk / name)
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_an_export_that_cannot_be_unpacked_says_what_the_system_said(
    filled: Ledger, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(filled, tmp_path / "file.tar")
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (free.f_bavail * free.f_frsize - 4_096))
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    with (
        pytest.raises(DashboardError, match=r"unpacked: No space left on device.*TMPDIR") as told,
        opened_export(tmp_path / "file.tar"),
    ):
        pass
    assert not isinstance(told.value, InputError), "nothing is wrong with what was named"
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


@FORMS
def test_an_export_overwrites_nothing(filled: Ledger, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="is there already"):
        export(filled, tmp_path / name)


def test_something_else_is_no_export(folder_ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("PK")
    (tmp_path / "packed.gz").write_bytes(b"\x1f\x8b\x08\x00" + bytes(20))
    with tarfile.open(tmp_path / "other.tar", "w") as archive:
        archive.add(tmp_path / "text", arcname="ledger/text")
    for name, said in (
        ("folder", "ledger.json in .*folder cannot be read: No such file"),
        ("text", "text cannot be read: it is no whole tar file"),
        ("packed.gz", "packed.gz cannot be read: it is no whole tar file"),
        ("other.tar", "ledger.json in .*other.tar cannot be read: No such file"),
        ("nothing", "nothing cannot be read: No such file"),
    ):
        assert_refused(tmp_path / name, folder_ledger, f"{said}.*Name what ledger export wrote")


def test_a_tar_file_that_is_cut_off_is_refused(filled: Ledger, tmp_path: Path) -> None:
    export(filled, tmp_path / "file.tar")
    whole = (tmp_path / "file.tar").read_bytes()
    for size in range(0, len(whole.rstrip(b"\0")), 512):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        assert_refused(tmp_path / "cut.tar", in_folder(tmp_path / f"cut at {size}"), "cut.tar")


def cut_off(path: Path) -> None:
    """Keeps three quarters."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])


def one_line_less(path: Path) -> None:
    """Keeps all lines but the last."""
    path.write_text("".join(f"{line}\n" for line in path.read_text().split("\n")[:-2]))


def changed(**values: object) -> Callable[[Path], None]:
    """Changes values of the first record."""

    def change(path: Path) -> None:
        first, _, rest = path.read_text().partition("\n")
        path.write_text(f"{json.dumps(json.loads(first) | values)}\n{rest}")

    return change


def written(text: bytes) -> Callable[[Path], object]:
    """Holds something else."""
    return lambda path: path.write_bytes(text)


DAMAGE: list[tuple[str, Callable[[Path], object], str]] = [
    ("ledger.json", written(b"[]"), "does not say ledger-export/1"),
    ("ledger.json", written(b"{"), "does not say ledger-export/1"),
    ("ledger.json", written(b"[" * 100_000), "does not say ledger-export/1"),
    ("captures.jsonl", Path.unlink, "No such file"),
    ("captures.jsonl", written(b"xx\n"), "line 1 is no record"),
    ("captures.jsonl", written(b"[1]\n"), "line 1 is no record"),
    ("captures.jsonl", written(b"\xff\n"), "no text in UTF-8"),
    ("captures.jsonl", cut_off, "line 2 is no record"),
    ("captures.jsonl", one_line_less, "it has 1 lines of 2"),
    ("captures.jsonl", changed(captured_at=7), "line 1 is no record"),
    ("captures.jsonl", changed(captured_at="2026-11-21T01:40:00"), "line 1 is no record"),
    ("captures.jsonl", changed(rows="9"), "line 1 is no record"),
    ("captures.jsonl", changed(surprise=1), "line 1 is no record"),
    ("captures.jsonl", changed(files=[{}]), "a capture has no such files"),
    ("captures.jsonl", changed(failed=[7]), "a capture has no such failed"),
    ("names.jsonl", Path.unlink, "No such file"),
    ("names.jsonl", changed(name=None), "line 1 is no record"),
    ("rule_sets.jsonl", Path.unlink, "No such file"),
    ("rows/00000001.parquet", Path.unlink, "No such file"),
    ("rows/00000001.parquet", cut_off, "no Parquet file of rows, or cut off"),
    ("rows/00000001.parquet", written(b""), "no Parquet file of rows, or cut off"),
]


@pytest.mark.parametrize(("name", "damage", "said"), DAMAGE)
def test_a_file_that_is_missing_or_damaged_is_named_and_nothing_comes_in(
    filled: Ledger, tmp_path: Path, name: str, damage: Callable[[Path], object], said: str
) -> None:
    export(filled, tmp_path / "kept")
    damage(tmp_path / "kept" / name)
    other = in_folder(tmp_path / "other")
    assert_refused(tmp_path / "kept", other, f"{name} in .*kept.*{said}")
    assert other.captures() == []


@pytest.mark.parametrize("change", [{"account": "another"}, {"rows": 7}, {"sha256": "0" * 64}])
def test_rows_of_something_else_than_the_capture_says_do_not_come_in(
    filled: Ledger, tmp_path: Path, change: dict[str, object]
) -> None:
    export(filled, tmp_path / "kept")
    changed(**change)(tmp_path / "kept" / "captures.jsonl")
    assert_refused(tmp_path / "kept", in_folder(tmp_path / "other"), "are not those that were")


def test_an_export_of_an_earlier_program_is_taken_in(filled: Ledger, tmp_path: Path) -> None:
    export(filled, tmp_path / "kept")
    (tmp_path / "kept" / "rule_sets.jsonl").unlink()
    earlier = {"format": "ledger-export/1", "captures": 2}
    (tmp_path / "kept" / "ledger.json").write_text(json.dumps(earlier))
    with opened_export(tmp_path / "kept") as kept:
        assert isinstance(kept, OfFolder)
        assert take_in(in_folder(tmp_path / "other"), kept) == TakenIn(2, [])
