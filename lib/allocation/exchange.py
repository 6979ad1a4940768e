"""Amounts of several currencies in one, at rates of finance's own."""

from collections.abc import Iterable
from decimal import Decimal

from lib.allocation.allocate import Owed
from lib.allocation.rule_set import ExchangeRate, RuleSet
from lib.usage.exact import exactly


def rates_of(rule_set: RuleSet, month: str) -> dict[str, ExchangeRate]:
    """Currency to the rate of a month; all go to one."""
    return {rate.base: rate for rate in rule_set.exchange_rates if rate.month == month}


def united(
    lines: Iterable[Owed], rule_set: RuleSet, month: str
) -> tuple[tuple[Owed, ...], list[str]]:
    """Lines in one currency, as far as there are rates for the month; and in words which were used.

    Products keep all their digits, so that sums that were equal before are equal after.
    """
    rates = rates_of(rule_set, month)
    used: dict[str, ExchangeRate] = {}
    changed = []
    with exactly():
        for line in lines:
            rate = rates.get(line.currency)
            if rate is None:
                changed.append(line)
                continue
            used[line.currency] = rate
            changed.append(
                line._replace(
                    billed=_times(line.billed, rate.rate),
                    shared=_times(line.shared, rate.rate),
                    rated=_times(line.rated, rate.rate),
                    currency=rate.quote,
                )
            )
    return tuple(changed), [_told(rate) for rate in used.values()]


def in_currency(
    amount: Decimal | None, currency: str, wanted: str, rule_set: RuleSet, month: str
) -> Decimal | None:
    """An amount in another currency; None where there is no rate for it."""
    if amount is None or currency == wanted:
        return amount
    rate = rates_of(rule_set, month).get(currency)
    if rate is None or rate.quote != wanted:
        return None
    with exactly():
        return amount * rate.rate


def _times(amount: Decimal | None, rate: Decimal) -> Decimal | None:
    return None if amount is None else amount * rate


def _told(rate: ExchangeRate) -> str:
    source = f" ({rate.source})" if rate.source else ""
    return f"1 {rate.base} = {rate.rate:f} {rate.quote} in {rate.month}{source}."
