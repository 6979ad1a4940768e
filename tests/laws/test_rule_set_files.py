"""Laws of rule sets in files: what is written is read again, and nothing that is wrong goes unnamed."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lib.allocation.changes import changes
from lib.allocation.check import check
from lib.allocation.names import Named, resolve
from lib.allocation.read import Record, read_records, read_tables, write_tables
from lib.allocation.rule_set import (
    COLUMNS,
    FIELDS,
    METHODS,
    CostCentre,
    ExchangeRate,
    Rate,
    Rule,
    RuleSet,
    Share,
)
from lib.reports.ledger.platforms import METRICS
from tests.support.report_strategies import HOSTILE

MONTHS = ("2026-09", "2026-10")
ROUGH = (
    "a,b;c\td",
    '"',
    '""";',
    "'",
    "'=1",
    "''",
    "\x00",
    "é\u2028ü",
    "🚀\u200d🚀",
    "-",
    "=",
    "4711",
)
HEADINGS = {table: [cell.key for cell in cells] for table, cells in COLUMNS.items()}

WHOLE = [text for text in HOSTILE if text == text.encode(errors="ignore").decode()]
"""Without lone surrogates, which no file and no answer brings."""

any_text = st.sampled_from([*WHOLE, *ROUGH]) | st.text(max_size=20)
texts = any_text.map(str.strip)
"""As they stand in a rule set: cells are read without blanks around them."""
words = texts.filter(bool)
days = st.none() | st.dates(date(1, 1, 1), date(9999, 12, 31))
numbers = st.decimals(-(10**17), 10**17, places=18) | st.decimals(-(10**17), 10**17, places=2)
currencies = st.sampled_from(["EUR", "USD", "JPY"])
months = st.sampled_from(MONTHS)
spans = {"valid_from": days, "valid_to": days}

rule_sets = st.builds(
    RuleSet,
    *(
        st.lists(rows, max_size=4).map(tuple)
        for rows in (
            st.builds(
                CostCentre,
                *(words, texts, texts, texts, st.none() | numbers, st.just("") | currencies),
                **spans,
            ),
            st.builds(
                Rule,
                *(st.integers(0, 10**9 - 1), texts, st.sampled_from(FIELDS), texts, texts, words),
                **spans,
            ),
            st.builds(
                Share,
                *(words, st.sampled_from(METHODS), words, st.none() | numbers, texts, texts),
                **spans,
            ),
            st.builds(Rate, words, words, numbers, numbers, currencies, days),
            st.builds(ExchangeRate, months, currencies, currencies, numbers, texts),
        )
    ),
)


@given(rule_sets)
def test_what_is_written_is_read_again_whatever_stands_in_it(rule_set: RuleSet) -> None:
    again, problems = read_tables(write_tables(rule_set))
    assert problems == []
    assert again.sha256 == rule_set.sha256
    assert changes(rule_set, again) == []
    assert write_tables(again) == write_tables(rule_set)


@given(rule_sets)
def test_no_cell_is_a_formula_to_the_spreadsheet_that_opens_it(rule_set: RuleSet) -> None:
    for table, content in write_tables(rule_set).items():
        for cells in rule_set.rows(table):
            for text in cells.values():
                if text.startswith(("=", "+", "-", "@")):
                    assert f"'{text}".replace('"', '""').encode() in content


@given(rule_sets, st.lists(st.tuples(words, any_text), min_size=1, max_size=4))
def test_with_names_of_anybody_filled_in_it_is_still_read_again(
    rule_set: RuleSet, called: list[tuple[str, str]]
) -> None:
    names = [Named("openai", "project", identity, name * 400) for identity, name in called]
    rules = [Rule(1, "openai", "sub_account", name.id, "", "4711") for name in names]
    resolved, _ = resolve(RuleSet(rule_set.cost_centres, tuple(rules)), names)
    tables = {
        table: [Record(row, cells) for row, cells in enumerate(resolved.rows(table), 2)]
        for table in COLUMNS
    }
    again, problems = read_records(tables)
    assert problems == []
    assert again.sha256 == resolved.sha256


WRONG = {
    ("cost_centres", "budget"): "much",
    ("cost_centres", "currency"): "€",
    ("cost_centres", "valid_from"): "2026-02-30",
    ("cost_centres", "id"): "",
    ("rules", "priority"): "first",
    ("rules", "field"): "person",
    ("rules", "cost_centre"): " ",
    ("rules", "valid_to"): "31.31.2026",
    ("shares", "method"): "halves",
    ("shares", "weight"): "50 %",
    ("rates", "price"): "1,2,3",
    ("rates", "per"): "million",
    ("rates", "currency"): "",
    ("exchange_rates", "month"): "October",
    ("exchange_rates", "rate"): "",
}
RIGHT = {
    "cost_centres": {"id": "4711", "name": "Sales"},
    "rules": {"priority": "1", "field": "sku", "pattern": "a", "cost_centre": "4711"},
    "shares": {"source": "unallocated", "method": "even"},
    "rates": {"platform": "tenants", "metric": "requests", "price": "1", "currency": "EUR"},
    "exchange_rates": {"month": "2026-10", "from": "EUR", "to": "USD", "rate": "1.1"},
}
Faults = dict[str, list[set[str]]]
"""Table to the columns of each row that are wrong; none of a row that is right."""


def _faults(table: str) -> Any:
    columns = [column for of_table, column in WRONG if of_table == table]
    return st.lists(st.sets(st.sampled_from(columns)), max_size=5)


def _file(table: str, rows: list[set[str]]) -> bytes:
    lines = [";".join(HEADINGS[table])]
    for wrong in rows:
        cells = RIGHT[table] | {column: WRONG[table, column] for column in wrong}
        lines.append(";".join(cells.get(key, "") for key in HEADINGS[table]))
    return "\r\n".join(lines).encode()


@given(st.fixed_dictionaries({table: _faults(table) for table in COLUMNS}))
def test_every_wrong_cell_is_named_at_once_and_every_row_whose_sense_is_clear_is_read(
    faults: Faults,
) -> None:
    rule_set, problems = read_tables({table: _file(table, faults[table]) for table in COLUMNS})
    assert sorted(problem[:3] for problem in problems) == sorted(
        (table, row, column)
        for table, rows in faults.items()
        for row, wrong in enumerate(rows, 2)
        for column in wrong
    )
    for table, rows in faults.items():
        choices = {cell.key for cell in COLUMNS[table] if cell.choices}
        clear = [row for row, wrong in enumerate(rows, 2) if not wrong & choices]
        assert [row.row for row in getattr(rule_set, table)] == clear


@given(st.dictionaries(st.sampled_from([*COLUMNS, "more"]), st.binary(max_size=300)))
def test_no_file_at_all_makes_reading_fail(files: dict[str, bytes]) -> None:
    rule_set, problems = read_tables(files)
    check(rule_set, METRICS)
    named = {problem.table for problem in problems}
    assert {"cost_centres", "rules"} - {*files} <= named
    assert "more" not in files or "more" in named


@given(st.dictionaries(st.sampled_from([*COLUMNS]), st.lists(st.lists(any_text, max_size=9))))
def test_no_cells_at_all_make_reading_fail(tables: dict[str, list[list[str]]]) -> None:
    records = {
        table: [
            Record(row, dict(zip(HEADINGS[table], cells, strict=False)))
            for row, cells in enumerate(rows, 2)
        ]
        for table, rows in tables.items()
    }
    rule_set, problems = read_records(records)
    check(rule_set, METRICS)
    told = {(problem.table, problem.row) for problem in problems}
    for table, rows in records.items():
        kept = {row.row for row in getattr(rule_set, table)}
        filled = {row.row for row in rows if any(map(str.strip, row.cells.values()))}
        assert filled == kept | {row for of, row in told if of == table}
