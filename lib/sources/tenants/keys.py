"""Keys and values of the counters as Redis holds them: bytes in, parts or a problem out."""

import re
from datetime import date

from lib.periods import months_before
from lib.sources.tenants.tables import PREFIX

LARGEST = 2**63 - 1
"""INCRBY writes no larger number, and a frame holds none."""

READABLE_MONTH = r"^([0-9]{4}-(?:0[1-9]|1[0-2]))(?:-[0-9]{2})?$"
"""Finds the month of a period's text, even if its day is none of the calendar."""

_PREFIX = PREFIX.encode()
_PERIOD = re.compile(rb"(\d{4})-(\d\d)(?:-(\d\d))?")
_INTEGER = re.compile(rb"-?\d+")


class Unreadable(ValueError):
    """A key or a value that is no counter; the text is the problem, in words for a table."""


def split_key(key: bytes) -> tuple[bytes, bytes, bytes]:
    """Tenant, metric and period of ``usage:{tenant_id}:{metric}:{period}``, split from the right.

    Raises:
        Unreadable: there are not three parts, or the metric is empty. The tenant may be empty.
    """
    parts = key.removeprefix(_PREFIX).rsplit(b":", 2)
    if len(parts) != 3 or not parts[1]:
        raise Unreadable("the key has no metric")
    return parts[0], parts[1], parts[2]


def read_period(period: bytes) -> str:
    """A period as text: ``2025-09``, or ``2025-09-14`` if that day exists.

    Raises:
        Unreadable: neither form, or not in the calendar.
    """
    match = _PERIOD.fullmatch(period)
    try:
        if match is None:
            raise ValueError
        date(int(match[1]), int(match[2]), int(match[3] or 1))
    except ValueError:
        raise Unreadable("the key's period is neither YYYY-MM nor a date") from None
    return period.decode("ascii")


def month_of(period: str) -> str:
    """The month a period starts in: ``2025-09`` of ``2025-09-14``."""
    return period[:7]


def read_name(part: bytes) -> str:
    """A tenant id or metric as text.

    Raises:
        Unreadable: not UTF-8.
    """
    try:
        return part.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("the key is not UTF-8") from None


def read_count(value: bytes) -> int:
    """A counter's value. ``int`` alone would also take ``" 7 "``, ``"1_000"`` and ``"+7"``.

    Raises:
        Unreadable: not an integer, negative, or larger than ``LARGEST``.
    """
    if not _INTEGER.fullmatch(value):
        raise Unreadable("not an integer")
    if value.startswith(b"-"):
        raise Unreadable("negative")
    # Python refuses to read thousands of digits; leading zeros do not make a number large.
    digits = value.lstrip(b"0") or b"0"
    if len(digits) > 19 or (number := int(digits)) > LARGEST:
        raise Unreadable("larger than a counter can be")
    return number


def shown(raw: bytes, limit: int = 200) -> str:
    """Bytes as text for a table; what is not UTF-8 is escaped, what is long is cut."""
    text = raw.decode("utf-8", "backslashreplace")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def months_between(first: str, last: str) -> list[str]:
    """Every month from ``first`` to ``last``, both included, as ``2025-09``."""
    end, start = date.fromisoformat(f"{last}-01"), date.fromisoformat(f"{first}-01")
    count = (end.year - start.year) * 12 + end.month - start.month + 1
    return [f"{months_before(end, back):%Y-%m}" for back in range(count - 1, -1, -1)]
