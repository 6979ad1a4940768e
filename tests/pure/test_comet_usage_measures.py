"""What is kept of experiments, measure by measure, and which totals are not known."""

import json
from dataclasses import replace
from decimal import Decimal
from math import fsum
from typing import Any

import pytest

from lib.sources.comet.experiments.measures import (
    LEDGER_METRICS,
    PLATFORM,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.comet.experiments.rows import FLOATS
from lib.status import SourceStatus, status_of
from tests.support.comet_ledger import sum_of
from tests.support.comet_usage_answers import NOW, Row, answer_of, ms, on_gpu, run

DAY = ms(2024, 9, 5)
GPU_METRICS = {
    key
    for key in LEDGER_METRICS
    if key not in ("experiments", "run_time_seconds", "experiments_with_run_time")
}


def measured(*rows: Row) -> list[Row]:
    return measures_of(answer_of(rows), NOW).to_pylist()


def quantities(*rows: Row) -> dict[str, Any]:
    """By metric, of experiments of one day, project and user."""
    found = {row["metric"]: row["quantity"] for row in measured(*rows)}
    assert len(found) == len(measured(*rows))
    return found


def test_an_experiment_belongs_to_the_day_and_the_place_in_which_it_starts() -> None:
    rows = measured(run(ms(2024, 9, 30, 23, 59), hours=5), run(ms(2024, 10, 1), user="bob"))
    told = {
        (
            row["platform"],
            row["account"],
            row["part"],
            row["month"],
            f"{row['start']:%Y-%m-%d %H:%M}",
            f"{row['end']:%Y-%m-%d %H:%M}",
            row["sub_account"],
            row["resource"],
            row["principal"],
        )
        for row in rows
    }
    place = (PLATFORM, "comet.example", "experiments")
    days = ("2024-09-30 00:00", "2024-10-01 00:00", "2024-10-02 00:00")
    assert told == {
        (*place, "2024-09", days[0], days[1], "vision", "detector", "ada"),
        (*place, "2024-10", days[1], days[2], "vision", "detector", "bob"),
    }


def test_milliseconds_are_summed_as_whole_numbers() -> None:
    found = quantities(*(run(DAY, None, end_ms=DAY + more) for more in (1, 2, 3_600_000)))
    assert found["run_time_seconds"] == Decimal("3600.003")
    many = quantities(*(run(DAY, None, end_ms=DAY + 10**10 + 1) for _ in range(10)))
    assert many["run_time_seconds"] == Decimal("100000000.010")


def test_what_runs_still_counts_without_a_run_time() -> None:
    found = quantities(run(DAY, running=True), run(DAY, None))
    assert found == {"experiments": 2, "run_time_seconds": None, "experiments_with_run_time": 0}
    found = quantities(run(DAY, running=True), run(DAY))
    assert (found["run_time_seconds"], found["experiments_with_run_time"]) == (3_600, 1)


@pytest.mark.parametrize("times", [{"end_ms": ms(2026, 12, 1)}, {"duration_ms": 10**12}])
def test_what_ends_after_the_present_has_no_run_time(times: Row) -> None:
    found = quantities(run(DAY, None, **times))
    assert (found["run_time_seconds"], found["experiments_with_run_time"]) == (None, 0)


def test_archived_experiments_are_kept_too() -> None:
    assert quantities(run(DAY, archived=True), run(DAY))["experiments"] == 2


def test_gpu_time_is_idle_or_rated_by_the_rules_of_the_report() -> None:
    found = quantities(
        on_gpu(DAY, mean=4.9), on_gpu(DAY, mean=5.0, hours=2), on_gpu(DAY, hours=4, gpu_mean=None)
    )
    assert found["gpu_seconds"] == 7 * 3_600
    assert found["rated_gpu_seconds"] == 3 * 3_600
    assert found["idle_gpu_seconds"] == 3_600
    assert found["experiments_with_gpu"] == 3
    assert found["experiments_with_gpu_utilisation"] == 2
    assert found["gpu_utilisation_percent"] == Decimal("9.9")


def test_without_samples_of_a_gpu_nothing_is_said_of_gpus() -> None:
    assert not GPU_METRICS & {*quantities(run(DAY))}
    assert {*quantities(run(DAY), on_gpu(DAY))} == {*LEDGER_METRICS}


def test_gpus_of_unknown_time_are_counted_and_their_time_is_not_known() -> None:
    found = quantities(on_gpu(DAY, gpus=3, gpus_timed=0, gpu_seconds=None))
    assert (found["gpus"], found["gpus_with_time"]) == (3, 0)
    assert (found["gpu_seconds"], found["idle_gpu_seconds"]) == (None, None)
    assert found["experiments_with_gpu"] == 0
    assert found["gpu_utilisation_percent"] == 50


@pytest.mark.parametrize("figure", [*FLOATS, "start_ms", "end_ms", "gpus", "gpus_timed", "user"])
def test_no_value_of_an_experiment_can_be_lost_unnoticed(figure: str) -> None:
    whole = on_gpu(DAY, mean=40)
    other = {**dict.fromkeys(FLOATS, 2.0), "start_ms": DAY + 7, "end_ms": DAY + 9}
    other |= {"gpus": 4, "gpus_timed": 2, "user": "bob"}
    assert measured(whole | {figure: None}) != measured(whole)
    assert measured(whole | {figure: other[figure]}) != measured(whole)


def test_sums_of_percent_are_the_same_in_any_order() -> None:
    means = [0.1, 33.3, 1e-9, 99.9, 0.7]
    one, other = (
        quantities(*(on_gpu(DAY, mean=mean) for mean in order)) for order in (means, means[::-1])
    )
    assert one == other
    assert float(one["gpu_utilisation_percent"]) == fsum(means)


def test_without_a_usable_start_an_experiment_is_in_no_measure_and_is_told_of() -> None:
    rows = [run(None), run(ms(1999, 12, 31)), run(ms(2026, 11, 30)), run(DAY)]
    answer = answer_of(rows, notes=("A note.",))
    assert sum_of(measures_of(answer, NOW), "experiments") == 1
    facts = json.loads(json.dumps(facts_of(answer, NOW)))
    assert facts["notes"] == [
        "A note.",
        "Without a usable start time, and therefore in no measure; experiments: 3.",
    ]
    assert [status_of(status) for status in facts["statuses"]] == [*answer.statuses]
    assert facts["host"] == "comet.example"
    assert facts_of(answer_of([run(DAY)]), NOW)["notes"] == []


def test_nothing_came_is_no_measure() -> None:
    assert measured() == []
    assert measured(run(None)) == []
    assert names_of(answer_of([run(DAY)])) == []


@pytest.mark.parametrize(
    ("part", "status", "lacks", "unknown"),
    [
        ("experiments", "ok", "", set()),
        ("vision/detector", "failed", "", {*LEDGER_METRICS}),
        ("vision/detector", "partial", "", {*LEDGER_METRICS}),
        ("vision/detector", "partial", "gpu", GPU_METRICS),
        ("projects", "partial", "", {*LEDGER_METRICS}),
        ("vision/detector", "skipped", "", set()),
    ],
)
def test_totals_that_a_failed_project_or_list_counts_into_are_not_known(
    part: str, status: Any, lacks: str, unknown: set[str]
) -> None:
    answer = answer_of([run(DAY)])
    troubled = SourceStatus("comet", part, status, NOW, 1, lacks=lacks)
    assert unknown_metrics(replace(answer, statuses=(*answer.statuses, troubled))) == unknown


def test_of_what_failed_in_two_ways_the_worse_counts() -> None:
    answer = answer_of([run(DAY)], failed=[("vision", "lost")])
    lacking = SourceStatus("comet", "vision/detector", "partial", NOW, 1, lacks="gpu")
    both = replace(answer, statuses=(*answer.statuses, lacking))
    assert unknown_metrics(both) == {*LEDGER_METRICS}


def test_a_metric_lies_inside_one_that_there_is() -> None:
    wholes = {metric.inside for metric in LEDGER_METRICS.values()} - {""}
    assert wholes <= {*LEDGER_METRICS}
    assert {metric.nature for metric in LEDGER_METRICS.values()} == {"flow"}
