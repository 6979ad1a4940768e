"""Reads one long member of a JSON reply; a large one entry by entry, never held as objects at once."""

import json
import re
from collections.abc import Callable
from math import inf
from typing import Any

import orjson

from lib.replies import AbsurdNumber, may_have_halves, read_whole, whole_characters

AT_ONCE = 4_000_000
"""Bytes of a reply that a parser may have whole: some 20 milliseconds in which nothing else runs."""

_space = re.compile(r"[ \t\n\r]*").match
Decode = Callable[[str, int], tuple[Any, int]]
"""The value that begins at a place of a text, and where it ends."""


def _whole_number(text: str) -> float:
    """One beyond all bounds is infinite: whoever reads it knows no such number."""
    try:
        return read_whole(text)
    except AbsurdNumber:
        return inf


_usual = json.JSONDecoder().raw_decode
_bounded = json.JSONDecoder(parse_int=_whole_number).raw_decode  # three times slower


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        return _usual(text, at)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads no number of thousands of digits
        return _bounded(text, at)


def _decode_whole_characters(text: str, at: int) -> tuple[Any, int]:
    value, end = _decode(text, at)
    return whole_characters(value), end


def read_entries(raw: bytes, name: str, take: Callable[[str, Any], None]) -> dict[str, Any]:
    """Hands every entry of one member to ``take``; other members are returned.

    Between two entries of a large reply other threads get their turn: a parser itself never lets go.
    What no server means is read as its size wants it: whole numbers beyond 64 bits may come as floats,
    and of two members with one name the first, the last or both. Half of a surrogate pair, and bytes
    that are no UTF-8, become U+FFFD.

    Args:
        raw: a JSON object with that member: an object or an array. Null says nothing of how many there are.
        take: called with key and value; the key of an array's entry is empty.

    Raises:
        ValueError: not JSON, not an object, or without that member.
    """
    if len(raw) <= AT_ONCE:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            pass  # NaN, half a character, another encoding: the other parser is not so strict
        else:
            return _whole(document, name, take)
    text = raw.decode(json.detect_encoding(raw), "replace")
    decode = _decode_whole_characters if may_have_halves(text) else _decode
    return _piece_by_piece(text, name, take, decode)


def _whole(document: Any, name: str, take: Callable[[str, Any], None]) -> dict[str, Any]:
    if not isinstance(document, dict) or name not in document:
        raise ValueError(f"no member {name}")
    member = document.pop(name)
    if isinstance(member, dict):
        for key, value in member.items():
            take(key, value)
    elif isinstance(member, list):
        for value in member:
            take("", value)
    else:
        raise ValueError("neither an object nor an array")
    return document


def _piece_by_piece(
    text: str, name: str, take: Callable[[str, Any], None], decode: Decode
) -> dict[str, Any]:
    others: dict[str, Any] = {}
    has_member = False
    place = _open(text, _after_space(text, 0), "{")
    while place >= 0:
        key, place = _key(text, place, decode)
        if key != name:
            others[key], place = decode(text, place)
        else:
            has_member = True
            place = _entries(text, place, take, decode)
        place = _next(text, place, "}")
    if not has_member:
        raise ValueError(f"no member {name}")
    return others


def _entries(text: str, place: int, take: Callable[[str, Any], None], decode: Decode) -> int:
    """Walks over an object or array; where it ends."""
    opening = text[place : place + 1]
    if opening not in ("{", "["):
        raise ValueError("neither an object nor an array")
    closing = "}" if opening == "{" else "]"
    end = _after_space(text, place + 1)
    if text[end : end + 1] == closing:
        return end + 1
    place = end
    while True:
        key = ""
        if closing == "}":
            key, place = _key(text, place, decode)
        value, place = decode(text, place)
        take(key, value)
        place = _after_space(text, place)
        if text[place : place + 1] == closing:
            return place + 1
        place = _after_space(text, _expect(text, place, ","))


def _open(text: str, place: int, opening: str) -> int:
    """Where the first member begins; -1 for an object without any."""
    place = _after_space(text, _expect(text, place, opening))
    return -1 if text[place : place + 1] == "}" else place


def _next(text: str, place: int, closing: str) -> int:
    """Where the next member begins; -1 at the end of the object, which ends the text."""
    place = _after_space(text, place)
    if text[place : place + 1] != closing:
        return _after_space(text, _expect(text, place, ","))
    if _after_space(text, place + 1) != len(text):
        raise ValueError("more than one value")
    return -1


def _key(text: str, place: int, decode: Decode) -> tuple[str, int]:
    """A member's name, and where its value begins."""
    key, place = decode(text, place)
    if not isinstance(key, str):
        raise ValueError("a name that is no text")
    return key, _after_space(text, _expect(text, _after_space(text, place), ":"))


def _expect(text: str, place: int, sign: str) -> int:
    if text[place : place + 1] != sign:
        raise ValueError(f"no {sign} at {place}")
    return place + 1


def _after_space(text: str, place: int) -> int:
    match = _space(text, place)
    return match.end() if match else place
