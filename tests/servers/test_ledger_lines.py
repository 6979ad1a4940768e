"""The lines of a month that is kept, cut where rules begin: all of the month, and what is stored once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from lib.allocation.rule_set import CostCentre, Rate, Rule, RuleSet, Share
from lib.errors import SourceUnavailable
from lib.ledger.allocated import allocated, previewed
from lib.ledger.lines import MonthLines, daily_bills, month_lines
from lib.ledger.rule_sets import publish
from lib.ledger.store import Ledger
from lib.usage.exact import exact_sum
from tests.support.bills import SEPTEMBER, STORED, Bill, megabytes, put_bills
from tests.support.kept import NOW, every_kind

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

SIXTEENTH = date(2026, 10, 16)
FEWER = RuleSet((CostCentre("4711", "Sales"),))
BILLS = [
    *(Bill(day, "proj_a", amount) for day, amount in ((1, "10"), (15, "1"), (16, "200"))),
    Bill(31, "proj_a", "0.000000000000000001"),
    Bill(15, "proj_b", "7", "EUR"),
    Bill(20, "proj_b", None, "EUR"),
]
HALVES = RuleSet(
    (CostCentre("old"), CostCentre("new")),
    (
        Rule(10, "", "sub_account", "*", "", "old", valid_to=date(2026, 10, 15)),
        Rule(10, "", "sub_account", "*", "", "new", valid_from=SIXTEENTH),
    ),
    rates=(Rate("comet-chargeback", "storage_mb", Decimal(2), Decimal(1), "USD"),),
)


def owed(ledger: Ledger, rule_set: RuleSet) -> dict[tuple[str | None, str], Decimal | None]:
    """Cost centre and currency to what it was billed."""
    sums: dict[tuple[str | None, str], Decimal | None] = {}
    for line in allocated(ledger, "2026-10", rule_set).allocation.lines:
        if line.metric == "billed_cost":
            key = line.cost_centre, line.currency
            before = sums.get(key, Decimal(0))
            known = before is not None and line.billed is not None
            sums[key] = before + line.billed if known else None  # type: ignore[operator]
    return sums


@every_kind
def test_what_was_billed_before_and_after_rules_change_goes_to_different_cost_centres(
    any_ledger: Ledger,
) -> None:
    put_bills(any_ledger, BILLS)
    assert owed(any_ledger, HALVES) == {
        ("old", "USD"): Decimal(11),
        ("old", "EUR"): Decimal(7),
        ("new", "USD"): Decimal("200.000000000000000001"),
        ("new", "EUR"): None,
    }


def days_and_amounts(found: MonthLines, metric: str) -> list[tuple[date, Decimal | None]]:
    lines = found.lines[found.lines["metric"] == metric]
    return sorted(zip(lines["day"], lines["quantity"], strict=True), key=str)


def test_what_is_counted_is_cut_where_rules_change_and_after_what_is_compared_and_adds_up_to_the_month(
    folder_ledger: Ledger,
) -> None:
    put_bills(folder_ledger, [bill for bill in BILLS if bill.unit == "USD"])
    first, rest = date(2026, 10, 1), Decimal("1e-18")

    def cut(rules: RuleSet, until: date | None = None) -> list[tuple[date, Decimal | None]]:
        found = month_lines(folder_ledger, "2026-10", rules, until=until)
        return days_and_amounts(found, "billed_cost")

    assert cut(RuleSet()) == [(first, 211 + rest)]
    assert cut(HALVES) == [(first, Decimal(11)), (SIXTEENTH, 200 + rest)]
    assert cut(RuleSet(), first) == [
        (first, Decimal(10)),
        (date(2026, 10, 2), 201 + rest),
    ]
    assert cut(HALVES, date(2026, 10, 30)) == [
        (first, Decimal(11)),
        (SIXTEENTH, Decimal(200)),
        (date(2026, 10, 31), rest),
    ]
    for whole_month in (date(2026, 10, 31), date(2026, 11, 5), date(2026, 9, 30)):
        assert cut(RuleSet(), whole_month) == cut(RuleSet())


def test_bills_of_each_day_tell_apart_what_rules_go_by_and_no_more(folder_ledger: Ledger) -> None:
    put_bills(folder_ledger, BILLS)
    by_project, at_all = (daily_bills(folder_ledger, "2026-10", rules) for rules in (HALVES, FEWER))
    whole = month_lines(folder_ledger, "2026-10", RuleSet()).lines
    for bills in (by_project, at_all):
        for unit in ("USD", "EUR"):
            sums = [
                exact_sum(frame[frame["unit"] == unit]["quantity"].dropna())
                for frame in (bills.lines, whole)
            ]
            assert sums[0] == sums[1] != 0
        assert bills.by_month == frozenset()
    assert {*by_project.lines["sub_account"]} == {"proj_a", "proj_b"}
    assert {*at_all.lines["sub_account"]} == {None}
    unknown = by_project.lines[by_project.lines["quantity"].isna()]
    assert [*zip(unknown["day"], unknown["sub_account"], strict=True)] == [
        (date(2026, 10, 20), "proj_b")
    ]


@pytest.mark.parametrize("rules", [RuleSet(), HALVES], ids=["uncut", "cut"])
def test_an_amount_that_nobody_knows_takes_no_other_away_and_the_month_is_not_complete(
    folder_ledger: Ledger, rules: RuleSet
) -> None:
    put_bills(folder_ledger, [Bill(day, "a", amount) for day, amount in enumerate((7, None, 5), 1)])
    found = month_lines(folder_ledger, "2026-10", rules)
    first = date(2026, 10, 1)
    assert days_and_amounts(found, "billed_cost") == [(first, Decimal(12)), (first, None)]
    assert not found.complete


@pytest.mark.parametrize("until", [None, date(2026, 10, 19)])
def test_of_what_is_stored_the_last_of_the_month_counts_once(
    folder_ledger: Ledger, until: date | None
) -> None:
    put_bills(folder_ledger, BILLS)
    stored = [megabytes(5, "team", 100), megabytes(20, "team", 300)]
    put_bills(folder_ledger, stored, STORED, is_state=True)
    found = month_lines(folder_ledger, "2026-10", HALVES, until=until)
    assert days_and_amounts(found, "storage_mb") == [(SIXTEENTH, Decimal(300))]
    rated = {
        (line.cost_centre, line.rated)
        for line in allocated(folder_ledger, "2026-10", HALVES).allocation.lines
        if line.rated is not None
    }
    assert rated == {("new", Decimal(600))}


def test_rules_without_an_end_that_anybody_lives_to_see_cut_nothing(folder_ledger: Ledger) -> None:
    put_bills(folder_ledger, BILLS)
    always = CostCentre("x", valid_from=date(1, 1, 1), valid_to=date(9999, 12, 31))
    rules = (Rule(1, "", "sub_account", "*", "", "x", date(1900, 1, 1), date(2999, 12, 31)),)
    found = owed(folder_ledger, RuleSet((always,), rules))
    assert found == {("x", "USD"): Decimal("211.000000000000000001"), ("x", "EUR"): None}


def test_only_what_decides_about_money_is_a_line(folder_ledger: Ledger) -> None:
    tokens = Bill(1, "proj_a", 5, "tokens", "input_tokens")
    put_bills(folder_ledger, [*BILLS, tokens])
    put_bills(folder_ledger, [megabytes(5, "team", 100)], STORED, is_state=True)
    for rules, metrics in (
        (RuleSet(), {"billed_cost"}),
        (HALVES, {"billed_cost", "storage_mb"}),
        (
            RuleSet(shares=(Share("x", "proportional", "*", None, "openai", "input_tokens"),)),
            {"billed_cost", "input_tokens"},
        ),
    ):
        assert {*month_lines(folder_ledger, "2026-10", rules).lines["metric"]} == metrics


def test_a_month_that_was_not_captured_is_no_month_of_nothing(folder_ledger: Ledger) -> None:
    with pytest.raises(SourceUnavailable, match="nothing was captured of 2026-10"):
        month_lines(folder_ledger, "2026-10", RuleSet())
    put_bills(folder_ledger, [Bill(1, "proj_a", 5)], SEPTEMBER)
    with pytest.raises(SourceUnavailable, match="captured of 2026-10; the ledger has 2026-09"):
        previewed(folder_ledger, "2026-10", FEWER)


def test_a_month_of_which_something_is_missing_says_so(folder_ledger: Ledger) -> None:
    put_bills(folder_ledger, [Bill(1, "proj_a", 5)], failed=frozenset({"costs"}))
    found = month_lines(folder_ledger, "2026-10", RuleSet())
    assert not found.complete
    assert [(status.status, status.detail) for status in found.sources] == [
        ("partial", "Incomplete: 2026-10.")
    ]


def test_last_month_suggests_by_the_rules_that_count_now(folder_ledger: Ledger) -> None:
    put_bills(folder_ledger, [Bill(1, "proj_a", 5)], SEPTEMBER)
    put_bills(folder_ledger, [Bill(1, "proj_a", 5), Bill(2, "proj_b", 6)])
    rule = Rule(1, "", "sub_account", "proj_a", "", "4711")
    rules = replace(FEWER, rules=(rule,))
    publish(folder_ledger, rules, over=0, by="ann", reason="a reason", now=NOW)
    answer = previewed(folder_ledger, "2026-10", FEWER)
    assert answer.over == 1
    assert [(one.id, one.suggestion) for one in answer.preview.newcomers] == [
        ("proj_b", "4711"),  # by its likeness to the other
        ("proj_a", "4711"),
    ]
    assert [(one.cost_centre, one.change) for one in answer.preview.moved] == [
        ("4711", Decimal(-5)),
        (None, Decimal(5)),
    ]
