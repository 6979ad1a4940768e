"""Measures as the rows that they were made of."""

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pandas.arrays import IntegerArray

from lib.usage.measure import KEYS, SCHEMA, Places, unpacked

_OF_ROWS = ("start", "end", *KEYS)
_ONE, _EXACT = Decimal(1), Context(prec=200)


class Cells(NamedTuple):
    """The measures of one metric.

    Args:
        place: the row of each.
        quantities, units: Arrow, index by index.
    """

    place: Places
    quantities: Any
    units: Any


def in_form(measures: pa.Table) -> pa.Table:
    """Measures of ``SCHEMA``, whatever other texts, times and order of columns a reader gave them."""
    return measures.select(SCHEMA.names).cast(SCHEMA)


def rows_of(measures: pa.Table) -> tuple[pd.DataFrame, Places]:
    """The rows that measures are of, by first sight, and the row of each measure.

    Returns:
        ``start``, ``end`` and ``KEYS``, no two rows alike; one number per measure.
    """
    place = np.zeros(len(measures), dtype=np.int64)
    for key in _OF_ROWS:
        codes, known = coded(measures[key])
        place, _ = pd.factorize(place * len(known) + codes)
    firsts = np.flatnonzero(~pd.Series(place).duplicated().to_numpy())
    return measures.select(list(_OF_ROWS)).take(pa.array(firsts)).to_pandas(), place


def by_metric(measures: pa.Table, place: Places) -> Iterator[tuple[str, Cells]]:
    """The measures of each metric; ``place`` as ``rows_of`` gives it."""
    codes, metrics = coded(measures["metric"])
    order = np.argsort(codes, kind="stable")
    ends = [0, *np.cumsum(np.bincount(codes, minlength=len(metrics)))]
    for metric, (first, end) in zip(metrics, pairwise(ends), strict=True):
        rows = order[first:end]
        some = measures.select(["quantity", "unit"]).take(pa.array(rows))
        yield metric, Cells(place[rows], some["quantity"], some["unit"])


def whole_numbers(cells: Cells, rows: int) -> IntegerArray:
    """A column of whole numbers, null where no measure tells one."""
    counts, unknown = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
    known = pc.is_valid(cells.quantities).to_numpy()
    counts[cells.place[known]] = cells.quantities.drop_null().cast(pa.int64()).to_numpy()
    unknown[cells.place[known]] = False
    return IntegerArray(counts, unknown)


def decimals(cells: Cells, rows: int) -> "pd.Series[Any]":
    """A column of Decimal without zeros at their ends, None where no measure tells one."""
    column = np.full(rows, None, dtype=object)
    column[cells.place] = [
        None if value is None else shortest(value) for value in cells.quantities.to_pylist()
    ]
    return pd.Series(column, dtype=object)


def units(cells: Cells, rows: int) -> "pd.Series[Any]":
    """A column of the measures' units, null where there is none."""
    column = np.full(rows, None, dtype=object)
    column[cells.place] = [unit or None for unit in cells.units.to_pylist()]
    return pd.Series(column, dtype="str")


def shortest(number: Decimal) -> Decimal:
    """The same number without zeros behind its last decimal: ``7.5`` of ``7.500``, ``700`` of ``700.0``."""
    whole = number.to_integral_value()
    return whole.quantize(_ONE, context=_EXACT) if whole == number else number.normalize(_EXACT)


def dimensions(rows: pd.DataFrame) -> Mapping[str, list[Any]]:
    """The columns that ``packed`` took in, None where not known."""
    codes, texts = pd.factorize(rows["dimensions"], use_na_sentinel=False)
    distinct = unpacked(text if isinstance(text, str) else None for text in texts)
    names = dict.fromkeys(name for row in distinct for name in row)
    return {
        name: np.array([row.get(name) for row in distinct], dtype=object)[codes].tolist()
        for name in names
    }


def coded(column: Any) -> tuple[Places, list[Any]]:
    """Each cell's number, and what the numbers stand for; null is one of them, if there is one."""
    encoded = column.combine_chunks().dictionary_encode("encode")
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()
