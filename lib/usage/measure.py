"""The measure: one counted amount of any platform, the row that the ledger keeps."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.usage.exact import values_of
from lib.usage.metrics import Nature

DECIMALS = 18
QUANTITY = pa.decimal128(38, DECIMALS)
"""Twenty digits before the point, eighteen behind it; docs/decisions/0032 gives the reasons."""

_STEP = Decimal(1).scaleb(-DECIMALS)
_WIDE = Context(prec=60)
_TOO_LARGE = Decimal(10) ** (38 - DECIMALS)
_TIME = pa.timestamp("us", "UTC")

Places = np.ndarray[Any, np.dtype[np.int64]]
"""A row's number for each of others."""

SCHEMA = pa.schema(
    [
        pa.field("platform", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("month", pa.string(), nullable=False),
        pa.field("start", _TIME, nullable=False),
        pa.field("end", _TIME, nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("sub_account", pa.string()),
        pa.field("resource", pa.string()),
        pa.field("principal", pa.string()),
        pa.field("sku", pa.string()),
        pa.field("dimensions", pa.string()),
        pa.field("metric", pa.string(), nullable=False),
        pa.field("nature", pa.string(), nullable=False),
        pa.field("quantity", QUANTITY),
        pa.field("unit", pa.string(), nullable=False),
    ]
)
"""Columns of the one tall table.

``platform`` as the commands name it; ``account`` host or organisation, never a credential; ``month``
``2026-10`` of the start, UTC; ``start``, ``end`` of the time that is counted, the end exclusive;
``part`` which of the platform's sources said it; ``sub_account`` who inside the account; ``resource``
finer; ``principal`` a person or service account, by id; ``sku`` what was used; ``dimensions`` what else
tells rows apart, as a JSON object; ``nature`` how times combine; ``quantity`` exact, null where not
known; ``unit`` tokens, USD, …, empty where the platform does not tell.
"""

KEYS = ("part", "sub_account", "resource", "principal", "sku", "dimensions")
"""Columns that tell the rows of one time and metric apart."""


class Name(NamedTuple):
    """What something was called.

    Args:
        kind: a word of the platform: ``project``, ``user``, ``email``.
        id: as it stands in the measures.
        name: for people.
    """

    kind: str
    id: str
    name: str


@dataclass(frozen=True)
class Counted:
    """A column of a frame that is counted.

    Args:
        column: in the frame; whole numbers, booleans, floats or Decimal.
        metric, unit, nature: as in the measures.
        unit_column: the frame's column that tells each row's unit, instead of ``unit``. A unit
            without a value is a measure that is not known.
        nulls: a missing value is a measure that is not known, not none.
        metric_column: the frame's column that tells each row's metric, instead of ``metric``.
    """

    column: str
    metric: str = ""
    unit: str = ""
    nature: Nature = "flow"
    unit_column: str = ""
    nulls: bool = False
    metric_column: str = ""


def measures(
    platform: str, account: str, frame: pd.DataFrame, counted: Iterable[Counted]
) -> pa.Table:
    """One measure per row of a frame and counted column with a value.

    Args:
        frame: ``start`` and ``end`` datetime64 UTC; those of ``KEYS`` that there are; what is
            counted. ``dimensions`` is text as ``packed`` makes it.

    Returns:
        Of ``SCHEMA``; a value that the ledger cannot hold is null.
    """
    times = {"start": _moments(frame["start"]), "end": _moments(frame["end"])}
    keys = {key: _texts(frame[key]) for key in KEYS if key in frame}
    months = _months(frame["start"])
    parts = []
    for count in counted:
        if count.column not in frame:
            continue
        known = _counts(frame, count)
        if not known.any():
            continue
        rows = pa.array(np.flatnonzero(known))
        size = len(rows)
        columns: dict[str, Any] = {
            "platform": pa.repeat(platform, size),
            "account": pa.repeat(account, size),
            "month": months.take(rows),
            **{key: array.take(rows) for key, array in (times | keys).items()},
            "metric": _told(frame, count.metric_column, count.metric, rows),
            "nature": pa.repeat(count.nature, size),
            "quantity": quantities(frame.loc[known, count.column]),
            "unit": _told(frame, count.unit_column, count.unit, rows),
        }
        parts.append(
            pa.table(
                [columns.get(field.name, pa.nulls(size, field.type)) for field in SCHEMA],
                schema=SCHEMA,
            )
        )
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _counts(frame: pd.DataFrame, count: Counted) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """The rows that give a measure."""
    if count.nulls:
        return np.full(len(frame), True)
    known = frame[count.column].notna()
    return (known | frame[count.unit_column].notna() if count.unit_column else known).to_numpy()


def _told(frame: pd.DataFrame, column: str, always: str, rows: pa.Array) -> pa.Array:
    """The texts of a column, or always the same where none is named."""
    if not column:
        return pa.repeat(always, len(rows))
    return pc.fill_null(_texts(frame[column]).take(rows), "")


def quantities(cells: "pd.Series[Any]") -> pa.Array:
    """Numbers as the ledger holds them; null where missing, not finite, or of more than twenty digits."""
    if pd.api.types.is_integer_dtype(cells.dtype):
        return pa.Array.from_pandas(cells).cast(QUANTITY)
    return pa.array([quantity(value) for value in values_of(cells)], QUANTITY)


def quantity(value: Any) -> Decimal | None:
    """One number as the ledger holds it: exact, but for what lies behind the eighteenth decimal."""
    if value is None:
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or number.copy_abs() >= _TOO_LARGE:  # abs() would round it
        return None
    held = number.quantize(_STEP, ROUND_HALF_EVEN, _WIDE)
    return held if held.copy_abs() < _TOO_LARGE else None  # nines may have become one more digit


def is_inexact(value: Any) -> bool:
    """Whether the ledger cannot hold a number as it is."""
    held = quantity(value)
    if value is None:
        return False
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return held is None or held != number


def packed(frame: pd.DataFrame) -> "pd.Series[Any]":
    """Each row's values of all columns as one JSON object, null where none is known.

    Args:
        frame: text, booleans or whole numbers; at most a few thousand different rows.
    """
    if not len(frame.columns):
        return pd.Series([None] * len(frame), frame.index, dtype=object)
    place = places(frame)
    firsts = np.unique(place, return_index=True)[1]
    distinct = [
        {key: value for key, value in row.items() if value is not None}
        for row in _records(frame.iloc[firsts])
    ]
    texts = [
        json.dumps(row, sort_keys=True, ensure_ascii=False) if row else None for row in distinct
    ]
    return pd.Series(np.array(texts, dtype=object)[place], frame.index, dtype=object)


def places(frame: pd.DataFrame) -> Places:
    """A number for each row, the same for rows that are alike, counted up from 0 by first sight."""
    place = np.zeros(len(frame), dtype=np.int64)
    for column in frame:
        codes, known = pd.factorize(frame[column])
        place, _ = pd.factorize(place * (len(known) + 1) + codes + 1)
    return place


def unpacked(texts: Iterable[str | None]) -> list[dict[str, Any]]:
    """What ``packed`` took in, as one mapping per row."""
    read: dict[str | None, dict[str, Any]] = {None: {}}
    return [
        read[text] if text in read else read.setdefault(text, json.loads(text or "{}"))
        for text in texts
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    columns: Mapping[str, Sequence[Any]] = {str(key): values_of(frame[key]) for key in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _months(starts: "pd.Series[Any]") -> pa.Array:
    months = starts.to_numpy("datetime64[M]")
    distinct, place = np.unique(months, return_inverse=True)
    return pa.array(distinct.astype(str)).take(pa.array(place))


def _moments(cells: "pd.Series[Any]") -> pa.Array:
    return pa.array(cells.to_numpy("datetime64[us]")).cast(_TIME)


def _texts(cells: "pd.Series[Any]") -> pa.Array:
    array = pa.Array.from_pandas(cells)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.cast(pa.string())
