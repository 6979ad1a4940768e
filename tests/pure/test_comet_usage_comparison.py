"""Two periods of experiments side by side: what grew, who made it, and what cannot be told."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given

from lib.charts import Levels, Stacks
from lib.periods import Period
from lib.reports.report import Report
from tests.support.comet_usage_answers import (
    DAYS,
    answer_of,
    answers,
    build,
    figure_of,
    ms,
    noted,
    on_gpu,
    rows_of,
    run,
)
from tests.support.profiles import examples

OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))


def compared(*rows: dict[str, Any], **asked: Any) -> Report:
    failed = asked.pop("failed", ())
    asked = {"period": OCTOBER, "compare": "month-before", **asked}
    return build(answer_of(rows, failed=failed), **asked)


def in_september(day: int, **facts: Any) -> dict[str, Any]:
    return run(ms(2026, 9, day), **facts)


def in_october(day: int, **facts: Any) -> dict[str, Any]:
    return run(ms(2026, 10, day), **facts)


@examples(40)
@given(answers)
def test_card_and_tables_tell_the_same_change(experiments):
    period = Period(date(2024, 6, 30), date(2025, 1, 10))
    before = Period(date(2023, 12, 18), date(2024, 6, 29))
    answer = answer_of(experiments)
    report = build(answer, period=period, compare="preceding")
    assert before.end < period.start <= DAYS.end
    change = figure_of(report, "experiments").delta.change
    assert change == (
        build(answer, period=period).totals["experiments"]
        - build(answer, period=before).totals["experiments"]
    )
    for table in ("by_bucket", "by_project", "by_workspace", "by_user"):
        assert report.table(table).totals["experiments_change"] == change
        cells = [row["experiments_change"] for row in rows_of(report, table)]
        assert sum(cell for cell in cells if cell is not None) == change


def test_the_biggest_movers_name_who_made_them():
    report = compared(
        *(in_october(day) for day in range(1, 5)),
        *(in_october(day, user="bob", project="fresh") for day in range(1, 3)),
        in_september(3),
        *(in_september(day, user="cyd", workspace="gone") for day in range(1, 4)),
    )
    told = [
        tuple(
            row[key]
            for key in (
                *("dimension", "workspace", "project", "user", "compared"),
                *("experiments_change", "part"),
            )
        )
        for row in rows_of(report, "changes")
    ]
    assert told == [
        ("Project", "vision", "detector", None, "both", 3, "ada"),
        ("Project", "gone", "detector", None, "gone", -3, "cyd"),
        ("Project", "vision", "fresh", None, "new", 2, "bob"),
        ("Workspace", "vision", None, None, "both", 5, "vision/detector"),
        ("Workspace", "gone", None, None, "gone", -3, "gone/detector"),
        ("User", None, None, "ada", "both", 3, "vision/detector"),
        ("User", None, None, "cyd", "gone", -3, "gone/detector"),
        ("User", None, None, "bob", "new", 2, "vision/fresh"),
    ]
    assert noted(report, "Changes are against 2026-09-01 to 2026-09-30 (UTC), 30 days against 31.")


def test_a_project_that_failed_leaves_the_others_compared_and_the_whole_unknown():
    report = compared(in_october(1), in_october(2), in_september(1), failed=[("vision", "broken")])
    changes = {row["project"]: row["experiments_change"] for row in rows_of(report, "by_project")}
    assert changes == {"detector": 1, "broken": None}
    assert rows_of(report, "by_workspace")[0]["experiments_change"] is None
    assert rows_of(report, "by_user")[0]["compared"] == "both"
    assert rows_of(report, "by_user")[0]["experiments_change"] is None
    assert figure_of(report, "experiments").delta is None
    assert all(chart.chart.before is None for chart in report.charts)
    assert "The change of the whole is unknown." in report.table("changes").note


def test_a_utilisation_changes_in_points_and_without_a_value_not_at_all():
    report = compared(
        on_gpu(ms(2026, 10, 1), mean=60.0),
        on_gpu(ms(2026, 9, 1), mean=45.0),
        in_october(2, user="bob"),
    )
    (row,) = rows_of(report, "by_project")
    assert (row["gpu_utilisation_previous"], row["gpu_utilisation_change"]) == (45.0, 15.0)
    assert "gpu_utilisation_percent" not in row
    bob = next(row for row in rows_of(report, "by_user") if row["user"] == "bob")
    assert bob["gpu_utilisation_change"] is None


@pytest.mark.parametrize(
    ("key", "kind"), [("experiments_both", Stacks), ("gpu_utilisation_both", Levels)]
)
def test_a_chart_has_a_line_of_what_was_before_with_its_own_bucket(key: str, kind: type):
    rows = [on_gpu(ms(2026, 10, 2)), on_gpu(ms(2026, 9, 1), mean=45.0), on_gpu(ms(2026, 9, 1))]
    report = compared(*rows, unit="day", period=Period(date(2026, 10, 1), date(2026, 10, 30)))
    (spec,) = [spec for spec in report.charts if spec.key == key]
    assert isinstance(spec.chart, kind)
    first = spec.chart.before.iloc[0]
    assert (first["bucket"], first["own"]) == ("2026-10-01", "2026-09-01")
    assert first["value"] == (2 if kind is Stacks else 47.5)
    if kind is Stacks:
        assert spec.chart.most == 2
    assert spec.alt.endswith("The grey line is 2026-09-01 to 2026-09-30 (UTC).")


def test_gpu_hours_of_which_a_part_is_unknown_are_not_compared():
    timed, timeless = on_gpu(ms(2026, 10, 1)), on_gpu(ms(2026, 9, 1), gpus_timed=0)
    report = compared(timed, timeless, in_october(1, project="fresh"), in_september(1))
    fresh = next(row for row in rows_of(report, "by_project") if row["project"] == "fresh")
    assert fresh["compared"] == "new"
    row = rows_of(report, "by_project")[0]
    assert row["gpu_hours_change"] is None
    assert row["experiments_change"] == -1
    assert figure_of(report, "gpu_hours").delta is None


def test_all_time_has_nothing_to_be_compared_with():
    report = build(answer_of([in_october(1)]))
    assert all(table.key != "changes" for table in report.tables)
    assert "compared" not in report.table("by_project").frame
