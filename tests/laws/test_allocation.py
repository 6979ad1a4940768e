"""Laws of who pays: nothing is lost, nothing depends on an order, and an independent reckoning agrees."""

import random
from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from lib.allocation.allocate import Allocation, allocate
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share
from lib.allocation.split import split, whole_weights
from lib.usage.exact import exactly
from tests.support.rule_sets import (
    CENTRES,
    DAYS,
    IDS,
    bill,
    centre_of,
    counted,
    frame_of,
    lines,
    reckoned,
    rule_sets,
)


def owed_by(allocation: Allocation) -> dict[tuple[str | None, str], Decimal]:
    sums: dict[tuple[str | None, str], Decimal] = defaultdict(Decimal)
    with exactly():
        for line in allocation.lines:
            sums[line.cost_centre, line.currency] += line.allocated or 0
    return sums


def sums_by(frame: pd.DataFrame, *columns: str) -> dict[tuple[Any, ...], Decimal]:
    sums: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    with exactly():
        for row in frame[frame["metric"] == "billed_cost"].to_dict("records"):
            sums[tuple(row[column] for column in columns)] += row["quantity"] or 0
    return {key: value for key, value in sums.items() if value}


@given(lines, rule_sets)
def test_all_that_is_allocated_is_all_that_was_billed_to_the_last_digit(
    month: list[Any], rule_set: RuleSet
) -> None:
    frame = frame_of(month)
    allocation = allocate(frame, rule_set)
    whats = ("platform", "account", "sub_account", "resource", "sku", "unit")
    by_line: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    with exactly():
        for line in allocation.lines:
            key = (*line[1:5], line.sku, line.currency)
            by_line[key] += line.allocated or 0
    assert {key: value for key, value in by_line.items() if value} == sums_by(frame, *whats)


@given(lines, rule_sets)
def test_a_share_takes_from_one_what_it_gives_to_others(
    month: list[Any], rule_set: RuleSet
) -> None:
    shared: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    with exactly():
        for line in allocate(frame_of(month), rule_set).lines:
            if line.shared is not None:
                shared[(*line[:8], line.currency, line.rule)] += line.shared
    assert set(shared.values()) <= {0}


@given(lines, rule_sets)
def test_a_reckoning_in_fractions_comes_to_the_same(month: list[Any], rule_set: RuleSet) -> None:
    frame = frame_of(month)
    owed, expected = owed_by(allocate(frame, rule_set)), reckoned(frame, rule_set)
    for key in {*owed, *expected}:
        error = abs(Fraction(owed.get(key, Decimal(0))) - expected.get(key, Fraction(0)))
        assert error <= len(month) * Fraction(1, 10**10), key


@given(lines, rule_sets, st.randoms(use_true_random=False))
def test_no_order_of_lines_or_rows_changes_what_anybody_owes(
    month: list[Any], rule_set: RuleSet, chance: random.Random
) -> None:
    def shuffled(rows: Any) -> Any:
        return tuple(chance.sample([*rows], len(rows)))

    other = RuleSet(*(shuffled(getattr(rule_set, table)) for table in RuleSet.__annotations__))
    assert other.sha256 == rule_set.sha256
    once, again = allocate(frame_of(month), rule_set), allocate(frame_of(shuffled(month)), other)
    assert sorted(map(repr, once.lines)) == sorted(map(repr, again.lines))


@given(
    st.decimals("-1e15", "1e15", places=12),
    st.lists(st.decimals(0, "1e9", places=3), min_size=1).filter(any),
)
def test_parts_add_up_and_none_is_a_whole_digit_away_from_its_due(
    amount: Decimal, weights: list[Decimal]
) -> None:
    whole = whole_weights(weights)
    parts = split(amount, whole)
    assert sum(map(Fraction, parts)) == Fraction(amount)
    for part, weight in zip(parts, weights, strict=True):
        due = Fraction(amount) * Fraction(weight) / sum(map(Fraction, weights))
        assert abs(Fraction(part) - due) < Fraction(1, 10**12)


def test_ten_thousand_lines_owe_what_plain_python_says() -> None:
    chance = random.Random(7)
    month = [
        bill(
            Decimal(chance.randrange(-(10**6), 10**9)).scaleb(-7),
            chance.choice([None, *IDS]),
            day=chance.choice(DAYS),
            principal=chance.choice([None, *IDS]),
            sku=f"model {chance.randrange(40)}",
        )
        for _ in range(9_000)
    ]
    month += [
        counted(chance.randrange(10**12), chance.choice(IDS), day=chance.choice(DAYS))
        for _ in range(1_000)
    ]
    rule_set = RuleSet(
        tuple(CostCentre(name) for name in CENTRES),
        (
            Rule(10, "openai", "principal", "ann", "", "4711"),
            Rule(20, "openai", "sub_account", "proj_*", "", "shared"),
            Rule(20, "", "sub_account", "proj_ab", "", "4712"),
            Rule(30, "tenants", "sub_account", "*b*", "", "4712"),
            Rule(40, "tenants", "sub_account", "*", "", "4713", valid_to=DAYS[0]),
        ),
        (Share("shared", "proportional", "*", None, "tenants", "tokens"),),
    )
    frame = frame_of(month)
    allocation = allocate(frame, rule_set)
    rows = frame.to_dict("records")
    assert allocation.matches.cost_centres == [centre_of(row, rule_set) for row in rows]
    owed, expected = owed_by(allocation), reckoned(frame, rule_set)
    assert {key for key, value in owed.items() if value} == {*expected}
    for key, amount in expected.items():
        assert abs(Fraction(owed[key]) - amount) < Fraction(len(month), 10**10)


def test_what_is_billed_in_no_currency_or_unknown_as_a_whole_is_told_and_in_no_sum() -> None:
    month = frame_of([bill(5, unit="credits"), bill(None, unit=""), bill(7)])
    allocation = allocate(month, RuleSet())
    assert owed_by(allocation) == {(None, "USD"): 7}
    assert allocation.unknown == 1
    assert [note for note in allocation.notes if "'credits'" in note.sentence]
