"""Text for people: what each value looks like on screen, paper and terminal."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.exports import formats
from lib.reports.report import Delta, Figure, SourceStatus
from tests.support.report_strategies import FAILED, HOSTILE, OK, report


@pytest.mark.parametrize(
    ("value", "kind", "unit", "text"),
    [
        (1_234_567, "int", "tokens", "1,234,567"),
        (44_404.0, "int", "", "44,404"),
        (np.int64(-1_234), "int", "", "-1,234"),
        (Decimal("1234.565"), "decimal", "USD", "$1,234.57"),
        (Decimal("1234.567"), "decimal", "EUR", "1,234.57 EUR"),
        (Decimal("-1234.5"), "decimal", "USD", "-$1,234.50"),
        (Decimal("0.00"), "decimal", "USD", "$0.00"),
        (Decimal("-0.000"), "decimal", "USD", "$0.00"),
        (Decimal("0.005"), "decimal", "USD", "<$0.01"),
        (Decimal("0.01"), "decimal", "USD", "$0.01"),
        (Decimal("-0.0042"), "decimal", "EUR", ">-0.01 EUR"),
        (Decimal("0.005"), "decimal", "", "0.0050"),
        (Decimal("0.00123456"), "decimal", "", "0.001235"),
        (Decimal("1E-9"), "decimal", "", "<0.000001"),
        (Decimal("-1E-9"), "decimal", "", ">-0.000001"),
        (Decimal("48512.34"), "decimal", "MB", "48.5 GB"),
        (Decimal("0.0125"), "decimal", "MB", "12.5 KB"),
        (Decimal("-1.5"), "decimal", "MB", "-1.5 MB"),
        (Decimal("1E+30"), "decimal", "USD", "$1" + ",000" * 10 + ".00"),
        (Decimal("0.0123456"), "decimal", "USD/request", "$0.0123"),
        (Decimal("0.125"), "decimal", "USD/request", "$0.125"),
        (Decimal("0.5"), "decimal", "USD/request", "$0.50"),
        (Decimal("12.345"), "decimal", "EUR/request", "12.35 EUR"),
        (Decimal("-0.0000123"), "decimal", "USD/request", "-$0.0000123"),
        (Decimal("0.99999"), "decimal", "USD/request", "$1.00"),
        (Decimal("1E-12"), "decimal", "USD/request", "<$0.000000001"),
        (0, "decimal", "USD/request", "$0.00"),
        (2.5, "decimal", "hours", "2.50"),
        (1_234.567, "float", "hours", "1,234.57"),
        (0.5, "float", "hours", "0.50"),
        (12.0, "float", "hours", "12"),
        (12.5, "percent", "", "12.5 %"),
        (0.01, "percent", "", "<0.1 %"),
        (-0.01, "percent", "", ">-0.1 %"),
        (0.0, "percent", "", "0.0 %"),
        (0, "bytes", "", "0 B"),
        (999, "bytes", "", "999 B"),
        (1_000, "bytes", "", "1.0 KB"),
        (999_949, "bytes", "", "999.9 KB"),
        (999_950, "bytes", "", "1.0 MB"),
        (1_048_575, "bytes", "", "1.0 MB"),
        (5 * 2**30 // 2, "bytes", "", "2.7 GB"),
        (0.25, "duration", "", "0.25 s"),
        (45.2, "duration", "", "45.2 s"),
        (59.97, "duration", "", "1 min 0 s"),
        (90, "duration", "", "1 min 30 s"),
        (3_599.7, "duration", "", "1 h 0 min"),
        (86_399, "duration", "", "1 d 0 h"),
        (63 * 86_400 + 9 * 3_600, "duration", "", "63 d 9 h"),
        (-90, "duration", "", "-1 min 30 s"),
        (date(2026, 10, 1), "date", "", "2026-10-01"),
        (pd.Timestamp("2026-10-01"), "date", "", "2026-10-01"),
        (pd.Timestamp("2026-11-21 01:40", tz="UTC"), "datetime", "", "2026-11-21 01:40 UTC"),
        (1_618_908_727_532, "epoch_ms", "", "2021-04-20 08:52 UTC"),
        (0, "epoch_ms", "", "—"),
        (-1, "epoch_ms", "", "1969-12-31 23:59 UTC"),
        (10**18, "epoch_ms", "", "1000000000000000000"),
        (True, "bool", "", "yes"),
        (np.bool_(False), "bool", "", "no"),
        ("[bold]x", "text", "", "[bold]x"),
        ("a\r\n\x1b[31m\u202eb", "text", "", "a???[31m?b"),
    ],
)
def test_a_cell_reads(value, kind, unit, text):
    assert formats.cell(value, kind, unit) == text


@pytest.mark.parametrize("kind", formats.CELLS)
@pytest.mark.parametrize("nothing", [None, float("nan"), pd.NA, pd.NaT, Decimal("NaN")])
def test_what_is_missing_is_a_dash_and_never_zero(kind, nothing):
    assert formats.cell(nothing, kind, "USD") == "—"


@pytest.mark.parametrize(
    ("value", "unit", "exact", "compact"),
    [
        (999_999, "tokens", "999,999", "999,999"),
        (1_234_567, "tokens", "1,234,567", "1.23 M"),
        (999_950_000, "tokens", "999,950,000", "1.00 bn"),
        (-12_345_678, "tokens", "-12,345,678", "-12.3 M"),
        (Decimal("4567890.12"), "USD", "$4,567,890.12", "$4.57 M"),
        (Decimal("0.0042"), "USD", "<$0.01", "<$0.01"),
        (Decimal("-0.0042"), "EUR", ">-0.01 EUR", ">-0.01 EUR"),
        (Decimal("12"), "USD", "$12.00", "$12.00"),
        (3 * 10**9, "bytes", "3.0 GB", "3.0 GB"),
        (Decimal("48512.34"), "MB", "48.5 GB", "48.5 GB"),
        (None, "USD", "—", "—"),
        (float("nan"), "tokens", "—", "—"),
    ],
)
def test_a_figure_has_an_exact_and_a_compact_form(value, unit, exact, compact):
    shown = Figure("key", "Tokens", value, unit)
    assert formats.figure(shown) == exact
    assert formats.compact(shown) == compact


def test_a_figure_names_its_unit_unless_the_label_does():
    assert formats.figure(Figure("top", "Busiest tenant", 1_000, "tokens")) == "1,000 tokens"
    assert formats.figure(Figure("in", "Input tokens", 1_000, "tokens")) == "1,000"


def test_a_price_says_what_it_is_for_and_one_of_a_kind_is_one():
    price = Figure("a", "Cost per request", Decimal("0.0123"), "USD/request")
    assert formats.figure(price) == "$0.0123 per request"
    assert formats.figure(replace(price, value=None)) == formats.MISSING
    assert formats.figure(Figure("a", "Time span", 1, "days")) == "1 day"
    assert formats.figure(Figure("a", "Time span", 2, "days")) == "2 days"


@given(st.decimals("1e-8", "1e6", allow_nan=False, allow_infinity=False))
def test_a_price_is_within_half_a_percent(amount):
    text = formats.cell(amount, "decimal", "USD/request").removeprefix("$").replace(",", "")
    assert abs(Decimal(text) - amount) <= max(amount / 200, Decimal("0.0000000005"))


def test_a_change_shows_amount_and_percent_or_that_there_was_no_base():
    assert formats.delta(Delta(100, 20, 20.0, "before")) == "+20 (+20.0 %)"
    assert (
        formats.delta(Delta(Decimal(10), Decimal("-2.5"), -25.0, "before"), "USD")
        == "-$2.50 (-25.0 %)"
    )
    assert formats.delta(Delta(0, 5, None, "before")) == "+5 (no base)"
    fewer = Delta(70_000_000, -13_697_124, -19.6, "before")
    assert formats.delta(fewer, "tokens") == "-13,697,124 (-19.6 %)"
    assert formats.delta(fewer, "tokens", in_short=True) == "-13.7 M (-19.6 %)"


@given(st.decimals(Decimal("-1e15"), Decimal("1e15"), places=8))
def test_money_in_a_cell_is_within_half_a_cent(amount):
    text = formats.cell(amount, "decimal", "USD")
    if text[0] in "<>":
        assert 0 < abs(amount) < Decimal("0.01")
    else:
        number = re.sub(r"[$,]", "", text)
        assert abs(Decimal(number) - amount) <= Decimal("0.005")


@given(st.one_of(st.sampled_from(HOSTILE), st.text()))
def test_visible_text_is_one_line_of_equal_length_without_control_characters(name):
    shown = formats.visible(name)
    assert len(shown) == len(name)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029]", shown)
    shown.encode()


def test_times_in_other_zones_are_shown_in_utc():
    berlin = timezone(timedelta(hours=2))
    assert formats.moment(datetime(2026, 10, 1, 1, 0, tzinfo=berlin)) == "2026-09-30 23:00 UTC"
    assert formats.moment(datetime(2026, 10, 1, tzinfo=UTC)) == "2026-10-01 00:00 UTC"


def test_provenance_names_period_source_times_completeness_and_filters():
    assert formats.provenance(report()) == (
        ("Period", "2026-10-01 to 2026-10-31 (UTC), 31 days"),
        ("Source", "api.openai.com"),
        ("Generated", "2026-11-21 01:40 UTC"),
        ("Data as of", "2026-11-21 01:40 UTC"),
        ("Completeness", "Complete (1 source)"),
        ("Filters", "endpoints: completions"),
    )


def test_completeness_names_the_sources_that_are_missing():
    skipped = SourceStatus("openai", "batches", "skipped")
    assert (
        formats.completeness(report(sources=(OK, FAILED, skipped)))
        == "INCOMPLETE; failed: OpenAI images; skipped: OpenAI batches"
    )
    assert formats.completeness(report(sources=(OK, skipped))).startswith("Complete (1 source)")


def test_a_failure_tells_what_happened_and_what_to_do():
    assert formats.failures(report(sources=(OK, FAILED))) == (
        "OpenAI images (failed): It answered 503. Try again.",
    )


def test_sources_of_which_the_same_is_said_share_a_line() -> None:
    other = replace(FAILED, part="audio")
    unlike = replace(FAILED, part="web", detail="It hung.")
    assert formats.failures(report(sources=(OK, FAILED, unlike, other))) == (
        "OpenAI images, OpenAI audio (failed): It answered 503. Try again.",
        "OpenAI web (failed): It hung. Try again.",
    )


def test_filters_read_as_text_and_unset_ones_are_left_out():
    filters = {"models": {"b", "a"}, "batch": False, "user_ids": None}
    assert formats.filters(filters) == "models: a, b; batch: no"
    assert formats.filters({}) == "none"


def test_of_many_or_long_filter_values_the_beginning_is_shown():
    text = formats.filters({"projects": [f"p{at}" for at in range(1_012)], "user": "x" * 300})
    assert text.startswith("projects: p0, p1, ")
    assert ", p11 and 1,000 more; user: xxx" in text
    assert text.endswith("x…")


def test_the_mark_says_incomplete_and_demo():
    assert formats.mark(report()) == ""
    assert formats.mark(replace(report(), demo=True)) == "DEMO DATA"
    assert formats.mark(report(sources=(FAILED,), demo=True)) == "INCOMPLETE · DEMO DATA"
