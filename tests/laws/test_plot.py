"""Charts on paper: every value is at its place, gaps stay gaps, marks are round and enclose all."""

import io
import re
from datetime import date
from math import isclose
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fpdf import FPDF
from hypothesis import example, given
from hypothesis import strategies as st
from pypdf import PdfReader

from lib.charts import STEPS, Buckets, Chart, Levels, OverTime, Ranking, Stacks, fold
from lib.exports.pdf import to_pdf
from lib.exports.plot import PALETTE, plot_of
from lib.exports.ticks import tick_text, ticks
from lib.periods import Period
from lib.reports.report import ChartSpec
from lib.ui.altair_charts import altair_chart
from tests.support.profiles import examples
from tests.support.report_strategies import HOSTILE, report

sizes = st.floats(-1e12, 1e12, allow_nan=False)
amounts = st.one_of(st.just(0.0), st.floats(1e-6, 1e12))
KEYS = tuple(f"2026-{month:02}" for month in range(1, 13))
MONTHS = Buckets(KEYS, "month")


def text_of(*charts: Chart) -> str:
    specs = tuple(ChartSpec(f"c{at}", "A chart", one, "So.") for at, one in enumerate(charts))
    pages = PdfReader(io.BytesIO(to_pdf(report(charts=specs, tables=()), detail=True))).pages
    return "\n".join(page.extract_text() for page in pages)


def frame_of(points: dict[tuple[str, str], float]) -> pd.DataFrame:
    buckets, series = ([key[at] for key in points] for at in (0, 1))
    return pd.DataFrame(
        {"bucket": buckets, "series": pd.Series(series, dtype=object), "value": [*points.values()]}
    )


@example(0.0, 5e-324, False)  # the least number there is
@given(sizes, sizes, st.booleans())
def test_marks_are_evenly_apart_and_enclose_what_is_drawn(
    one: float, other: float, whole: bool
) -> None:
    low, high = sorted((one, other))
    marks = ticks(low, high, whole=whole)
    slack = (marks[-1] - marks[0]) * 1e-6
    assert marks[0] - slack <= low
    assert high <= marks[-1] + slack
    assert 2 <= len(marks) <= 8
    steps = np.diff(marks)
    assert (steps > 0).all()
    assert np.allclose(steps, steps[0], rtol=1e-6)
    if whole:
        assert all(isclose(mark, round(mark)) for mark in marks)


@given(st.floats(1e-6, 1e14))
def test_a_mark_says_its_number(high: float) -> None:
    factors = {"k": 1e3, "M": 1e6, "bn": 1e9, "T": 1e12}
    for mark in ticks(0.0, high):
        digits, step = re.fullmatch("([-+.e0-9]+)([a-zA-Z]*)", tick_text(mark)).groups()
        number = float(digits) * factors.get(step, 1.0)
        assert isclose(number, mark, rel_tol=1e-5, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "USD", "0"),
        (0.05, "", "0.05"),
        (1_500, "tokens", "1.5k"),
        (-2e6, "", "-2M"),
        (3e9, "", "3bn"),
        (1_500, "USD", "$1.5k"),
        (12_000, "MB", "12GB"),
        (0.5, "MB", "500kB"),
    ],
)
def test_a_mark_is_short_and_says_its_unit(value: float, unit: str, text: str) -> None:
    assert tick_text(value, unit) == text


cells = st.dictionaries(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(["a", "b", "c"])), amounts, max_size=30
)


@given(cells)
def test_stacks_are_as_tall_as_their_values_and_stand_on_each_other(
    points: dict[tuple[str, str], float],
) -> None:
    frame = frame_of(points)
    most = float(frame.groupby("bucket")["value"].sum().max()) if len(frame) else 0.0
    plot = plot_of(Stacks(frame, MONTHS, ("a", "b", "c"), "USD", most))
    for place, key in enumerate(KEYS):
        parts = [part for part in plot.parts() if part.place == place]
        expected = {name: value for (at, name), value in points.items() if at == key and value}
        assert {plot.series[part.series] for part in parts} == set(expected)
        top = 0.0
        for part in parts:
            assert part.low == top
            size = expected[plot.series[part.series]]
            assert isclose(part.high - part.low, size, rel_tol=1e-9, abs_tol=most * 1e-9)
            top = part.high
        assert 0 <= plot.share(top) <= 1 + 1e-9


def test_charts_that_share_a_scale_have_the_same_marks() -> None:
    small, large = frame_of({(KEYS[0], "a"): 1.0}), frame_of({(KEYS[0], "b"): 900.0})
    plots = [plot_of(Stacks(one, MONTHS, ("a", "b"), "hours", 900.0)) for one in (small, large)]
    assert plots[0].marks == plots[1].marks


def test_what_is_below_zero_hangs_from_it() -> None:
    times = pd.to_datetime(["2026-01-01", "2026-01-01", "2026-02-01"], utc=True)
    frame = pd.DataFrame({"time": times, "series": ["in", "out", "in"], "value": [3.0, -2.0, 1.0]})
    month = STEPS[-1]
    folded = fold(frame, month, Period(date(2026, 1, 1), date(2026, 2, 28)))
    plot = plot_of(OverTime(folded, month, "users"))
    ends = {(plot.places[part.place], part.low, part.high) for part in plot.parts()}
    assert ends == {("Jan 2026", 0.0, 3.0), ("Jan 2026", -2.0, 0.0), ("Feb 2026", 0.0, 1.0)}
    assert plot.marks[0] <= -2


def test_a_line_ends_where_there_is_no_data() -> None:
    known = {(KEYS[at], "a"): 50.0 for at in (0, 1, 4, 7, 8)}
    plot = plot_of(Levels(frame_of(known | {(KEYS[5], "a"): float("nan")}), MONTHS, ("a", "b")))
    assert plot.runs(0) == [[0, 1], [4], [7, 8]]
    assert plot.runs(1) == []
    assert (plot.marks[0], plot.marks[-1]) == (0, 100)


def test_a_ranking_keeps_its_order_and_its_parts() -> None:
    frame = pd.DataFrame(
        {"label": ["z", "z", "a"], "series": ["UI", "SDK", "SDK"], "value": [1.0, 2.0, 4.0]}
    )
    plot = plot_of(Ranking(frame, "interactions"))
    assert (plot.places, plot.series) == (["z", "a"], ["UI", "SDK"])
    assert [tuple(part) for part in plot.parts()] == [(0, 0, 0, 1), (0, 1, 1, 3), (1, 1, 0, 4)]


@pytest.mark.parametrize("count", [1, 9, 10, 100])
def test_every_series_has_a_colour_of_its_own(count: int) -> None:
    series = tuple(f"s{at}" for at in range(count))
    colours = plot_of(Stacks(frame_of({}), MONTHS, series, "hours", 0.0)).colours
    assert len(set(colours)) == count
    if count <= len(PALETTE):
        assert colours == list(PALETTE[:count])


def test_the_words_of_a_chart_can_be_searched_for() -> None:
    stacks = Stacks(
        frame_of({("2026-03", "apple"): 1_500.0, ("2026-03", "pear"): 20.0}),
        MONTHS,
        ("apple", "pear"),
        "tokens",
        1_520.0,
    )
    ranking = Ranking(pd.DataFrame({"label": ["first", "second"], "value": [2.0, 1.0]}), "USD")
    text = text_of(stacks, ranking)
    words = ("apple", "pear", "tokens by month (UTC)", "2026-01", "1.5k", "first", "second", "USD")
    for word in words:
        assert word in text


@pytest.mark.dear
@examples(15)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=50)), max_size=6, unique=True))
def test_any_name_is_drawn(names: list[str]) -> None:
    frame = frame_of({(KEYS[0], name): 1.0 for name in names})
    ranked = pd.DataFrame(
        {"label": pd.Series(names, dtype=object), "value": [float(len(name)) for name in names]}
    )
    series = (*names,)
    charts = (
        Stacks(frame, MONTHS, series, "tokens", 1.0),
        Levels(frame, MONTHS, series),
        Ranking(ranked, "USD"),
    )
    assert text_of(*charts).count("A chart") == len(charts)


@pytest.mark.dear
def test_the_largest_chart_stays_on_its_page() -> None:
    keys = tuple(f"2026-{at:04}" for at in range(120))
    series = tuple(f"a long workspace name/a long project name {at}" for at in range(100))
    points = {(keys[at], name): 1.0 for at, name in enumerate(series)}
    chart = Stacks(frame_of(points), Buckets(keys, "day", wide=True), series, "hours", 1.0)
    pages = PdfReader(io.BytesIO(to_pdf(report(charts=(ChartSpec("c", "A chart", chart, "So."),)))))
    (page,) = [page for page in pages.pages if "A chart" in page.extract_text()]
    lowest = []
    page.extract_text(visitor_text=lambda text, _m, at, _f, _s: lowest.append((at[5], text)))
    named = [height for height, text in lowest if "project name" in text]
    assert len(named) == 100
    assert min(named) > 30, "above the page's foot"


@given(cells)
def test_screen_and_paper_draw_the_same_numbers(points: dict[tuple[str, str], float]) -> None:
    chart = Stacks(frame_of(points), MONTHS, ("a", "b", "c"), "USD", 1.0)
    data = altair_chart(chart).data
    if "layer" in data:
        data = data[data["layer"] == "parts"]  # the sum of what stands out is told twice
    screen = {(row.bucket, row.series, row.value) for row in data.itertuples() if row.value}
    plot = plot_of(chart)
    paper = {
        (plot.places[place], plot.series[series], plot.values[place, series])
        for place, series in np.argwhere(np.nan_to_num(plot.values))
    }
    assert paper == screen


def test_what_was_before_is_a_line_on_the_scale_of_the_bars() -> None:
    frame = pd.DataFrame({"bucket": [KEYS[0]], "series": ["a"], "value": [1.0]})
    before = pd.DataFrame({"bucket": KEYS[:2], "own": ["2025-01", "2025-02"], "value": [9.0, 4.0]})
    plot = plot_of(Stacks(frame, MONTHS, ("a",), "hours", 9.0, before))
    assert plot.before is not None
    assert plot.before.values[:3, 0].tolist()[:2] == [9.0, 4.0]
    assert plot.before.runs(0) == [[0, 1]]
    assert plot.marks[-1] >= 9
    assert plot.before.marks == plot.marks
    assert "dashed: before" in text_of(Stacks(frame, MONTHS, ("a",), "hours", 9.0, before))


def test_what_was_before_is_seen_on_bars_by_the_paper_left_around_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[tuple[str, float]] = []
    draw = FPDF.polyline

    def noting(page: FPDF, *points: Any, **style: Any) -> None:
        drawn.append((page.draw_color.serialize(), page.line_width))
        draw(page, *points, **style)

    monkeypatch.setattr(FPDF, "polyline", noting)
    frame = pd.DataFrame({"bucket": [KEYS[0]], "series": ["a"], "value": [9.0]})
    before = pd.DataFrame({"bucket": KEYS[:2], "own": ["2025-01", "2025-02"], "value": [5.0, 4.0]})
    text_of(Stacks(frame, MONTHS, ("a",), "hours", 9.0, before))
    (halo, around), (line, width) = drawn
    assert halo == "1 g"
    assert line != halo
    assert around > 2 * width


@pytest.mark.parametrize("months", [1, 2, 12])
def test_a_few_bars_are_no_walls(months: int, monkeypatch: pytest.MonkeyPatch) -> None:
    bars = []
    draw = FPDF.rect

    def noted(page: FPDF, x: float, y: float, w: float, h: float, **how: Any) -> None:
        if h > 20:  # no card and no line
            bars.append(w)
        draw(page, x, y, w, h, **how)

    keys = KEYS[:months]
    frame = frame_of({(key, "a"): 5.0 for key in keys})
    chart = Stacks(frame, Buckets(keys, "month"), ("a",), "USD", 5.0)
    monkeypatch.setattr(FPDF, "rect", noted)
    text_of(chart)
    assert len(bars) == months
    assert max(bars) <= 18
    assert months < 12 or min(bars) > 8
