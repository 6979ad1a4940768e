"""Rule sets out of files that Excel has had in hands, and into files: every problem is named with its cell."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import count, zip_longest
from typing import Any, NamedTuple

from lib.allocation.rule_set import (
    COLUMNS,
    EVERY,
    OPTIONAL,
    Cell,
    CostCentre,
    ExchangeRate,
    Rate,
    Row,
    Rule,
    RuleSet,
    Share,
)

LARGEST = 5_000_000
"""Bytes of one table."""

MOST_ROWS = 20_000
"""Rows of one table."""

LONGEST_CELL = 1_000
"""Characters of one cell."""

_ROWS = {
    "cost_centres": CostCentre,
    "rules": Rule,
    "shares": Share,
    "rates": Rate,
    "exchange_rates": ExchangeRate,
}
_EMPTY: Mapping[tuple[str, str], Any] = {
    ("shares", "target"): EVERY,
    ("rates", "per"): Decimal(1),
}
_STAND_INS: Mapping[str, Any] = {
    "text": "",
    "month": "",
    "currency": "",
    "whole": 1,
    "decimal": Decimal(1),
}
"""By kind of cell; None for days."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,18}([.,][0-9]{1,18})?")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(\.[0-9]{3})+(,[0-9]+)?|(,[0-9]{3})+(\.[0-9]+)?)")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
_SEPARATORS = ";\t,"
_TOLD_SEPARATOR = re.compile(f"sep=([{_SEPARATORS}])\r?\n", re.IGNORECASE)
"""A first line with which Excel is told what stands between cells; Excel shows no row for it."""


class Problem(NamedTuple):
    """What is wrong, and where: ``row`` as a spreadsheet counts them, 0 for the whole table."""

    table: str
    row: int
    column: str
    what: str

    def __str__(self) -> str:
        row = f", row {self.row}" if self.row else ""
        return f"{self.table}{row}{f', {self.column}' if self.column else ''}: {self.what}"


class Record(NamedTuple):
    """The texts of one row by heading. ``comma``: its decimals may be written with one."""

    row: int
    cells: Mapping[str, str]
    comma: bool = False


def read_tables(files: Mapping[str, bytes]) -> tuple[RuleSet, list[Problem]]:
    """A rule set out of CSV files.

    Args:
        files: table to content, see ``read_file``.

    Returns:
        As ``read_records``.
    """
    problems: list[Problem] = []
    tables: dict[str, list[Record]] = {}
    for table in COLUMNS:
        if table in files:
            tables[table], faults = read_file(table, files[table])
            problems += faults
        elif table not in OPTIONAL:
            problems.append(Problem(table, 0, "", f"there is no {table}.csv."))
    problems += [
        Problem(name[:60], 0, "", f"is none of the tables {', '.join(COLUMNS)}.")
        for name in files
        if name not in COLUMNS
    ]
    rule_set, unread = read_records(tables)
    absent = {(table, key) for table, records in tables.items() for key in _absent(table, records)}
    told_once = [one for one in unread if (one.table, one.column) not in absent]
    return rule_set, problems + told_once


def read_file(table: str, content: bytes) -> tuple[list[Record], list[Problem]]:
    """The rows of one CSV file, and what is wrong with it but for what its cells say.

    Args:
        content: UTF-8 or UTF-16 with or without BOM, or what Excel writes for Windows; commas,
            semicolons or tabs between cells, and after semicolons a decimal comma.
    """
    problems: list[Problem] = []
    return _records(table, content, problems), problems


def _absent(table: str, records: Sequence[Record]) -> set[str]:
    """Required columns that a file has not: named with its heading, and not again in each row."""
    there = records[0].cells if records else {}
    return {cell.key for cell in COLUMNS[table] if cell.required and cell.key not in there}


def read_records(
    tables: Mapping[str, Iterable[Record]],
) -> tuple[RuleSet, list[Problem]]:
    """A rule set out of texts, each at its heading; empty rows are left out.

    Returns:
        The rows, and every cell that could not be read. In its row something stands in for it, so that the
        rest can be checked at once: while there are problems, nobody may use the rows for anything else.
    """
    problems: list[Problem] = []
    rows: dict[str, tuple[Row, ...]] = {}
    for table, records in tables.items():
        read = [
            _row(table, record, problems)
            for record in records
            if any(text.strip() for text in record.cells.values())
        ]
        rows[table] = tuple(row for row in read if row is not None)
    return RuleSet(**rows), problems  # type: ignore[arg-type]  # each table has rows of its kind


def write_tables(rule_set: RuleSet) -> dict[str, bytes]:
    """A CSV file per table, as Excel opens it; ``read_tables`` reads the same rule set from it."""
    return {table: _written(table, rule_set.rows(table)) for table in COLUMNS}


def _written(table: str, rows: Iterable[Mapping[str, str]]) -> bytes:
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, [cell.key for cell in COLUMNS[table]], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({key: _guarded(text) for key, text in row.items()} for row in rows)
    return b"\xef\xbb\xbf" + target.getvalue().encode()


def _guarded(text: str) -> str:
    """No cell is a formula when a spreadsheet opens it; reading takes the sign off again."""
    return f"'{text}" if text.startswith(("=", "+", "@", "-", "'", "\t", "\r")) else text


def _unguarded(text: str) -> str:
    guarded = text.startswith("'") and text[1:2] in ("=", "+", "@", "-", "'", "\t", "\r")
    return text[1:] if guarded else text


def _records(table: str, content: bytes, problems: list[Problem]) -> list[Record]:
    def fault(what: str, row: int = 0) -> None:
        problems.append(Problem(table, row, "", what))

    if len(content) > LARGEST:
        fault(f"it has more than {LARGEST:,} bytes.")
        return []
    text, separator = _told_apart(_decoded(content))
    lines = [*_lines(text, separator, fault)]
    if not lines or "\0" in "".join(lines[0]):
        fault(
            "it is no text; save it as CSV UTF-8."
            if lines
            else "it is empty; its first row names the columns."
        )
        return []
    if len(lines) > MOST_ROWS + 1:
        fault(f"it has more than {MOST_ROWS:,} rows.")
        return []
    keys = [_key(table, heading) for heading in lines[0]]
    for heading, key in zip(lines[0], keys, strict=True):
        if not key and heading.strip():
            known = ", ".join(cell.key for cell in COLUMNS[table])
            fault(f"column {heading.strip()[:40]!r} is unknown; there are {known}.", 1)
    for cell in COLUMNS[table]:
        if cell.required and cell.key not in keys:
            problems.append(Problem(table, 1, cell.key, "this column is missing."))
        if keys.count(cell.key) > 1:
            fault(f"column {cell.key!r} stands there twice.", 1)
    records = []
    for row, cells in enumerate(lines[1:], 2):
        if any(text.strip() for text in cells[len(keys) :]):
            fault(f"it has {len(cells)} cells, and there are {len(keys)} columns.", row)
        named = {
            key: _unguarded(text) for key, text in zip_longest(keys, cells, fillvalue="") if key
        }
        records.append(Record(row, named, separator == ";"))
    return records


def _lines(text: str, separator: str, fault: Callable[[str, int], None]) -> Iterator[list[str]]:
    """The cells of each row; one that cannot be taken apart is empty, and named."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    for row in count(1):
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            fault("a quotation mark in it has no other one, or a cell is far too long.", row)
            yield []


def _decoded(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # Excel's "Unicode text"
        return content.decode("utf-16", errors="replace")
    if content[1:2] == b"\0":  # the same without its mark: headings are ASCII
        return content.decode("utf-16-le", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # "CSV" of an Excel for Windows, other than "CSV UTF-8"
        return content.decode("cp1252", errors="replace")


def _told_apart(text: str) -> tuple[str, str]:
    """The rows, and what stands between their cells: as the first line says, or else as the heading shows."""
    told_so = _TOLD_SEPARATOR.match(text)
    if told_so:
        return text[told_so.end() :], told_so[1]
    heading = text.partition("\n")[0]
    return text, next((sign for sign in _SEPARATORS if sign in heading), ",")


def _key(table: str, heading: str) -> str:
    """Which column a heading means; empty when none."""
    name = heading.strip().lower()
    for cell in COLUMNS[table]:
        if name in (cell.key, cell.key.replace("_", " "), *cell.also):
            return cell.key
    return ""


def _row(table: str, record: Record, problems: list[Problem]) -> Row | None:
    """One row; None where a cell cannot be read that decides what the others mean."""
    values: list[Any] = []
    is_clear = True
    for cell in COLUMNS[table]:
        text = record.cells.get(cell.key, "").strip()
        try:
            value = _value(cell, text, record.comma)
        except ValueError as error:
            problems.append(Problem(table, record.row, cell.key, str(error)))
            is_clear = is_clear and not cell.choices
            value, text = _STAND_INS.get(cell.kind), cell.key
        values.append(_EMPTY.get((table, cell.key), value) if not text else value)
    kind: Callable[..., Row] = _ROWS[table]
    return kind(*values, row=record.row) if is_clear else None


def _value(cell: Cell, text: str, comma: bool) -> Any:
    """What a cell says.

    Raises:
        ValueError: a sentence for people.
    """
    if not text:
        if cell.required:
            raise ValueError("it is empty.")
        return "" if cell.kind in ("text", "month", "currency") else None
    if len(text) > LONGEST_CELL:
        raise ValueError(f"it has more than {LONGEST_CELL:,} characters.")
    if cell.choices and text not in cell.choices:
        raise ValueError(f"{text[:40]!r} is none of {', '.join(cell.choices)}.")
    return _READ[cell.kind](text, comma)


def _text(text: str, comma: bool) -> str:  # noqa: ARG001  # all are called alike
    return text


def _whole(text: str, comma: bool) -> int:  # noqa: ARG001
    if not re.fullmatch("[0-9]{1,9}", text):
        raise ValueError(f"{text[:40]!r} is no whole number, such as 10.")
    return int(text)


def _decimal(text: str, comma: bool) -> Decimal:
    """A number with a point or a comma before its decimals.

    ``1.234`` out of a file with semicolons may be a German thousand, and ``1,234`` out of another one
    an English one: they are refused.
    """
    text = _ungrouped(text.replace("\u00a0", "").replace("\u202f", "").replace(" ", ""))
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number, such as 1234.50.")
    sign = "." if "." in text else ","
    if _THOUSANDS.fullmatch(text) and (sign == ".") == comma:
        whole = text.replace(sign, "")
        raise ValueError(
            f"{text!r} could be {whole} or {text.replace(sign, '.')}: write {whole}, "
            f"or {text.replace(sign, ',' if comma else '.')}0."
        )
    return Decimal(text.replace(",", "."))


def _ungrouped(text: str) -> str:
    """Without the signs between thousands, where two signs leave no doubt that they are such."""
    signs = re.findall("[.,]", text)
    return text.replace(signs[0], "") if len(signs) > 1 and _GROUPED.fullmatch(text) else text


def _date(text: str, comma: bool) -> date:  # noqa: ARG001
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S"):
        try:
            return datetime.strptime(text, form).date()  # days are UTC
        except ValueError:
            continue
    raise ValueError(f"{text[:40]!r} is no day, such as 2026-10-31.")


def _month(text: str, comma: bool) -> str:  # noqa: ARG001
    if not re.fullmatch("20[0-9]{2}-(0[1-9]|1[0-2])", text):
        raise ValueError(f"{text[:40]!r} is no month, such as 2026-10.")
    return text


def _currency(text: str, comma: bool) -> str:  # noqa: ARG001
    if not re.fullmatch("[A-Za-z]{3}", text):
        raise ValueError(f"{text[:40]!r} is no currency, such as USD.")
    return text.upper()


_READ: Mapping[str, Callable[[str, bool], Any]] = {
    "text": _text,
    "whole": _whole,
    "decimal": _decimal,
    "date": _date,
    "month": _month,
    "currency": _currency,
}


def told(contradictions: Iterable[Problem], unread: Sequence[Problem] = ()) -> list[Problem]:
    """All of them in the order of tables and rows, but for what only follows from a cell that could not be read.

    Args:
        contradictions: of what could be read, see ``check``.
        unread: as ``read_tables`` says it.
    """
    cells = {(problem.table, problem.row, problem.column) for problem in unread}
    # Of a missing column, and of weights that add up only together
    columns = {
        (problem.table, problem.column)
        for problem in unread
        if problem.row <= 1 or (problem.table, problem.column) == ("shares", "weight")
    }
    problems = [
        *unread,
        *(
            problem
            for problem in contradictions
            if (problem.table, problem.row, problem.column) not in cells
            and (problem.table, problem.column) not in columns
        ),
    ]
    places = [*COLUMNS]
    return sorted(
        problems,
        key=lambda problem: (
            places.index(problem.table) if problem.table in places else -1,
            problem.row,
            problem.column,
        ),
    )
