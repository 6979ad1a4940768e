"""What is deleted in Comet stays as it was captured; what is corrected or moved there, changes."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from lib.capture.platforms import experiments_said
from lib.ledger.keeping import Outcome, keep
from lib.ledger.store import Ledger
from tests.support.comet_usage_answers import HOUR, NOW, Row, answer_of, ms, on_gpu, run

pytest_plugins = ["tests.support.ledgers"]

DAY = ms(2026, 10, 5)


def captured(ledger: Ledger, *rows: Row, hours: float = 0, **more: Any) -> Outcome:
    """What Comet says some hours after all of October is final."""
    answer = answer_of(rows, **more)
    [said] = experiments_said(answer, ["2026-10"], NOW + timedelta(days=30, hours=hours))
    return keep(ledger, said)


def sums(ledger: Ledger, *keys: str) -> dict[Any, Decimal | None]:
    """By metric and the columns asked for."""
    (capture,) = ledger.captures()
    told: dict[Any, Decimal | None] = {}
    for row in ledger.warehouse.rows(capture.files).to_pylist():
        place = tuple(row[key] for key in ("metric", *keys))
        known = [value for value in (told.get(place), row["quantity"]) if value is not None]
        told[place] = sum(known, Decimal(0)) if known else None
    return told


def test_experiments_that_are_deleted_stay_with_their_run_time_and_gpu_time(
    folder_ledger: Ledger,
) -> None:
    kept, deleted = on_gpu(DAY, hours=1), on_gpu(DAY + HOUR, hours=2)
    captured(folder_ledger, kept, deleted, run(DAY, user="bob"))
    whole = sums(folder_ledger, "principal")
    outcome = captured(folder_ledger, kept, hours=1)
    assert sums(folder_ledger, "principal") == whole
    assert whole["experiments", "ada"] == 2
    assert whole["gpu_seconds", "ada"] == 3 * 3_600
    assert whole["run_time_seconds", "bob"] == 3_600
    assert "sums that the source no longer has" in outcome.detail
    assert "sums that became smaller, at what they had reached" in outcome.detail


def test_a_project_that_is_deleted_whole_stays_and_the_month_is_complete_and_final(
    folder_ledger: Ledger,
) -> None:
    captured(folder_ledger, run(DAY), run(DAY, project="churn"))
    outcome = captured(folder_ledger, hours=1)
    assert sums(folder_ledger)[("experiments",)] == 2
    assert outcome.what == "confirmed"
    assert outcome.capture.is_final()


def test_what_still_runs_grows_beside_what_was_deleted(folder_ledger: Ledger) -> None:
    captured(folder_ledger, run(DAY, hours=1), run(DAY, hours=1))
    captured(folder_ledger, run(DAY, hours=9), hours=1)
    assert sums(folder_ledger)[("experiments",)] == 2
    assert sums(folder_ledger)[("run_time_seconds",)] == 9 * 3_600


def test_a_correction_of_what_is_all_there_may_lower_a_sum(folder_ledger: Ledger) -> None:
    captured(folder_ledger, on_gpu(DAY, mean=20.0, hours=3))
    captured(folder_ledger, on_gpu(DAY, mean=80.0, hours=2), hours=1)
    told = sums(folder_ledger)
    assert told[("run_time_seconds",)] == 2 * 3_600
    assert told[("gpu_utilisation_percent",)] == 80


def test_experiments_that_are_moved_or_whose_project_is_renamed_are_counted_once(
    folder_ledger: Ledger,
) -> None:
    captured(folder_ledger, run(DAY), run(DAY))
    outcome = captured(folder_ledger, run(DAY), run(DAY, project="renamed"), hours=1)
    assert outcome.detail == ""
    assert {key: value for key, value in sums(folder_ledger, "resource").items() if value == 1} == {
        ("experiments", "detector"): 1,
        ("experiments", "renamed"): 1,
        ("experiments_with_run_time", "detector"): 1,
        ("experiments_with_run_time", "renamed"): 1,
    }


def test_an_archived_experiment_is_no_deleted_one(folder_ledger: Ledger) -> None:
    captured(folder_ledger, run(DAY))
    outcome = captured(folder_ledger, run(DAY, archived=True), hours=1)
    assert (outcome.what, outcome.detail) == ("confirmed", "")


def test_gpu_time_that_failed_again_for_some_stays_as_it_was(folder_ledger: Ledger) -> None:
    failed = {"failed": [("vision", "churn")]}
    captured(folder_ledger, on_gpu(DAY), **failed)
    captured(folder_ledger, run(DAY), hours=1, **failed)
    assert sums(folder_ledger)[("gpu_seconds",)] == 3_600
