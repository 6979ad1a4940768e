"""Sums that lose no digit, and percentages only where there can be some."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import Context, Decimal, localcontext
from typing import Any

import numpy as np
import pandas as pd

_EXACT = Context(prec=200)
_RATE = Context(prec=12)
_SAFE_SUM = 2.0**62

LARGEST_INT64 = 2**63 - 1
"""The largest whole number that an integer column of a frame holds."""

Exact = int | Decimal
"""A number that is added without rounding."""


def fits_int64(cells: "pd.Series[Any]") -> bool:
    """Whether an integer column holds all known cells, which are whole numbers."""
    return all(-LARGEST_INT64 <= number <= LARGEST_INT64 for number in cells.dropna())


def exactly() -> AbstractContextManager[Context]:
    """A context in which adding and subtracting lose no digit, whatever the sizes."""
    return localcontext(_EXACT)


def exact_sum(values: Iterable[Exact]) -> Exact:
    """A sum in which no digit is lost, whatever the sizes."""
    with exactly():
        return sum(values)


def values_of(cells: "pd.Series[Any]") -> list[Any]:
    """Cells as Python objects, None where missing."""
    if isinstance(cells.dtype, np.dtype) and cells.dtype != object:
        return cells.tolist()
    values = cells.to_numpy(object)
    missing = cells.isna().to_numpy()
    if missing.any():
        values = values.copy()
        values[missing] = None
    return values.tolist()


def addable(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """The same whole numbers, as Python's integers where a sum could leave int64.

    int64 wraps round without a word; Python's integers do not, and are slow.
    """
    if not pd.api.types.is_integer_dtype(cells.dtype):
        return cells
    sizes = abs(cells.to_numpy("float64", na_value=0)).sum()
    return cells if sizes < _SAFE_SUM else cells.astype(object)


def total(cells: "pd.Series[Any]") -> Exact | None:
    """The exact sum of the known cells; None where none is known."""
    cells = addable(cells)
    if pd.api.types.is_integer_dtype(cells.dtype):
        return int(cells.sum()) if cells.notna().any() else None
    known = values_of(cells.dropna())
    return exact_sum(known) if known else None


def percent_change(now: Exact, before: Exact) -> float | None:
    """By how much of what was before it changed, 12.5 for 12.5 %; None against nothing or a credit."""
    return percent_of(exact_sum([now, -before]), before)


def percent_of(part: Exact | float, whole: Exact | float) -> float | None:
    """A part in percent of its whole; None unless the whole is positive."""
    if whole <= 0:
        return None
    with exactly():
        return float(Decimal(part) / Decimal(whole) * 100)


def rate(part: Exact, base: Exact, per: int = 1) -> Decimal | None:
    """A part for so many of its base, to twelve digits; None unless the base is positive."""
    if base <= 0:
        return None
    with exactly():
        scaled = Decimal(part) * per
    return _RATE.divide(scaled, Decimal(base))


def may_share(parts: Iterable[Exact | float | None]) -> bool:
    """Whether parts can be told as shares of their sum: all of one sign, and not all nothing."""
    signs = {(part > 0) - (part < 0) for part in parts if part is not None}
    return len(signs - {0}) == 1
