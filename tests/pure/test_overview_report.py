"""The overview of a month: what it is compared with, where it will end, what it names, and what it does not know."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from lib.allocation.rule_set import ExchangeRate, RuleSet, Share
from lib.exports.terminal import to_terminal
from lib.reports.allocation.select import Spend
from tests.support.every_format import every_format
from tests.support.overviews import (
    BEFORE,
    CARE,
    RULES,
    RUNNING,
    chart,
    daily,
    figure,
    keys,
    october,
    on,
    overview,
    row,
    sentence,
    september,
)
from tests.support.rule_sets import bill
from tests.support.spending import WELL


def test_a_month_that_runs_is_set_against_the_same_days_of_the_one_before() -> None:
    report = overview([on(october(3), 7)], BEFORE, **RUNNING)
    delta = figure(report, "billed_usd").delta
    assert delta is not None
    assert (delta.previous, delta.change, delta.percent) == (5, 2, pytest.approx(40))
    assert delta.against == "2026-09-01 to 2026-09-10"
    assert figure(report, "billed_usd").label == "Spend so far"
    assert (row(report, "4711")["previous"], row(report, "4711")["change"]) == (5, 2)


def test_days_that_are_not_whole_are_in_the_sum_and_not_in_the_comparison() -> None:
    report = overview([on(october(3), 7), on(october(11), 50)], BEFORE, **RUNNING)
    shown = figure(report, "billed_usd")
    assert shown.delta is not None
    assert (shown.value, shown.delta.change) == (57, 2)


def test_every_row_and_file_says_how_much_is_compared_and_of_which_days() -> None:
    report = overview([on(october(3), 7), on(october(11), 50)], BEFORE, **RUNNING)
    shown = row(report, "4711")
    assert (shown["allocated"], shown["compared"], shown["previous"], shown["change"]) == (
        57,
        7,
        5,
        2,
    )
    told = "2026-10-01 to 2026-10-10 (UTC) against 2026-09-01 to 2026-09-10"
    assert told in " ".join(report.notes)
    over = overview([on(october(3), 7)], BEFORE)
    assert row(over, "4711")["compared"] is None, "it is what is allocated"


def test_a_month_that_is_over_is_set_against_the_whole_one_before() -> None:
    delta = figure(overview([on(october(3), 7)], BEFORE), "billed_usd").delta
    assert delta is not None
    assert (delta.previous, delta.change, delta.against) == (105, -98, "2026-09")


def test_what_is_billed_by_the_month_is_compared_whole() -> None:
    monthly = frozenset({"openai"})
    report = overview([on(october(1), 7)], BEFORE, by_month=monthly, **RUNNING)
    delta = figure(report, "billed_usd").delta
    assert delta is not None
    assert delta.previous == 105


def test_nothing_is_compared_with_a_month_whose_last_days_were_never_captured() -> None:
    report = overview([on(october(3), 7)], BEFORE, before_until=september(9), **RUNNING)
    assert figure(report, "billed_usd").delta is None
    assert report.cautions == (
        "Nothing is compared: 2026-09 was captured until 2026-09-09 (UTC) only.",
    )
    enough = overview([on(october(3), 7)], BEFORE, before_until=september(10), **RUNNING)
    assert figure(enough, "billed_usd").delta is not None
    assert enough.cautions == ()


def test_what_the_month_before_lacks_is_told_where_it_is_compared() -> None:
    lacking = [*BEFORE, on(september(4), None)]
    report = overview([on(october(3), 7)], lacking, before_missing=frozenset({"tenants"}))
    assert figure(report, "billed_usd").delta is not None
    missing, unknown = report.cautions
    assert missing == "Nothing was captured of Tenants in 2026-09: changes are against the others."
    assert unknown.startswith("1 line of 2026-09: nobody knows the amount")
    assert {missing, unknown} <= {*report.notes}


def test_days_that_were_never_captured_are_not_known_to_a_projection() -> None:
    before = daily(september(1), september(12), 10)
    facts = {"until": october(10), "settled_until": october(7)}
    lines = daily(october(1), october(7), 10)
    known, lacking = (
        overview(lines, before, before_until=until, **facts) for until in (None, september(12))
    )
    # Of a month that was captured whole, days without a bill cost nothing
    assert known.totals["projection"] is not None
    assert lacking.totals["projection"] is None
    assert "Not enough history: 10 of the last 28 days" in " ".join(lacking.notes)


def test_lines_of_which_nobody_knows_the_amount_are_counted_beside_every_sum() -> None:
    report = overview([on(october(3), 7), on(october(4), None), on(october(5), None, "beta")])
    assert row(report, "4711")["unknown"] == row(report, None)["unknown"] == 1
    for key in ("by_cost_centre", "by_platform"):
        totals = report.table(key).totals
        assert totals is not None
        assert (totals["unknown"], totals["billed"]) == (2, 7)
    assert "2 lines of money" in report.cautions[0]


def test_what_is_unallocated_is_told_in_each_currency() -> None:
    report = overview([on(october(3), 7, "beta"), on(october(3), 5, "beta", unit="EUR")])
    assert figure(report, "unallocated").value == 7
    assert figure(report, "unallocated_eur").value == 5


def test_what_calls_for_eyes_is_a_table_with_the_way_there() -> None:
    table = overview([on(october(3), 99)]).table("alerts")
    assert [*table.frame["percent"]] == [80], "of 50 and 80"
    assert [*table.frame["cost_centre"]] == ["4711"]
    assert "99.00" in table.frame["sentence"][0]


def test_before_the_first_whole_day_nothing_is_compared() -> None:
    facts = {"until": september(30), "settled_until": september(27)}
    report = overview([on(october(1), 7)], BEFORE, **facts)
    assert figure(report, "billed_usd").delta is None
    assert row(report, "4711")["previous"] is None
    assert report.table("movers").frame.empty


def test_without_the_month_before_nothing_is_compared_and_nothing_is_0() -> None:
    report = overview([on(october(3), 7)])
    assert figure(report, "billed_usd").delta is None
    assert (row(report, "4711")["previous"], row(report, "4711")["change"]) == (None, None)
    assert report.table("movers").frame.empty


def test_a_projection_is_what_is_settled_and_each_other_day_as_usual_with_its_range() -> None:
    """One dear week of four: 7 days of 20 are settled, 24 are to come, of 10 or all of 20."""
    lines = daily(october(1), october(7), 20)
    report = overview(lines, daily(september(1), september(30), 10), **RUNNING)
    shown = figure(report, "projection")
    assert (shown.value, shown.unit) == (7 * 20 + 24 * 10, "USD")
    assert "Between $380.00 and $620.00" in shown.help
    assert report.totals["projection"] == 380
    assert row(report, "4711")["projection"] == 380
    assert row(report, None)["projection"] == 0


def test_a_projection_is_never_less_than_what_is_billed_so_far() -> None:
    lines = [*daily(october(1), october(7), 20), on(october(9), 900)]
    report = overview(lines, daily(september(1), september(30), 10), **RUNNING)
    shown = figure(report, "projection")
    assert shown.value == report.totals["billed"] == 1040
    assert "Between $1,040.00 and $1,040.00" in shown.help


def test_too_little_history_is_unknown_and_never_0() -> None:
    report = overview(daily(october(1), october(7), 20), **RUNNING)
    assert figure(report, "projection").value is None
    assert report.totals["projection"] is None
    assert row(report, "4711")["projection"] is None
    (note,) = [note for note in report.notes if "projection" in note]
    assert "7 of the last 28 days known, 14 needed" in note
    texts = every_format(report)
    assert all("Not enough history" in texts[name] for name in ("json", "pdf", "terminal"))


def test_a_month_that_is_over_has_no_projection() -> None:
    report = overview(daily(october(1), october(31), 20), daily(september(1), september(30), 10))
    assert "projection" not in keys(report)
    assert report.totals["projection"] is None
    assert report.totals["billed"] == 31 * 20


EUROS = replace(RULES, cost_centres=(replace(CARE, currency="EUR"),))
RATE = ExchangeRate("2026-10", "EUR", "USD", Decimal("1.25"), "Treasury")


def test_a_budget_in_another_currency_is_exchanged_at_the_rate_of_the_month() -> None:
    rules = replace(EUROS, exchange_rates=(RATE,))
    report = overview([on(october(3), 50)], rule_set=rules)
    assert (figure(report, "budget").value, report.totals["budget"]) == (125, 125)
    assert (row(report, "4711")["budget"], row(report, "4711")["budget_share"]) == (125, 40)
    assert len(report.table("by_cost_centre").frame) == 2
    assert "They owe 40.0 % of it." in figure(report, "budget").help


@pytest.mark.parametrize("rates", [(), (replace(RATE, month="2026-09"),)])
def test_a_budget_without_a_rate_is_compared_with_nothing_and_a_note_says_so(
    rates: tuple[ExchangeRate, ...],
) -> None:
    report = overview([on(october(3), 50)], rule_set=replace(EUROS, exchange_rates=rates))
    assert "budget" not in keys(report)
    assert (report.totals["budget"], report.totals["budget_eur"]) == (None, 100)
    frame = report.table("by_cost_centre").frame
    of_care = frame[frame["cost_centre"] == "4711"].set_index("currency")
    assert of_care["budget"].to_dict() == {"USD": None, "EUR": 100}
    assert any("The budget of Customer Care is in EUR" in note for note in report.notes)
    assert "Over budget" not in sentence(report, "by_cost_centre")


@pytest.mark.parametrize(("spent", "is_over"), [(99, False), (100, False), ("100.01", True)])
def test_who_is_over_budget_is_named(spent: Any, is_over: bool) -> None:
    report = overview([on(october(3), spent), on(october(3), 500, "beta")])
    assert ("Over budget: Customer Care." in sentence(report, "by_cost_centre")) is is_over
    bars = chart(report, "by_cost_centre").chart.frame
    over = bars.loc[bars["series"] == "Over budget", "value"].sum()
    assert bool(over > 0) is is_over


def test_an_amount_that_nobody_knows_marks_the_figure_is_noted_and_is_in_no_sum() -> None:
    report = overview([on(october(3), 7), on(october(4), None)])
    shown = figure(report, "billed_usd")
    assert (shown.value, shown.incomplete, shown.is_least) == (7, True, True)
    assert any("1 line" in note and "nobody knows" in note for note in report.notes)
    assert "[incomplete]" in to_terminal(report, width=None, colour=False)
    assert not figure(overview([on(october(3), 7)]), "billed_usd").incomplete


def test_what_is_known_of_a_line_is_not_lost_beside_what_is_not() -> None:
    lines = overview([on(october(3), 7), on(october(4), None)]).table("lines").frame
    assert lines["allocated"].tolist() == [7, None]


def test_a_source_that_lacks_something_marks_the_figure() -> None:
    partial = replace(WELL, status="partial", detail="Incomplete: 2026-10.")
    report = overview([on(october(3), 7)], sources=(partial,))
    assert figure(report, "billed_usd").incomplete
    assert not report.complete


def test_movers_are_the_largest_first_and_name_no_person() -> None:
    people = {"principal": "user_eve"}
    names = {("openai", "user_eve"): "Eve", ("openai", "alpha"): "Chatbot"}
    report = overview(
        [on(october(3), 50, "alpha", **people), bill(9, None, day=october(4), **people)],
        [on(september(3), 5, "alpha"), on(september(3), 30, "beta", **people)],
        names=names,
    )
    movers = report.table("movers").frame
    assert movers["id"].tolist() == ["alpha", "beta", "api.example"]
    assert movers["change"].tolist() == [45, -30, 9]
    assert movers["name"].tolist() == ["Chatbot", "beta", "api.example"]
    said = "\n".join(every_format(report).values())
    assert "user_eve" not in said
    assert "Eve" not in said


def test_months_that_are_not_whole_and_months_without_a_capture_are_named_in_the_trend() -> None:
    trend = (
        Spend("2026-07", "openai", "USD", Decimal(5), True),
        Spend("2026-08", "openai", "", None, False),  # as ``load_overview`` tells a gap
        Spend("2026-09", "openai", "USD", Decimal(6), False),
        Spend("2026-10", "openai", "USD", Decimal(7), True),
    )
    report = overview([on(october(3), 7)], trend=trend)
    told = sentence(report, "trend")
    assert told == "$7.00 in 2026-10, $6.00 in the month before. Not whole: 2026-08, 2026-09."
    frame = chart(report, "trend").chart.frame
    august = frame[frame["time"] == "2026-08-01"]
    assert august["value"].isna().all()


def test_the_trend_ends_with_what_the_total_says_in_other_currencies_too() -> None:
    rules = replace(RULES, exchange_rates=(RATE, replace(RATE, month="2026-09", rate=Decimal(2))))
    trend = (
        Spend("2026-08", "focus:aws", "EUR", Decimal(4), True),
        Spend("2026-09", "focus:aws", "EUR", Decimal(4), True),
        Spend("2026-10", "openai", "USD", Decimal(10), True),
        Spend("2026-10", "focus:aws", "EUR", Decimal(4), True),
    )
    lines = [on(october(3), 10), on(october(3), 4, unit="EUR", platform="focus:aws")]
    report = overview(lines, trend=trend, rule_set=rules)
    assert report.totals["billed"] == 15
    told = sentence(report, "trend")
    assert told.startswith("$15.00 in 2026-10, $8.00 in the month before.")
    assert "2026-08" in told, "what is in another currency, without a rate, is not lost silently"


def test_no_rules_published_is_said_and_all_is_unallocated() -> None:
    report = overview([on(october(3), 7)], rule_set=RuleSet(), version=0)
    assert any("No rules are published" in note for note in report.notes)
    assert (report.totals["unallocated"], report.totals["billed"]) == (7, 7)
    assert not any("No rules" in note for note in overview([on(october(3), 7)]).notes)


def test_nothing_rated_is_0_of_the_main_currency() -> None:
    report = overview([on(october(3), 7), on(october(3), 1, unit="EUR")])
    assert report.totals["rated"] == 0


def test_the_row_total_of_each_breakdown_is_the_sum_of_its_rows() -> None:
    report = overview([on(october(3), 7), on(october(4), 5, "beta")], [on(september(3), 4)])
    for key in ("by_cost_centre", "by_platform"):
        table = report.table(key)
        assert table.totals is not None
        for name in ("billed", "shared", "allocated", "rated", "previous", "change"):
            assert table.totals[name] == sum(table.frame[name]), (key, name)
    assert (table.totals["allocated"], table.totals["change"]) == (12, 8)


def test_at_most_ten_movers_are_told() -> None:
    lines = [on(october(3), place + 1, f"p{place:02}") for place in range(12)]
    table = overview(lines, [on(september(3), 1, "other")]).table("movers")
    assert [*table.frame["change"]] == [*range(12, 2, -1)]


def test_what_of_the_unallocated_is_shared_is_unallocated_no_more() -> None:
    rules = replace(RULES, shares=(Share("unallocated", "even", "4711"),))
    report = overview([on(october(3), 7, "beta")], rule_set=rules)
    assert (report.totals["unallocated"], report.totals["billed"]) == (0, 7)
    assert figure(report, "unallocated").value == 0
    assert row(report, "4711")["allocated"] == 7


def test_a_bar_ends_at_the_budget_or_where_more_is_owed() -> None:
    for owed, parts in (
        (30, {"Within budget": 30, "Left of budget": 70, "Over budget": 0, "Without budget": 0}),
        (130, {"Within budget": 100, "Left of budget": 0, "Over budget": 30, "Without budget": 0}),
    ):
        frame = chart(overview([on(october(3), owed)]), "by_cost_centre").chart.frame
        assert dict(zip(frame["series"], frame["value"], strict=True)) == parts
