"""GPU figures of experiments: what the series of a reply come to, and by which rule."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sources.comet.experiments.entities import Life
from lib.sources.comet.experiments.gpu import RULES, SkippedSamples, gpu_figures
from lib.sources.comet.experiments.metrics import batches, parse_metrics


def series(name: str, values: Any, **times: Any) -> dict[str, Any]:
    return {"metricName": name, "values": values, **times}


UTIL, MEMORY = "sys.gpu.0.gpu_utilization", "sys.gpu.0.memory_utilization"

samples = st.lists(
    st.one_of(
        st.floats(0, 100),
        st.integers(0, 100),
        st.none(),
        st.sampled_from(["50.5", " 7 ", "high", "", "NaN", "1e999", "inf"]),
        st.sampled_from([float("nan"), float("inf"), True, False, [1], {}, 10**400]),
    ),
    max_size=6,
)
times = st.none() | st.lists(
    st.integers(990, 2_100).map(lambda seconds: seconds * 1_000)
    | st.integers(0, 10**13)
    | st.none(),
    max_size=6,
)
lives = st.builds(
    Life,
    st.just(1) | st.just(1_000_000),
    st.just(2_000_000) | st.integers(10**6, 10**13),
    st.none() | st.integers(1, 10**13),
)
ALWAYS = Life(1, 10**15)


def ran(run_ms: int | None) -> Life:
    return Life(1, 10**15, run_ms)


def plain_number(value: Any) -> Fraction | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        return Fraction(number) if abs(number) < 1e100 else None
    except (ValueError, OverflowError):
        return None


def plain_numbers(values: Any) -> list[Fraction]:
    return [one for value in values or [] if (one := plain_number(value)) is not None]


def plain_percents(values: Any) -> list[Fraction]:
    return [one for one in plain_numbers(values) if 0 <= one <= 100]


def plain_span(record: dict[str, Any], life: Life) -> tuple[Fraction, int] | None:
    """The most trusted list wins, and of two lists of which only one has gaps the other one."""
    samples = len(plain_percents(record["values"]))
    length = life.last_ms - life.first_ms
    stamps = [
        one for one in plain_numbers(record["timestamps"]) if life.first_ms <= one <= life.last_ms
    ]
    lasted = [one for one in plain_numbers(record["durations"]) if 0 <= one <= length]
    spans: list[tuple[bool, Fraction, int]] = []
    if stamps:
        has_gaps = len(stamps) < max(samples, len(record["timestamps"]))
        if len(stamps) > 1 or not has_gaps:
            spans.append((has_gaps, (max(stamps) - min(stamps)) / 1000, 0))
    if lasted:
        has_gaps = len(lasted) < max(samples, len(record["durations"]))
        grows = sorted(lasted) == lasted and len({*lasted}) > 1
        if grows and life.run_ms is not None:
            grows = abs(lasted[-1] - life.run_ms) <= abs(sum(lasted) - life.run_ms)
        if grows:
            spans.append((has_gaps, (lasted[-1] - lasted[0]) / 1000, 1))
        elif sum(lasted) <= length:
            spans.append((has_gaps, sum(lasted, Fraction()) / 1000, 2))
    # Sorting is stable: of two alike the time stamps stand first
    return next((span[1:] for span in sorted(spans, key=lambda span: span[0])), None)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), samples, times, times), max_size=6),
    lives,
    st.sampled_from([None, 1, "\t "]),
)
def test_figures_are_those_of_a_slow_plain_computation(
    drawn: list[tuple[int, bool, Any, Any, Any]], life: Life, indent: Any
) -> None:
    records = [
        series(
            f"sys.gpu.{gpu}.{'memory' if memory else 'gpu'}_utilization",
            values,
            timestamps=stamps,
            durations=durations,
        )
        for gpu, memory, values, stamps, durations in drawn
    ]
    reply = json.dumps({"experiments": {"k": {"metrics": records}}}, indent=indent)
    answer = parse_metrics(reply.encode(), {"k": life})
    found = answer.figures.get("k")

    first: dict[str, dict[str, Any]] = {}
    for record in records:
        if plain_percents(record["values"]):
            first.setdefault(record["metricName"], record)
    gpus = sorted({name.rsplit(".", 1)[0] for name in first})
    if not gpus:
        assert found is None
        return
    assert found is not None
    assert found.gpus == len(gpus)
    for kind, mean, peak in (
        ("gpu_utilization", found.gpu_mean, found.gpu_peak),
        ("memory_utilization", found.memory_mean, found.memory_peak),
    ):
        values = [
            plain_percents(first[f"{gpu}.{kind}"]["values"])
            for gpu in gpus
            if f"{gpu}.{kind}" in first
        ]
        if not values:
            assert mean is None
            assert peak is None
            continue
        assert mean == pytest.approx(
            float(sum(sum(v) / len(v) for v in values) / len(values)), rel=1e-12
        )
        assert peak == pytest.approx(float(sum(max(v) for v in values) / len(values)), rel=1e-12)
    spans = [
        next(
            (
                span
                for record in records
                if record is first.get(record["metricName"])
                and record["metricName"].rsplit(".", 1)[0] == gpu
                and (span := plain_span(record, life))
            ),
            None,
        )
        for gpu in gpus
    ]
    known = [span for span in spans if span]
    assert found.timed == len(known)
    if not known:
        assert found.seconds is None
        assert found.rule is None
    else:
        assert found.seconds == pytest.approx(float(sum(s for s, _ in known)), rel=1e-12)
        assert found.rule == max(rule for _, rule in known)


def test_null_and_text_are_skipped_one_by_one_and_counted() -> None:
    skipped = SkippedSamples()
    found = gpu_figures(
        [series(UTIL, [10, None, "30", "much", float("nan")], timestamps=[1, 9_000])],
        ALWAYS,
        skipped,
    )
    assert found is not None
    assert (found.gpu_mean, found.gpu_peak) == (20.0, 30.0)
    assert skipped.values == {"null": 1, "no number": 2}


N = 60
GROWING = [1_000 * (place + 1) for place in range(N)]
CONSTANT = [1_000] * N


@pytest.mark.parametrize(
    ("times", "run", "seconds", "rule"),
    [
        ({"timestamps": [5_000, 9_000], "durations": CONSTANT}, None, 4.0, "timestamps"),
        ({"timestamps": [9_000, None, 5_000]}, None, 4.0, "timestamps"),
        ({"timestamps": [9_000]}, None, 0.0, "timestamps"),
        ({"timestamps": [None, 9_000]}, None, None, None),
        ({"timestamps": [None], "durations": GROWING}, 60_000, 59.0, "durations"),
        ({"durations": GROWING}, None, 59.0, "durations"),
        ({"durations": CONSTANT}, 60_000, 60.0, "intervals"),
        ({"durations": CONSTANT}, None, 60.0, "intervals"),
        ({"durations": [1_000, 3_000, 2_000]}, None, 6.0, "intervals"),
        # Intervals that happen to grow: their sum is the run time, their last is not.
        ({"durations": [1_000, 2_000, 3_000]}, 6_000, 6.0, "intervals"),
        ({"durations": [30_000]}, None, 30.0, "intervals"),
        ({"durations": []}, None, None, None),
        ({}, 60_000, None, None),
    ],
)
def test_gpu_time_follows_the_most_trusted_rule_that_can_be_used(
    times: dict[str, Any], run: int | None, seconds: float | None, rule: str | None
) -> None:
    found = gpu_figures([series(UTIL, [1.0], **times)], ran(run), SkippedSamples())
    assert found is not None
    assert found.seconds == seconds
    assert (None if found.rule is None else RULES[found.rule]) == rule


def test_the_least_trusted_rule_of_an_experiments_gpus_is_named_and_time_is_their_sum() -> None:
    found = gpu_figures(
        [
            series(UTIL, [1], timestamps=[1_000, 11_000]),
            series("sys.gpu.1.gpu_utilization", [1], durations=[3_000, 2_000]),
            series("sys.gpu.1.memory_utilization", [9], timestamps=[1_000, 99_000]),
        ],
        ALWAYS,
        SkippedSamples(),
    )
    assert found is not None
    assert (found.gpus, found.timed, found.seconds, found.rule) == (2, 2, 15.0, 2)


def test_other_metrics_and_malformed_records_say_nothing_of_gpus() -> None:
    records = [series("loss", [1.0]), series("sys.gpu.0.power_usage", [300]), None, 5, {}, {"a": 1}]
    assert gpu_figures(records, ALWAYS, SkippedSamples()) is None
    assert gpu_figures("text", ALWAYS, SkippedSamples()) is None
    assert gpu_figures([series(UTIL, "text"), series(MEMORY, {})], ALWAYS, SkippedSamples()) is None


def test_metrics_of_experiments_that_were_not_asked_for_are_passed_over() -> None:
    one = {"metrics": [series(UTIL, [1, 2], timestamps=[0, 1_000])]}
    reply = json.dumps({"empty": False, "experiments": {"a": one, "b": one, "c": None}})
    assert list(parse_metrics(reply.encode(), {"a": ALWAYS, "c": ALWAYS}).figures) == ["a"]
    listed = json.dumps({"experiments": [{"experimentKey": "a", **one}]})
    assert list(parse_metrics(listed.encode(), {"a": ALWAYS}).figures) == ["a"]


def test_batches_hold_at_most_250_experiments_and_fewer_with_many_gpus() -> None:
    keys = [str(place) for place in range(600)]
    assert [len(one) for one in batches(keys, 2)] == [250, 250, 100]
    assert [len(one) for one in batches(keys, 40)] == [100] * 6
    assert len(batches(keys, 1_000_000)) == 600
    assert [key for batch in batches(keys, 40) for key in batch] == keys
