"""Which marks of a budget are reached."""

from decimal import Decimal

import pytest

from lib.allocation.budgets import THRESHOLDS, Threshold, fired, share

HALF, MOST, ALL = (Threshold("spent", percent) for percent in (50, 80, 100))
PROJECTED = Threshold("projected", 100)


@pytest.mark.parametrize(
    ("spent", "reached"),
    [
        ("-10", ()),
        ("0", ()),
        ("49.9999999999", ()),
        ("50", (HALF,)),
        ("79.99", (HALF,)),
        ("80", (HALF, MOST)),
        ("100", (HALF, MOST, ALL)),
        ("1e12", (HALF, MOST, ALL)),
    ],
)
def test_what_is_spent_reaches_a_mark_when_it_is_as_much(
    spent: str, reached: tuple[Threshold, ...]
) -> None:
    assert fired(Decimal(100), Decimal(spent), None) == reached


@pytest.mark.parametrize(("projected", "passes"), [("100", ()), ("100.01", (PROJECTED,))])
def test_a_projection_passes_a_budget_when_it_is_more(
    projected: str, passes: tuple[Threshold, ...]
) -> None:
    assert fired(Decimal(100), Decimal(10), Decimal(projected)) == passes
    assert fired(Decimal(100), None, Decimal(projected)) == passes
    assert PROJECTED not in fired(Decimal(100), Decimal(101), Decimal(projected))


def test_spend_and_projection_are_told_apart() -> None:
    assert fired(Decimal(100), Decimal(60), Decimal(140)) == (HALF, PROJECTED)
    assert fired(Decimal(100), Decimal(100), Decimal(140)) == THRESHOLDS


def test_no_budget_is_no_budget_of_nothing() -> None:
    assert fired(None, Decimal(10**6), Decimal(10**7)) == ()


def test_a_budget_of_nothing_is_used_up_by_any_spend_and_by_none_other() -> None:
    assert fired(Decimal(0), Decimal("0.0000000001"), None) == (HALF, MOST, ALL)
    assert fired(Decimal(0), Decimal(0), Decimal(0)) == ()
    assert fired(Decimal(0), Decimal(-5), Decimal(-5)) == ()
    assert fired(Decimal(0), Decimal(0), Decimal("0.01")) == (PROJECTED,)


def test_spend_that_nobody_knows_reaches_nothing() -> None:
    assert fired(Decimal(100), None, None) == ()


def test_the_last_digit_decides() -> None:
    budget = Decimal("12345678901234567890123456789.0000000001")
    last = Decimal("0.0000000001")
    assert ALL in fired(budget, budget, None)
    assert ALL not in fired(budget, Decimal("12345678901234567890123456789"), None)
    assert fired(budget, last, budget) == ()


@pytest.mark.parametrize(
    ("spent", "budget", "percent"),
    [
        ("25", "200", 12.5),
        ("300", "200", 150.0),
        ("0", "200", 0.0),
        ("-20", "200", -10.0),
        ("5", "0", None),
        (None, "200", None),
        ("5", None, None),
    ],
)
def test_a_share_is_in_percent_where_both_are_known(
    spent: str | None, budget: str | None, percent: float | None
) -> None:
    amounts = (None if text is None else Decimal(text) for text in (spent, budget))
    assert share(*amounts) == percent
