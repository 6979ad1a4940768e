"""Captures that are killed, cut off or come at once: nothing lost, nothing twice, nothing half."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from sqlalchemy import event
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from lib.capture.platforms import Answers, Asking, Platform
from lib.capture.rounds import capture_round
from lib.errors import SourceUnavailable
from lib.ledger.store import Ledger
from lib.ledger.verify import verify
from lib.ledger.warehouse import Month
from lib.settings import load_settings
from tests.support.kept import (
    NOW,
    OCTOBER,
    amounts_in_table,
    amounts_of,
    in_folder,
    put,
    s3_options,
    said,
)
from tests.support.servers import serve

pytest_plugins = [
    "tests.support.ledgers",
    "tests.support.postgres_server",
    "tests.support.small_disk",
]

BEFORE = {("alpha", "input_tokens"): 9}
AFTER = {("alpha", "input_tokens"): 10, ("beta", "input_tokens"): 1}
MOST_STEPS = 200


@pytest.fixture(scope="module")
def processes() -> Any:
    """New processes, of one that has imported everything and has no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow"])
    return context


@pytest.fixture
def in_memory() -> Iterator[Path]:
    """A folder where it costs nothing to wait for the disk, where there is one."""
    place = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with TemporaryDirectory(dir=place) as folder:
        yield Path(folder)


def capture_with(step: Callable[[], None], folder: Path) -> None:
    """Captures ``AFTER``, and calls ``step`` around all that touches disk or database."""
    import pyiceberg.io.pyarrow as files
    from pyiceberg.catalog.sql import SqlCatalog

    ledger = in_folder(folder)
    engine = ledger.database.engine
    event.listen(engine, "before_cursor_execute", lambda *_: step())
    event.listen(engine, "commit", lambda *_: step())
    for owner, name in (
        (files, "write_file"),
        (files.PyArrowFile, "create"),
        (SqlCatalog, "commit_table"),
        (os, "fsync"),
    ):
        setattr(owner, name, _stepped(getattr(owner, name), step))
    put(ledger, AFTER, hours=1)


def _stepped(work: Callable[..., Any], step: Callable[[], None]) -> Callable[..., Any]:
    def stepped(*words: Any, **named: Any) -> Any:
        step()
        made = work(*words, **named)
        step()
        return made

    return stepped


def killed_at(number: int, folder: Path) -> None:
    """As ``capture_with``; this process is killed at one step."""
    steps = iter(range(MOST_STEPS))

    def step() -> None:
        if next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    capture_with(step, folder)


@pytest.mark.parametrize("first", [True, False], ids=["the first capture", "a later one"])
def test_killed_at_any_step_half_a_capture_is_invisible_and_the_next_completes_it(
    processes: Any, in_memory: Path, *, first: bool
) -> None:
    for number in range(MOST_STEPS):
        folder = in_memory / str(number)
        ledger = in_folder(folder)
        if not first:
            put(ledger, BEFORE)
        child = processes.Process(target=killed_at, args=(number, folder))
        child.start()
        child.join()
        told = amounts_of(ledger) if ledger.captures() else None
        assert told in (None if first else BEFORE, AFTER), f"half a capture after step {number}"
        if not first:
            put(in_folder(folder), BEFORE, hours=2)  # others read the table as it counts, at once
            assert amounts_of(ledger) == amounts_in_table(ledger) == BEFORE
        put(in_folder(folder), AFTER, hours=3)
        assert amounts_of(ledger) == amounts_in_table(ledger) == AFTER
        assert {finding.kind for finding in verify(ledger)} <= {"orphan"}
        if child.exitcode == 0:
            assert number > 20, "the capture took fewer steps than it has"
            return
        assert child.exitcode == -signal.SIGKILL
    pytest.fail("the capture has more steps than were tried")


def enter_many(folder: Path, months: list[str], value: int) -> None:
    """Captures one month after the other."""
    for month in months:
        put(in_folder(folder), {("alpha", "input_tokens"): value}, OCTOBER._replace(month=month))


def test_two_processes_that_capture_at_once_lose_nothing_and_enter_nothing_twice(
    processes: Any, tmp_path: Path
) -> None:
    months = [f"2026-{month:02}" for month in range(1, 11)]
    children = [
        processes.Process(target=enter_many, args=(tmp_path, order, value))
        for value, order in ((1, months), (2, months[::-1]))
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0, 0]
    ledger = in_folder(tmp_path)
    assert [capture.month for capture in ledger.captures()] == months
    for month in months:
        key = OCTOBER._replace(month=month)
        assert amounts_of(ledger, key) == amounts_in_table(ledger, key)
    assert verify(ledger) == []


@pytest.mark.parametrize("small_disk", [2_000_000], indirect=True)
def test_a_disk_that_is_full_is_told_and_what_was_kept_still_counts(small_disk: Path) -> None:
    ledger, ballast = in_folder(small_disk), small_disk / "ballast"
    put(ledger, BEFORE)
    for hour, left in enumerate((0, 8_192, 16_384, 24_576, 32_768), start=1):
        free = os.statvfs(small_disk)
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - left))
        with pytest.raises(SourceUnavailable, match=r"Ledger: it cannot be (opened|written)"):
            put(ledger, AFTER, hours=hour)
        ballast.unlink()
        assert amounts_of(ledger) == BEFORE
    put(ledger, AFTER, hours=9)
    assert amounts_of(ledger) == amounts_in_table(ledger) == AFTER


def test_a_postgresql_that_restarts_between_table_and_capture_loses_nothing(
    own_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(own_database.url(), str(tmp_path / "files"))
    put(ledger, BEFORE)
    overwrite = ledger.warehouse.overwrite

    def cut_off(*words: Any) -> Any:
        written = overwrite(*words)
        # As a restart does it: every connection is gone, and with it the right to write
        own_database.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND datname IS NOT NULL"
        )
        return written

    monkeypatch.setattr(ledger.warehouse, "overwrite", cut_off)
    with pytest.raises(SourceUnavailable, match="the database gave"):
        put(ledger, AFTER, hours=1)
    monkeypatch.undo()
    assert amounts_of(ledger) == BEFORE
    put(ledger, AFTER, hours=2)
    assert amounts_of(ledger) == amounts_in_table(ledger) == AFTER


def test_an_s3_that_answers_503_is_told_and_what_was_kept_still_counts(
    database: Any, bucket: str, s3_server: str
) -> None:
    ledger = Ledger(database.url(), bucket, s3_options(s3_server))
    put(ledger, BEFORE)
    with serve(_busy()) as url, pytest.raises(SourceUnavailable, match="Ledger: it cannot be"):
        put(Ledger(database.url(), bucket, s3_options(url)), AFTER, hours=1)
    assert amounts_of(ledger) == BEFORE
    put(ledger, AFTER, hours=2)
    assert amounts_of(ledger) == amounts_in_table(ledger) == AFTER


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda whole: whole[:200],
    "one byte is another": lambda whole: whole[:50] + bytes([whole[50] ^ 255]) + whole[51:],
    "another footer": lambda whole: whole[:-30] + b"x" * 22 + whole[-8:],
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_one_error_that_names_it_and_what_finds_all_such(
    damage: str, folder_ledger: Ledger
) -> None:
    path = damaged(folder_ledger, DAMAGES[damage])
    with pytest.raises(SourceUnavailable, match=f"{path} cannot be read.*ledger verify"):
        amounts_of(folder_ledger)
    with pytest.raises(SourceUnavailable, match=path):
        put(folder_ledger, AFTER, hours=1, loses_rows=True)
    assert [finding.kind for finding in verify(folder_ledger)] == ["changed"]


def damaged(ledger: Ledger, damage: Callable[[bytes], bytes]) -> str:
    """The path of the one file of a ledger, which is not what was written any more."""
    put(ledger, BEFORE)
    [[file]] = [capture.files for capture in ledger.captures()]
    place = Path(ledger.warehouse.place, file.path)
    place.write_bytes(damage(place.read_bytes()))
    return file.path


def test_a_file_that_is_gone_is_named(folder_ledger: Ledger) -> None:
    put(folder_ledger, BEFORE)
    [[file]] = [capture.files for capture in folder_ledger.captures()]
    Path(folder_ledger.warehouse.place, file.path).unlink()
    with pytest.raises(SourceUnavailable, match=f"{file.path} cannot be read: it is not there"):
        amounts_of(folder_ledger)


async def test_a_damaged_file_costs_its_own_platform_s_months_only(
    folder_ledger: Ledger,
) -> None:
    path = damaged(folder_ledger, DAMAGES["cut off"])

    def platform(name: str, key: Month) -> Platform:
        async def answers(_asking: Asking) -> Answers:
            yield [said(AFTER, key, hours=1, loses_rows=True)]

        return Platform(name, lambda _: key.account, lambda _: True, answers)

    other = Month("tenants", "redis.example", "2026-10")
    asked = [platform("openai", OCTOBER), platform("tenants", other)]
    settings = load_settings({}, folder=Path("/nowhere"))
    results = [
        result
        async for result in capture_round(settings, folder_ledger, asked, ["2026-10"], now=NOW)
    ]
    first, second = results
    assert path in str(first.error)
    assert second.complete
    assert amounts_of(folder_ledger, other) == AFTER


def test_a_store_that_does_not_give_a_file_says_nothing_of_what_is_in_it(
    database: Any, bucket: str, s3_server: str
) -> None:
    ledger = Ledger(database.url(), bucket, s3_options(s3_server))
    put(ledger, BEFORE)
    with serve(_busy()) as url, pytest.raises(SourceUnavailable, match="store of objects"):
        amounts_of(Ledger(database.url(), bucket, s3_options(url)))


def _busy() -> Starlette:
    async def busy(_request: Any) -> Response:
        return Response("<Error><Code>SlowDown</Code></Error>", 503, media_type="text/xml")

    every = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", busy, methods=every)])


def test_no_error_names_the_database_s_password(tmp_path: Path) -> None:
    secret = "correct-horse-battery"  # made up
    ledger = Ledger(f"postgresql://someone:{secret}@127.0.0.1:9/ledger", str(tmp_path))
    with pytest.raises(SourceUnavailable) as failed:
        ledger.captures()
    assert secret not in str(failed.value)
