"""The laws of the tenant report: a dictionary computes the same, sums agree, months add up, and unknown is never zero."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from io import BytesIO

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.periods import Period
from lib.sources.tenants.query import SORTS
from tests.support.profiles import examples
from tests.support.tenant_answers import (
    METRICS,
    MONTHS,
    SUMS,
    TENANTS,
    TOKENS,
    Counters,
    Row,
    answer_of,
    bad_counter,
    build,
    noted,
    row_of,
    rows_of,
)

months = st.sampled_from(("2026-07", *MONTHS))
own_periods = st.builds("{}-{:02}".format, months, st.integers(1, 28))
keys = st.tuples(
    st.sampled_from(TENANTS) | st.text(max_size=3),
    st.sampled_from((*METRICS, "searches", "total_tokens", "status")),
    months | own_periods,
)
values = st.sampled_from((0, 1, 2**63 - 1)) | st.integers(0, 10**12)
worlds = st.dictionaries(keys, values, max_size=40)
lists = st.none() | st.lists(st.sampled_from(TENANTS), max_size=6)


def added(values: Iterable[int]) -> int | None:
    return sum(found) if (found := [*values]) else None


def status_of(counters: Counters, listed: Iterable[str] | None, tenant: str) -> str:
    periods = defaultdict(list)
    for (owner, metric, period), _ in counters.items():
        if owner == tenant:
            periods[metric, period[:7]].append(len(period) > 7)
    words = [] if periods else ["no usage recorded"]
    if listed is not None and tenant not in listed:
        words.append("not in control database")
    if any(sum(own) > 2 or (any(own) and not all(own)) for own in periods.values()):
        words.append("ambiguous counters")
    return "; ".join(words)


def expected_row(counters: Counters, listed: Iterable[str] | None, tenant: str) -> Row:
    """The row of the tenants table, computed the slow and plain way."""
    mine = {key[1:]: value for key, value in counters.items() if key[0] == tenant}
    row: Row = {"tenant_id": tenant}
    for metric in METRICS:
        row[metric] = added(value for (of, _), value in mine.items() if of == metric)
    row["total_tokens"] = added(row[metric] for metric in TOKENS if row[metric] is not None)
    used = sorted({period[:7] for (_, period), value in mine.items() if value > 0})
    row["month_range"] = " to ".join(dict.fromkeys([used[0], used[-1]])) if used else None
    row["periods"] = ", ".join(sorted({period for _, period in mine if len(period) > 7})) or None
    row["status"] = status_of(counters, listed, tenant)
    row["dormant"] = False if listed is not None and tenant in listed else None
    row["months_with_data"] = ", ".join(used) or None
    row["earliest_month"], row["latest_month"] = (used[0], used[-1]) if used else (None, None)
    for metric in {key[1] for key in counters} - {*METRICS}:
        column = metric if metric == "searches" else f"counter_{metric}"
        row[column] = added(value for (of, _), value in mine.items() if of == metric)
    return row


@examples(80)
@given(worlds, lists, st.sampled_from(SORTS), st.none() | st.integers(1, 5))
def test_a_dictionary_computes_the_same_table_and_totals(
    counters: Counters, listed: list[str] | None, sort: str, top: int | None
) -> None:
    report = build(answer_of(counters, listed=listed), sort=sort, top=top)
    counters = {key: value for key, value in counters.items() if key[2][:7] in MONTHS}
    tenants = {key[0] for key in counters} | {*(listed or ())}
    rows = [expected_row(counters, listed, tenant) for tenant in sorted(tenants)]
    if sort != "tenant_id":
        rows.sort(key=lambda row: -1 if row[sort] is None else row[sort], reverse=True)
    shown = rows_of(report)
    for row in shown:
        row.pop("tokens_per_request", None)  # which has a law of its own
    assert shown == rows[:top]
    for key in SUMS:
        assert report.totals[key] == sum(row[key] or 0 for row in rows)
    assert report.totals["tenants_with_usage"] == sum(
        row["month_range"] is not None for row in rows
    )
    assert noted(report, "leaves out") == (top is not None and top < len(rows))


@examples(35)
@given(worlds, lists)
def test_totals_are_the_sums_of_every_table(counters: Counters, listed: list[str] | None) -> None:
    report = build(answer_of(counters, listed=listed))
    for key in SUMS:
        for table in ("tenants", "by_month"):
            assert report.totals[key] == sum(row[key] or 0 for row in rows_of(report, table))
            assert (report.table(table).totals or {})[key] == report.totals[key]
    assert report.totals["total_tokens"] == sum(int(report.totals[key] or 0) for key in TOKENS)


@examples(25)
@given(worlds, st.integers(1, 3))
def test_two_ranges_of_months_add_up_to_the_whole(counters: Counters, cut: int) -> None:
    answer = answer_of(counters)
    whole = build(answer)
    parts = [
        build(answer, Period(date(2026, 8, 1), date(2026, 7 + cut, 28))),
        build(answer, Period(date(2026, 8 + cut, 28), date(2026, 11, 21))),
    ]
    for key in SUMS:
        assert whole.totals[key] == sum(int(part.totals[key] or 0) for part in parts)
    if all(rows_of(part, "by_month") for part in parts):
        by_month = [row for part in parts for row in rows_of(part, "by_month")]
        assert by_month == rows_of(whole, "by_month")


SEED = {
    ("abc123def456", "requests", "2026-08"): 250,
    ("abc123def456", "requests", "2026-09"): 1_000,
    ("abc123def456", "input_tokens", "2026-09"): 45_000,
    ("abc123def456", "output_tokens", "2026-09"): 62_000,
    ("abc123def456", "embedding_tokens", "2026-09"): 125_000,
    ("xyz789abc123", "requests", "2026-09-14"): 890,
    ("xyz789abc123", "input_tokens", "2026-09-14"): 32_000,
    ("xyz789abc123", "output_tokens", "2026-09-14"): 44_000,
    ("xyz789abc123", "embedding_tokens", "2026-09-14"): 89_000,
}
SEED_ANSWER = answer_of(SEED, listed=["abc123def456", "xyz789abc123"])


def test_the_example_of_the_reporting_tool_comes_out_to_the_digit() -> None:
    report = build(SEED_ANSWER)
    rows = [[row[key] for key in ("tenant_id", *SUMS, "month_range")] for row in rows_of(report)]
    assert rows == [
        ["abc123def456", 1_250, 45_000, 62_000, 125_000, 232_000, "2026-08 to 2026-09"],
        ["xyz789abc123", 890, 32_000, 44_000, 89_000, 165_000, "2026-09"],
    ]
    assert [report.totals[key] for key in SUMS] == [2_140, 77_000, 106_000, 214_000, 397_000]
    assert [(figure.label, figure.value) for figure in report.figures] == [
        ("Requests", 2_140),
        ("Total tokens", 397_000),
        ("Tenants with usage", 2),
        ("Average requests per tenant", 1_070),
        ("Average tokens per tenant", 198_500),
        ("Tokens per request", pytest.approx(397_000 / 2_140)),
        ("Top usage tenant: abc123def456", 232_000),
    ]
    assert report.table("tenants").note.startswith("2 tenants;")
    assert report.complete
    assert row_of(report, "xyz789abc123")["periods"] == "2026-09-14"


def test_json_keeps_the_nested_rows_that_readers_of_the_reporting_tool_know() -> None:
    extra = answer_of(
        {("t", "searches", "2026-08"): 3, ("t", "requests", "2026-10"): 2}, listed=["unused"]
    )
    used, unused = json.loads(to_json(build(extra)))["tables"]["tenants"]
    assert used["tenant_id"] == "t"
    assert used["summary"] == {
        "total_requests": 2,
        "total_input_tokens": None,
        "total_output_tokens": None,
        "total_embedding_tokens": None,
        "total_tokens": None,
    }
    assert used["time_range"] == {
        "earliest_month": "2026-08",
        "latest_month": "2026-10",
        "months_with_data": ["2026-08", "2026-10"],
    }
    assert used["other_counters"] == {"searches": 3}
    assert unused["summary"] == dict.fromkeys(used["summary"])
    assert unused["time_range"] == {
        "earliest_month": None,
        "latest_month": None,
        "months_with_data": [],
    }
    month, *_ = json.loads(to_json(build(extra)))["tables"]["by_month"]
    assert (month["month"], month["requests"]) == ("2026-08", None)


def test_averages_are_rounded_down_over_tenants_with_usage() -> None:
    counters = {("a", "requests", "2026-09"): 3, ("b", "requests", "2026-09"): 4}
    report = build(answer_of(counters | {("c", "requests", "2026-09"): 0}, listed=["d"]))
    figures = {figure.key: figure.value for figure in report.figures}
    assert report.totals["tenants_with_usage"] == 2
    assert figures["average_requests_per_tenant"] == 3
    assert figures["average_tokens_per_tenant"] == 0
    assert figures["top_tenant"] is None


def test_of_equal_tenants_the_first_by_id_leads() -> None:
    report = build(answer_of({(name, "input_tokens", "2026-09"): 7 for name in ("b", "a", "c")}))
    assert [row["tenant_id"] for row in rows_of(report)] == ["a", "b", "c"]
    assert report.figures[-1].label == "Top usage tenant: a"
    by_id = build(answer_of({("b", "requests", "2026-09"): 9}, listed=["a"]), sort="tenant_id")
    assert [row["tenant_id"] for row in rows_of(by_id)] == ["a", "b"]


def test_an_empty_answer_is_a_report_without_averages() -> None:
    report = build(answer_of({}, listed=None))
    assert all(table.frame.empty for table in report.tables)
    assert [report.totals[key] for key in (*SUMS, "tenants_with_usage")] == [0] * 6
    assert [figure.value for figure in report.figures] == [0, 0, 0, None, None, None, None]
    assert report.charts == ()
    assert report.complete
    assert to_pdf(report)


def test_a_tenant_without_counters_is_shown_without_numbers() -> None:
    report = build(answer_of({}, listed={"idle": True, "new": None}))
    assert report.totals["tenants_listed"] == 2
    for tenant, dormant in (("idle", True), ("new", None)):
        row = row_of(report, tenant)
        assert [row[key] for key in (*SUMS, "month_range", "months_with_data")] == [None] * 7
        assert (row["status"], row["dormant"]) == ("no usage recorded", dormant)
    assert "—" in to_terminal(report, width=None, colour=False)


def test_a_zero_is_a_number_and_opens_no_month() -> None:
    counters = {("t", "requests", "2026-08"): 0, ("t", "requests", "2026-10"): 2}
    row = row_of(build(answer_of(counters, listed=["t"])), "t")
    assert (row["month_range"], row["months_with_data"]) == ("2026-10", "2026-10")
    report = build(answer_of({("t", "input_tokens", "2026-08"): 0}, listed=["t"]))
    cells = ("input_tokens", "total_tokens", "requests", "month_range", "status")
    assert [row_of(report, "t")[key] for key in cells] == [0, 0, None, None, ""]
    assert report.totals["tenants_with_usage"] == 0
    assert [row["tenants_with_usage"] for row in rows_of(report, "by_month")] == [0, *[None] * 3]


def test_without_a_control_list_no_tenant_is_missing_from_it() -> None:
    report = build(answer_of(SEED, listed=None))
    assert {row["status"] for row in rows_of(report)} == {""}
    assert rows_of(report, "data_quality") == []
    unknown = ("tenants_listed", "tenants_not_in_control_database")
    assert [report.totals[key] for key in unknown] == [None, None]
    assert noted(report, "Without the control database")


def test_a_tenant_that_nobody_lists_is_counted_and_named() -> None:
    report = build(answer_of(SEED, listed=["abc123def456", "idle"]))
    assert row_of(report, "xyz789abc123")["status"] == "not in control database"
    assert report.totals["requests"] == 2_140
    assert report.totals["tenants_not_in_control_database"] == 1
    listed = [(row["kind"], row["tenant_id"]) for row in rows_of(report, "data_quality")]
    assert listed == [("not in control database", "xyz789abc123")]
    assert noted(report, "Not in the control database, but in the totals; tenants: xyz789abc123.")
    assert report.complete


def test_bad_counters_are_listed_left_out_and_make_the_report_incomplete() -> None:
    bad = [bad_counter("t1"), bad_counter("only-bad"), bad_counter("", "", key="usage:x")]
    report = build(answer_of({("t1", "requests", "2026-10"): 5}, listed=["t1"], bad=bad))
    assert report.totals["requests"] == 5
    assert report.totals["tenants_not_in_control_database"] == 1
    assert not report.complete
    assert (report.sources[-1].name, report.sources[-1].status) == ("redis:counters", "partial")
    assert "3 counters cannot be read" in (report.sources[-1].detail or "")
    assert all(figure.incomplete for figure in report.figures)
    listed = [row for row in rows_of(report, "data_quality") if row["kind"] == "bad counter"]
    assert [row["keys"] for row in listed] == [row["key"] for row in bad]
    assert [row["month"] for row in listed] == ["2026-09", "2026-09", None]
    assert row_of(report, "t1")["status"] == "bad counters"
    assert row_of(report, "only-bad")["status"] == "not in control database; bad counters"


@pytest.mark.parametrize("period", ["2026-09-14", "2026-13", "2026-9", "", None])
def test_a_bad_counter_stays_unless_its_key_says_it_was_not_asked_for(period: str | None) -> None:
    others = [bad_counter("t2"), bad_counter("t1", "2026-07"), bad_counter("t1", "2026-12-01")]
    asked = [bad_counter("t1", period), bad_counter(None, period)]
    report = build(answer_of({}, listed=["t1"], bad=others + asked), tenants=("t1",))
    assert [row["keys"] for row in rows_of(report, "data_quality")] == [one["key"] for one in asked]
    assert build(answer_of({}, listed=["t1"], bad=others), tenants=("t1",)).complete


@pytest.mark.parametrize(
    ("periods", "problem"),
    [
        (["2026-09"], None),
        (["2026-09-01"], None),
        (["2026-09-01", "2026-09-30"], None),
        (["2026-09", "2026-09-14"], "month counter beside 1 of own periods"),
        (["2026-09-01", "2026-09-02", "2026-09-03"], "3 own periods"),
        (["2026-08-30", "2026-09-01", "2026-09-30"], None),
    ],
)
def test_what_may_be_counted_twice_is_counted_flagged_and_listed(
    periods: list[str], problem: str | None
) -> None:
    counters = {("a, b", "requests", period): 10 for period in periods}
    report = build(answer_of(counters, listed=["a, b"]))
    assert report.totals["requests"] == 10 * len(periods)
    assert row_of(report, "a, b")["status"] == ("ambiguous counters" if problem else "")
    listed = rows_of(report, "data_quality")
    assert [row["problem"] for row in listed] == ([problem] if problem else [])
    for row in listed:
        assert row["keys"] == ", ".join(f"usage:a, b:requests:{period}" for period in periods)
        assert (row["month"], row["value"]) == ("2026-09", str(10 * len(periods)))
    assert noted(report, "Ambiguous counters") == bool(problem)
    assert report.complete


def test_an_unknown_metric_is_a_column_of_its_own_and_in_no_total() -> None:
    counters = {("t", "gpu_seconds", "2026-09"): 5, ("t", "total_tokens", "2026-09"): 7}
    report = build(answer_of(counters, listed=["t"]))
    row = row_of(report, "t")
    assert (row["gpu_seconds"], row["counter_total_tokens"], row["total_tokens"]) == (5, 7, None)
    assert report.totals["total_tokens"] == 0
    assert "gpu_seconds" not in (report.table("tenants").totals or {})
    assert noted(report, "in no total: gpu_seconds, total_tokens.")
    assert row["month_range"] == "2026-09"


def test_only_the_tenants_asked_for_are_counted() -> None:
    answer = answer_of(SEED, listed=["abc123def456", "xyz789abc123", "idle"])
    report = build(answer, tenants=("xyz789abc123", "idle", "nobody"))
    assert [row["tenant_id"] for row in rows_of(report)] == ["xyz789abc123", "idle"]
    assert report.totals["requests"] == 890
    assert report.totals["tenants_listed"] == 2
    assert noted(report, "tenants asked for: nobody.")


def test_notes_say_which_months_were_taken_whole_and_what_has_expired() -> None:
    report = build(answer_of(SEED, notes=("From the loader.",)))
    assert noted(report, "whose period starts in 2026-08 to 2026-11 (UTC) is taken whole")
    assert noted(report, "first written before 2026-08-23 may be gone")
    assert report.notes[-1] == "From the loader."
    recent = build(SEED_ANSWER, Period(date(2026, 9, 10), date(2026, 9, 12)))
    assert noted(recent, "starts in 2026-09 (UTC) is taken whole")
    assert not noted(recent, "expire")
    assert recent.totals["requests"] == 1_890


def test_charts_say_the_trend_and_leave_gaps_for_months_without_counters() -> None:
    tokens, requests, top, crossed = build(SEED_ANSWER).charts
    assert tokens.alt.endswith(
        "397,000 tokens in all; most in 2026-09 (397,000); no counters in 3 of 4 months; "
        "largest is Embedding tokens, 54 % of all."
    )
    assert "up from 250 in 2026-08 to 1,890 in 2026-09" in requests.alt
    assert "abc123def456 leads with 232,000 tokens, 2 shown." in top.alt
    assert "abc123def456 × 2026-09 with 232,000 tokens, 58 % of all." in crossed.alt
    assert requests.chart.frame["value"].isna().tolist() == [False, False, True, True]


def test_every_file_carries_the_totals() -> None:
    report = build(SEED_ANSWER)
    assert json.loads(to_json(report))["totals"]["total_tokens"] == 397_000
    table = pd.read_csv(BytesIO(to_csv(report, "tenants", "machine")))
    assert table["total_tokens"].sum() == 397_000
    terminal = to_terminal(report, width=None, colour=False)
    paper = "".join(page.extract_text() for page in PdfReader(BytesIO(to_pdf(report))).pages)
    for text in (terminal, paper):
        assert [one for one in ("2,140", "397,000", "198,500") if one not in text] == []
    assert "Top usage tenant: abc123def456: 232,000 tokens" in terminal
    assert report.file_name("csv", "tenants") == "tenant-usage_2026-08-05_2026-11-21.csv"


def test_sums_beyond_64_bits_stay_exact() -> None:
    most = 2**63 - 1
    keys = [(name, "input_tokens", month) for name in "ab" for month in MONTHS[:2]]
    report = build(answer_of(dict.fromkeys(keys, most)))
    assert report.totals["total_tokens"] == 4 * most
    assert row_of(report, "a")["total_tokens"] == 2 * most
    assert f"{4 * most:,}" in to_terminal(report, width=None, colour=False)
