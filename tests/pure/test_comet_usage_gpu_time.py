"""GPU hours of experiments whose samples are odd: bounded by the experiment's life, told in part, or unknown."""

from typing import Any

import httpx
import pytest

from lib.reports.experiments.build import build_comet_usage
from lib.reports.report import Report
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support.comet_usage_answers import figure_of, ms, noted, rows_of
from tests.support.comet_usage_loads import NOW, load

START = ms(2024, 9, 5, 12)
HOUR = 3_600_000
HOURLY = [START + hour * HOUR for hour in range(1, 5)]
UTIL, OTHER, MEMORY = (
    "sys.gpu.0.gpu_utilization",
    "sys.gpu.1.gpu_utilization",
    "sys.gpu.0.memory_utilization",
)


def series(
    stamps: Any = None, durations: Any = None, *, name: str = UTIL, values: Any = None
) -> Any:
    given = [40.0, 50.0, 60.0, 50.0] if values is None else values
    return {"metricName": name, "values": given, "timestamps": stamps, "durations": durations}


def server(*metrics: Any, columns: Any = None, **facts: Any) -> Any:
    """A project of one experiment, which ran for four hours, with these series."""
    names = columns if columns is not None else [one["metricName"] for one in metrics]
    experiment = {
        "experimentKey": "k",
        "userName": "ada",
        "startTimeMillis": START,
        "endTimeMillis": START + 4 * HOUR,
        "running": False,
    }
    replies = {
        "projects": {"projects": [{"projectName": "p", "numberOfExperiments": 1}]},
        "experiments": {"experiments": [experiment | facts]},
        "column-names": {"columns": [{"name": name} for name in names]},
        "multi-metric-chart": {"experiments": {"k": {"metrics": [*metrics]}}},
    }

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=replies[request.url.path.rsplit("/", 1)[1]])

    return handle


async def report_of(*metrics: Any, **facts: Any) -> Report:
    answer = await load(server(*metrics, **facts), "w")
    return build_comet_usage(answer, CometUsageQuery(("w",)), now=NOW)


@pytest.mark.parametrize(
    "stamps",
    [
        [0, *HOURLY],
        [*HOURLY, START - 400 * 24 * HOUR],
        [HOURLY[0], ms(2099, 1, 1), *HOURLY[1:]],
        [*HOURLY[:2], -5, *HOURLY[2:]],
        [*HOURLY, 10**30],
    ],
)
async def test_one_stamp_outside_the_experiments_life_adds_nothing(stamps: list[int]) -> None:
    report = await report_of(series(stamps))
    assert report.totals["gpu_hours"] == 3.0
    assert noted(report, "1 time stamps and durations of GPU samples are missing, or lie outside")


@pytest.mark.parametrize(
    "stamps",
    [HOURLY[::-1], [HOURLY[2], HOURLY[0], HOURLY[3], HOURLY[1]], [*HOURLY[1:], HOURLY[0]]],
)
async def test_the_order_of_stamps_does_not_matter(stamps: list[int]) -> None:
    assert (await report_of(series(stamps))).totals["gpu_hours"] == 3.0


@pytest.mark.parametrize(
    "stamps", [[HOURLY[0], None, None, None], [None, *HOURLY[1:]], [0] * 4, HOURLY[:1], []]
)
async def test_stamps_with_gaps_do_not_hide_whole_durations(stamps: list[Any]) -> None:
    report = await report_of(series(stamps, [HOUR] * 4))
    assert report.totals["gpu_hours"] == 4.0


async def test_stamps_with_gaps_count_where_there_is_nothing_better() -> None:
    assert (await report_of(series([HOURLY[0], None, HOURLY[3]]))).totals["gpu_hours"] == 3.0
    one = await report_of(series([None, None, None, HOURLY[3]]))
    assert one.totals["gpu_hours"] is None


async def test_durations_beyond_the_experiments_life_are_none() -> None:
    for durations in ([HOUR * 10**6] * 4, [3 * HOUR] * 4, [1e99] * 4):
        report = await report_of(series(None, durations))
        assert report.totals["gpu_hours"] is None
        assert noted(report, "The GPU time of 1 of 1 GPUs is not known, in 1 experiment:")


@pytest.mark.parametrize(
    "facts",
    [
        {"endTimeMillis": None, "durationMillis": 4 * HOUR},
        {"endTimeMillis": None, "durationMillis": 1, "running": True},
        {"endTimeMillis": START + 1, "running": True},
        {"endTimeMillis": None, "running": None},
        {"endTimeMillis": 253_402_300_799_999},
        {"endTimeMillis": START - HOUR},
    ],
)
async def test_a_life_ends_by_its_end_or_its_duration_or_now(facts: dict[str, Any]) -> None:
    report = await report_of(series([*HOURLY, ms(2026, 11, 22)]), **facts)
    assert report.totals["gpu_hours"] == 3.0


async def test_the_known_gpus_are_summed_and_the_others_told_and_marked() -> None:
    report = await report_of(series(HOURLY), series(name=OTHER))
    hours = figure_of(report, "gpu_hours")
    assert (hours.value, hours.incomplete) == (3.0, True)
    assert report.totals["gpus_without_time"] == 1
    assert not figure_of(report, "experiments").incomplete
    assert rows_of(report)[0]["gpu_hours"] == 3.0
    assert noted(report, "The GPU time of 1 of 2 GPUs is not known, in 1 experiment:")
    assert not noted(report, "No experiment has GPU metrics")
    whole = await report_of(series(HOURLY))
    assert not figure_of(whole, "gpu_hours").incomplete
    assert not noted(whole, "is not known")


async def test_utilisation_without_any_gpu_time_is_not_called_without_metrics() -> None:
    report = await report_of(series())
    assert report.totals["gpu_hours"] is None
    assert report.totals["mean_gpu_utilisation"] == 50.0
    assert not noted(report, "No experiment has GPU metrics")
    assert noted(report, "The GPU time of 1 of 1 GPUs is not known")


async def test_only_projects_without_gpu_columns_have_no_gpu_metrics() -> None:
    assert noted(await report_of(), "No experiment has GPU metrics")
    unusable = await report_of(series(HOURLY, values=[900, -1]))
    assert not noted(unusable, "No experiment has GPU metrics")
    assert noted(unusable, "No usable GPU metrics came")


async def test_samples_that_are_no_percentage_are_left_out_and_noted() -> None:
    report = await report_of(series(HOURLY, values=[40, 101, -0.5, 60]))
    assert report.totals["mean_gpu_utilisation"] == 50.0
    assert report.totals["peak_gpu_utilisation"] == 60.0
    assert noted(report, "skipped one by one (2 outside 0 to 100), in w/p")


async def test_samples_between_0_and_1_are_called_probable_fractions() -> None:
    words = "All GPU samples of 1 experiment lie between 0 and 1: they are probably fractions"
    fractions = await report_of(
        series(HOURLY, values=[0, 0.5, 1, 0.5]), series(HOURLY, name=MEMORY, values=[0.25])
    )
    assert noted(fractions, words)
    assert fractions.totals["mean_gpu_utilisation"] == 0.5
    for values in ([0, 0, 0], [0.5, 2], [1.5]):
        assert not noted(await report_of(series(HOURLY, values=values)), "fractions")


@pytest.mark.parametrize(
    "facts",
    [
        {"endTimeMillis": 253_402_300_799_999},
        {"endTimeMillis": None, "durationMillis": 253_402_300_799_999},
        {"endTimeMillis": ms(2027, 1, 1)},
    ],
)
async def test_an_end_after_the_present_gives_no_run_time(facts: dict[str, Any]) -> None:
    report = await report_of(**facts)
    assert report.totals["run_time_seconds"] is None
    assert noted(report, "experiments: 1 that end after the present")
