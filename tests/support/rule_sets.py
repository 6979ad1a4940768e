"""Rule sets, lines of a month, and who owes what by an independent reckoning in fractions."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from lib.allocation.allocate import LINE
from lib.allocation.rule_set import (
    EVERY,
    FIELDS,
    UNALLOCATED,
    CostCentre,
    Rate,
    Rule,
    RuleSet,
    Share,
)

DAYS = (date(2026, 10, 1), date(2026, 10, 16))
CENTRES = ("4711", "4712", "4713", "shared", "tools")
SOURCES = ("shared", "tools", UNALLOCATED)
IDS = ("proj_a", "proj_b", "proj_ab", "ann", "bob", "=1+1", "a*b", "ü 漢", "")
PATTERNS = ("*", "proj_*", "*b", "proj_a", "p*_*b", "ann", "=1+1", "a*b", "*漢", "**", "none")


def frame_of(lines: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Lines, each with the values of ``LINE``, unit and quantity."""
    columns = {
        name: pd.Series(values, dtype=object)
        for name, values in zip((*LINE, "unit", "quantity"), zip(*lines, strict=True), strict=False)
    }
    empty: dict[str, Any] = {name: pd.Series(dtype=object) for name in (*LINE, "unit", "quantity")}
    return pd.DataFrame(empty | columns)


def bill(amount: Any, sub_account: str | None = "proj_a", **more: Any) -> tuple[Any, ...]:
    """One line of money; ``more`` changes any value."""
    line = dict.fromkeys(LINE) | {
        "day": DAYS[0],
        "platform": "openai",
        "account": "api.example",
        "sub_account": sub_account,
        "metric": "billed_cost",
        "unit": "USD",
        "quantity": None if amount is None else Decimal(amount),
    }
    return tuple((line | more).values())


def counted(amount: Any, sub_account: str | None, **more: Any) -> tuple[Any, ...]:
    """One line of what tenants used."""
    usual = {"platform": "tenants", "metric": "tokens", "unit": "tokens"}
    return bill(amount, sub_account, **(usual | more))


amounts = st.one_of(
    st.decimals("-1e12", "1e12", places=2),
    st.decimals("-1", "1", places=18),
    st.sampled_from([Decimal(0), Decimal("0.01"), Decimal("1e-18"), None]),
)
_id = st.one_of(st.none(), st.sampled_from(IDS))
lines = st.lists(
    st.tuples(
        st.sampled_from(DAYS),
        st.sampled_from(["openai", "focus:aws"]),
        st.just("api.example"),
        *[_id] * 4,
        st.just("billed_cost"),
        st.sampled_from(["USD", "EUR"]),
        amounts,
    )
    | st.tuples(
        st.sampled_from(DAYS),
        st.just("tenants"),
        st.just("redis.example"),
        *[_id] * 4,
        st.just("tokens"),
        st.just("tokens"),
        st.one_of(st.none(), st.integers(-5, 10**24).map(Decimal)),
    ),
    max_size=25,
)
_day = st.one_of(st.none(), st.sampled_from([*DAYS, date(2026, 10, 15), date(2026, 11, 1)]))


def _span(days: tuple[date | None, date | None]) -> dict[str, date | None]:
    first, last = days
    if first and last and first > last:
        first, last = last, first
    return {"valid_from": first, "valid_to": last}


_rules = st.builds(
    lambda priority, platform, field, pattern, centre, days: Rule(
        priority, platform, field, pattern, "", centre, **_span(days)
    ),
    st.integers(0, 3),
    st.sampled_from(["", "openai", "tenants"]),
    st.sampled_from(FIELDS),
    st.sampled_from(PATTERNS),
    st.sampled_from(CENTRES),
    st.tuples(_day, _day),
)


@st.composite
def _shares(draw: st.DrawFn) -> list[Share]:
    shares = []
    for source in draw(st.lists(st.sampled_from(SOURCES), unique=True)):
        method = draw(st.sampled_from(["even", "fixed", "proportional"]))
        days = _span(draw(st.tuples(_day, _day)))
        targets = draw(st.lists(st.sampled_from(CENTRES[:3]), min_size=1, unique=True))
        if method == "fixed":
            first = draw(st.decimals(0, 100, places=2)) if len(targets) > 1 else Decimal(100)
            rest = [(100 - first) / 2] * 2 if len(targets) == 3 else [100 - first]
            weights = [first, *rest][: len(targets)]
            shares += [
                Share(source, method, target, weight, **days)
                for target, weight in zip(targets, weights, strict=True)
            ]
            continue
        by = ("tenants", "tokens") if method == "proportional" else ("", "")
        named = draw(st.sampled_from([targets, [EVERY]]))
        shares += [Share(source, method, target, None, *by, **days) for target in named]
    return shares


rule_sets = st.builds(
    lambda centres, rules, shares: RuleSet(
        tuple(CostCentre(name, valid_to=end) for name, end in zip(CENTRES, centres, strict=True)),
        tuple({(r.priority, r.platform, r.field, r.pattern): r for r in rules}.values()),
        tuple(shares),
        (Rate("tenants", "tokens", Decimal("2.5"), Decimal(1_000_000), "USD"),),
    ),
    st.tuples(*[st.sampled_from([None, None, date(2026, 10, 10)])] * len(CENTRES)),
    st.lists(_rules, max_size=8),
    _shares(),
)


def reckoned(frame: pd.DataFrame, rule_set: RuleSet) -> dict[tuple[str | None, str], Fraction]:
    """Cost centre and currency to what is allocated, by fractions and one line after the other."""
    owed: dict[tuple[str | None, str], Fraction] = defaultdict(Fraction)
    rows = frame.to_dict("records")
    known: dict[tuple[str, date], dict[str, Fraction] | None] = {}
    for row in rows:
        if row["metric"] != "billed_cost" or row["quantity"] is None:
            continue
        day, amount = row["day"], Fraction(row["quantity"])
        centre = centre_of(row, rule_set)
        place = centre or UNALLOCATED, day
        if place not in known:
            known[place] = _weights(*place, rows, rule_set)
        weights = known[place]
        if weights is None:
            owed[centre, row["unit"]] += amount
            continue
        for target, weight in weights.items():
            owed[target, row["unit"]] += amount * weight / sum(weights.values())
    return {key: amount for key, amount in owed.items() if amount}


def centre_of(row: dict[str, Any], rule_set: RuleSet) -> str | None:
    """The cost centre of the first rule that matches a line, by trying each with a regular expression."""
    day = row["day"]
    for rule in sorted(rule_set.rules, key=lambda rule: rule.order):
        value = row[rule.field]
        pattern = ".*".join(map(re.escape, rule.pattern.split("*")))
        centre = next(one for one in rule_set.cost_centres if one.id == rule.cost_centre)
        if (
            rule.platform in ("", row["platform"])
            and value is not None
            and _counts(rule, day)
            and _counts(centre, day)
            and re.fullmatch(pattern, value, re.DOTALL)
        ):
            return rule.cost_centre
    return None


def _counts(row: Any, day: date) -> bool:
    return not (row.valid_from and day < row.valid_from) and not (
        row.valid_to and day > row.valid_to
    )


def _weights(
    source: str, day: date, rows: list[dict[str, Any]], rule_set: RuleSet
) -> dict[str, Fraction] | None:
    """Target to weight; None where nothing is split."""
    shares = [one for one in rule_set.shares if one.source == source and _counts(one, day)]
    if not shares:
        return None
    there = {one.id for one in rule_set.cost_centres if _counts(one, day)}
    sources = {share.source for share in rule_set.shares}
    named = {share.target for share in shares}
    targets = there - sources if EVERY in named else named & there
    method = shares[0].method
    if method == "fixed":
        if named - there:
            return None
        weights = {one.target: Fraction(one.weight or 0) for one in shares}
    elif method == "even":
        weights = dict.fromkeys(targets, Fraction(1))
    else:
        weights = dict.fromkeys(targets, Fraction(0))
        for row in rows:
            centre = centre_of(row, rule_set) if row["metric"] == shares[0].metric else None
            if centre in weights and row["quantity"] is None:
                return None
            if centre in weights:
                weights[centre] += Fraction(row["quantity"])
    if any(weight < 0 for weight in weights.values()) or not sum(weights.values()):
        return None
    return weights
