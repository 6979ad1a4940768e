"""A Report without people's names: e-mail addresses and personal columns under pseudonyms."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from hashlib import blake2b
from secrets import token_bytes
from typing import Any, TypeVar

import pandas as pd

from lib.charts import OTHER, Chart, Levels, Stacks, distinct_labels
from lib.reports.report import Report, Table

T = TypeVar("T")

# Whatever surrounds an @: a label may have been cut off within the domain.
_ADDRESS = re.compile(r"[^\s,;:<>()\[\]{}\"'|]+@[^\s,;:<>()\[\]{}\"'|]*")
_SUFFIX = re.compile(r"(?: \([^()]*\))+$")
_SHORTEST_NAME = 2
_NOBODY = ("Unallocated", "(not split)", OTHER, "")
_OURS = frozenset({"kind", "main_table", "key", "place", "unit", "status"})
"""Fields of a report and its parts that programs go by: never a name, even if somebody is called so."""

_SALT = token_bytes(16)
"""Of this process: nobody can compare a pseudonym with that of an address they know."""


def pseudonym(name: str) -> str:
    """What stands for a person: the same for the same name, until the process ends."""
    return f"person-{blake2b(name.encode(), key=_SALT, digest_size=4).hexdigest()}"


def holds_address(text: str) -> bool:
    """Whether an e-mail address, or what is left of one, stands in a text."""
    return _ADDRESS.search(text) is not None


def hide_people(report: Report) -> Report:
    """The report with a pseudonym for every value of a personal column and every e-mail address.

    They are replaced wherever they stand: in tables, charts, sentences and filters. Numbers, ids
    and the order of rows stay.
    """
    names = {name for table in report.tables for name in _names_in(table)}
    # A chart shortens long names: those are the same people.
    known = {name: pseudonym(name) for name in names}
    known |= {distinct_labels({"": name})[""]: mask for name, mask in known.items()}

    def cell(text: str) -> str:
        if text in known:
            return known[text]
        suffix = _SUFFIX.search(text)
        if suffix and text[: suffix.start()] in known:
            return known[text[: suffix.start()]] + suffix.group()
        if "/" in text:  # Comet names somebody's own workspace like the person: ada/churn
            text = "/".join(known.get(part, part) for part in text.split("/"))
        return _ADDRESS.sub(lambda found: pseudonym(found.group()), text)

    # The longest first: one name may be part of another.
    words = sorted((one for one in known if len(one) >= _SHORTEST_NAME), key=len, reverse=True)

    def sentence(text: str) -> str:
        for name in words:
            if name in text:
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", known[name], text)
        return cell(text)

    tables = tuple(_hidden_table(table, cell, sentence) for table in report.tables)
    rest = {
        field.name: _hidden(getattr(report, field.name), cell, sentence)
        for field in fields(report)
        if field.init and field.name not in ("tables", *_OURS)
    }
    return replace(report, tables=tables, **rest)


def _names_in(table: Table) -> list[str]:
    found = []
    for column in table.columns:
        if column.personal and column.key in table.frame:
            for value in table.frame[column.key].dropna().unique():
                found += str(value).split(", ") if column.kind == "list" else [str(value)]
    return [name for name in found if name not in _NOBODY]


def _hidden_table(
    table: Table, cell: Callable[[str], str], sentence: Callable[[str], str]
) -> Table:
    """A table's keys and headings are ours: only what stands under them is hidden."""
    lists = {column.key for column in table.columns if column.kind == "list"}
    frame = _hidden_frame(table.frame, cell, lists)
    return replace(table, frame=frame, note=sentence(table.note))


def _hidden_frame(
    frame: pd.DataFrame, cell: Callable[[str], str], lists: set[str] | None = None
) -> pd.DataFrame:
    """The frame with hidden texts: each distinct one is looked at once."""
    changed: dict[str, pd.Series[Any]] = {}
    for key in frame.columns:
        column = frame[key]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        separator = ", " if lists and key in lists else None
        masks = {}
        for value in column.dropna().unique():
            if isinstance(value, str):
                parts = value.split(separator) if separator else [value]
                mask = (separator or "").join(cell(part) for part in parts)
                if mask != value:
                    masks[value] = mask
        if masks:
            plain = column.astype(object).map(lambda one, masks=masks: masks.get(one, one))
            dtype = column.dtype
            if isinstance(dtype, pd.CategoricalDtype):
                order = dict.fromkeys(masks.get(one, one) for one in dtype.categories)
                dtype = pd.CategoricalDtype([*order], dtype.ordered)
            changed[key] = plain.astype(dtype)
    return frame.assign(**changed) if changed else frame


def _hidden(value: Any, cell: Callable[[str], str], sentence: Callable[[str], str]) -> Any:
    """Anything of a report but its tables, with its texts hidden."""
    if isinstance(value, str):
        return sentence(value)
    if isinstance(value, pd.DataFrame):
        return _hidden_frame(value, cell)
    if isinstance(value, Chart):
        return _hidden_chart(value, cell)
    return _hidden_parts(value, cell, sentence)


def _hidden_parts(value: Any, cell: Callable[[str], str], sentence: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(one, cell, sentence) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_hidden(one, cell, sentence) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in fields(value) if one.init and one.name not in _OURS]
        parts = {name: _hidden(getattr(value, name), cell, sentence) for name in names}
        return replace(value, **parts)
    return value


def _hidden_chart(chart: Chart, cell: Callable[[str], str]) -> Chart:
    """A chart whose bars, lines and legend name nobody; its axis and units name none anyway."""
    named = chart.frame.columns.intersection(["label", "series"])
    hidden = _hidden_frame(chart.frame[named], cell)
    frame = chart.frame.assign(**{key: hidden[key] for key in named})
    if isinstance(chart, Stacks | Levels):
        return replace(chart, frame=frame, series=(*map(cell, chart.series),))
    return replace(chart, frame=frame)
