"""Alerts of a month: marks of budgets, and days that stand out; of what is not known there is none."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lib.allocation.rule_set import CostCentre, Rule, RuleSet
from lib.reports.allocation.alerts import Alert, alerts_of
from tests.support.rule_sets import bill
from tests.support.spending import answered

RUNNING: dict[str, Any] = {"until": date(2026, 10, 20), "settled_until": date(2026, 10, 17)}


def rules(budget: Any = 100, currency: str = "USD") -> RuleSet:
    limit = None if budget is None else Decimal(budget)
    centre = CostCentre("4711", "Customer Care", "", "", limit, currency if budget else "")
    return RuleSet((centre,), (Rule(10, "openai", "sub_account", "alpha", "", "4711"),))


def alerts(
    october: Iterable[Any], september: Iterable[Any] = (), budget: Any = 100, **facts: Any
) -> list[Alert]:
    known = {key: facts.pop(key) for key in ("currency",) if key in facts}
    return alerts_of(answered(october, rules(budget, **known), september, **facts))


def on(month: int, day: int, amount: Any, sub_account: str = "alpha") -> tuple[Any, ...]:
    return bill(amount, sub_account, day=date(2026, month, day))


def usual(month: int, last: int, amount: Any, sub_account: str = "alpha") -> list[tuple[Any, ...]]:
    return [on(month, day, amount, sub_account) for day in range(1, last + 1)]


def marks(found: Iterable[Alert]) -> list[tuple[str, int]]:
    return [(alert.kind, alert.percent) for alert in found if alert.kind != "spike"]


@pytest.mark.parametrize(
    ("spent", "reached"),
    [("49.99", []), (50, [50]), ("79.99", [50]), (80, [50, 80]), (100, [50, 80, 100])],
)
def test_a_mark_is_told_once_as_much_is_spent(spent: Any, reached: list[int]) -> None:
    assert marks(alerts([on(10, 3, spent)])) == [("spent", percent) for percent in reached]


def test_without_a_budget_or_a_rate_to_its_currency_nothing_is_told() -> None:
    assert marks(alerts([on(10, 3, 500)], budget=None)) == []
    assert marks(alerts([on(10, 3, 500)], currency="EUR")) == []


def test_what_others_spend_reaches_nobodys_budget() -> None:
    assert marks(alerts([on(10, 3, 500, "beta")])) == []


def test_a_projection_above_the_budget_is_told_before_it_is_spent() -> None:
    month = alerts(usual(10, 20, 4), usual(9, 30, 4), **RUNNING)
    assert marks(month) == [("spent", 50), ("spent", 80), ("projected", 100)]
    assert marks(alerts(usual(10, 20, 3), usual(9, 30, 3), **RUNNING)) == [("spent", 50)]


def test_a_month_that_is_over_projects_nothing() -> None:
    assert ("projected", 100) not in marks(alerts(usual(10, 31, 4), usual(9, 30, 4)))


def test_a_day_over_three_times_the_usual_is_told_with_its_platform_and_day() -> None:
    month = [*usual(10, 14, 5), on(10, 15, 16), *[on(10, day, 5) for day in (16, 17)]]
    (spike,) = alerts(month, usual(9, 30, 5), budget=None, **RUNNING)
    assert spike[:5] == ("2026-10-15", "4711", "openai", "spike", 0)
    assert "$16.00 of OpenAI on 2026-10-15 (UTC); $5.00 is usual." in spike.sentence


def test_days_that_may_still_change_and_days_of_the_month_before_are_not_told() -> None:
    late = [*usual(10, 17, 5), on(10, 18, 500)]
    early = [*usual(9, 29, 5), on(9, 30, 500)]
    assert alerts(late, usual(9, 30, 5), budget=None, **RUNNING) == []
    assert alerts(usual(10, 17, 5), early, budget=None, **RUNNING) == []


def test_what_is_billed_by_the_month_has_no_days_that_stand_out() -> None:
    by_month = {"by_month": frozenset({"openai"}), "before_by_month": frozenset({"openai"})}
    assert alerts([on(10, 1, 500)], [on(9, 1, 5)], budget=None, **RUNNING, **by_month) == []


def test_where_the_month_before_is_known_as_a_whole_its_days_are_not_taken_for_nothing() -> None:
    month = usual(10, 17, 50)
    whole = {"before_by_month": frozenset({"openai"})}
    assert alerts(month, [on(9, 1, 1500)], budget=None, **RUNNING, **whole) == []


def test_spend_of_nobody_stands_out_too() -> None:
    month = [on(10, day, 5, "beta") for day in range(1, 18) if day != 9] + [on(10, 9, 90, "beta")]
    (spike,) = alerts(month, usual(9, 30, 5, "beta"), budget=None, **RUNNING)
    assert (spike.cost_centre, spike.time) == ("", "2026-10-09")
    assert spike.sentence.startswith("Unallocated: ")


def test_the_same_alert_has_the_same_key_whatever_was_spent_since() -> None:
    one, other = (alerts([on(10, 3, spent)])[0] for spent in (50, 55))
    assert one.key == other.key
    assert one.sentence != other.sentence
