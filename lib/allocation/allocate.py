"""The lines of a month, each with who owes it: billed, shared and rated, which are never one sum."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd

from lib.allocation.match import Matches, match
from lib.allocation.rule_set import EVERY, UNALLOCATED, RuleSet, Share, valid_on
from lib.allocation.split import DIGITS, split, whole_weights
from lib.quantities import is_currency
from lib.usage.exact import exactly

BILLED = "billed_cost"
"""The metric that platforms bill."""

LINE = ("day", "platform", "account", "sub_account", "resource", "principal", "sku", "metric")
"""What a line is told apart by; ``day`` the first of the days it is of."""

_LAST = Decimal(1).scaleb(-DIGITS)


class Owed(NamedTuple):
    """One line of an allocation; money of one currency, None where it has none of that kind.

    Args:
        day: the first of those it is of.
        cost_centre: None where no rule matched.
        rule: that brought it, or ``share of`` what is split.
        quantity: of the metric; None where it is not known, and on shares.
        billed: what the platform billed.
        shared: what a share moves in, or out below 0.
        rated: at a price of finance's own: showback.
    """

    day: date
    platform: str
    account: str
    sub_account: str | None
    resource: str | None
    principal: str | None
    sku: str | None
    metric: str
    cost_centre: str | None
    rule: str | None
    quantity: Decimal | int | None
    unit: str
    billed: Decimal | None
    shared: Decimal | None
    rated: Decimal | None
    currency: str

    @property
    def is_bill(self) -> bool:
        """Whether it is what a platform billed, known or not."""
        return self.metric == BILLED and self.shared is None

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows its amount."""
        return self.quantity is None and self.shared is None

    @property
    def allocated(self) -> Decimal | None:
        """What the cost centre owes: a line has been billed or shared, never both."""
        return self.billed if self.shared is None else self.shared


class Note(NamedTuple):
    """What was left undone, in one sentence.

    Args:
        source: whose costs are not split; empty where it is not about a share.
    """

    source: str
    sentence: str


@dataclass(frozen=True)
class Allocation:
    """Who owes what of a month.

    Args:
        lines: none is lost: all ``billed`` are what was billed, all ``shared`` of a line are 0.
        notes: what could not be shared, and why.
        unknown: how many lines of money have an amount that nobody knows.
        matches: of the lines that came in, in their order.
    """

    lines: tuple[Owed, ...]
    notes: tuple[Note, ...]
    unknown: int
    matches: Matches


def needed_metrics(rule_set: RuleSet) -> set[tuple[str, str]]:
    """Platform and metric of everything that decides what is owed; an empty platform means any."""
    return {
        ("", BILLED),
        *((rate.platform, rate.metric) for rate in rule_set.rates),
        *((share.platform, share.metric) for share in rule_set.shares if share.metric),
    }


def allocate(lines: pd.DataFrame, rule_set: RuleSet) -> Allocation:
    """Every line of money with its cost centre, what is split moved to its targets, and showback.

    Args:
        lines: ``LINE``, ``unit``, and ``quantity`` Decimal, int or None, of one month: those of money,
            and those that are priced or shared by. The order makes no difference.
    """
    matched = match(lines, rule_set)
    frame = lines.assign(
        cost_centre=pd.Series(matched.cost_centres, lines.index, dtype=object),
        rule=pd.Series(_words(matched), lines.index, dtype=object),
    )
    is_bill = lines["metric"] == BILLED
    is_billed = is_bill & lines["unit"].map(is_currency).astype(bool)
    odd = [*_records(frame[is_bill & ~is_billed])]
    billed = [*_records(frame[is_billed])]
    shared, notes = _shared(billed, frame, rule_set)
    owed = [_owed(line, _money(line), None, line.unit) for line in billed]
    rated = [*_rated([*_records(frame[~is_billed])], rule_set)]
    amounts = (line.quantity for lines_of_money in (owed, rated, odd) for line in lines_of_money)
    unknown = sum(amount is None for amount in amounts)
    return Allocation((*owed, *shared, *rated), (*notes, *_odd_notes(odd)), unknown, matched)


def _odd_notes(lines: "Iterable[_Record]") -> Iterator[Note]:
    """What was billed in no currency; what is unknown as a whole has no unit either, and is told apart."""
    units = sorted({line.unit for line in lines if line.quantity is not None})
    if units:
        told = ", ".join(map(repr, units))
        yield Note("", f"What was billed in {told}, which is no currency, is in no sum.")


def _words(matched: Matches) -> list[str | None]:
    words = [*(rule.words for rule in matched.rules), None]
    return [words[place] for place in matched.places.tolist()]


class _Record(NamedTuple):
    day: date
    platform: str
    account: str
    sub_account: str | None
    resource: str | None
    principal: str | None
    sku: str | None
    metric: str
    unit: str
    quantity: Decimal | int | None
    cost_centre: str | None
    rule: str | None


def _records(frame: pd.DataFrame) -> Iterator[_Record]:
    columns = [frame[name].tolist() for name in _Record._fields]
    return map(_Record._make, zip(*columns, strict=True))


def _money(line: _Record) -> Decimal | None:
    return None if line.quantity is None else Decimal(line.quantity)


def _owed(line: _Record, billed: Decimal | None, rated: Decimal | None, currency: str) -> Owed:
    return Owed(
        line.day,
        line.platform,
        line.account,
        line.sub_account,
        line.resource,
        line.principal,
        line.sku,
        line.metric,
        line.cost_centre,
        line.rule,
        line.quantity,
        line.unit,
        billed,
        None,
        rated,
        currency,
    )


def _rated(lines: Sequence[_Record], rule_set: RuleSet) -> Iterator[Owed]:
    prices = {day: rule_set.rates_on(day) for day in {line.day for line in lines}}
    for line in lines:
        rate = prices[line.day].get((line.platform, line.metric))
        if rate is None:
            continue
        amount = None
        if line.quantity is not None:
            with exactly():
                amount = (Decimal(line.quantity) * rate.price / rate.per).quantize(_LAST)
        yield _owed(line, None, amount, rate.currency)


def _shared(
    billed: Iterable[_Record], frame: pd.DataFrame, rule_set: RuleSet
) -> tuple[list[Owed], list[Note]]:
    """What is moved: of each line that is split one row that takes it away, and one per target."""
    if not rule_set.shares:
        return [], []
    pools: dict[tuple[str, date], dict[tuple[Any, ...], Decimal]] = defaultdict(dict)
    sources = {share.source for share in rule_set.shares}
    for line in billed:
        source = line.cost_centre or UNALLOCATED
        if source in sources and line.quantity:
            lines = pools[source, line.day]
            key = (*line[1:5], line.sku, line.metric, line.cost_centre, line.unit)
            with exactly():
                lines[key] = lines.get(key, Decimal(0)) + line.quantity
    bases = _Bases(frame)
    moved: list[Owed] = []
    notes: dict[Note, None] = {}
    for (source, day), lines in sorted(pools.items()):
        shares = valid_on((one for one in rule_set.shares if one.source == source), day)
        weights, why = _weights(shares, rule_set, day, bases)
        if why:
            notes[Note(source, f"{source} is not split: {why}")] = None
        if weights:
            moved += _moved(source, day, lines, weights)
    return moved, [*notes]


def _moved(
    source: str, day: date, lines: Mapping[tuple[Any, ...], Decimal], weights: Mapping[str, int]
) -> Iterator[Owed]:
    targets, rule = sorted(weights), f"share of {source}"
    for key, amount in lines.items():
        platform, account, sub_account, resource, sku, metric, centre, currency = key
        parts = split(amount, [weights[target] for target in targets])
        for name, part in ((centre, -amount), *zip(targets, parts, strict=True)):
            if part:
                yield Owed(
                    day,
                    platform,
                    account,
                    sub_account,
                    resource,
                    principal=None,
                    sku=sku,
                    metric=metric,
                    cost_centre=name,
                    rule=rule,
                    quantity=None,
                    unit=currency,
                    billed=None,
                    shared=part,
                    rated=None,
                    currency=currency,
                )


@dataclass(frozen=True)
class _Basis:
    """Cost centre to its amount of a metric, None where a part of it is not known; and in which units."""

    amounts: Mapping[str, Decimal | None]
    units: frozenset[str]


class _Bases:
    """What proportional shares go by: amounts of a metric per cost centre, added up once each."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._known: dict[tuple[str, str], _Basis] = {}

    def of(self, platform: str, metric: str) -> _Basis:
        """Of what the rules assign."""
        key = platform, metric
        if key not in self._known:
            frame = self._frame
            wanted = frame[(frame["platform"] == platform) & (frame["metric"] == metric)]
            sums: dict[str, Decimal | None] = {}
            with exactly():
                for line in _records(wanted):
                    if line.cost_centre is not None:
                        so_far, more = sums.get(line.cost_centre, Decimal(0)), line.quantity
                        known = None if so_far is None or more is None else so_far + more
                        sums[line.cost_centre] = known
            self._known[key] = _Basis(sums, frozenset(wanted["unit"]))
        return self._known[key]


def _weights(
    shares: Sequence[Share], rule_set: RuleSet, day: date, bases: _Bases
) -> tuple[dict[str, int], str]:
    """Target to weight, and why there is none where one was wanted."""
    if not shares:
        return {}, ""
    there, first = rule_set.centres_on(day), shares[0]
    sources = {share.source for share in rule_set.shares}
    named = {share.target for share in shares}
    targets = sorted(set(there) - sources if EVERY in named else named & set(there))
    gone = sorted(named - {EVERY} - set(there))
    if not targets or (gone and first.method == "fixed"):  # the others would get more than theirs
        return {}, f"{gone[0] if gone else 'any other cost centre'} is not there on {day}."
    if first.method == "even":
        return dict.fromkeys(targets, 1), ""
    if first.method == "fixed":
        by_centre: Mapping[str, Decimal | None] = {share.target: share.weight for share in shares}
    else:
        by_centre = bases.of(first.platform, first.metric).amounts
    amounts = [by_centre.get(target, Decimal(0)) for target in targets]
    why = _why_not(first, dict(zip(targets, amounts, strict=True)), bases)
    known = [amount or 0 for amount in amounts]
    return ({}, why) if why else (dict(zip(targets, whole_weights(known), strict=True)), "")


def _why_not(share: Share, amounts: Mapping[str, Decimal | None], bases: _Bases) -> str:
    """Why nothing can be split by amounts; empty where it can."""
    what = f"{share.platform} {share.metric}".strip()
    units = bases.of(share.platform, share.metric).units if share.metric else frozenset[str]()
    if len(units) > 1:
        return f"{what} is counted in {', '.join(sorted(units))}."
    for target, amount in amounts.items():
        if amount is None or amount < 0:
            return f"{what} of {target} is {'not known in full' if amount is None else 'negative'}."
    return "" if any(amounts.values()) else f"none of its targets has any {what}."
