"""Tokens per request: a ratio of sums, known only where both are whole and of the same tenants."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.profiles import examples
from tests.support.tenant_answers import answer_of, bad_counter, build, row_of

MONTH = "2026-09"
COUNTERS = {
    ("a", "requests", MONTH): 4,
    ("a", "input_tokens", MONTH): 30,
    ("a", "embedding_tokens", MONTH): 10,
    ("b", "requests", MONTH): 1,
    ("b", "output_tokens", MONTH): 60,
}


def test_the_whole_is_the_ratio_of_the_sums_and_each_tenant_has_its_own() -> None:
    report = build(answer_of(COUNTERS, listed=["unused"]))
    assert report.totals["tokens_per_request"] == 20.0
    ratios = [row_of(report, name)["tokens_per_request"] for name in ("a", "b", "unused")]
    assert ratios == [10.0, 60.0, None]


@pytest.mark.parametrize("lacking", ["requests", "input_tokens"])
def test_a_tenant_with_one_side_only_makes_the_whole_unknown(lacking: str) -> None:
    report = build(answer_of(COUNTERS | {("c", lacking, MONTH): 5}))
    assert report.totals["tokens_per_request"] is None
    assert row_of(report, "c")["tokens_per_request"] is None
    assert row_of(report, "b")["tokens_per_request"] == 60.0


def test_a_counter_that_cannot_be_read_makes_its_tenant_and_the_whole_unknown() -> None:
    report = build(answer_of(COUNTERS, bad=[bad_counter("a")]))
    assert report.totals["tokens_per_request"] is None
    assert row_of(report, "a")["tokens_per_request"] is None
    figure = next(one for one in report.figures if one.key == "tokens_per_request")
    assert figure.incomplete


def test_without_a_request_there_is_no_ratio() -> None:
    counters = {("a", "requests", MONTH): 0, ("a", "input_tokens", MONTH): 3}
    assert build(answer_of(counters)).totals["tokens_per_request"] is None
    assert build(answer_of({})).totals["tokens_per_request"] is None


@examples(30)
@given(st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**60)), max_size=5))
def test_the_ratio_times_the_requests_is_the_tokens(tenants: list[tuple[int, int]]) -> None:
    counters = {}
    for place, (requests, tokens) in enumerate(tenants):
        counters[f"t{place}", "requests", MONTH] = requests
        counters[f"t{place}", "input_tokens", MONTH] = tokens
    report = build(answer_of(counters))
    requests, tokens = (sum(column) for column in zip(*tenants, strict=True)) if tenants else (0, 0)
    ratio = report.totals["tokens_per_request"]
    assert ratio is None if not requests else ratio * requests == pytest.approx(tokens)
    for place, (asked, used) in enumerate(tenants):
        own = row_of(report, f"t{place}")["tokens_per_request"]
        assert own is None if not asked else own * asked == pytest.approx(used)
