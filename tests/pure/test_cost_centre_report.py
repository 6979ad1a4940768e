"""One cost centre in a month: what it owes, what is shared and rated, and nothing of another one."""

from dataclasses import replace
from decimal import Decimal

import pytest

from lib.allocation.rule_set import UNALLOCATED as UNALLOCATED_ID
from lib.allocation.rule_set import CostCentre, Rate, Rule, RuleSet, Share
from lib.errors import InputError
from lib.reports.allocation.overview import build_overview
from tests.support.overviews import (
    CARE,
    RULES,
    RUNNING,
    chart,
    daily,
    figure,
    october,
    of_centre,
    on,
    overview,
    row,
    sentence,
    september,
)
from tests.support.rule_sets import counted
from tests.support.spending import NOW, answered

SHARING = RuleSet(
    (CostCentre("4711", "Care"), CostCentre("pool", "Pool")),
    (Rule(10, "openai", "sub_account", "alpha", "", "pool"),),
    (Share("pool", "even", "4711"),),
    (Rate("tenants", "tokens", Decimal(2), Decimal(1), "EUR"),),
)


def test_a_cost_centre_that_only_shares_bring_something_has_totals_and_a_chart() -> None:
    report = of_centre(answered([on(october(3), 7)], SHARING), "4711")
    assert (report.totals["allocated"], report.totals["currency"]) == (7, "USD")
    assert (report.totals["billed"], report.totals["shared"]) == (0, 7)
    assert "share of Pool with $7.00" in sentence(report, "by_what")
    source = of_centre(answered([on(october(3), 7)], SHARING), "pool")
    assert (source.totals["billed"], source.totals["shared"], source.totals["allocated"]) == (
        7,
        -7,
        0,
    )


def test_what_is_rated_is_never_added_to_what_is_owed() -> None:
    rules = replace(
        SHARING, rules=(*SHARING.rules, Rule(10, "tenants", "sub_account", "t", "", "4711"))
    )
    answer = answered([on(october(3), 7), counted(3, "t")], rules)
    report = of_centre(answer, "4711")
    assert (report.totals["allocated"], report.totals["rated_eur"]) == (7, 6)
    assert figure(report, "rated_eur").value == 6
    assert "In no sum" in figure(report, "rated_eur").help


def test_a_cost_centre_of_some_days_within_the_month_has_a_report() -> None:
    short = CostCentre("4712", "Pilot", valid_from=october(5), valid_to=october(20))
    rules = RuleSet((CARE, short), (Rule(10, "openai", "sub_account", "beta", "", "4712"),))
    answer = answered([on(october(6), 7, "beta")], rules)
    assert row(build_overview(answer, now=NOW), "4712")["allocated"] == 7
    assert of_centre(answer, "4712").totals["allocated"] == 7
    with pytest.raises(InputError, match="there is no '4799' in 2026-10"):
        of_centre(answer, "4799")


def test_a_cost_centre_that_was_charged_nothing_owes_0_of_its_budget() -> None:
    rules = replace(RULES, cost_centres=(CARE, replace(CARE, id="4712", name="Marketing")))
    report = of_centre(answered([on(october(3), 7)], rules), "4712")
    assert (report.totals["allocated"], report.totals["budget"]) == (0, 100)
    assert "0.0 % of it is spent." in figure(report, "budget").help
    assert report.is_unused


def test_what_a_cost_centre_does_not_get_names_no_other_to_it() -> None:
    centres = tuple(
        replace(CARE, id=identity, name=identity.title()) for identity in ("pool", "4711", "4712")
    )
    rules = RuleSet(
        centres,
        (Rule(1, "openai", "sub_account", "alpha", "", "pool"),),
        tuple(
            Share("pool", "proportional", each, None, "openai", "billed_cost")
            for each in ("4711", "4712")
        ),
    )
    answer = answered([on(october(3), 7)], rules)
    told = "The share of Pool is not in it: it could not be split."
    assert told in of_centre(answer, "4711").notes
    assert told not in of_centre(answer, "pool").notes
    assert "pool is not split" in " ".join(of_centre(answer, "pool").notes)
    assert of_centre(answer, UNALLOCATED_ID).notes == ()


def test_two_projects_of_one_name_are_two_bars() -> None:
    names = {("openai", "alpha1"): "Search", ("openai", "alpha2"): "Search"}
    lines = [on(october(3), 7, "alpha1"), on(october(3), 5, "alpha2")]
    report = of_centre(answered(lines, RULES, names=names), "4711")
    bars = chart(report, "by_what").chart.frame
    assert [*zip(bars["label"], bars["value"], strict=True)] == [
        ("Search (i/alpha1)", 7),
        ("Search (i/alpha2)", 5),
    ]


def test_prices_in_another_currency_leave_the_total_of_what_was_billed_alone() -> None:
    totals = overview([on(october(3), 7), counted(3, "t")], rule_set=SHARING).totals
    assert (totals["billed"], totals["allocated"], totals["unallocated"]) == (7, 7, 0)
    assert (totals["rated"], totals["rated_eur"]) == (None, 6)


POOLS = RuleSet(
    (CARE, CostCentre("a", "Pool A"), CostCentre("b", "Pool B", budget=Decimal(9), currency="CHF")),
    (
        Rule(1, "openai", "principal", "ann", "", "a"),
        Rule(2, "openai", "principal", "bob", "", "b"),
        Rule(3, "openai", "sub_account", "own", "", "4711"),
    ),
    (Share("a", "even", "4711"), Share("b", "even", "4711")),
)


def test_what_two_pools_bring_are_two_rows_and_the_largest_stands_first() -> None:
    lines = [
        on(october(3), 5, principal="ann"),
        on(october(3), 9, principal="bob"),
        on(october(3), 1, "own"),
        on(october(4), 2, principal="bob", sku="x"),
    ]
    table = of_centre(answered(lines, POOLS), "4711").table("by_sub_account")
    rows = [*zip(table.frame["share"].fillna(""), table.frame["allocated"], strict=True)]
    assert rows == [("share of b", 11), ("share of a", 5), ("", 1)]


def test_a_cost_centre_is_projected_as_its_row_says_and_knows_no_budget_of_another() -> None:
    lines = [*daily(october(1), october(7), 20), on(october(2), 300, "gamma")]
    answer = answered(lines, RULES, daily(september(1), september(30), 10), **RUNNING)
    assert (
        of_centre(answer, "4711").totals["projection"]
        == row(build_overview(answer, now=NOW), "4711")["projection"]
    )
    of_care = of_centre(answered([on(october(3), 5, "own")], POOLS), "4711")
    assert not [note for note in of_care.notes if "Pool B" in note or "CHF" in note]
