"""Laws of the overview: every breakdown comes to the same, in every kind, currency and file."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lib.allocation.rule_set import UNALLOCATED, ExchangeRate, RuleSet
from lib.exports.csv import to_csv
from lib.exports.formats import cell
from lib.exports.json import to_json
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.overview import build_overview
from lib.reports.report import Report
from lib.ui.table_view import View, pages, see
from lib.usage.exact import exactly
from tests.support.profiles import examples
from tests.support.rule_sets import CENTRES, lines, rule_sets
from tests.support.spending import NOW, answered

KINDS = ("billed", "shared", "allocated", "rated")
BREAKDOWNS = ("by_cost_centre", "by_platform", "lines")
CURRENCIES = ("USD", "EUR")
RATE = Decimal("1.083400000000000017")

Sums = Mapping[str, Decimal]
"""Currency to amount, without what is nothing."""


def september(month: Iterable[Any]) -> list[Any]:
    """The same lines a month earlier."""
    return [(date(2026, 9, day.day), *rest) for day, *rest in month]


months = st.tuples(lines, st.none() | lines.map(september))


def added(amounts: Iterable[tuple[str, Any]]) -> Sums:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with exactly():
        for currency, amount in amounts:
            sums[currency] += amount or 0
    return {currency: amount for currency, amount in sums.items() if amount}


def in_table(report: Report, table: str, kind: str) -> Sums:
    frame = report.table(table).frame
    return added(zip(frame["currency"], frame[kind], strict=True))


def in_totals(report: Report, kind: str) -> Sums:
    """Of the main currency alone, or of each."""
    totals = report.totals
    alone = [(str(totals["currency"]), totals[kind])]
    return added([*alone, *((code, totals.get(f"{kind}_{code.lower()}")) for code in CURRENCIES)])


def billed_of(month: Iterable[Any]) -> Sums:
    return added((line[-2], line[-1]) for line in month if line[-3] == "billed_cost")


def euros(rule_set: RuleSet) -> RuleSet:
    """The same rules, and finance's rate of the month and of the one before."""
    rates = (
        ExchangeRate(month, "EUR", "USD", RATE, "Treasury") for month in ("2026-09", "2026-10")
    )
    return replace(rule_set, exchange_rates=tuple(rates))


@examples(25)
@given(months, rule_sets)
def test_totals_are_the_sums_of_every_breakdown_in_every_kind_and_currency(
    month: tuple[list[Any], list[Any] | None], rule_set: RuleSet
) -> None:
    report = build_overview(answered(month[0], rule_set, month[1]), now=NOW)
    for kind in KINDS:
        of_lines = in_table(report, "lines", kind)
        for table in BREAKDOWNS:
            assert in_table(report, table, kind) == of_lines, (table, kind)
        expected = {} if kind == "shared" else of_lines
        assert of_lines == expected
        assert kind == "shared" or in_totals(report, kind) == of_lines
    assert in_totals(report, "billed") == in_totals(report, "allocated") == billed_of(month[0])


@examples(20)
@given(months, rule_sets, st.booleans())
def test_one_row_is_of_no_cost_centre_and_it_is_the_total_unallocated(
    month: tuple[list[Any], list[Any] | None], rule_set: RuleSet, has_rate: bool
) -> None:
    counting = euros(rule_set) if has_rate else rule_set
    report = build_overview(answered(month[0], counting, month[1]), now=NOW)
    frame = report.table("by_cost_centre").frame
    nobody = frame[frame["cost_centre"].isna()]
    assert len(nobody) >= 1
    assert nobody["currency"].is_unique
    assert not has_rate or len(nobody) == 1
    assert set(nobody["name"]) == {"Unallocated"}
    owed = added(zip(nobody["currency"], nobody["allocated"], strict=True))
    assert in_totals(report, "unallocated") == owed
    assert not frame.duplicated(["cost_centre", "currency"]).any()


@examples(20)
@given(months, rule_sets)
def test_what_was_equal_before_an_exchange_rate_is_equal_after_to_the_last_digit(
    month: tuple[list[Any], list[Any] | None], rule_set: RuleSet
) -> None:
    apart = build_overview(answered(month[0], rule_set, month[1]), now=NOW)
    united = build_overview(answered(month[0], euros(rule_set), month[1]), now=NOW)
    for kind in KINDS:
        before = in_table(apart, "lines", kind)
        with exactly():
            expected = before.get("USD", Decimal(0)) + before.get("EUR", Decimal(0)) * RATE
        whole = {"USD": expected} if expected else {}
        for table in BREAKDOWNS:
            assert in_table(united, table, kind) == whole, (table, kind)
        assert kind == "shared" or in_totals(united, kind) == whole
    told = [note for note in united.notes if note == f"1 EUR = {RATE} USD in 2026-10 (Treasury)."]
    has_euros = any(line[-2] == "EUR" for line in month[0])
    assert len(told) == has_euros


@examples(20)
@given(lines, rule_sets)
def test_without_a_rate_no_total_adds_two_currencies(month: list[Any], rule_set: RuleSet) -> None:
    totals = build_overview(answered(month, rule_set), now=NOW).totals
    for kind in ("billed", "allocated", "unallocated"):
        apart = {code for code in CURRENCIES if totals.get(f"{kind}_{code.lower()}") is not None}
        assert (totals[kind] is None) == (apart != set() or totals["currency"] is None)
    if {*billed_of(month)} == {*CURRENCIES}:
        assert totals["billed"] is None
        assert {code: totals[f"billed_{code.lower()}"] for code in CURRENCIES} == billed_of(month)


@examples(10)
@given(months, rule_sets, st.booleans())
def test_the_reports_of_all_cost_centres_and_of_what_is_unallocated_are_the_overview(
    month: tuple[list[Any], list[Any] | None], rule_set: RuleSet, has_rate: bool
) -> None:
    answer = answered(month[0], euros(rule_set) if has_rate else rule_set, month[1])
    overview = build_overview(answer, now=NOW)
    each = {name: build_cost_centre(answer, name, now=NOW) for name in (*CENTRES, UNALLOCATED)}
    frame = overview.table("by_cost_centre").frame
    for kind in KINDS:
        for name, report in each.items():
            rows = frame[frame["cost_centre"].fillna(UNALLOCATED) == name]
            of_row = added(zip(rows["currency"], rows[kind], strict=True))
            assert in_totals(report, kind) == of_row, (name, kind)
            for table in ("by_sub_account", "by_platform", "by_person", "lines"):
                assert in_table(report, table, kind) == of_row, (name, table, kind)
        parts = [
            (code, amount) for one in each.values() for code, amount in in_totals(one, kind).items()
        ]
        assert added(parts) == in_table(overview, "lines", kind)


@examples(8)
@given(months, rule_sets, st.booleans())
def test_files_have_every_digit_and_the_screen_shows_the_same(
    month: tuple[list[Any], list[Any] | None], rule_set: RuleSet, has_rate: bool
) -> None:
    answer = answered(month[0], euros(rule_set) if has_rate else rule_set, month[1])
    for report in (
        build_overview(answer, now=NOW),
        build_cost_centre(answer, CENTRES[0], now=NOW),
    ):
        document = json.loads(to_json(report))
        assert document["totals"] == {
            key: f"{value:f}" if isinstance(value, Decimal) else value
            for key, value in report.totals.items()
        }
        for table in report.tables:
            text = to_csv(report, table.key, "machine").decode("utf-8-sig")
            written = [*csv.DictReader(io.StringIO(text, newline=""))]
            records = document["tables"][table.key]
            assert len(records) == len(written) == len(table.frame)
            for column in (column for column in table.columns if column.kind == "decimal"):
                amounts = table.frame[column.key].tolist()
                plain = [None if amount is None else f"{amount:f}" for amount in amounts]
                assert [record[column.key] for record in records] == plain
                assert [line[column.key] for line in written] == [text or "" for text in plain]
                views = (
                    see(table, "", table.frame, View(page=page))
                    for page in range(1, pages(len(table.frame)) + 1)
                )
                shown = [
                    text
                    for view in views
                    if column.key in view.text
                    for text in view.text[column.key].tolist()[: len(view.ids)]
                ]
                assert shown in (
                    [],
                    [cell(amount, column.written, column.unit) for amount in amounts],
                )
