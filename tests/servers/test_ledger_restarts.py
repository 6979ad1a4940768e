"""A PostgreSQL that is restarted in the middle of a capture: nothing lost, nothing twice, nothing half."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from lib.errors import SourceUnavailable
from lib.ledger import keeping
from lib.ledger.store import Ledger
from lib.ledger.verify import verify
from lib.ledger.warehouse import Month
from tests.support.kept import OCTOBER, amounts_in_table, amounts_of, in_folder, put, told

if TYPE_CHECKING:
    from tests.support.postgres_server import Database, Running

pytest_plugins = ["tests.support.postgres_server"]

SECRET = "correct-horse-battery"  # made up
BEFORE = {("alpha", "input_tokens"): 9}
AFTER = {("alpha", "input_tokens"): 10, ("beta", "input_tokens"): 1}
OTHERS = {("gamma", "input_tokens"): 3}

Patch = pytest.MonkeyPatch
Strike = Callable[[], None]
Point = Callable[[Patch, Ledger, Strike], None]
"""Has something strike at one place of a capture."""


@pytest.fixture
def ledger(mortal_database: "Database", tmp_path: Path) -> Ledger:
    """An empty one whose database may be restarted."""
    return Ledger(mortal_database.url(password=SECRET), str(tmp_path / "files"))


def before_the_rows_are_written(patch: Patch, ledger: Ledger, strike: Strike) -> None:
    patch.setattr(ledger.warehouse, "overwrite", _after(strike, ledger.warehouse.overwrite))


def before_the_commit_to_the_table(patch: Patch, ledger: Ledger, strike: Strike) -> None:
    from pyiceberg.catalog.sql import SqlCatalog

    patch.setattr(SqlCatalog, "commit_table", _after(strike, SqlCatalog.commit_table))


def within_the_commit_to_the_table(patch: Patch, ledger: Ledger, strike: Strike) -> None:
    def arm() -> None:
        event.listen(ledger.database.engine, "commit", lambda _: strike(), once=True)

    before_the_commit_to_the_table(patch, ledger, arm)


def between_table_and_capture(patch: Patch, ledger: Ledger, strike: Strike) -> None:
    patch.setattr(ledger.warehouse, "overwrite", _before(strike, ledger.warehouse.overwrite))


def within_the_commit_of_the_capture(patch: Patch, ledger: Ledger, strike: Strike) -> None:
    patch.setattr(keeping, "_noted", _before(strike, keeping._noted))


def _after(strike: Strike, work: Callable[..., Any]) -> Callable[..., Any]:
    def struck(*words: Any) -> Any:
        strike()
        return work(*words)

    return struck


def _before(strike: Strike, work: Callable[..., Any]) -> Callable[..., Any]:
    def struck(*words: Any) -> Any:
        made = work(*words)
        strike()
        return made

    return struck


def at(*points: Point) -> Any:
    """A test for each."""
    names = [point.__name__.replace("_", " ") for point in points]
    return pytest.mark.parametrize("point", points, ids=names)


@pytest.mark.parametrize("stays_down", [False, True], ids=["is back at once", "is back later"])
@at(
    before_the_rows_are_written,
    before_the_commit_to_the_table,
    within_the_commit_to_the_table,
    between_table_and_capture,
    within_the_commit_of_the_capture,
)
def test_a_postgresql_that_is_killed_in_the_middle_of_a_capture_and_started_anew_loses_nothing(
    mortal_postgres: "Running",
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: Patch,
    point: Point,
    stays_down: bool,
) -> None:
    undisturbed = in_folder(tmp_path)
    for one in (ledger, undisturbed):
        put(one, BEFORE)
    first = mortal_postgres.process

    def strike() -> None:
        if mortal_postgres.process is first:  # once
            mortal_postgres.kill()
            if not stays_down:
                mortal_postgres.start()

    with monkeypatch.context() as patch:
        point(patch, ledger, strike)
        try:
            with pytest.raises(SourceUnavailable, match="the database gave") as failed:
                put(ledger, AFTER, hours=1)
        finally:
            if stays_down:
                mortal_postgres.start()
    assert mortal_postgres.process is not first
    assert SECRET not in str(failed.value)
    assert told(ledger) == told(undisturbed), "half a capture is told"
    put(ledger, BEFORE, hours=2)  # others read the table as it counts, at once
    assert amounts_of(ledger) == amounts_in_table(ledger) == BEFORE
    for one in (ledger, undisturbed):
        put(one, AFTER, hours=3)
    assert told(ledger) == told(undisturbed)
    assert amounts_of(ledger) == amounts_in_table(ledger) == AFTER
    assert {finding.kind for finding in verify(ledger)} <= {"orphan"}


@pytest.mark.parametrize("month", ["2026-10", "2026-11"], ids=["the same month", "another one"])
@at(before_the_rows_are_written, before_the_commit_to_the_table)
def test_who_lost_the_right_to_write_to_another_capture_leaves_what_that_one_kept(
    mortal_postgres: "Running",
    mortal_database: "Database",
    ledger: Ledger,
    monkeypatch: Patch,
    point: Point,
    month: str,
) -> None:
    put(ledger, BEFORE)
    other, its = (
        Ledger(mortal_database.url(), ledger.warehouse.place),
        OCTOBER._replace(month=month),
    )
    first = mortal_postgres.process

    def strike() -> None:
        if mortal_postgres.process is first:
            mortal_postgres.kill()  # with the server went the lock
            mortal_postgres.start()
            put(other, OTHERS, its, hours=1)

    with monkeypatch.context() as patch:
        point(patch, ledger, strike)
        with pytest.raises(
            SourceUnavailable, match=r"the database gave|another capture has written"
        ):
            put(ledger, AFTER, hours=2)
    assert amounts_of(ledger, its) == OTHERS
    put(ledger, AFTER, OCTOBER, hours=3)
    assert_holds(ledger, {its: OTHERS, OCTOBER: AFTER})


def assert_holds(ledger: Ledger, expected: dict[Month, Any]) -> None:
    """These months, for itself and for other engines, and no others."""
    assert {capture.key for capture in ledger.captures()} == {*expected}
    for month, amounts in expected.items():
        assert amounts_of(ledger, month) == amounts_in_table(ledger, month) == amounts
    assert {finding.kind for finding in verify(ledger)} <= {"orphan"}
