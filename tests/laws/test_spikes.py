"""Steps that stand out: marked on screen and on paper, and told; and what tells parts of a stack apart."""

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.charts import LEAST_STEPS, MOST_SPIKES, SPIKE, STEPS, OverTime, fold, spikes, told_spikes
from lib.exports.pdf_patterns import Box, hatch
from lib.exports.plot import plot_of
from lib.periods import Period
from lib.ui.altair_charts import altair_chart
from lib.ui.chart_parts import of_whole

DAY = next(step for step in STEPS if step.name == "day")
START = date(2026, 11, 1)


def chart_of(days: list[list[float]]) -> OverTime:
    """Of each day the values of its series."""
    rows = [
        (START + timedelta(days=day), f"series {series}", value)
        for day, values in enumerate(days)
        for series, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=["time", "series", "value"])
    frame["time"] = pd.to_datetime(frame["time"], utc=True)
    frame["series"] = frame["series"].astype("str")
    period = Period(START, START + timedelta(days=len(days) - 1))
    return OverTime(fold(frame, DAY, period), DAY, "USD")


USUAL = [[60.0, 40.0], [63.0, 42.0], [57.0, 38.0], [61.0, 41.0], [59.0, 39.0], [60.0, 40.0]]


def test_a_day_of_three_times_the_usual_is_marked_on_screen_and_paper_and_told() -> None:
    chart = chart_of([*USUAL, [200.0, 100.0], *USUAL])
    assert told_spikes(chart) == "Spike: 2026-11-07, 3.0 times the median day."
    assert plot_of(chart).spikes == [6]
    drawn = altair_chart(chart)
    marked = drawn.data[drawn.data["layer"] == "spike"]
    assert [f"{time:%Y-%m-%d}" for time in marked["time"]] == ["2026-11-07"]
    assert marked["value"].tolist() == [300.0]


@pytest.mark.parametrize(
    "days",
    [
        pytest.param([*USUAL, *USUAL], id="nothing stands out"),
        pytest.param([*USUAL[:5], [900.0]], id="too few days"),
        pytest.param([*USUAL, *[[300.0]] * 4, *USUAL], id="four days are another level"),
        pytest.param([*USUAL, [900.0], [-1.0], *USUAL], id="a credit among them"),
        pytest.param([[1.0], [4.0], [1.0], [7.0], [2.0], [5.0], [9.0]], id="they differ anyway"),
    ],
)
def test_nothing_is_marked_where(days: list[list[float]]) -> None:
    chart = chart_of(days)
    assert told_spikes(chart) == ""
    assert plot_of(chart).spikes == []


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=3), min_size=1, max_size=20))
def test_what_stands_out_is_few_and_twice_the_median_and_nothing_higher_is_left_out(
    days: list[list[float]],
) -> None:
    chart = chart_of(days)
    sums = chart.frame.groupby("time")["value"].sum()
    used = sums[sums > 0]
    high = spikes(chart)
    assert len(high) <= MOST_SPIKES
    if high:
        assert len(used) >= LEAST_STEPS
        assert min(high.values()) >= SPIKE
        assert sums[[*high]].min() > used.drop([*high]).max()


@given(st.lists(st.lists(st.floats(0, 1e6), min_size=1, max_size=4), min_size=1, max_size=9))
def test_the_shares_of_a_day_sum_to_the_whole_of_it(days: list[list[float]]) -> None:
    told = of_whole(chart_of(days).frame, "time", "USD")
    for _, parts in told.groupby("time"):
        assert parts["whole"].nunique() == 1
        shares: list[Any] = [float(share.strip("<% ")) for share in parts["share"] if share != "—"]
        assert not shares or abs(sum(shares) - 100) <= 0.1 * len(shares)


def test_beside_a_credit_no_part_has_a_share() -> None:
    told = of_whole(chart_of([[60.0, -20.0], [3.0, 1.0]]).frame, "time", "USD")
    assert told["share"].tolist() == ["—", "—", "75.0 %", "25.0 %"]
    assert told["whole"].tolist() == ["$40.00", "$40.00", "$4.00", "$4.00"]


sides = st.floats(0.5, 200)


@given(sides, sides, sides, sides, st.sampled_from(["rising", "falling", "level", "upright"]))
def test_no_line_of_a_pattern_leaves_its_bar(
    left: float, top: float, width: float, height: float, pattern: Any
) -> None:
    box = Box(left, top, width, height)
    lines = [*hatch(box, pattern)]
    assert lines or min(width, height) < 1.3
    for line in lines:
        for x, y in line:
            assert box.left - 1e-6 <= x <= box.right + 1e-6
            assert box.top - 1e-6 <= y <= box.bottom + 1e-6
