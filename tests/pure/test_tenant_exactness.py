"""Counters of any size: totals, sentences of charts and files keep every digit."""

from hypothesis import example, given
from hypothesis import strategies as st

from lib.reports.report import Report
from tests.support.every_format import every_format
from tests.support.profiles import examples
from tests.support.tenant_answers import answer_of, build, rows_of

LARGEST = 2**63 - 1
MONTHS = ("2026-08", "2026-09", "2026-10")


def alt(report: Report, key: str) -> str:
    return next(chart.alt for chart in report.charts if chart.key == key)


def test_sums_beyond_64_bits_are_exact_in_every_format() -> None:
    counters = {(name, "requests", "2026-09"): LARGEST for name in ("a", "b", "c")}
    report = build(answer_of(counters | {("a", "input_tokens", "2026-09"): LARGEST}))
    assert report.totals["requests"] == 3 * LARGEST
    texts = every_format(report)
    assert str(3 * LARGEST) in texts["json"]
    assert str(LARGEST) in texts["csv"]
    assert f"{3 * LARGEST:,}" in texts["terminal"]
    assert f"{3 * LARGEST:,} requests in all" in alt(report, "requests_in_all")
    assert f"a leads with {LARGEST:,} tokens" in alt(report, "top_tenants")


def test_two_months_that_differ_by_one_request_are_not_the_same() -> None:
    counters = {("a", "requests", "2026-09"): 2**60, ("a", "requests", "2026-10"): 2**60 + 1}
    sentence = alt(build(answer_of(counters)), "requests_in_all")
    assert f"up from {2**60:,} in 2026-09 to {2**60 + 1:,} in 2026-10" in sentence
    assert f"most in 2026-10 ({2**60 + 1:,})" in sentence


@examples(40)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(("a", "b")),
            st.sampled_from(("input_tokens", "output_tokens", "embedding_tokens")),
            st.sampled_from(MONTHS),
        ),
        st.integers(0, LARGEST) | st.integers(0, 9),
        min_size=1,
        max_size=12,
    )
)
@example({("a", "input_tokens", MONTHS[0]): 1})
def test_the_sentence_of_a_chart_is_of_the_tables_sums(
    counters: dict[tuple[str, str, str], int],
) -> None:
    report = build(answer_of(counters))
    sentence = alt(report, "tokens_by_kind")
    whole = sum(counters.values())
    assert f"{whole:,} {'token' if whole == 1 else 'tokens'} in all" in sentence
    assert report.totals["total_tokens"] == sum(counters.values())
    sums = {row["month"]: row["total_tokens"] for row in rows_of(report, "by_month")}
    known = {month: value for month, value in sums.items() if value is not None}
    best = max(known, key=lambda month: known[month])
    assert (f"most in {best} ({known[best]:,})" in sentence) is (known[best] > 0)
