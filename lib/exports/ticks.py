"""Where the marks of a chart's scale stand, and what is written beside them."""

from math import ceil, floor, log10

from lib.quantities import SIGNS, SIZES

_MOST = 5
_LEAST_SPAN = 1e-300
"""What spans less is one point to a chart, and its tenth may be no number any more."""

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Round numbers, evenly apart, from one at or below ``low`` to one at or above ``high``.

    Args:
        low: at most ``high``; both finite.
        whole: what is counted has no mark between 0 and 1.
    """
    span = high - low
    rough = span / _MOST if span > _LEAST_SPAN else max(abs(high), 1.0)
    power = 10.0 ** floor(log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * (1 - 1e-9))
    if whole:
        step = max(step, 1.0)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [place * step for place in range(first, max(last, first + 1) + 1)]


def tick_text(value: float, unit: str = "") -> str:
    """A short number: ``250``, ``1.5k``, ``20M``, ``$400``, ``12GB``; written as on the screen."""
    if value == 0:
        return "0"
    size = value * SIZES.get(unit, 1)
    factor, step = next((row for row in _STEPS if abs(size) >= row[0]), (1.0, ""))
    sign, digits = ("-" if size < 0 else ""), f"{abs(size) / factor:.6g}"
    if unit in SIZES:
        return f"{sign}{digits}{step}B"
    return f"{sign}{SIGNS.get(unit, '')}{digits}{step.replace('G', 'bn')}"
