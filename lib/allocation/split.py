"""An amount in parts that add up to it, to the last digit."""

from collections.abc import Sequence
from decimal import Decimal

from lib.usage.exact import exactly

DIGITS = 10
"""After the point: those of a part, or as many as the whole has where it has more."""


def split(amount: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """Parts of an amount by weights: each as near as can be, and all together the amount.

    What rounding leaves goes to those from whom it took most; among equals, to the first.

    Args:
        weights: none negative, and not all 0.
    """
    whole, digits = units(amount)
    base = sum(weights)
    size, sign = abs(whole), -1 if whole < 0 else 1
    parts = [size * weight // base for weight in weights]
    left = size - sum(parts)
    taken = sorted(range(len(weights)), key=lambda place: (-(size * weights[place] % base), place))
    for place in taken[:left]:
        parts[place] += 1
    with exactly():
        return [Decimal(sign * part).scaleb(-digits) for part in parts]


def units(amount: Decimal) -> tuple[int, int]:
    """An amount in units of its last digit, and how many digits that is after the point."""
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)  # amounts are finite
    digits = max(DIGITS, -exponent)
    with exactly():
        return int(amount.scaleb(digits)), digits


def whole_weights(amounts: Sequence[Decimal | int]) -> list[int]:
    """Amounts as whole numbers in the same proportion."""
    exponents = [Decimal(amount).as_tuple().exponent for amount in amounts]
    digits = max([0, *(-one for one in exponents if isinstance(one, int))])
    with exactly():
        return [int(Decimal(amount).scaleb(digits)) for amount in amounts]
