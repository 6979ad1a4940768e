"""What is kept of experiments sums to what the report says: in all, and by day, month, workspace, project and user."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.reports.experiments.select import select
from lib.sources.comet.experiments.measures import LEDGER_METRICS, measures_of
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.usage.measure import KEYS
from tests.support.comet_ledger import added
from tests.support.comet_usage_answers import (
    DAYS,
    NOW,
    Row,
    answer_of,
    build,
    experiments,
    rows_of,
)
from tests.support.profiles import examples

TABLES = {
    "by_bucket": ("bucket",),
    "by_workspace": ("workspace",),
    "by_project": ("workspace", "project"),
    "by_user": ("user",),
}
MEANS = {
    "mean": ("gpu_utilisation_percent", "gpu_memory_percent"),
    "peak": ("gpu_utilisation_peak_percent", "gpu_memory_peak_percent"),
}
NUMBERS = {
    "gpu_utilisation_percent": "experiments_with_gpu_utilisation",
    "gpu_utilisation_peak_percent": "experiments_with_gpu_utilisation_peak",
    "gpu_memory_percent": "experiments_with_gpu_memory",
    "gpu_memory_peak_percent": "experiments_with_gpu_memory_peak",
}


@st.composite
def metered(draw: st.DrawFn) -> Row:
    """An experiment whose samples may be of several GPUs, each with a known time or without."""
    row = draw(experiments())
    seen = any(row[key] is not None for key in ("gpu_mean", "memory_peak", "gpu_seconds"))
    gpus = draw(st.integers(1, 8)) if seen else None
    return row | {"gpus": gpus, "gpus_timed": gpus and draw(st.integers(0, gpus))}


answers = st.lists(metered(), max_size=30)


def kept(rows: list[Row]) -> list[Row]:
    """The measures of the days as rows, with the names that the report's tables give their places."""
    table = measures_of(answer_of(rows), NOW)
    return [
        {
            "workspace": row["sub_account"],
            "project": row["resource"],
            "user": row["principal"],
            "day": f"{row['start']:%Y-%m-%d}",
            **row,
        }
        for row in table.to_pylist()
        if DAYS.start <= row["start"].date() <= DAYS.end
    ]


def summed(measures: Iterable[Row]) -> dict[str, Any]:
    """Each metric's sum, None where none is known; of nothing at all 0, as the report has it."""
    sums: dict[str, list[Any]] = defaultdict(list)
    for row in measures:
        sums[row["metric"]].append(row["quantity"])
    nothing = None if sums else Decimal(0)
    return {key: added(sums[key]) if sums[key] else nothing for key in LEDGER_METRICS}


def mean(sums: dict[str, Any], metric: str) -> Any:
    number = sums[NUMBERS[metric]]
    return pytest.approx(float(sums[metric] / number)) if number else None


def told(sums: dict[str, Any], utilisation: str) -> Row:
    """What the report says of these sums."""
    gpu, memory = MEANS[utilisation]
    return {
        "experiments": sums["experiments"],
        "experiments_with_run_time": sums["experiments_with_run_time"],
        "run_time_seconds": none_or_float(sums["run_time_seconds"], 1),
        "experiments_with_gpu": sums["experiments_with_gpu"] or 0,
        "gpu_hours": none_or_float(sums["gpu_seconds"], 3_600),
        "idle_gpu_hours": none_or_float(sums["idle_gpu_seconds"], 3_600),
        "gpu_utilisation": mean(sums, gpu),
        "gpu_memory_utilisation": mean(sums, memory),
    }


def none_or_float(quantity: Decimal | None, per: int) -> float | None:
    """Whole milliseconds, so that the division is the only rounding, here and in the report."""
    return None if quantity is None else int(quantity * 1_000) / (1_000 * per)


@examples(60)
@given(answers, st.sampled_from(("day", "month")), st.sampled_from(("mean", "peak")))
def test_measures_sum_to_every_breakdown_of_the_report(
    rows: list[Row], unit: Any, utilisation: Any
) -> None:
    asked = {"period": DAYS, "unit": unit, "archived": True, "utilisation": utilisation}
    report, measures = build(answer_of(rows), **asked), kept(rows)
    for table, names in TABLES.items():
        groups: dict[Any, list[Row]] = defaultdict(list)
        for row in measures:
            bucket = {"day": row["day"], "month": row["month"]}[unit]
            groups[tuple((row | {"bucket": bucket})[name] for name in names)].append(row)
        shown = rows_of(report, table)
        assert {*groups} <= {tuple(row[name] for name in names) for row in shown}
        for row in shown:
            wanted = told(summed(groups[tuple(row[name] for name in names)]), utilisation)
            assert {key: row[key] for key in wanted} == wanted


@examples(60)
@given(answers)
def test_measures_sum_to_the_totals_of_the_report(rows: list[Row]) -> None:
    report, measures = build(answer_of(rows), period=DAYS, archived=True), kept(rows)
    sums, totals = summed(measures), report.totals
    wanted = told(sums, "mean")
    keys = {"experiments", "run_time_seconds", "experiments_with_run_time", "gpu_hours"}
    for key in (*keys, "idle_gpu_hours"):
        assert totals[key] == wanted[key]
    for kind, metrics in MEANS.items():
        for of, metric in zip(("gpu", "gpu_memory"), metrics, strict=True):
            assert totals[f"{kind}_{of}_utilisation"] == mean(sums, metric)
    assert totals["gpus_without_time"] == (sums["gpus"] or 0) - (sums["gpus_with_time"] or 0)
    users = {row["user"] for row in measures} - {None}
    assert totals["users"] == (len(users) or (None if measures else 0))
    assert totals["workspaces"] == len({row["workspace"] for row in measures})
    assert totals["projects"] == len({(row["workspace"], row["project"]) for row in measures})


@examples(60)
@given(answers)
def test_gpu_time_of_known_utilisation_is_what_the_report_rests_its_share_on(
    rows: list[Row],
) -> None:
    sums = summed(kept(rows))
    query = CometUsageQuery(("vision",), DAYS, archived=True)
    unrated = select(answer_of(rows), query, NOW).unrated_hours
    known = (sums["gpu_seconds"] or 0) - (sums["rated_gpu_seconds"] or 0)
    assert known / 3_600 == pytest.approx(Decimal(unrated))


@examples(60)
@given(answers, st.randoms(use_true_random=False))
def test_measures_are_the_same_in_whatever_order_the_server_answers(
    rows: list[Row], random: Any
) -> None:
    again = [*rows]
    random.shuffle(again)
    assert sorted(map(str, kept(again))) == sorted(map(str, kept(rows)))


@examples(60)
@given(answers)
def test_every_measure_is_of_a_metric_that_is_told_of_and_there_once(rows: list[Row]) -> None:
    measures = kept(rows)
    keys = [(row["metric"], row["start"], *(row[key] for key in KEYS)) for row in measures]
    assert len({*keys}) == len(keys)
    for row in measures:
        metric = LEDGER_METRICS[row["metric"]]
        assert (row["unit"], row["nature"]) == (metric.unit, metric.nature)
        assert (row["end"] - row["start"]).total_seconds() == 86_400
        assert f"{row['start']:%Y-%m %H:%M:%S}" == f"{row['month']} 00:00:00"
