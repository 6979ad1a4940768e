"""GPU hours that nobody used: what is idle, what is not known, and what share that is."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given

from lib.exports.formats import delta
from lib.periods import Period
from tests.laws.test_report_comet_usage_laws import counted
from tests.support.comet_usage_answers import (
    DAYS,
    Row,
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

MAY = ms(2024, 5, 2)
JUNE = ms(2024, 6, 2)


def hours(*rows: Row, **asked: Any) -> tuple[float | None, float | None]:
    totals = build(answer_of(rows), **asked).totals
    return totals["idle_gpu_hours"], totals["idle_gpu_percent"]  # type: ignore[return-value]


@pytest.mark.parametrize(("mean", "idle"), [(0.0, 2.0), (4.99, 2.0), (5.0, 0.0), (80.0, 0.0)])
def test_idle_is_under_five_percent_on_the_mean(mean: float, idle: float) -> None:
    assert hours(on_gpu(MAY, mean, hours=2.0))[0] == idle
    peak = on_gpu(MAY, mean, hours=2.0, gpu_peak=100.0)
    assert hours(peak, utilisation="peak")[0] == idle, "whatever the charts show"


def test_the_share_is_that_of_hours_not_the_mean_of_shares() -> None:
    rows = (on_gpu(MAY, 1.0, hours=1.0), on_gpu(MAY, 90.0, hours=9.0))
    assert hours(*rows) == (1.0, 10.0)
    figure = figure_of(build(answer_of(rows)), "idle_gpu_percent")
    assert "÷ GPU hours of known utilisation" in figure.help


def test_unknown_utilisation_is_not_idle_and_is_said() -> None:
    blind = on_gpu(MAY, hours=7.0) | {"gpu_mean": None}
    report = build(answer_of([on_gpu(MAY, 1.0), on_gpu(MAY, 50.0, hours=3.0), blind]))
    assert report.totals["idle_gpu_hours"] == 1.0
    assert report.totals["idle_gpu_percent"] == 25.0
    assert noted(report, "The utilisation of 7.0 GPU hours is not known")
    assert figure_of(report, "idle_gpu_hours").incomplete
    assert hours(blind) == (None, None)


def test_without_gpu_hours_nothing_is_idle_or_known() -> None:
    assert hours(run(MAY)) == (None, None)
    assert hours() == (0.0, None)


def test_a_project_that_failed_leaves_no_share() -> None:
    report = build(answer_of([on_gpu(MAY, 1.0)], failed=[("vision", "lost")]))
    assert report.totals["idle_gpu_percent"] is None
    figure = figure_of(report, "idle_gpu_hours")
    assert (figure.value, figure.incomplete) == (1.0, True)
    lost = next(row for row in rows_of(report, "by_project") if row["project"] == "lost")
    assert lost["idle_gpu_hours"] is None


def test_a_comparison_tells_the_change_of_hours_and_the_share_in_points() -> None:
    rows = [on_gpu(MAY, 1.0, hours=1.0), on_gpu(MAY, 90.0, hours=3.0), on_gpu(JUNE, 1.0, hours=2.0)]
    report = build(
        answer_of(rows),
        period=Period(date(2024, 6, 1), date(2024, 6, 30)),
        compare="month-before",
    )
    idle, share = (figure_of(report, key) for key in ("idle_gpu_hours", "idle_gpu_percent"))
    assert delta(idle.delta, idle.unit) == "+1 (+100.0 %)"
    assert delta(share.delta, share.unit) == "+75.0 points"
    row = rows_of(report, "by_project")[0]
    assert (row["idle_gpu_hours_previous"], row["idle_gpu_hours_change"]) == (1.0, 1.0)


@examples(40)
@given(answers)
def test_the_share_times_the_hours_of_known_use_is_the_idle_hours(experiments: list[Row]) -> None:
    totals = build(answer_of(experiments), period=DAYS).totals
    rated = sum(
        row["gpu_seconds"] / 3_600
        for row in counted(experiments)
        if None not in (row["gpu_seconds"], row["gpu_mean"])
    )
    if not rated:
        assert totals["idle_gpu_percent"] is None
        return
    idle = totals["idle_gpu_percent"] * rated / 100  # type: ignore[operator]
    assert idle == pytest.approx(totals["idle_gpu_hours"])
