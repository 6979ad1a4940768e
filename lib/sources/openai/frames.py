"""Cached buckets into frames."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from pandas.arrays import IntegerArray

from lib.cache import Bucket
from lib.periods import from_epoch
from lib.sources.openai.tables import COSTS_GROUP_BY, DIMENSIONS, METRICS

DTYPES = {
    **{key: "boolean" if dim.boolean else "str" for key, dim in DIMENSIONS.items()},
    **dict.fromkeys(("amount", "quantity"), "object"),
}
"""Of columns that are no metric and have a known form."""

COSTS_COLUMNS = (*COSTS_GROUP_BY, "amount", "currency", "quantity", "quantity_unit")
"""What a frame of costs has, be it null throughout."""


def usage_frame(answers: Iterable[tuple[str, list[Bucket]]]) -> pd.DataFrame:
    """One frame over all endpoints; see ``OpenAIAnswer.usage``.

    Args:
        answers: endpoint name and its buckets.
    """
    pairs = [(name, bucket) for name, buckets in answers for bucket in buckets if bucket.rows]
    frame = _frame([bucket for _, bucket in pairs], ())
    endpoints = [name for name, bucket in pairs for _ in range(bucket.rows)]
    frame.insert(0, "endpoint_type", pd.Series(endpoints, dtype="str"))
    return frame


def costs_frame(buckets: Iterable[Bucket]) -> pd.DataFrame:
    """One row per day and grouping; see ``OpenAIAnswer.costs``."""
    return _frame([bucket for bucket in buckets if bucket.rows], COSTS_COLUMNS)


def _frame(buckets: list[Bucket], always: tuple[str, ...]) -> pd.DataFrame:
    rows = sum(bucket.rows for bucket in buckets)
    names = dict.fromkeys(always)
    for bucket in buckets:
        names.update(dict.fromkeys(bucket.columns))
    columns: dict[str, Any] = {
        "date": pd.Series(_dates(buckets), dtype=object),
        "start_time": pd.to_datetime(
            [bucket.start for bucket in buckets for _ in range(bucket.rows)], unit="s", utc=True
        ),
    }
    for name in names:
        counted = name in METRICS
        columns[name] = _counts(name, buckets, rows) if counted else _column(name, buckets)
    return pd.DataFrame(columns, index=pd.RangeIndex(rows))


def _dates(buckets: list[Bucket]) -> list[date]:
    days: list[date] = []
    for bucket in buckets:
        days += [from_epoch(bucket.start).date()] * bucket.rows
    return days


def _counts(name: str, buckets: list[Bucket], rows: int) -> IntegerArray:
    """A metric of all buckets; filled in where it is known, since most are null of most endpoints."""
    counts, unknown = np.zeros(rows, dtype=np.int64), np.ones(rows, dtype=bool)
    first = 0
    for bucket in buckets:
        values = bucket.columns.get(name)
        if values is not None:
            place = slice(first, first + bucket.rows)
            unknown[place] = [value is None for value in values] if None in values else False
            counts[place] = [value or 0 for value in values] if None in values else values
        first += bucket.rows
    return IntegerArray(counts, unknown)


def _column(name: str, buckets: list[Bucket]) -> "pd.Series[Any]":
    values: list[Any] = []
    for bucket in buckets:
        column = bucket.columns.get(name)
        values += column if column is not None else [None] * bucket.rows
    dtype = DTYPES.get(name)
    if dtype is None:  # undocumented: whole numbers stay numbers, anything else is text
        kinds = set(map(type, values)) - {type(None)}
        dtype = "Int64" if kinds == {int} else "str"
        if dtype == "str":
            values = [value if value is None else str(value) for value in values]
    return pd.Series(values, dtype=dtype)
