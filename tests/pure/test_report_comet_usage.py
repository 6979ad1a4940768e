"""The experiment report: what counts, what is unknown, what is said, and that every rendering holds it."""

import json
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from pypdf import PdfReader

from lib.errors import InputError
from lib.exports.csv import to_csv, to_zip
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.periods import MOST_BUCKETS, Period
from lib.reports.experiments.build import build_comet_usage
from lib.sources.comet.experiments.query import CometUsageQuery, check_usage_query
from lib.ui.altair_charts import altair_chart
from tests.support.comet_usage_answers import (
    HOUR,
    NOW,
    answer_of,
    build,
    figure_of,
    ms,
    noted,
    on_gpu,
    rows_of,
    run,
)
from tests.support.report_strategies import HOSTILE

YEAR = Period(date(2024, 1, 1), date(2024, 12, 31))
TODAY = date(2026, 11, 21)


def test_empty_months_count_zero_and_have_no_utilisation() -> None:
    report = build(answer_of([on_gpu(ms(2024, 1, 5)), on_gpu(ms(2024, 3, 5), 80.0)]))
    january, february, march = rows_of(report)
    assert (february["experiments"], february["users"], february["gpu_hours"]) == (0, 0, 0)
    assert february["gpu_utilisation"] is None
    assert (january["gpu_utilisation"], march["gpu_utilisation"]) == (50.0, 80.0)


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        (Period(date(2024, 6, 1), date(2024, 6, 30)), Period(date(2024, 3, 1), date(2024, 3, 31))),
        (Period(date(2024, 3, 9), date(2024, 3, 11)), Period(date(2024, 3, 3), date(2024, 3, 5))),
        (Period(date(2024, 3, 4), date(2024, 3, 6)), None),
        (Period(date(2023, 6, 1), date(2023, 6, 30)), Period(date(2024, 1, 1), date(2024, 1, 31))),
        (None, None),
    ],
)
def test_a_period_without_experiments_knows_the_nearest_one_that_has_some(
    asked: Period | None, nearest: Period | None
) -> None:
    past = run(ms(2024, 5, 5), archived=True)
    answer = answer_of([run(-(10**18)), run(ms(2024, 1, 5)), run(ms(2024, 3, 5)), past])
    assert build(answer, period=asked).nearest == nearest


def test_a_project_that_failed_may_have_experiments_so_no_other_period_is_offered() -> None:
    answer = answer_of([run(ms(2024, 3, 5))], failed=[("vision", "lost")])
    june = Period(date(2024, 6, 1), date(2024, 6, 30))
    assert build(answer, period=june).nearest is None


def test_an_average_weighs_every_experiment_the_same() -> None:
    rows = [on_gpu(ms(2024, 1, 5), 90.0)] + [on_gpu(ms(2024, 2, day), 10.0) for day in range(1, 10)]
    for unit in ("month", "week", "day"):
        report = build(answer_of(rows), unit=unit)
        assert figure_of(report, "gpu_utilisation").value == pytest.approx(18.0)


def test_mean_and_peak_are_told_apart_in_value_and_label() -> None:
    answer = answer_of([on_gpu(ms(2024, 1, 5), 40.0)])
    mean, peak = build(answer), build(answer, utilisation="peak")
    assert figure_of(mean, "gpu_utilisation").value == 40.0
    assert figure_of(peak, "gpu_utilisation").value == 60.0
    assert "mean of samples" in figure_of(mean, "gpu_utilisation").label
    assert "mean of peaks" in figure_of(peak, "gpu_utilisation").label
    assert mean.totals == peak.totals
    assert (mean.totals["mean_gpu_utilisation"], mean.totals["peak_gpu_utilisation"]) == (40, 60)


def test_of_equal_months_the_earliest_is_the_peak() -> None:
    days = [ms(2024, 3, 1), ms(2024, 3, 2), ms(2024, 1, 1), ms(2024, 1, 2), ms(2024, 2, 1)]
    peak = figure_of(build(answer_of([run(day) for day in days])), "peak_bucket")
    assert (peak.label, peak.value) == ("Peak month: 2024-01", 2)
    assert "Of 2 equal ones the earliest" in peak.help


def test_figures_hold_what_the_seed_prints() -> None:
    rows = [run(ms(2024, 1, 1), 2.0), run(ms(2024, 3, 31), 4.0, user="bob", project="other")]
    report = build(answer_of(rows))
    values = {figure.key: figure.value for figure in report.figures}
    assert values == {
        "experiments": 2,
        "users": 2,
        "run_time_seconds": 21_600.0,
        "average_run_time_seconds": 10_800.0,
        "experiments_with_run_time": 2,
        "workspaces": 1,
        "projects": 2,
        "date_range": 91,
        "time_span": 3,
        "peak_bucket": 1,
        "gpu_utilisation": None,
        "gpu_memory_utilisation": None,
        "gpu_hours": None,
        "idle_gpu_hours": None,
        "idle_gpu_percent": None,
    }
    assert figure_of(report, "date_range").label == "2024-01-01 to 2024-03-31"
    assert noted(report, "nothing is known of GPU hours")


def test_run_times_that_are_none_are_skipped_and_counted() -> None:
    at = ms(2024, 1, 5)
    rows = [
        run(at, 1.0),
        run(at, 0.0),
        run(at, -1.0),
        run(at, None),
        run(at, 3.0, running=True),
        run(at, None, duration_ms=2 * HOUR, running=False),
        run(at, None, duration_ms=2 * HOUR, running=True),
    ]
    report = build(answer_of(rows))
    assert report.totals["run_time_seconds"] == 3 * 3_600
    assert report.totals["experiments_with_run_time"] == 2
    assert noted(report, "3 still running or without an end, 2 that end before or when they start")
    assert noted(report, "the duration that the client told stands in; experiments: 1.")


def test_where_nobody_says_what_still_runs_the_note_admits_it() -> None:
    answer, untold = (
        answer_of([run(ms(2024, 1, 5), None, duration_ms=HOUR, running=runs)])
        for runs in (False, None)
    )
    assert build(untold).totals["run_time_seconds"] == 3_600
    assert noted(build(untold), "Those that still run may be among them.")
    assert not noted(build(answer), "Those that still run")


def test_archived_experiments_count_only_when_asked_for() -> None:
    answer = answer_of([run(ms(2024, 1, 5)), run(ms(2024, 1, 6), archived=True)])
    without, everything = build(answer), build(answer, archived=True)
    assert (without.totals["experiments"], everything.totals["experiments"]) == (1, 2)
    assert noted(without, "Archived experiments are not counted; left out here: 1.")
    assert noted(everything, "Archived experiments are counted too.")


@pytest.mark.parametrize("period", [None, YEAR])
@pytest.mark.parametrize("start", [None, ms(1970, 1, 2), ms(2100, 1, 1), 9 * 10**18])
def test_without_a_usable_start_an_experiment_is_in_no_figure(start: Any, period: Any) -> None:
    rows = [run(ms(2024, 1, 5)), on_gpu(ms(2024, 1, 5), user="ghost") | {"start_ms": start}]
    report = build(answer_of(rows), period=period)
    assert (report.totals["experiments"], report.totals["users"]) == (1, 1)
    assert report.totals["gpu_hours"] is None
    assert noted(report, "in no figure, table or chart; experiments: 1.")


def test_a_day_ends_at_midnight_utc() -> None:
    day = Period(date(2024, 2, 29), date(2024, 2, 29))
    first, last = ms(2024, 2, 29), ms(2024, 3, 1) - 1
    rows = [run(first - 1), run(first), run(last), run(last + 1)]
    assert build(answer_of(rows), period=day).totals["experiments"] == 2


def test_a_project_that_failed_is_unknown_and_not_empty() -> None:
    rows = [run(ms(2024, 1, 5))]
    report = build(answer_of(rows, failed=[("vision", "lost")], listed=7))
    assert not report.complete
    assert all(figure.incomplete for figure in report.figures)
    good, lost = rows_of(report, "by_project")
    assert (good["project"], good["experiments"]) == ("detector", 1)
    assert lost["project"] == "lost"
    assert lost["listed_experiments"] == 7
    measured = ("experiments", "users", "run_time_seconds", "gpu_hours", "received_experiments")
    assert {lost[key] for key in measured} == {None}


def test_when_nothing_answered_nothing_is_known() -> None:
    report = build(answer_of([], failed=[("vision", "lost")]), period=YEAR)
    assert {report.totals[key] for key in ("experiments", "users", "gpu_hours")} == {None}
    assert {row["experiments"] for row in rows_of(report)} == {None}
    assert rows_of(report, "by_workspace")[0]["experiments"] is None


def test_no_experiments_are_zero_experiments() -> None:
    report = build(answer_of([], projects=[("vision", "new")]))
    assert (report.totals["experiments"], report.totals["run_time_seconds"]) == (0, 0)
    assert report.totals["mean_gpu_utilisation"] is None
    assert (report.charts, report.period, rows_of(report)) == ((), None, [])
    assert rows_of(report, "by_project")[0]["experiments"] == 0


def test_all_time_is_named_by_its_days() -> None:
    report = build(answer_of([run(ms(2019, 5, 1)), run(ms(2024, 1, 5))]))
    assert report.file_name("pdf") == "comet-usage_2019-05-01_2024-01-05.pdf"
    assert report.filters["range"] == "all time"


def test_experiments_without_a_user_stand_in_a_row_without_a_name() -> None:
    rows = [run(ms(2024, 1, 5)), run(ms(2024, 1, 5), user=None), run(ms(2024, 1, 6), user=None)]
    report = build(answer_of(rows))
    assert [(row["user"], row["experiments"]) for row in rows_of(report, "by_user")] == [
        (None, 2),
        ("ada", 1),
    ]
    assert report.totals["users"] == 1
    assert noted(report, "The server names no user")
    nobody = build(answer_of([run(ms(2024, 1, 5), user=None)]))
    assert nobody.totals["users"] is None


def test_the_rules_behind_gpu_hours_are_counted() -> None:
    rows = [
        on_gpu(ms(2024, 1, 5), hours=2.0),
        on_gpu(ms(2024, 1, 6), hours=3.0, gpu_rule="intervals"),
        on_gpu(ms(2024, 1, 7), hours=4.0, gpu_rule="intervals"),
    ]
    report = build(answer_of(rows))
    assert report.totals["gpu_hours"] == 9.0
    assert noted(
        report, "time stamp of the samples (1); sum of the durations, which are intervals (2)"
    )


def test_a_difference_to_the_list_of_projects_is_noted() -> None:
    report = build(answer_of([run(ms(2024, 1, 5))], listed=3))
    assert noted(report, "lists 3 experiments in 1 of the projects, of which 1 came")
    assert not noted(build(answer_of([run(ms(2024, 1, 5))], listed=1)), "The server lists")


def many(count: int) -> list[dict[str, Any]]:
    """Project number n has n experiments."""
    return [
        on_gpu(ms(2024, 1, 1 + at % 28), float(number), project=f"p{number:02}")
        for number in range(1, count + 1)
        for at in range(number)
    ]


def test_paper_has_every_series_on_one_scale_and_the_screen_the_largest() -> None:
    report = build(answer_of(many(12)), max_series=5)
    assert [chart.title for chart in report.charts if chart.place == "paper"][:3] == [
        "Experiments by month (1 of 3)",
        "Experiments by month (2 of 3)",
        "Experiments by month (3 of 3)",
    ]
    paper = [chart for chart in report.charts if chart.key.startswith("experiments_paper")]
    specs = [altair_chart(chart.chart).to_dict()["encoding"] for chart in paper]
    assert [spec["color"]["scale"]["domain"][0] for spec in specs] == [
        "vision/p01",
        "vision/p06",
        "vision/p11",
    ]
    # p06 to p10 together are the tallest stack
    assert {spec["y"]["scale"]["domain"][1] for spec in specs} == {40}
    assert len({json.dumps(spec["x"]["scale"]) for spec in specs}) == 1
    screen = next(chart for chart in report.charts if chart.key == "experiments_screen")
    domain = altair_chart(screen.chart).to_dict()["encoding"]["color"]["scale"]["domain"]
    assert domain == ["vision/p08", "vision/p09", "vision/p10", "vision/p11", "vision/p12", "Other"]


def test_other_is_the_average_of_its_experiments_and_not_of_its_series() -> None:
    report = build(answer_of(many(3)), max_series=1)
    screen = next(chart for chart in report.charts if chart.key == "gpu_utilisation_screen")
    values = screen.chart.frame.set_index("series")["value"]
    # One experiment at 1 % and two at 2 %
    assert values["Other"] == pytest.approx(5 / 3, abs=1e-3)
    assert values["vision/p03"] == 3.0


def test_few_series_are_drawn_once_for_screen_and_paper() -> None:
    charts = build(answer_of(many(3))).charts
    assert [chart.key for chart in charts] == [
        "experiments_both",
        "gpu_utilisation_both",
        "gpu_memory_both",
        "gpu_hours_both",
    ]
    for chart in charts[1:3]:
        assert altair_chart(chart.chart).to_dict()["encoding"]["y"]["scale"]["domain"] == [0, 100]


def test_a_line_is_broken_where_there_is_no_data() -> None:
    rows = [on_gpu(ms(2024, month, 5)) for month in (1, 2, 5)]
    chart = next(one for one in build(answer_of(rows)).charts if one.key == "gpu_utilisation_both")
    data = altair_chart(chart.chart).data
    assert data["bucket"].tolist() == ["2024-01", "2024-02", "2024-03", "2024-05"]
    assert data["value"].isna().tolist() == [False, False, True, False]
    assert "no data in 2 of 5 months" in chart.alt


def test_a_sentence_states_the_trend() -> None:
    rows = [run(ms(2024, month, 5)) for month in (1, 2, 2, 2, 3, 3)]
    (chart,) = build(answer_of(rows)).charts
    assert chart.alt == (
        "Experiments by month, 2024-01 to 2024-03 (UTC): 6 in all; most in 2024-02 (3); "
        "up from 1 in 2024-01 to 2 in 2024-03."
    )


def test_charts_of_a_long_range_are_coarser_than_its_table() -> None:
    report = build(answer_of([run(ms(2024, 1, 1)), run(ms(2024, 6, 1))]), unit="hour")
    assert report.charts[0].title == "Experiments by day"
    assert len(rows_of(report)) == 152 * 24 + 1
    assert noted(report, "Charts are by day, because the range has too many hours")


def test_no_bucket_is_cut_off_without_a_word() -> None:
    answer = answer_of([run(ms(2024, 1, 1)), run(ms(2026, 1, 1))])
    with pytest.raises(InputError, match="17,545 hours") as caught:
        build(answer, unit="hour")
    assert "Use day" in str(caught.value)
    assert build(answer, unit="day").totals["experiments"] == 2


def test_a_range_since_2019_can_be_asked_for_and_too_many_hours_cannot() -> None:
    def asked(unit: str) -> CometUsageQuery:
        return check_usage_query(targets=["vision"], since=date(2019, 1, 1), today=TODAY, unit=unit)

    assert asked("day").period == Period(date(2019, 1, 1), TODAY)
    with pytest.raises(InputError, match=f"{MOST_BUCKETS:,}") as caught:
        asked("hour")
    assert caught.value.parameter == "units"
    assert "Use day" in str(caught.value)


@pytest.mark.dear
@pytest.mark.parametrize("group", ["project", "workspace", "user"])
def test_hostile_names_reach_every_rendering(group: Any) -> None:
    # A lone surrogate is no text to a frame: whoever parses replaces it
    names = [name for name in HOSTILE if "\ud83d" not in name]
    rows = [
        on_gpu(ms(2024, 1 + at % 12, 5), workspace=name or "w", project=name or "p", user=name)
        for at, name in enumerate(names)
    ]
    report = build(answer_of(rows, failed=[("a/b", "=lost()")]), group=group, max_series=4)
    assert len(rows_of(report, "by_user")) == len(names)
    decoded = json.loads(to_json(report))
    assert decoded["totals"]["experiments"] == len(names)
    assert len(decoded["tables"]["by_bucket"]) == 12
    for table in ("by_bucket", "by_project", "by_workspace", "by_user"):
        assert to_csv(report, table)
    assert to_zip(report)
    assert f"Experiments: {len(names)}" in to_terminal(report, width=None, colour=False)
    text = "\n".join(
        page.extract_text() for page in PdfReader(BytesIO(to_pdf(report, detail=True))).pages
    )
    assert "(1 of 5)" in text


def test_a_wide_chart_has_a_row_of_its_own() -> None:
    report = build(answer_of(many(20)))
    reader = PdfReader(BytesIO(to_pdf(report, detail=True)))
    pages = [page.extract_text() for page in reader.pages]
    with_charts = [page for page in pages if "Experiments by month" in page]
    assert len(with_charts) == 1
    assert "GPU utilisation by month" not in with_charts[0]
    titles = [spec.title for spec in report.charts if spec.place == "paper"]
    assert len(titles) == 4
    for title in titles:
        (page,) = [page for page in pages if title in page]
        assert sum(one in page for one in titles) == 1


def test_the_frame_of_an_answer_is_left_as_it_was() -> None:
    answer = answer_of(many(3))
    before = answer.experiments.copy(deep=True)
    build_comet_usage(answer, CometUsageQuery(("vision",), group="user"), now=NOW, demo=True)
    assert answer.experiments.equals(before)


def test_counts_of_projects_are_summed_without_wrapping_round() -> None:
    rows = [run(ms(2024, 1, 5)), run(ms(2024, 1, 5), project="other")]
    report = build(answer_of(rows, listed=2**62 + 1))
    assert noted(report, f"The server lists {2**63 + 2:,} experiments in 2 of the projects")
