"""Columns to plain values for machines: what CSV and JSON agree on."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import numpy as np
import pandas as pd

from lib.exports.formats import EPOCH_MS, utc
from lib.quantities import is_missing
from lib.reports.report import ColumnKind, Report, Table
from lib.usage.exact import values_of

Plain = str | int | float | bool | None
"""What both machine formats can hold. Decimals are text, so that no reader turns money into floats."""


def plain_columns(table: Table, *, times: bool = False) -> list[list[Plain]]:
    """The cells of each column of a table, in the order of its columns.

    Args:
        times: write epoch milliseconds as times; else they stay the integers they are.

    Text, dates (``2026-10-31``), times (``2026-11-21T01:40:00Z``) and decimals (never with an
    exponent) are str; int and bytes are int; float, percent and duration are int or float; None is
    missing.
    """
    kinds: Mapping[ColumnKind, Callable[[pd.Series], list[Plain]]] = PLAIN
    if times:
        kinds = {**PLAIN, "epoch_ms": _epoch_text}
    return [kinds[column.kind](table.frame[column.key]) for column in table.columns]


def plain(value: object) -> Plain:
    """One value outside a table, such as a total or a figure."""
    if is_missing(value):
        return None
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str | int | float) else str(value)


def stamp(moment: datetime) -> str:
    """A time as ISO 8601 in UTC with ``Z``, to the second."""
    return utc(moment).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def plain_period(report: Report) -> dict[str, str] | None:
    """The period as start, end and timezone; None for a report over no period."""
    if report.period is None:
        return None
    return {
        "start": report.period.start.isoformat(),
        "end": report.period.end.isoformat(),
        "timezone": "UTC",
    }


def plain_filters(filters: Mapping[str, object]) -> dict[str, object]:
    """Filters as JSON values: sets sorted, sequences as lists, everything else as ``plain`` writes it."""
    return {key: _plain_filter(value) for key, value in filters.items()}


def _plain_filter(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain_filter(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain_filter(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain_filter(item) for item in value]
    return plain(value)


def positional(number: float) -> str:
    """The shortest digits that read back as the same float, without an exponent or a bare ``.0``."""
    text = repr(number)
    if "e" in text:
        return str(np.format_float_positional(number, trim="-"))
    return text.removesuffix(".0")


def _text(cells: pd.Series) -> list[Plain]:
    values = values_of(cells)
    if pd.api.types.infer_dtype(cells, skipna=True) in ("string", "empty"):
        return values
    return [value if value is None else str(value) for value in values]


def _whole(cells: pd.Series) -> list[Plain]:
    if pd.api.types.is_integer_dtype(cells.dtype):
        return values_of(cells)
    return [_without_fraction(plain(value)) for value in values_of(cells)]


def _without_fraction(value: Plain) -> Plain:
    if isinstance(value, str):
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decimal(cells: pd.Series) -> list[Plain]:
    return [
        None
        if value is None or is_missing(value)
        else format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")
        for value in values_of(cells)
    ]


def _number(cells: pd.Series) -> list[Plain]:
    return [plain(value) for value in values_of(cells)]


def _truth(cells: pd.Series) -> list[Plain]:
    return [value if value is None else bool(value) for value in values_of(cells)]


def _date(cells: pd.Series) -> list[Plain]:
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        cells = cells.dt.date
    return [value.isoformat() if isinstance(value, date) else None for value in values_of(cells)]


def _datetime(cells: pd.Series) -> list[Plain]:
    times = pd.to_datetime(cells, utc=True).dt.tz_localize(None).to_numpy("datetime64[us]")
    whole = times.astype("datetime64[s]")
    unit: Literal["s", "us"] = "s" if ((times == whole) | np.isnat(times)).all() else "us"
    texts = np.datetime_as_string(times, unit=unit).tolist()
    return [None if text == "NaT" else f"{text}Z" for text in texts]


def _epoch_text(cells: pd.Series) -> list[Plain]:
    values = _whole(cells)
    known = [value if value and value in EPOCH_MS else None for value in values]
    texts = _datetime(pd.Series(np.array(known, dtype="datetime64[ms]")))
    # 0 means never; a number that is no time is written as it came
    return [text or value or None for text, value in zip(texts, values, strict=True)]


PLAIN: Mapping[ColumnKind, Callable[[pd.Series], list[Plain]]] = {
    "text": _text,
    "list": _text,
    "bool": _truth,
    "int": _whole,
    "decimal": _decimal,
    "float": _number,
    "percent": _number,
    "date": _date,
    "datetime": _datetime,
    "epoch_ms": _whole,
    "bytes": _whole,
    "duration": _number,
}
"""How each kind of column becomes plain values."""
