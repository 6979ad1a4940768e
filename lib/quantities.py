"""Numbers to text for people: money, sizes, durations and shares, the same in cells, cards and sentences."""

import math
import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext

Number = int | Decimal | float
"""A quantity: counts are int, money is Decimal, ratios and averages are float."""

MISSING = "—"
"""What stands for a value that is not known. Never 0, never blank."""

SIGNS = {"USD": "$"}
"""Currencies written with a sign in front; every other one is written as a code behind."""

BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
"""Steps of 1,000: the one system of sizes in every rendering for people."""

SIZES = {"bytes": 1, "MB": 1_000_000}
"""Units that people read as a scaled size, with their bytes."""

COMPACT_STEPS = ((Decimal(10) ** 12, "tn"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"))
"""Below a million a number stays whole: ``999,999`` is as short as its abbreviation."""

_NOTHING_OF_PANDAS = ("NAType", "NaTType")
"""Known by name: whoever asks a server writes numbers before pandas is imported."""

CENT = Decimal("0.01")
SMALLEST = Decimal("0.000001")
_RATE_DIGITS, _RATE_PLACES = 3, 9
"""A price of one thing below 1 has so many digits that count, and so many decimals at the most."""


def is_missing(value: object) -> bool:
    """None, NaN, NaT, pd.NA and infinities: nothing that could be shown as a number."""
    if value is None or type(value).__name__ in _NOTHING_OF_PANDAS:
        return True
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, Decimal) and not value.is_finite()


def is_currency(unit: str) -> bool:
    """Whether a unit is an ISO 4217 code, such as ``USD``."""
    return re.fullmatch("[A-Z]{3}", unit) is not None


def per(unit: str) -> str:
    """What a price is for: ``request`` of ``USD/request``; nothing where a unit is no price."""
    currency, _, one = unit.partition("/")
    return one if is_currency(currency) else ""


def quantity(value: Number | None, unit: str = "") -> str:
    """A number with every digit: ``1,234,567``, ``$1,234.57``, ``1.4 GB``, ``12.5 %``, ``<$0.01``.

    Units that only name what is counted (``tokens``), and what a price is for, are left to the label.
    """
    if value is None or is_missing(value):
        return MISSING
    exact = decimal_of(value)
    if unit in _WRITTEN:
        return _WRITTEN[unit](exact)
    if unit in SIZES:
        return size(exact * SIZES[unit])
    if per(unit):
        return _price(exact, unit.partition("/")[0])
    return _money(exact, unit) if is_currency(unit) else number(exact)


def says_unit(unit: str) -> bool:
    """Whether what is written of a number says its unit: ``48.5 GB``, ``12.5 %``, ``$3.20``."""
    return unit in _WRITTEN or unit in SIZES or is_currency(unit) or bool(per(unit))


def counted(value: Number | None, unit: str) -> str:
    """A number with its unit, for sentences: ``1,234 tokens``, ``1 day``, ``$1.20``, ``12.3 GB``."""
    text = quantity(value, unit)
    if not unit or says_unit(unit) or text == MISSING:
        return text
    return f"{text} {of_one(unit) if text == '1' else unit}"


def of_one(plural: str) -> str:
    """The unit of a single one: ``day`` of ``days``, ``category`` of ``categories``."""
    return f"{plural[:-3]}y" if plural.endswith("ies") else plural.removesuffix("s")


def exactly(value: Number, unit: str = "") -> str:
    """A number with every digit it has: ``1,908.2277170302 hours``, ``0.125 USD per request``."""
    digits = f"{decimal_of(value):,f}"
    named = of_one(unit) if digits == "1" else unit.replace("/", " per ")
    return f"{digits} {named}".strip()


def short(size: Decimal) -> str:
    """Three digits and a step, ``1.23 M``, from a million up; nothing below."""
    for step, suffix in COMPACT_STEPS:
        # 999,950,000 reads "1.00 bn", not "1,000 M": the step is chosen after rounding to three digits
        if size >= step * Decimal("0.9995") and size >= COMPACT_STEPS[-1][0]:
            part = size / step
            places = 2 if part < Decimal("9.995") else 1 if part < Decimal("99.95") else 0
            return f"{_grouped(part, places)} {suffix}"
    return ""


def number(value: Number) -> str:
    """A whole number without decimals, another one as ``amount`` writes it."""
    exact = decimal_of(value)
    if exact == exact.to_integral_value():
        return _grouped(exact, 0)
    return amount(exact)


def amount(value: Number, unit: str = "") -> str:
    """With two decimals; a small one that is no money with four to six."""
    exact = decimal_of(value)
    far = abs(exact)
    if far == 0 or far >= CENT:
        return with_unit(exact, _grouped(far, 2), unit)
    if far < SMALLEST:
        return _below(exact, SMALLEST, unit)
    whole, fraction = _grouped(far, 6).split(".")
    return with_unit(exact, f"{whole}.{fraction[:4]}{fraction[4:].rstrip('0')}", unit)


def percent(value: Number) -> str:
    """``12.5 %``; what would be written as 0.0 and is none is ``<0.1 %``."""
    exact = decimal_of(value)
    if 0 < abs(exact) < Decimal("0.05"):
        return f"{'>' if exact < 0 else '<'}{'-' if exact < 0 else ''}0.1 %"
    return f"{_grouped(exact, 1)} %"


def size(value: Number) -> str:
    """Bytes as ``48.5 GB``."""
    exact = decimal_of(value)
    far, step = abs(exact), 0
    # The limits lie where rounding would write 1,000
    while step < len(BYTE_UNITS) - 1 and far >= Decimal("999.95" if step else "999.5"):
        far, step = far / 1000, step + 1
    return f"{'-' if exact < 0 else ''}{_grouped(far, 1 if step else 0)} {BYTE_UNITS[step]}"


def duration(value: Number) -> str:
    """Seconds as ``45.2 s``, ``1 min 30 s``, ``5 h 28 min``, ``63 d 9 h``."""
    seconds = float(decimal_of(value))
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 1:
        return f"{sign}{seconds:.3g} s"
    if round(seconds, 1) < 60:
        return f"{sign}{seconds:.1f} s"
    if round(seconds) < 3_600:
        return f"{sign}{round(seconds) // 60} min {round(seconds) % 60} s"
    minutes = round(seconds / 60)
    if minutes < 1_440:
        return f"{sign}{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3_600)
    return f"{sign}{hours // 24:,} d {hours % 24} h"


_WRITTEN: Mapping[str, Callable[[Number], str]] = {
    "seconds": duration,
    "percent": percent,
    "%": percent,
}
"""Units that are written in a way of their own."""


def decimal_of(value: object) -> Decimal:
    """A number with the digits that it shows."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def with_unit(number: Decimal, size: str, unit: str) -> str:
    """A size under the sign of its number, with a currency before or behind it."""
    sign = "-" if number < 0 else ""
    if unit in SIGNS:
        return f"{sign}{SIGNS[unit]}{size}"
    return f"{sign}{size} {unit}" if is_currency(unit) else f"{sign}{size}"


def _money(number: Decimal, currency: str) -> str:
    if 0 < abs(number) < CENT:
        return _below(number, CENT, currency)
    return with_unit(number, _grouped(abs(number), 2), currency)


def _price(number: Decimal, currency: str) -> str:
    """Cents from 1 up; below as many digits as tell two prices apart."""
    far = abs(number)
    if far == 0 or far >= 1:
        return with_unit(number, _grouped(far, 2), currency)
    places = min(max(_RATE_DIGITS - 1 - far.adjusted(), 2), _RATE_PLACES)
    if far < Decimal(5).scaleb(-places - 1):
        return _below(number, Decimal(1).scaleb(-places), currency)
    whole, fraction = _grouped(far, places).split(".")
    return with_unit(number, f"{whole}.{fraction[:2]}{fraction[2:].rstrip('0')}", currency)


def _grouped(number: Decimal, places: int) -> str:
    # format() is exact at any size, where quantize() refuses more than 28 digits; invoices round half up
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        text = format(number, f",.{places}f")
    return text.removeprefix("-") if not text.strip("-0.,") else text


def _below(number: Decimal, limit: Decimal, unit: str) -> str:
    return f"{'>' if number < 0 else '<'}{with_unit(number, format(limit, 'f'), unit)}"
