"""Records into frames, column by column, without losing or inventing anything."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lib.quantities import counted
from lib.sources.comet.chargeback.tables import (
    ADDED,
    FIELD_WORDS,
    FIELDS,
    REPORT_WORDS,
    SPELLINGS,
    Kind,
    Table,
)
from lib.sources.comet.server.moments import SECONDS
from lib.usage.exact import LARGEST_INT64

Record = dict[str, Any]

MOST_UNKNOWN = 40
"""Most undocumented columns of one table: a record with a thousand fields must not stall the page."""

_NULL = type(None)
_LONGEST = 40
_NAMED = 8


@dataclass
class Findings:
    """What a reader must know of one report: what could not be read, and what is unusual.

    Args:
        cells: table and field to the number of values of an unexpected kind, now null.
        entries: table to the number of entries that are no records, now left out.
        odd: table and field to the number of values in another form, and how they were read.
        unknown: undocumented fields, kept as columns; too_many: how many were left out.
    """

    cells: dict[str, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    too_many: int = 0
    others: list[str] = field(default_factory=list)

    @property
    def unread(self) -> int:
        """Values and entries that were there and are missing in the frames."""
        return sum(self.cells.values()) + sum(self.entries.values()) + self.too_many

    def notes(self) -> tuple[str, ...]:
        """In words."""
        said = list(self.others)
        for name, count in self.entries.items():
            said.append(f"{name.capitalize()}: {count} entries are no records and are left out.")
        for name, count in self.cells.items():
            said.append(
                f"{field_called(name)}: {count} values cannot be read and count as unknown."
            )
        said += [
            f"{field_called(name)}: {count} values {how}."
            for name, (count, how) in self.odd.items()
        ]
        if self.unknown:
            said.append(
                f"Fields that Comet does not document are kept as columns: {listed(self.unknown)}."
            )
        if self.too_many:
            said.append(f"{self.too_many} more fields that Comet does not document are left out.")
        return tuple(said)


def field_called(name: str) -> str:
    """What people call a field, with its own name for whoever looks into the reply: ``Size of
    workspaces (totalSizeInMb)``."""
    table, _, field_name = name.rpartition(".")
    if name in REPORT_WORDS:
        words = REPORT_WORDS[name]
    else:
        words = f"{FIELD_WORDS.get(field_name, 'field')} of {table}"
    return f"{words[:1].upper()}{words[1:]} ({field_name})"


def listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(name[:60] for name in names[:_NAMED]) + more


def records(entries: Any, name: str, findings: Findings) -> list[Record]:
    """The records of a list; whatever else stands in it is counted."""
    if not isinstance(entries, list):
        if entries is not None:
            findings.entries[name] = findings.entries.get(name, 0) + 1
        return []
    if set(map(type, entries)) <= {dict}:
        return entries
    kept = [entry for entry in entries if type(entry) is dict]
    findings.entries[name] = findings.entries.get(name, 0) + len(entries) - len(kept)
    return kept


def table_frame(
    table: Table,
    rows: list[Record],
    findings: Findings,
    *,
    added: Any = None,
    nested: tuple[str, ...] = (),
) -> pd.DataFrame:
    """One table of a report; see ``Chargeback`` for its columns.

    Args:
        added: the column that no record carries, an array as long as the rows; its own field of
            that name is kept as ``reply_…``.
        nested: fields that become tables of their own.
    """
    fields, own = FIELDS[table], ADDED.get(table)
    present = dict.fromkeys(chain.from_iterable(rows))
    columns: dict[str, Any] = {}
    for name, kind in fields.items():
        if name == own:
            columns[name] = added
            continue
        values = [row.get(name) for row in rows]
        for other, meant in SPELLINGS.items() if table == "users" else ():
            if meant == name and other in present:
                values = _either(values, [row.get(other) for row in rows], name, findings)
                present.pop(other)
        columns[name] = _column(f"{table}.{name}", values, kind, findings)
    unknown = [
        name for name in present if name not in nested and (name == own or name not in fields)
    ]
    findings.too_many += max(0, len(unknown) - MOST_UNKNOWN)
    for name in unknown[:MOST_UNKNOWN]:
        column = _free_name(name, columns)
        findings.unknown.append(f"{table}.{column}")
        columns[column] = _undocumented([row.get(name) for row in rows])
    return pd.DataFrame(columns, index=pd.RangeIndex(len(rows)), copy=False)


def _either(first: list[Any], second: list[Any], name: str, findings: Findings) -> list[Any]:
    """The first spelling's value, or the second's where the first has none."""
    if first.count(None) == len(first):
        return second
    pairs = list(zip(first, second, strict=True))
    differing = sum(a is not None and b is not None and a != b for a, b in pairs)
    if differing:
        findings.others.append(
            f"There are two different times of creation of {counted(differing, 'users')}; the one "
            f"called {name} counts."
        )
    return [b if a is None else a for a, b in pairs]


def _column(name: str, values: list[Any], kind: Kind, findings: Findings) -> Any:
    form = _FORMS[kind]
    if not (set(map(type, values)) <= form.types and form.fits(values)):
        read = [None if value is None else form.read(value) for value in values]
        lost = read.count(None) - values.count(None)
        if lost:
            findings.cells[name] = lost
        odd = sum(
            value is not None and form.is_odd(given)
            for given, value in zip(values, read, strict=True)
        )
        if odd:
            findings.odd[name] = (odd, form.odd)
        values = read
    return form.column(values)


def _undocumented(values: list[Any]) -> Any:
    if set(map(type, values)) <= {int, _NULL} and _countable(values):
        return _int_array(values)
    return text_array([value if value is None else _as_text(value) for value in values])


def _free_name(name: str, columns: Mapping[str, Any]) -> str:
    while name in columns:
        name = f"reply_{name}"
    return name


def _countable(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return not known or (min(known) >= -LARGEST_INT64 and max(known) <= LARGEST_INT64)


def whole_number(value: Any) -> int | None:
    """An integer, also when written as ``3.0`` or ``"3"``; None for anything else."""
    number = decimal_number(value)
    if number is None or abs(number) > LARGEST_INT64 or number != number.to_integral_value():
        return None
    return int(number)


def milliseconds(value: Any) -> int | None:
    """Epoch milliseconds; from seconds where the number can only be these."""
    number = whole_number(value)
    return number if number is None or number not in SECONDS else 1_000 * number


def _milliseconds(values: list[Any]) -> bool:
    return _countable(values) and not any(value in SECONDS for value in values if value)


_FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}


def _flag(value: Any) -> bool | None:
    if isinstance(value, str):
        return _FLAGS.get(value.strip().lower())
    return _FLAGS.get(value) if isinstance(value, int | Decimal) else None


def decimal_number(value: Any) -> Decimal | None:
    """A finite number of a size that sums and files can write out digit by digit, else None."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return None
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        return None
    return number if number.is_finite() and _short(number) else None


def _short(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return isinstance(exponent, int) and abs(exponent) <= _LONGEST >= abs(number.adjusted())


def _short_decimals(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    if not known:
        return True
    reach = list(map(Decimal.adjusted, known))
    # Stricter than needed, and several times faster than taking every number apart.
    if min(reach) >= -20 and max(reach) <= 20 and max(map(len, map(str, known))) <= 20:
        return True
    return all(map(_short, known))


def _text(value: Any) -> str | None:
    """A name that was written as a number is still a name."""
    written = isinstance(value, str) or (isinstance(value, int | Decimal) and value is not True)
    return str(value) if written and value is not False else None


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "(nested too deeply)"


def text_array(values: list[Any]) -> Any:
    """A column of text; None becomes null."""
    return pd.array(values, dtype="str")


def _int_array(values: list[Any]) -> Any:
    mask = _nulls(values)
    data = [value or 0 for value in values] if mask.any() else values
    return pd.arrays.IntegerArray(np.array(data, dtype=np.int64), mask)


def _flag_array(values: list[Any]) -> Any:
    flags = np.array([value or False for value in values], dtype=bool)
    return pd.arrays.BooleanArray(flags, _nulls(values))


def _nulls(values: list[Any]) -> Any:
    if None not in values:
        return np.zeros(len(values), dtype=bool)
    return np.array([value is None for value in values], dtype=bool)


def _size_array(values: list[Any]) -> Any:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def column_of(kind: Kind, values: list[Any]) -> Any:
    """Values of a kind, None for null, as a column."""
    return _FORMS[kind].column(values)


def int_array(values: list[Any], name: str, findings: Findings) -> Any:
    """A column of whole numbers; what is none is null and counted under the name."""
    return _column(name, values, "count", findings)


class _Form(NamedTuple):
    """How values of one kind come, and become a column.

    Args:
        types: what the values usually are.
        fits: whether values of these types are also of a size that can be kept.
        read: a value of any type; None where it cannot be read.
        column: the values as an array.
        is_odd: whether a value that could be read had another form than documented.
        odd: what was done about it; completes "2 values …".
    """

    types: set[type]
    fits: Callable[[list[Any]], bool]
    read: Callable[[Any], Any]
    column: Callable[[list[Any]], Any]
    is_odd: Callable[[Any], bool] = lambda _: False
    odd: str = ""


_FORMS: Mapping[Kind, _Form] = {
    "text": _Form({str, _NULL}, lambda _: True, _text, text_array),
    "count": _Form({int, _NULL}, _countable, whole_number, _int_array),
    "time": _Form(
        {int, _NULL},
        _milliseconds,
        milliseconds,
        _int_array,
        lambda value: milliseconds(value) != whole_number(value),
        "are seconds since 1970, not milliseconds, and are read as such",
    ),
    "size": _Form({Decimal, _NULL}, _short_decimals, decimal_number, _size_array),
    "flag": _Form(
        {bool, _NULL},
        lambda _: True,
        _flag,
        _flag_array,
        lambda value: not isinstance(value, bool),
        "are written in another way than true or false, and are read as such",
    ),
}
