"""The laws of the experiment report: plain Python computes the same, tables agree, ranges add up."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.periods import Period, bucket_key, bucket_numbers, bucket_range, bucket_start
from lib.ui.altair_charts import altair_chart
from tests.support.comet_usage_answers import (
    DAYS,
    Row,
    answer_of,
    answers,
    build,
    ms,
    rows_of,
    units,
)
from tests.support.profiles import examples

FLOWS = (
    *("experiments", "run_time_seconds", "experiments_with_run_time", "gpu_hours"),
    "idle_gpu_hours",
)
TABLES = ("by_bucket", "by_project", "by_workspace", "by_user")


def key_of(start_ms: int, unit: str) -> str:
    """The seed's keys, computed without the code under test."""
    moment = datetime.fromtimestamp(start_ms // 1_000, UTC)
    if unit == "week":
        iso = moment.isocalendar()
        return f"{iso.year}-W{iso.week:02}"
    forms = {"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d-%H"}
    return moment.strftime(forms[unit])


def run_time(row: Row) -> int | None:
    if row["running"]:
        return None
    if row["end_ms"]:
        return row["end_ms"] - row["start_ms"] if row["end_ms"] > row["start_ms"] else None
    return row["duration_ms"]


def counted(rows: list[Row], period: Period = DAYS, *, archived: bool = False) -> list[Row]:
    return [
        row
        for row in rows
        if row["start_ms"]
        and period.start_epoch * 1_000 <= row["start_ms"] < period.end_epoch * 1_000
        and (archived or not row["archived"])
    ]


def average(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return pytest.approx(sum(known) / len(known)) if known else None


def added(values: list[float | None], rows: list[Row]) -> Any:
    known = [value for value in values if value is not None]
    return pytest.approx(sum(known)) if known or not rows else None


def expected(rows: list[Row]) -> Row:
    times = [run_time(row) for row in rows]
    gpu = [row["gpu_seconds"] for row in rows]
    users = len({row["user"] for row in rows if row["user"] is not None})
    return {
        "experiments": len(rows),
        "users": users or (None if rows else 0),
        "run_time_seconds": added([time and time / 1_000 for time in times], rows),
        "experiments_with_run_time": sum(time is not None for time in times),
        "gpu_utilisation": average([row["gpu_mean"] for row in rows]),
        "gpu_memory_utilisation": average([row["memory_mean"] for row in rows]),
        "gpu_hours": added([None if one is None else one / 3_600 for one in gpu], rows),
        "idle_gpu_hours": added([idle_hours(row) for row in rows], rows),
        "experiments_with_gpu": sum(one is not None for one in gpu),
    }


def idle_hours(row: Row) -> float | None:
    if row["gpu_mean"] is None or row["gpu_seconds"] is None:
        return None
    return row["gpu_seconds"] / 3_600 if row["gpu_mean"] < 5 else 0.0


def some(row: Row, like: Row) -> Row:
    return {key: row[key] for key in like}


@examples(60)
@given(answers, st.sampled_from(("month", "week", "day")), st.booleans())
def test_plain_python_computes_the_same_buckets(
    experiments: list[Row], unit: Any, archived: bool
) -> None:
    report = build(answer_of(experiments), period=DAYS, unit=unit, archived=archived)
    groups = defaultdict(list)
    for row in counted(experiments, archived=archived):
        groups[key_of(row["start_ms"], unit)].append(row)
    shown = rows_of(report)
    every = dict.fromkeys(
        key_of(ms(day.year, day.month, day.day), unit)
        for day in (DAYS.start + timedelta(days=at) for at in range(DAYS.days))
    )
    assert [row["bucket"] for row in shown] == [*every]
    for row in shown:
        wanted = expected(groups[row["bucket"]])
        assert some(row, wanted) == wanted


@examples(60)
@given(answers, units)
def test_every_table_is_of_the_same_totals(experiments: list[Row], unit: Any) -> None:
    report = build(answer_of(experiments), period=DAYS, unit=unit)
    whole = expected(counted(experiments))
    assert some(dict(report.totals), {key: whole[key] for key in FLOWS}) == {
        key: whole[key] for key in FLOWS
    }
    assert report.totals["users"] == whole["users"]
    assert report.totals["mean_gpu_utilisation"] == whole["gpu_utilisation"]
    for table in TABLES:
        rows = rows_of(report, table)
        for key in FLOWS:
            assert sum(row[key] or 0 for row in rows) == pytest.approx(report.totals[key] or 0)
            assert (report.table(table).totals or {})[key] == report.totals[key]


@examples(40)
@given(answers, units)
def test_two_dimensions_at_once_sum_to_what_each_sums_to(experiments: list[Row], unit: Any) -> None:
    report = build(answer_of(experiments), period=DAYS, unit=unit)
    if not counted(experiments):
        assert not {"workspace_by_bucket", "user_by_project"} & {one.key for one in report.tables}
        return
    for key, by_row in (("workspace_by_bucket", "workspace"), ("user_by_project", "user")):
        table = report.table(key)
        measure = "gpu_hours" if table.note.startswith("GPU hours") else "experiments"
        assert (measure == "gpu_hours") == bool(report.totals["gpu_hours"])
        assert {row[by_row]: row["total"] for row in rows_of(report, key)} == {
            row[by_row]: row[measure]
            for row in rows_of(report, f"by_{by_row}")
            if row["experiments"]
        }
        assert (table.totals or {})["total"] == report.totals[measure]
    totals = report.table("workspace_by_bucket").totals or {}
    if unit == "month":
        buckets = {row["bucket"]: row for row in rows_of(report)}
        assert {key: totals[key] for key in buckets} == {
            key: row["gpu_hours" if report.totals["gpu_hours"] else "experiments"]
            for key, row in buckets.items()
        }


@examples(40)
@given(answers, st.integers(1, DAYS.days - 1))
def test_two_ranges_of_days_add_up_to_the_whole(experiments: list[Row], cut: int) -> None:
    middle = DAYS.start + timedelta(days=cut)
    answer = answer_of(experiments)
    first, second, whole = (
        build(answer, period=period).totals
        for period in (
            Period(DAYS.start, middle - timedelta(days=1)),
            Period(middle, DAYS.end),
            DAYS,
        )
    )
    for key in FLOWS:
        assert (first[key] or 0) + (second[key] or 0) == pytest.approx(whole[key] or 0)


@pytest.mark.dear
@examples(40)
@given(answers, units, st.sampled_from(("project", "workspace", "user")))
def test_no_name_and_no_value_keeps_charts_from_being_made(
    experiments: list[Row], unit: Any, group: Any
) -> None:
    report = build(answer_of(experiments), period=DAYS, unit=unit, group=group, max_series=2)
    has_any = bool(counted(experiments))
    assert bool(report.charts) == has_any
    for chart in report.charts:
        assert chart.alt.startswith(chart.title)
        assert chart.alt.endswith(".")
        assert "nan" not in chart.alt
        assert altair_chart(chart.chart).to_dict()
    assert len({chart.key for chart in report.charts}) == len(report.charts)


@given(st.datetimes(datetime(1999, 1, 1), datetime(2100, 1, 1)), units)
def test_a_moment_lies_in_the_bucket_of_its_name(moment: datetime, unit: Any) -> None:
    stamp = round(moment.replace(tzinfo=UTC).timestamp() * 1_000)
    (number,) = bucket_range(unit, stamp, stamp)
    assert bucket_key(unit, number) == key_of(stamp, unit)
    start, end = (bucket_start(unit, one).timestamp() * 1_000 for one in (number, number + 1))
    assert start <= stamp < end


@pytest.mark.parametrize(
    ("moment", "unit", "key"),
    [
        ((2024, 12, 30), "week", "2025-W01"),
        ((2021, 1, 3), "week", "2020-W53"),
        ((2024, 9, 5, 13, 59), "week", "2024-W36"),
        ((2024, 9, 5, 13, 59), "month", "2024-09"),
        ((2024, 9, 5, 13, 59), "day", "2024-09-05"),
        ((2024, 9, 5, 13, 59), "hour", "2024-09-05-13"),
        ((2024, 2, 29, 23), "day", "2024-02-29"),
    ],
)
def test_keys_are_those_of_the_seed(moment: tuple[int, ...], unit: Any, key: str) -> None:

    (number,) = bucket_numbers(unit, np.array([ms(*moment)])).tolist()
    assert bucket_key(unit, number) == key


def test_a_leap_day_is_a_day() -> None:
    start, end = date(2024, 2, 28), date(2024, 3, 1)
    report = build(answer_of([]), period=Period(start, end), unit="day")
    assert [row["bucket"] for row in rows_of(report)] == ["2024-02-28", "2024-02-29", "2024-03-01"]
