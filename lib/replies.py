"""JSON of an upstream to Python: numbers exactly as written and within bounds, text that every file can hold."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any

LARGEST_POWER = 40
"""The power of ten that no number exceeds, upwards or downwards: 41 digits count anything there is,
and sums, files and charts can still write them out digit by digit."""

_MOST_DIGITS = LARGEST_POWER + 1
_LONGEST = 200
_TOO_LONG = b"0" * (_MOST_DIGITS + 1)
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class AbsurdNumber(ValueError):
    """A number that counts nothing; the message says why, and shows how it begins."""

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        super().__init__(f"a number beyond all bounds, {shown}")


def read_json(raw: bytes) -> Any:
    """The value of a JSON text.

    Numbers with a fraction or an exponent become Decimal, exactly as written. Half of a surrogate
    pair, which JSON may spell as ``\\ud800`` and UTF-8 cannot, and bytes that are no UTF-8 become
    U+FFFD.

    Raises:
        AbsurdNumber: a number beyond ``LARGEST_POWER``, NaN or Infinity.
        ValueError: not JSON, or nested too deeply.
    """
    encoding = json.detect_encoding(raw)
    text = raw.decode(encoding, "replace")
    # To look at each whole number takes a third of all reading, and none can be too long in nearly all replies
    all_short = encoding == "utf-8" and _TOO_LONG not in raw.translate(_DIGITS_AS_ZEROS)
    parse_int = None if all_short else read_whole
    try:
        value = json.loads(
            text, parse_float=read_decimal, parse_int=parse_int, parse_constant=_refuse
        )
        return whole_characters(value) if may_have_halves(text) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_decimal(text: str) -> Decimal:
    """A number as it was written.

    Raises:
        AbsurdNumber: beyond ``LARGEST_POWER``, no finite number, or none at all.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise AbsurdNumber(text) from None
    if not is_sane(number) or len(text) > _LONGEST:
        raise AbsurdNumber(text)
    return number


def read_whole(text: str) -> int:
    """A whole number.

    Raises:
        AbsurdNumber: beyond ``LARGEST_POWER``.
    """
    if len(text.removeprefix("-")) > _MOST_DIGITS:
        raise AbsurdNumber(text)
    return int(text)


def is_sane(number: Decimal) -> bool:
    """Whether a number is finite and within ``LARGEST_POWER``."""
    return number.is_finite() and abs(number.adjusted()) <= LARGEST_POWER


def are_sane(numbers: list[Decimal]) -> bool:
    """``is_sane`` of all of them, in a fifth of the time."""
    powers = set(map(Decimal.adjusted, numbers))
    return all(map(Decimal.is_finite, numbers)) and all(
        abs(power) <= LARGEST_POWER for power in powers
    )


def may_have_halves(text: str) -> bool:
    """Whether a JSON text may spell half of a surrogate pair; seldom true where it does not."""
    return "\\ud" in text or "\\uD" in text


def whole_characters(value: Any) -> Any:
    """The same text, or JSON value with all its texts, with U+FFFD for half of a surrogate pair.

    Names of one object that would become the same get further ones at their end, so that no value is
    lost; a name that is whole keeps its form.

    Raises:
        RecursionError: nested too deeply.
    """
    if isinstance(value, str):
        if value.isascii():
            return value
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [whole_characters(item) for item in value]
    if isinstance(value, dict):
        record: dict[str, Any] = {}
        for name, item in value.items():
            mended = whole_characters(name)
            while mended != name and (mended in record or mended in value):
                mended += "\ufffd"
            record[mended] = whole_characters(item)
        return record
    return value


def _refuse(text: str) -> Any:
    raise AbsurdNumber(text)
