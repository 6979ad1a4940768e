"""Texts that may name a person, in fields that nobody documents: a row has a key in their place, and the names table the text."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from lib.usage.exact import values_of
from lib.usage.measure import Name

MARK = "@"
"""Every address has one, and every key begins with it."""

_FIELDS = ("name", "mail")
"""What is in the name of a field whose texts are names."""

Names = Mapping[tuple[str, str], str]
"""Kind and id to name."""


def is_naming(field: str, value: object) -> bool:
    """Whether a value may name somebody: it holds an address, or stands in a field of names."""
    if not isinstance(value, str) or not value:
        return False
    return MARK in value or any(word in field.lower() for word in _FIELDS)


def key_of(text: str) -> str:
    """The same for the same text, and no name: ``@5f1d7a84db00``."""
    return MARK + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def keyed(field: str, cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """The cells of a field with keys in the place of texts that may name somebody."""
    keys = {value: key_of(value) for value in cells.dropna().unique() if is_naming(field, value)}
    return cells.astype(object).map(lambda value: keys.get(value, value)) if keys else cells


def names_in(
    kind: str, field: str, cells: "pd.Series[Any]", persons: "pd.Series[Any] | None"
) -> set[Name]:
    """What ``keyed`` took out of a field, under ids that ``forget-person`` knows by person and by key.

    Args:
        persons: whose each row is; None where it is nobody's.
    """
    whose: Iterable[Any] = [None] * len(cells) if persons is None else values_of(persons)
    pairs = {*zip(whose, values_of(cells), strict=True)}
    return {
        Name(kind, _id(person, key_of(text)), text)
        for person, text in pairs
        if is_naming(field, text)
    }


def called(kind: str, names: Names, values: Iterable[Any], persons: Iterable[Any]) -> Iterator[Any]:
    """Values with the names that keys stand for; a key whose name is erased stays one."""
    for person, value in zip(persons, values, strict=True):
        is_key = isinstance(value, str) and value.startswith(MARK)
        yield names.get((kind, _id(person, value)), value) if is_key else value


def _id(person: object, key: str) -> str:
    whose = person if isinstance(person, str) else None  # pandas has several words for none
    return json.dumps([whose, key], ensure_ascii=False)
