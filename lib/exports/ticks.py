"""Where the marks of a chart's scale stand, and what is written beside them."""

from math import ceil, floor, log10

_MOST = 5
_LEAST_SPAN = 1e-300
"""What spans less is one point to a chart, and its tenth may be no number any more."""

_SIGNS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


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


def tick_text(value: float) -> str:
    """A short number: ``250``, ``1.5k``, ``20M``; the signs are those of the charts on the screen."""
    for factor, sign in _SIGNS:
        if abs(value) >= factor:
            return f"{value / factor:.6g}{sign}"
    return f"{value:.6g}"
