"""Money of several currencies in figures, totals and tables: never one sum of two."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from lib.quantities import Number
from lib.usage.exact import exact_sum

Amounts = Mapping[str, Decimal]
"""Currency to amount."""


def added(amounts: Iterable[tuple[str, Decimal | None]]) -> dict[str, Decimal]:
    """Currency to the sum of what is known of it."""
    parts: dict[str, list[Decimal]] = defaultdict(list)
    for currency, amount in amounts:
        if amount is not None:
            parts[currency].append(amount)
    return {currency: Decimal(exact_sum(known)) for currency, known in sorted(parts.items())}


def totals(figures: Mapping[str, Amounts], currency: str) -> dict[str, Number | str | None]:
    """Totals for programs: under its name what is of the main currency alone, else null, and then each
    currency's under ``name_eur``. Nothing in another currency changes nothing.

    Args:
        figures: name to amounts; a name without amounts is null.
        currency: the main one.
    """
    written: dict[str, Number | str | None] = {"currency": currency or None}
    for name, amounts in figures.items():
        others = {code for code, amount in amounts.items() if amount and code != currency}
        alone = amounts.get(currency, Decimal(0) if amounts else None)
        written[name] = None if others or not currency else alone
        if others:
            written |= {f"{name}_{code.lower()}": amount for code, amount in amounts.items()}
    return written


def main_currency(amounts: Amounts) -> str:
    """The currency with most money in it; empty where there is none."""
    return max(amounts, key=lambda code: (abs(amounts[code]), code), default="")
