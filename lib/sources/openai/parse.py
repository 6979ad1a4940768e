"""Replies of the usage and costs endpoints into columns, without losing or inventing anything."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, InstanceOf, ValidationError

from lib.errors import SourceReplyError
from lib.replies import are_sane, is_sane
from lib.sources.openai.tables import COSTS, DIMENSIONS, METRICS, NOT_METRICS
from lib.usage.exact import LARGEST_INT64

_NULL = type(None)
_LAST_SECOND = 253_402_300_800  # the end of the year 9999: a day of milliseconds lies far beyond
_RENAMED = {"date": "reply_date", "endpoint_type": "reply_endpoint_type"}
"""Names of our own columns, and what an undocumented field of that name is kept as."""


def _seconds(value: Any) -> int:
    """Unix seconds of a time that can be written as a date."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("it is not a number of seconds")  # pydantic wants this one
    if not 0 <= value <= _LAST_SECOND or value != int(value):
        raise ValueError("it is not a time in Unix seconds")
    return int(value)


Seconds = Annotated[int, BeforeValidator(_seconds)]


class BucketReply(BaseModel):
    """One bucket of a page."""

    start_time: Seconds
    end_time: Seconds
    results: list[InstanceOf[dict[str, Any]]]  # checked, not copied: rows are many


class PageReply(BaseModel):
    """The envelope of usage and costs replies."""

    data: list[BucketReply]
    has_more: bool
    next_page: str | None = None


@dataclass(frozen=True)
class ParsedBucket:
    """One bucket: its start and end in Unix seconds, and its columns of equal length."""

    start: int
    end: int
    rows: int
    columns: dict[str, list[Any]]


def parse_page(payload: Any, endpoint: str, source: str) -> tuple[list[ParsedBucket], bool]:
    """The buckets of one page, and whether the upstream says that more follow.

    Columns are named as on the wire. Documented metrics are int, dimensions are text (``batch``:
    bool), amounts are split into ``amount`` (Decimal) and ``currency``. Undocumented fields are kept:
    whole numbers as they are, anything else as text; one that bears the name of a column of ours
    gets another name. Missing and null are both None; a column that is None throughout is left out.

    Args:
        payload: the parsed JSON.
        endpoint: a name of ``ENDPOINTS``, or ``costs``.
        source: named in errors.

    Raises:
        SourceReplyError: not the documented shape; names the field.
    """
    try:
        page = PageReply.model_validate(payload)
    except ValidationError as error:
        raise misshapen(source, "the reply", error) from None
    buckets = []
    for bucket in page.data:
        columns = _transposed(bucket.results)
        if endpoint == COSTS:
            columns |= _money(columns.get("amount") or [None] * len(bucket.results), source)
        buckets.append(
            ParsedBucket(
                bucket.start_time, bucket.end_time, len(bucket.results), _parsed(columns, source)
            )
        )
    return buckets, page.has_more


def misshapen(source: str, what: str, error: ValidationError) -> SourceReplyError:
    """That a reply, or a part of it, is not as documented: names the first wrong field, and quotes nothing."""
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(step) for step in first["loc"]) or "the reply"
    return SourceReplyError(source, f"{what} lacks its documented shape: {field}: {first['msg']}.")


def _transposed(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns; a field that a row lacks is None there."""
    shapes = set(map(tuple, rows))
    if len(shapes) == 1:  # as nearly always, and then it takes a third of the time
        return dict(zip(*shapes, map(list, zip(*map(dict.values, rows), strict=True)), strict=True))
    names = dict.fromkeys(chain.from_iterable(rows))
    return {name: [row.get(name) for row in rows] for name in names}


def _parsed(raw: dict[str, list[Any]], source: str) -> dict[str, list[Any]]:
    columns = {}
    for name, values in raw.items():
        if name in NOT_METRICS:
            continue
        kinds = set(map(type, values))
        if kinds == {_NULL}:
            continue
        parsed = _KINDS.get(name, _parse_unknown)(values, kinds, name, source)
        if any(value is not None for value in parsed):
            columns[_RENAMED.get(name, name)] = parsed
    return columns


def _money(amounts: list[Any], source: str) -> dict[str, list[Any]]:
    """Amounts of ``{value, currency}`` as two columns, both None where there is none."""
    known = [{} if amount is None else amount for amount in amounts]
    if not all(isinstance(amount, dict) for amount in known):
        raise SourceReplyError(source, "amount is not an object with value and currency.")
    currencies = [amount.get("currency") for amount in known]
    return {
        "amount": [amount.get("value") for amount in known],
        "currency": [
            None if currency is None else str(currency).strip().upper() or None
            for currency in currencies
        ],
    }


def _parse_ints(values: list[Any], kinds: set[type], name: str, source: str) -> list[Any]:
    if kinds <= {int, _NULL} and _countable(values):
        return values
    return [value if value is None else _whole(value, name, source) for value in values]


def _countable(values: list[Any]) -> bool:
    known = [value for value in values if value is not None]
    return not known or (min(known) >= -LARGEST_INT64 and max(known) <= LARGEST_INT64)


def _whole(value: Any, name: str, source: str) -> int:
    """An integer that was written as 3.0 or "3"; anything else is refused, not rounded."""
    number = _number(value, name, source)
    if number != number.to_integral_value() or not _countable([number]):
        raise SourceReplyError(source, f"{name} is {str(value)[:40]!r}, not a whole number.")
    return int(number)


def _parse_decimals(values: list[Any], kinds: set[type], name: str, source: str) -> list[Any]:
    if kinds <= {Decimal, _NULL} and are_sane([value for value in values if value is not None]):
        return values
    return [value if value is None else _number(value, name, source) for value in values]


def _number(value: Any, name: str, source: str) -> Decimal:
    try:
        if isinstance(value, bool):
            raise InvalidOperation
        number = Decimal(str(value).strip())
        if not is_sane(number):
            raise InvalidOperation
    except InvalidOperation as error:
        raise SourceReplyError(source, f"{name} is {str(value)[:40]!r}, not a number.") from error
    return number


def _parse_texts(values: list[Any], kinds: set[type], *_context: object) -> list[Any]:
    # The same few ids stand in thousands of rows: keep each once.
    if kinds == {str}:
        return [*map(sys.intern, values)]
    if kinds <= {str, _NULL}:
        return [value if value is None else sys.intern(value) for value in values]
    return [value if value is None else sys.intern(_text(value)) for value in values]


def _parse_labels(values: list[Any], kinds: set[type], *_context: object) -> list[Any]:
    """Texts of which an empty one names nothing: it is missing."""
    return [value or None for value in _parse_texts(values, kinds)]


def _parse_bools(values: list[Any], kinds: set[type], name: str, source: str) -> list[Any]:
    if kinds <= {bool, _NULL}:
        return values
    raise SourceReplyError(source, f"{name} is neither true, false nor null.")


def _parse_unknown(values: list[Any], kinds: set[type], name: str, source: str) -> list[Any]:
    if kinds <= {int, _NULL} and _countable(values):
        return values
    return _parse_texts(values, kinds, name, source)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_KINDS: dict[str, Callable[[list[Any], set[type], str, str], list[Any]]] = {
    **dict.fromkeys(METRICS, _parse_ints),
    **{key: _parse_bools if dim.boolean else _parse_labels for key, dim in DIMENSIONS.items()},
    **dict.fromkeys(("line_item", "currency", "quantity_unit"), _parse_labels),
    **dict.fromkeys(("amount", "quantity"), _parse_decimals),
}
