"""What inactive licences cost a month at a rate that finance published: showback, in no sum with what is billed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pandas as pd

from lib.allocation.rule_set import Rate, RuleSet
from lib.quantities import exactly as written
from lib.reports.report import Column, Delta, Figure, Number, Table
from lib.usage.exact import exactly, values_of

_RATED = ("comet-chargeback", "licensed_users")
_LAST = Decimal("1e-10")
"""The last digit that amounts at a rate have, as those of cost centres."""

_PRICED = {"reclaim": "reclaimable", "reclaim_by_workspace": "inactive"}
"""Tables by their key, and the column that counts inactive licences."""

_COST = "inactive_cost"


@dataclass(frozen=True)
class Price:
    """Of one licensed user in a month; ``words`` say where it is from."""

    one: Decimal
    currency: str
    words: str

    def of(self, licences: Number | None) -> Decimal | None:
        """What so many cost; None for an unknown number."""
        if licences is None:
            return None
        with exactly():
            return self.one * int(licences)


def price_on(rates: Sequence[Rate], day: date) -> Price | None:
    """The price that is in force on a day; None where finance has published none.

    Args:
        rates: of any platform and metric.
    """
    rate = RuleSet(rates=(*rates,)).rates_on(day).get(_RATED)
    if rate is None:
        return None
    with exactly():
        one = (rate.price / rate.per).quantize(_LAST)
    per = "one licensed user" if rate.per == 1 else f"{rate.per:,f} licensed users"
    since = f" since {rate.valid_from}" if rate.valid_from else ""
    words = f"Showback at finance's rate of {written(rate.price, rate.currency)} a month for {per}{since}; nobody bills it."
    return Price(one, rate.currency, words)


def priced_figures(figures: Iterable[Figure], price: Price) -> Iterator[Figure]:
    """The figures with what the inactive licences cost behind their number, then and now at one price."""
    for figure in figures:
        yield figure
        if figure.key != "inactive_users":
            continue
        delta = figure.delta
        was, change = (price.of(delta.previous), price.of(delta.change)) if delta else (None, None)
        yield replace(
            figure,
            key=_COST,
            label="Inactive licences a month (showback)",
            value=price.of(figure.value),
            unit=price.currency,
            help=price.words,
            delta=Delta(was, change, delta.percent, delta.against)
            if delta and was is not None and change is not None
            else None,
        )


def priced_totals(licences: Number | str | None, price: Price) -> dict[str, Number | str | None]:
    """The control totals that a price adds."""
    known = None if isinstance(licences, str) else licences
    return {_COST: price.of(known), "currency": price.currency}


def priced_table(table: Table, price: Price) -> Table:
    """A table of inactive licences with what they cost; others as they are."""
    counted = _PRICED.get(table.key)
    if counted is None:
        return table
    numbers = values_of(table.frame[counted])
    if table.key == "reclaim":  # 0 stands for somebody of whom nobody knows
        numbers = [number or None for number in numbers]
    frame = table.frame.copy(deep=False)
    place = frame.columns.get_loc(counted)
    assert isinstance(place, int)  # keys of columns are unique
    cells = pd.Series([price.of(number) for number in numbers], frame.index, object)
    frame.insert(place + 1, _COST, cells)
    column = Column(_COST, "Cost a month (showback)", "decimal", price.currency, help=price.words)
    totals = table.totals or {}
    return replace(
        table,
        frame=frame,
        columns=(*table.columns[: place + 1], column, *table.columns[place + 1 :]),
        totals={**totals, _COST: price.of(totals.get(counted))},
        brief=tuple(
            key
            for named in table.brief
            for key in ((named, _COST) if named == counted else (named,))
        ),
        note=f"{table.note} {price.words}".strip(),
    )
