"""Cells of tables: Python's values in the dtypes that a report holds them in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from lib.reports.report import Column, ColumnKind
from lib.usage.exact import LARGEST_INT64

_DTYPES: Mapping[ColumnKind, Any] = {
    "text": "str",
    "list": "str",
    "bool": "boolean",
    "int": "Int64",
    "bytes": "Int64",
    "epoch_ms": "Int64",
    "float": "Float64",
    "duration": "Float64",
    "percent": "float64",
    "datetime": "datetime64[s, UTC]",
}


def typed(values: Sequence[Any], kind: ColumnKind) -> "pd.Series[Any]":
    """Cells of a kind of column, None where missing; whole numbers beyond Int64 stay objects."""
    return pd.Series(_array(values, kind), copy=False)


def typed_frame(cells: Mapping[str, Sequence[Any]], columns: Iterable[Column]) -> pd.DataFrame:
    """A frame of the columns listed, from their cells by key."""
    arrays = {column.key: _array(cells[column.key], column.kind) for column in columns}
    return pd.DataFrame(arrays, copy=False)  # a copy of many short columns takes long


def _array(values: Sequence[Any], kind: ColumnKind) -> Any:
    dtype = _DTYPES.get(kind, object)
    fits = dtype != "Int64" or all(
        value is None or -LARGEST_INT64 <= value <= LARGEST_INT64 for value in values
    )
    return pd.array([*values], dtype=dtype if fits else object)
