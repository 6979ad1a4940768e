"""What a usage request asks for: parameters checked the way OpenAI checks them, and cursors."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from lib.demo.facts import Label
from lib.demo.openai_endpoints import CHOICES, FILTERS, STEPS, ServedEndpoint
from lib.demo.openai_errors import OpenAIRefusal, bad_cursor, bad_value, not_a_choice

Pairs = Sequence[tuple[str, str]]
Filters = tuple[tuple[int, frozenset[Label]], ...]

SCALARS = ("start_time", "end_time", "bucket_width", "limit", "page")


@dataclass(frozen=True)
class UsageQuery:
    """One checked usage request.

    Args:
        width: a key of ``STEPS``.
        low: facts before this are left out; 0 when the buckets say it all.
        high: facts from this on are left out; None when the buckets say it all.
        starts: starts of all buckets that are asked for.
        position: how many of them earlier pages have shown.
        limit: how many of them one page may show.
        group_by: positions in the endpoint's dimensions, ascending.
        filters: positions in the endpoint's dimensions, each with the labels that pass.
        fingerprint: four bytes that bind a cursor to this query.
    """

    width: str
    low: int
    high: int | None
    starts: range
    position: int
    limit: int
    group_by: tuple[int, ...]
    filters: Filters
    fingerprint: bytes


def read_query(endpoint: ServedEndpoint, pairs: Pairs, now: int) -> UsageQuery:
    """The request that query pairs spell out.

    Args:
        endpoint: which endpoint was asked.
        pairs: names and values as they came, brackets included.
        now: Unix seconds; no bucket starts after it.

    Raises:
        OpenAIRefusal: 400 for whatever OpenAI would refuse.
    """
    values = gather(endpoint, pairs)
    width = read_width(endpoint, values)
    step = STEPS[width]
    start, end = read_times(endpoint, values, now, step)
    fingerprint = fingerprint_of(endpoint, values)
    starts = range(start - start % step, min(end, now - now % step + step), step)
    return UsageQuery(
        width=width,
        low=start if start % step else 0,
        high=end if end % step else None,
        starts=starts,
        position=read_position(values, starts, fingerprint),
        limit=read_limit(values, *endpoint.limits[width]),
        group_by=read_groups(endpoint, values),
        filters=read_filters(endpoint, values),
        fingerprint=fingerprint,
    )


def gather(endpoint: ServedEndpoint, pairs: Pairs) -> dict[str, list[str]]:
    """Values by parameter: ``a[]=x&a[]=y``, ``a=x&a=y`` and ``a=x,y`` say the same.

    Line items hold commas themselves, so their commas stay.
    """
    values: dict[str, list[str]] = {}
    for spelled, value in pairs:
        name = spelled.removesuffix("[]")
        if name not in (*SCALARS, "group_by", *endpoint.filters):
            message = f"Unknown parameter: '{name}'."
            raise OpenAIRefusal(400, message, param=name, code="unknown_parameter")
        parts = [value] if name == "line_items" else value.split(",")
        values.setdefault(name, []).extend(part for part in parts if part)
    return values


def read_width(endpoint: ServedEndpoint, values: dict[str, list[str]]) -> str:
    """The bucket width, a day unless asked otherwise."""
    width = values.get("bucket_width", ["1d"])[-1]
    if width not in endpoint.limits:
        raise not_a_choice("bucket_width", width, endpoint.limits)
    return width


def read_times(
    endpoint: ServedEndpoint, values: dict[str, list[str]], now: int, step: int
) -> tuple[int, int]:
    """Start and end in Unix seconds; costs snap both to midnight, so one day needs two dates."""
    if "start_time" not in values:
        raise OpenAIRefusal(
            400,
            "Missing required parameter: 'start_time'.",
            param="start_time",
            code="missing_required_parameter",
        )
    start = read_integer(values, "start_time")
    snap = step if endpoint.name == "costs" else 1
    start -= start % snap
    if "end_time" not in values:
        return start, max(start, now - now % step) + step
    end = read_integer(values, "end_time")
    end -= end % snap
    if end <= start:
        raise bad_value("end_time", "Invalid end_time: it must be after start_time.")
    return start, end


def read_integer(values: dict[str, list[str]], name: str) -> int:
    """A whole number that is not negative."""
    text = values[name][-1] if values[name] else ""
    if not (text.isascii() and text.isdigit()) or len(text) > 11:
        raise bad_value(name, f"Invalid type for '{name}': expected an integer, got '{text}'.")
    return int(text)


def read_limit(values: dict[str, list[str]], default: int, highest: int) -> int:
    """The limit; over the highest one it is refused, never clamped."""
    if "limit" not in values:
        return default
    limit = read_integer(values, "limit")
    if limit > highest:
        raise bad_value(
            "limit",
            f"Invalid limit provided: {limit}. Limit must be less than or equal to {highest}.",
        )
    if limit < 1:
        raise bad_value(
            "limit", f"Invalid limit provided: {limit}. Limit must be greater than or equal to 1."
        )
    return limit


def read_groups(endpoint: ServedEndpoint, values: dict[str, list[str]]) -> tuple[int, ...]:
    """Positions of the dimensions to group by, in the endpoint's own order."""
    wanted = values.get("group_by", [])
    for name in wanted:
        if name not in endpoint.dimensions:
            raise not_a_choice("group_by", name, endpoint.dimensions)
    return tuple(place for place, name in enumerate(endpoint.dimensions) if name in wanted)


def read_filters(endpoint: ServedEndpoint, values: dict[str, list[str]]) -> Filters:
    """Which labels pass, by position of the dimension."""
    filters: list[tuple[int, frozenset[Label]]] = []
    for name in endpoint.filters:
        if name not in values:
            continue
        for value in values[name]:
            if name in CHOICES and value not in CHOICES[name]:
                raise not_a_choice(name, value, CHOICES[name])
        passing: frozenset[Label] = frozenset(values[name])
        if name == "batch":
            passing = frozenset({values[name][-1] == "true"})
        filters.append((endpoint.dimensions.index(FILTERS[name]), passing))
    return tuple(filters)


def fingerprint_of(endpoint: ServedEndpoint, values: dict[str, list[str]]) -> bytes:
    """Four bytes of everything that was asked, save the page."""
    asked = sorted((name, sorted(value)) for name, value in values.items() if name != "page")
    return hashlib.sha256(repr((endpoint.name, asked)).encode()).digest()[:4]


def write_cursor(now: int, fingerprint: bytes, start: int) -> str:
    """``page_`` and base64 of the issue time, the query's fingerprint and the next bucket's start."""
    raw = now.to_bytes(8, "big") + fingerprint + start.to_bytes(8, "big")
    return f"page_{base64.b64encode(raw).decode()}"


def read_position(values: dict[str, list[str]], starts: range, fingerprint: bytes) -> int:
    """How many buckets precede the cursor's; 0 without a cursor."""
    if "page" not in values:
        return 0
    cursor = values["page"][-1] if values["page"] else ""
    try:
        raw = base64.b64decode(cursor.removeprefix("page_"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad_cursor() from error
    start = int.from_bytes(raw[12:], "big")
    if not cursor.startswith("page_") or len(raw) != 20 or raw[8:12] != fingerprint:
        raise bad_cursor()
    if start not in starts:
        raise bad_cursor()
    return starts.index(start)
