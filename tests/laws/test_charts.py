"""Charts: few enough points, no value lost, gaps that stay gaps, labels that differ, UTC."""

import gc
import json
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.charts import (
    MOST_SERIES,
    OTHER,
    STEPS,
    Chart,
    OverTime,
    Ranking,
    choose_step,
    distinct_labels,
    fold,
    ghost,
)
from lib.periods import SECONDS, Period
from lib.ui import altair_charts
from lib.ui.altair_charts import altair_chart, drawing
from tests.support.profiles import examples

START = date(2025, 11, 21)


def period_of(days: int) -> Period:
    return Period(START, START + timedelta(days=days - 1))


def frame_of(points: list[tuple[int, str, float]]) -> pd.DataFrame:
    """Points of second since the start, series and value."""
    offsets, series, values = zip(*points, strict=True)
    times = pd.Timestamp(START, tz="UTC") + pd.to_timedelta(list(offsets), unit="s")
    return pd.DataFrame(
        {"time": times, "series": pd.Series(series, dtype="str"), "value": list(values)}
    )


def step_named(name: str) -> Any:
    return next(step for step in STEPS if step.name == name)


def spec_of(chart: Chart) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(altair_chart(chart).to_json())
    return found


def points_in(spec: dict[str, Any]) -> list[dict[str, Any]]:
    (rows,) = spec["datasets"].values()
    return [row for row in rows if row.get("layer") != "spike"]


@pytest.mark.parametrize(
    ("width", "days"),
    [("1m", 31), ("1m", 1), ("1h", 366), ("1h", 23), ("1d", 1_096), ("1d", 555), ("1d", 1)],
)
def test_the_longest_ranges_with_two_hundred_series_stay_under_five_thousand_points(
    width: str, days: int
) -> None:
    period, seconds = period_of(days), SECONDS[width]
    buckets = days * 86_400 // seconds
    stride = max(1, buckets // 1_500)
    points = [
        (at * seconds, f"series {(at // stride + shift) % 200}", 1.0)
        for at in range(0, buckets, stride)
        for shift in range(0, 200, 25)
    ]
    step = choose_step(seconds, days)
    assert step.seconds >= seconds
    folded = fold(frame_of(points), step, period)
    assert folded["series"].nunique() <= MOST_SERIES + 1
    spec = spec_of(OverTime(folded, step, "tokens"))
    assert len(points_in(spec)) <= 5_000
    assert sum(row["value"] or 0 for row in points_in(spec)) == len(points)


@pytest.mark.parametrize(
    ("width", "days", "name"),
    [
        ("1m", 1, "hour"),
        ("1h", 1, "hour"),
        ("1h", 23, "hour"),
        ("1h", 24, "day"),
        ("1m", 31, "day"),
        ("1d", 1, "day"),
        ("1d", 555, "day"),
        ("1d", 556, "month"),
        ("1d", 1_096, "month"),
    ],
)
def test_steps_are_as_fine_as_the_data_and_the_range_allow(
    width: str, days: int, name: str
) -> None:
    assert choose_step(SECONDS[width], days).name == name


names = st.sampled_from([*(f"series {number}" for number in range(30)), OTHER, "Ünï=cøde", "7"])
whole_points = st.lists(
    st.tuples(st.integers(0, 20 * 86_400 - 1), names, st.integers(0, 10**9).map(float)),
    min_size=1,
    max_size=80,
)


@examples(50)
@given(whole_points, st.sampled_from(["hour", "day", "month"]))
def test_folding_keeps_every_value_and_every_step(
    points: list[tuple[int, str, float]], name: str
) -> None:
    step, period = step_named(name), period_of(20)
    folded = fold(frame_of(points), step, period)
    assert folded["value"].sum() == sum(value for _, _, value in points)
    assert folded["series"].nunique() <= MOST_SERIES + 1
    steps = folded["time"].drop_duplicates()
    count = {"hour": 20 * 24, "day": 20, "month": 2}[name]
    assert len(steps) == count, "every step of the period is there"
    assert steps.is_monotonic_increasing
    assert str(steps.dt.tz) == "UTC"
    used = {at // {"hour": 3_600, "day": 86_400, "month": 10**9}[name] for at, _, _ in points}
    if name != "month":
        empty = folded["value"].isna().sum()
        assert empty == count - len(used), "a step without data is null, not zero"
        assert folded.groupby("time")["value"].count().eq(0).sum() == empty


def test_what_is_small_is_folded_together_and_comes_last() -> None:
    points = [(0, f"s{number}", float(number + 1)) for number in range(20)]
    folded = fold(frame_of(points), step_named("day"), period_of(1))
    assert folded["series"].tolist() == [f"s{number}" for number in range(19, 11, -1)] + [OTHER]
    assert folded["value"].tolist() == [float(number) for number in range(20, 12, -1)] + [78.0]


def test_a_series_that_is_itself_called_other_is_drawn_without_failing() -> None:
    points = [(0, f"s{number}", 1.0) for number in range(20)] + [(0, OTHER, 100.0)]
    folded = fold(frame_of(points), step_named("day"), period_of(1))
    assert folded["value"].sum() == 120
    assert folded["series"].nunique() <= MOST_SERIES + 1


def test_a_gap_is_null_in_the_chart_and_times_are_utc() -> None:
    points = [(0, "a", 1.0), (2 * 86_400, "b", 0.0)]
    step = step_named("day")
    spec = spec_of(OverTime(fold(frame_of(points), step, period_of(4)), step, "USD"))
    by_day = {row["time"][:10]: row["value"] for row in points_in(spec)}
    assert by_day == {
        "2025-11-21": 1.0,
        "2025-11-22": None,
        "2025-11-23": 0.0,
        "2025-11-24": None,
    }
    assert spec["encoding"]["x"]["timeUnit"] == {"unit": "yearmonthdate", "utc": True}
    (tip,) = [one for one in spec["encoding"]["tooltip"] if "timeUnit" in one]
    assert "UTC" in tip["title"]
    units = [one["timeUnit"]["utc"] for one in spec["encoding"]["tooltip"] if "timeUnit" in one]
    assert units == [True]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_is_drawn_in_utc(step: Any) -> None:
    spec = spec_of(OverTime(fold(frame_of([(0, "a", 1.0)]), step, period_of(1)), step, "x"))
    assert spec["encoding"]["x"]["timeUnit"]["utc"] is True


@pytest.mark.parametrize(
    ("unit", "told"), [("USD", "$2,000.50"), ("MB", "2.0 GB"), ("EUR", "2,000.50 EUR")]
)
def test_a_tooltip_says_money_and_sizes_as_cards_do(unit: str, told: str) -> None:
    spec = spec_of(Ranking(pd.DataFrame({"label": ["b"], "value": [2_000.5]}), unit))
    assert [point["told"] for point in points_in(spec)] == [told]
    assert [field["field"] for field in spec["encoding"]["tooltip"]] == ["label", "told"]


def test_a_tooltip_counts_what_is_whole_under_its_unit() -> None:
    frame = pd.DataFrame({"label": ["b", "a"], "value": [2.0, 1.0]})
    spec = spec_of(Ranking(frame, "tokens"))
    (value,) = [field for field in spec["encoding"]["tooltip"] if "format" in field]
    assert (value["title"], value["format"]) == ("tokens", ",.0f")
    assert [row["label"] for row in points_in(spec)] == ["b", "a"]
    assert spec["encoding"]["y"]["sort"] == ["b", "a"], "drawn in the order given"


ids = st.text("12", min_size=1, max_size=10)
tricky = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["x", " x ", "x" * 80, "x" * 81, "", " ", OTHER]),
    st.builds("x ({})".format, ids),
    st.builds("x ({0}) ({0})".format, ids),
)


@examples(300)
@given(st.dictionaries(ids, tricky, max_size=12))
@example({"1": "x (3)", "2": "x", "3": "x"})
def test_no_two_ids_ever_share_a_label(named: dict[str, str]) -> None:
    labels = distinct_labels(named, reserved=(OTHER,))
    assert labels.keys() == named.keys()
    assert len({OTHER, *labels.values()}) == len(named) + 1
    assert all(label.strip() for label in labels.values())


def test_a_label_never_takes_a_reserved_word() -> None:
    labels = distinct_labels({"proj_1": OTHER, "proj_2": f" {OTHER} "}, reserved=(OTHER,))
    assert OTHER not in labels.values()
    assert len({*labels.values()}) == 2


def test_a_label_is_one_short_line() -> None:
    labels = distinct_labels({"proj_a1b2c3d4e5": "two\nlines " + "x" * 90})
    assert "\n" not in labels["proj_a1b2c3d4e5"]
    assert len(labels["proj_a1b2c3d4e5"]) <= 40


def test_a_name_that_is_unique_is_shown_as_it_is_and_a_shared_one_with_its_id() -> None:
    labels = distinct_labels({"proj_00000001": "One", "proj_00000002": "Two", "proj_3": "Two"})
    assert labels["proj_00000001"] == "One"
    assert labels["proj_00000002"] == "Two (00000002)"
    assert labels["proj_3"] == "Two (proj_3)"


def test_a_chart_is_drawn_once_and_forgotten_with_its_report() -> None:
    ranking = Ranking(pd.DataFrame({"label": ["a"], "value": [1.0]}), "USD")
    first = drawing(ranking)
    assert drawing(ranking) is first
    kept = len(altair_charts._drawings)
    del ranking
    gc.collect()
    assert len(altair_charts._drawings) < kept


def test_a_drawing_is_what_altair_makes_of_a_chart_with_its_data_apart() -> None:
    ranking = Ranking(pd.DataFrame({"label": ["a", "b"], "value": [1.0, 2.0]}), "USD")
    data, spec = drawing(ranking)
    whole = altair_chart(ranking).to_dict()  # checks it against the schema
    assert [whole["datasets"][whole["data"]["name"]]] == [data.to_pylist()]
    assert spec == {key: part for key, part in whole.items() if key not in _OF_DATA_AND_THEME}


_OF_DATA_AND_THEME = ("data", "datasets", "config")


@given(
    st.integers(1, 60),
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(0, 59), st.floats(0, 1e6)), max_size=8),
)
def test_what_was_before_keeps_its_place_in_the_period_and_its_own_day(
    days: int, days_before: int, values: list[tuple[int, float]]
) -> None:
    before = Period(START - timedelta(days=400), START - timedelta(days=401 - days_before))
    inside = [(day, value) for day, value in values if day < days_before]
    first = pd.Timestamp(before.start, tz="UTC")
    frame = pd.DataFrame(
        {
            "time": pd.DatetimeIndex(
                [first + pd.Timedelta(days=day) for day, _ in inside], tz="UTC"
            ),
            "value": pd.Series([value for _, value in inside], dtype="float64"),
        }
    )
    line = ghost(frame, step_named("day"), period_of(days), before)
    assert len(line) == min(days, days_before)
    apart = pd.Timedelta(START - before.start)
    assert ((line["time"] - line["own"]) == apart).all()
    shown = sum(value for day, value in inside if day < days)
    assert line["value"].sum() == pytest.approx(shown)
    filled = {first + pd.Timedelta(days=day) for day, _ in inside if day < days}
    assert {*line.dropna()["own"]} == filled


def test_a_line_of_what_was_before_lies_over_the_bars_and_tells_its_own_day() -> None:
    period, step = period_of(3), step_named("day")
    before = period.preceding()
    own = frame_of([(-86_400 * 3, "a", 5.0)])[["time", "value"]]
    folded = fold(frame_of([(0, "a", 1.0), (90_000, "b", 2.0)]), step, period)
    spec = spec_of(OverTime(folded, step, "tokens", ghost(own, step, period, before)))
    bars, halo, line = spec["layer"]
    assert [layer["mark"]["type"] for layer in (bars, halo, line)] == ["bar", "line", "line"]
    # Else it would not be seen on bars: what is under it is wider, and of the page's own colour
    assert halo["mark"]["color"] == halo["mark"]["point"]["color"] == {"expr": "background"}
    assert halo["mark"]["strokeWidth"] > line["mark"]["strokeWidth"]
    assert halo["mark"]["point"]["size"] > line["mark"]["point"]["size"]
    assert halo["encoding"] == line["encoding"]
    assert [field["field"] for field in line["encoding"]["tooltip"]] == ["own", "value"]
    (rows,) = spec["datasets"].values()
    drawn = [row for row in rows if row["layer"] == "before"]
    assert [(row["time"][:10], row["own"][:10], row["value"]) for row in drawn] == [
        ("2025-11-21", "2025-11-18", 5.0),
        ("2025-11-22", "2025-11-19", None),
        ("2025-11-23", "2025-11-20", None),
    ]
    assert {row["series"] for row in rows if row["layer"] != "before"} == {"a", "b"}


def test_a_single_step_before_is_a_stroke_as_wide_as_a_bar() -> None:
    period, step = period_of(1), step_named("day")
    own = frame_of([(-86_400, "a", 5.0)])[["time", "value"]]
    line = ghost(own, step, period, period.preceding())
    spec = spec_of(OverTime(fold(frame_of([(0, "a", 1.0)]), step, period), step, "tokens", line))
    _, stroke = spec["layer"]
    assert (stroke["mark"]["type"], stroke["mark"]["stroke"]) == ("tick", {"expr": "background"})


def test_the_layers_of_a_drawing_share_its_data() -> None:
    period, step = period_of(2), step_named("day")
    folded = fold(frame_of([(0, "a", 1.0)]), step, period)
    own = frame_of([(-86_400, "a", 5.0)])[["time", "value"]]
    data, spec = drawing(
        OverTime(folded, step, "tokens", ghost(own, step, period, period.preceding()))
    )
    assert len(data) == 4
    assert [layer.get("data") for layer in (spec, *spec["layer"])] == [None] * 4
