"""GPU figures of experiments: what the series of a reply come to, and by which rule."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sources.comet.experiments.gpu import RULES, Skipped, gpu_figures
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
times = st.none() | st.lists(st.integers(0, 10**13) | st.none(), max_size=6)


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


def plain_span(record: dict[str, Any], run: int | None) -> tuple[Fraction, int] | None:
    moments = plain_numbers(record["timestamps"])
    if moments:
        return abs(moments[-1] - moments[0]) / 1000, 0
    lasted = plain_numbers(record["durations"])
    if not lasted:
        return None
    if len(lasted) > 1 and sorted(lasted) == lasted:
        grows = lasted[-1] > lasted[0]
        if run is not None:
            grows = abs(lasted[-1] - run) <= abs(sum(lasted) - run)
        if grows:
            return (lasted[-1] - lasted[0]) / 1000, 1
    return sum(lasted, Fraction()) / 1000, 2


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), samples, times, times), max_size=6),
    st.none() | st.integers(1, 10**13),
    st.sampled_from([None, 1, "\t "]),
)
def test_figures_are_those_of_a_slow_plain_computation(
    drawn: list[tuple[int, bool, Any, Any, Any]], run: int | None, indent: Any
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
    answer = parse_metrics(reply.encode(), {"k": run})
    found, skipped = answer.figures.get("k"), answer.skipped

    first: dict[str, dict[str, Any]] = {}
    for record in records:
        if plain_numbers(record["values"]):
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
            plain_numbers(first[f"{gpu}.{kind}"]["values"])
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
                and (span := plain_span(record, run))
            ),
            None,
        )
        for gpu in gpus
    ]
    if None in spans:
        assert found.seconds is None
        assert found.rule is None
        assert skipped.timeless == 1
    else:
        known = [span for span in spans if span]
        assert found.seconds == pytest.approx(float(sum(s for s, _ in known)), rel=1e-12)
        assert found.rule == max(rule for _, rule in known)


def test_null_and_text_are_skipped_one_by_one_and_counted() -> None:
    skipped = Skipped()
    found = gpu_figures(
        [series(UTIL, [10, None, "30", "much", float("nan")], timestamps=[0, 9_000])], None, skipped
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
    found = gpu_figures([series(UTIL, [1.0], **times)], run, Skipped())
    assert found is not None
    assert found.seconds == seconds
    assert (None if found.rule is None else RULES[found.rule]) == rule


def test_the_least_trusted_rule_of_an_experiments_gpus_is_named_and_time_is_their_sum() -> None:
    found = gpu_figures(
        [
            series(UTIL, [1], timestamps=[0, 10_000]),
            series("sys.gpu.1.gpu_utilization", [1], durations=[3_000, 2_000]),
            series("sys.gpu.1.memory_utilization", [9], timestamps=[0, 99_000]),
        ],
        None,
        Skipped(),
    )
    assert found is not None
    assert (found.gpus, found.seconds, found.rule) == (2, 15.0, 2)


def test_other_metrics_and_malformed_records_say_nothing_of_gpus() -> None:
    records = [series("loss", [1.0]), series("sys.gpu.0.power_usage", [300]), None, 5, {}, {"a": 1}]
    assert gpu_figures(records, None, Skipped()) is None
    assert gpu_figures("text", None, Skipped()) is None
    assert gpu_figures([series(UTIL, "text"), series(MEMORY, {})], None, Skipped()) is None


def test_metrics_of_experiments_that_were_not_asked_for_are_passed_over() -> None:
    one = {"metrics": [series(UTIL, [1, 2], timestamps=[0, 1_000])]}
    reply = json.dumps({"empty": False, "experiments": {"a": one, "b": one, "c": None}})
    assert list(parse_metrics(reply.encode(), {"a": None, "c": None}).figures) == ["a"]
    listed = json.dumps({"experiments": [{"experimentKey": "a", **one}]})
    assert list(parse_metrics(listed.encode(), {"a": None}).figures) == ["a"]


def test_batches_hold_at_most_250_experiments_and_fewer_with_many_gpus() -> None:
    keys = [str(place) for place in range(600)]
    assert [len(one) for one in batches(keys, 2)] == [250, 250, 100]
    assert [len(one) for one in batches(keys, 40)] == [100] * 6
    assert len(batches(keys, 1_000_000)) == 600
    assert [key for batch in batches(keys, 40) for key in batch] == keys
