"""Rule sets out of files as people's spreadsheets write them; what cannot be read is named with its cell."""

from datetime import date
from decimal import Decimal

import pytest

from lib.allocation.read import LARGEST, LONGEST_CELL, MOST_ROWS, Problem, read_tables, write_tables
from lib.allocation.rule_set import COLUMNS, CostCentre, ExchangeRate, Rate, Rule, RuleSet, Share

RULES = b"priority,platform,field,pattern,name,cost_centre\r\n"
CENTRES = b"id,name\r\n4711,Sales\r\n"

SALES = CostCentre(
    *("4711", "Vertrieb", "ann@x.example group:sales", "s@x.example"),
    *(Decimal("1234.50"), "EUR", date(2026, 10, 1), date(2026, 12, 31)),
)


def read(centres: bytes | str) -> tuple[RuleSet, list[Problem]]:
    """Cost centres of a file, beside a table of rules without rows."""
    content = centres.encode() if isinstance(centres, str) else centres
    return read_tables({"cost_centres": content, "rules": RULES})


def budget(text: str, separator: str = ";") -> Decimal | str:
    """What a cell of money is read as, or why not."""
    rows = ("id", "budget", "currency"), ("4711", f'"{text}"', "EUR")
    rule_set, problems = read("\r\n".join(separator.join(row) for row in rows))
    if problems:
        (problem,) = problems
        assert problem[:3] == ("cost_centres", 2, "budget")
        return problem.what
    (centre,) = rule_set.cost_centres
    assert centre.budget is not None
    return centre.budget


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["unix", "windows", "old mac"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with BOM"])
@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_german_spreadsheet_is_read_as_it_was_meant(
    separator: str, mark: bytes, end: str
) -> None:
    rows = (
        "id;name;owner;email;budget;currency;valid_from;valid_to",
        "4711;Vertrieb;ann@x.example group:sales;s@x.example;1.234,50;EUR;01.10.2026;31.12.2026",
    )
    text = end.join(rows).replace(";", separator) + end
    assert read(mark + text.encode()) == (RuleSet((SALES,)), [])


def test_an_english_spreadsheet_is_read_as_it_was_meant() -> None:
    text = (
        "id,name,owner,email,budget,currency,valid_from,valid_to\n"
        '4711,Vertrieb,ann@x.example group:sales,s@x.example,"1,234.50",EUR,2026-10-01,'
        "2026-12-31 00:00:00\n"
    )
    assert read(text) == (RuleSet((SALES,)), [])


def test_what_excel_writes_for_windows_keeps_its_umlauts() -> None:
    text = "id;name\r\n4711;Öffentlichkeit – 5 €\r\n"
    rule_set, problems = read(text.encode("cp1252"))
    assert (rule_set.names, problems) == ({"4711": "Öffentlichkeit – 5 €"}, [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"], ids=["with BOM", "without"])
def test_unicode_text_of_excel_is_read(encoding: str) -> None:
    rule_set, problems = read("id\tname\r\n4711\tÖffentlichkeit 漢\r\n".encode(encoding))
    assert (rule_set.names, problems) == ({"4711": "Öffentlichkeit 漢"}, [])


@pytest.mark.parametrize(("separator", "amount"), [(";", "1,5"), (",", "1.5"), ("\t", "1.5")])
def test_a_first_line_that_tells_excel_the_separator_is_no_row(separator: str, amount: str) -> None:
    rows = ("id", "budget", "currency"), ("4711", amount, "EUR"), ("4712", "much", "EUR")
    text = "\r\n".join((f"sep={separator}", *map(separator.join, rows)))
    rule_set, (problem,) = read(text)
    assert rule_set.cost_centres[0].budget == Decimal("1.5")
    assert problem[:3] == ("cost_centres", 3, "budget"), "as the spreadsheet counts"


@pytest.mark.parametrize("content", [b"PK\x03\x04\0\0\0", "id,name\n".encode("utf-16-be")])
def test_what_is_no_text_is_said_to_be_none(content: bytes) -> None:
    assert [str(problem) for problem in read(content)[1]] == [
        "cost_centres: it is no text; save it as CSV UTF-8."
    ]


def test_headings_are_known_by_any_case_with_spaces_and_by_their_other_names() -> None:
    heading = " ID ,Name,OWNER,E-Mail,Monthly Budget,Currency,Valid From,valid to\n"
    text = heading + "4711,Vertrieb,ann@x.example group:sales,s@x.example,1234.5,eur,2026-10-01,"
    rule_set, problems = read(text + "2026-12-31\n")
    assert (rule_set.cost_centres, problems) == ((SALES,), [])
    named, unknown = read("id,monthly_budget,currency\n4711,5,EUR\n")
    assert (named.cost_centres[0].budget, unknown) == (5, [])


def test_columns_stand_in_any_order_and_those_that_may_be_left_out_are_empty() -> None:
    content = b"cost_centre,pattern,field,priority\n4711,proj_a,sub_account,10\n"
    rule_set, problems = read_tables({"cost_centres": CENTRES, "rules": content})
    assert rule_set.rules == (Rule(10, "", "sub_account", "proj_a", "", "4711"),)
    assert problems == []


def test_cells_that_say_nothing_have_their_usual_meaning() -> None:
    rule_set, problems = read_tables(
        {
            "cost_centres": CENTRES,
            "rules": RULES,
            "shares": b"source,method\nunallocated,even\n",
            "rates": b"platform,metric,price,currency\ntenants,requests,0.5,usd\n",
        }
    )
    assert problems == []
    assert rule_set.shares == (Share("unallocated", "even", "*"),)
    assert rule_set.rates == (Rate("tenants", "requests", Decimal("0.5"), Decimal(1), "USD"),)


@pytest.mark.parametrize(
    ("text", "separator", "value"),
    [
        ("1234,5", ";", "1234.5"),
        ("1.234,50", ";", "1234.50"),
        ("1.234.567,89", ";", "1234567.89"),
        ("1.234.567", ";", "1234567"),
        ("1.234.567", ",", "1234567"),
        ("1,234,567.5", ",", "1234567.5"),
        ("1,234,567.5", ";", "1234567.5"),
        ("1\u00a0234,5", ";", "1234.5"),
        ("1\u202f234,5", ";", "1234.5"),
        ("-0,5", ";", "-0.5"),
        ("1.5", ";", "1.5"),
        ("1,234", ";", "1.234"),
        ("1.234", ",", "1.234"),
        ("0.123", ";", "0.123"),
        ("12,5", ",", "12.5"),
        ("0,000000000000000001", ";", "1e-18"),
    ],
)
def test_a_number_is_read_as_its_spreadsheet_shows_it(
    text: str, separator: str, value: str
) -> None:
    assert budget(text, separator) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "separator", "readings"),
    [
        ("1.234", ";", ("1234", "1.234", "1,2340")),
        ("1,234", ",", ("1234", "1.234", "1.2340")),
        ("-12.345", ";", ("-12345", "-12.345", "-12,3450")),
        ("1.234", "\t", ("1.234",)),
    ],
)
def test_a_number_that_could_be_two_is_refused_with_both_unless_its_separator_tells(
    text: str, separator: str, readings: tuple[str, ...]
) -> None:
    found = budget(text, separator)
    if len(readings) == 1:  # tabs come from anywhere, as commas do
        assert found == Decimal(readings[0])
    else:
        whole, fraction, clear = readings
        assert found == (f"{text!r} could be {whole} or {fraction}: write {whole}, or {clear}.")
        assert budget(clear, separator) == Decimal(fraction)
        assert budget(whole, separator) == Decimal(whole)


@pytest.mark.parametrize(
    "text",
    [
        *("ten", "1e5", "NaN", "Infinity", "0x10", "1.2.3", "1,23,456", "5 EUR", "--1", "١٢"),
        *("1" * 19, "1.234.567.890.123.456.789"),
    ],
)
def test_what_is_no_number_is_said_to_be_none(text: str) -> None:
    assert "is no number" in str(budget(text))


@pytest.mark.parametrize(
    ("column", "text", "what"),
    [
        ("valid_from", "31.02.2026", "'31.02.2026' is no day"),
        ("valid_from", "10/31/2026", "'10/31/2026' is no day"),
        ("valid_to", "soon", "'soon' is no day"),
        ("currency", "EURO", "'EURO' is no currency"),
        ("id", "  ", "it is empty"),
        ("name", "x" * (LONGEST_CELL + 1), "more than 1,000 characters"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(column: str, text: str, what: str) -> None:
    row = {"id": "4711", column: text}
    _, (problem,) = read(f"{','.join([*row, 'owner'])}\n{','.join([*row.values(), 'me'])}\n")
    assert problem[:3] == ("cost_centres", 2, column)
    assert what in problem.what


@pytest.mark.parametrize(
    ("table", "content", "column", "what"),
    [
        ("rules", "priority,field,pattern,cost_centre\n1.5,sku,a,4711\n", "priority", "whole"),
        ("rules", "priority,field,pattern,cost_centre\n-1,sku,a,4711\n", "priority", "whole"),
        ("rules", "priority,field,pattern,cost_centre\n1,model,a,4711\n", "field", "none of acc"),
        ("shares", "source,method\nx,half\n", "method", "none of even, fixed, proportional"),
        ("exchange_rates", "month,from,to,rate\n2026-13,EUR,USD,1\n", "month", "no month"),
        ("exchange_rates", "month,from,to,rate\n2026-1,EUR,USD,1\n", "month", "no month"),
    ],
)
def test_a_cell_of_any_table_is_named(table: str, content: str, column: str, what: str) -> None:
    files = {"cost_centres": CENTRES, "rules": RULES} | {table: content.encode()}
    _, (problem,) = read_tables(files)
    assert problem[:3] == (table, 2, column)
    assert what in problem.what


def test_a_row_that_cannot_be_read_loses_nothing_else_and_rows_are_counted_as_shown() -> None:
    rule_set, problems = read(
        "id,valid_from\n"  # 1
        "one,\n"
        "\n"
        ",,,\n"
        "two,never\n"  # 5
        '"three\nlines",2026-10-01\n'
        "four,2026-02-30\n"  # 7, as a spreadsheet counts
        "five,\n"
    )
    ids = ["one", "two", "three\nlines", "four", "five"]
    assert [centre.id for centre in rule_set.cost_centres] == ids, (
        "what is wrong with the rest is told, too"
    )
    assert [centre.row for centre in rule_set.cost_centres] == [2, 5, 6, 7, 8]
    assert [problem[:3] for problem in problems] == [
        ("cost_centres", 5, "valid_from"),
        ("cost_centres", 7, "valid_from"),
    ]


def test_cells_beyond_the_columns_are_named_and_empty_ones_pass() -> None:
    rule_set, problems = read("id,name\n1,a,b\n2,b,,\n3\n")
    assert [str(problem) for problem in problems] == [
        "cost_centres, row 2: it has 3 cells, and there are 2 columns."
    ]
    assert [centre.id for centre in rule_set.cost_centres] == ["1", "2", "3"]


def test_columns_that_are_unknown_missing_or_there_twice_are_named_at_once() -> None:
    _, problems = read_tables(
        {
            "cost_centres": b"name,budget,Monthly budget,colour,\n",
            "rules": b"priority,field,pattern\n",
        }
    )
    known = ", ".join(cell.key for cell in COLUMNS["cost_centres"])
    assert sorted(map(str, problems)) == [
        "cost_centres, row 1, id: this column is missing.",
        "cost_centres, row 1: column 'budget' stands there twice.",
        f"cost_centres, row 1: column 'colour' is unknown; there are {known}.",
        "rules, row 1, cost_centre: this column is missing.",
    ]


def test_a_missing_column_is_named_once_and_not_in_each_row() -> None:
    _, problems = read("name,budget\nSales,\nRisk,much\n")
    assert [str(problem) for problem in problems] == [
        "cost_centres, row 1, id: this column is missing.",
        "cost_centres, row 3, budget: 'much' is no number, such as 1234.50.",
    ]


def test_a_row_that_ends_before_a_required_column_is_named() -> None:
    _, (problem,) = read("name,id\nSales\n")
    assert problem[:3] == ("cost_centres", 2, "id")


def test_files_that_are_unknown_or_missing_are_named_and_some_tables_may_be_missing() -> None:
    _, problems = read_tables({"cost_centres": CENTRES, "ruels": RULES})
    assert [(problem.table, problem.row) for problem in problems] == [("rules", 0), ("ruels", 0)]
    assert str(problems[0]) == "rules: there is no rules.csv."
    assert all(table in problems[1].what for table in COLUMNS)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(content: bytes) -> None:
    assert [str(problem) for problem in read(content)[1]] == [
        "cost_centres: it is empty; its first row names the columns."
    ]


def test_a_file_that_is_too_large_is_not_read_at_all() -> None:
    rows = b"x,%b\r\n" % (b"y" * 900)
    full = (CENTRES + rows * (LARGEST // 900))[: LARGEST - 2] + b"\r\n"
    assert (len(full), read(full)[1]) == (LARGEST, [])
    rule_set, (problem,) = read(full + b"\n")
    assert str(problem) == "cost_centres: it has more than 5,000,000 bytes."
    assert rule_set.cost_centres == ()


def test_a_table_of_too_many_rows_is_not_read_at_all() -> None:
    full = "id\n" + "".join(f"{place}\n" for place in range(MOST_ROWS))
    assert len(read(full)[0].cost_centres) == MOST_ROWS
    rule_set, (problem,) = read(full + "one more\n")
    assert str(problem) == "cost_centres: it has more than 20,000 rows."
    assert rule_set.cost_centres == ()


@pytest.mark.parametrize(
    "row",
    ["2," + "x" * 200_000 + "\n", '2,"never closed\n3,c\n', '2,"a"b\n'],
    ids=["longer than any cell", "a quote without its other one", "a quote within"],
)
def test_a_row_that_cannot_be_taken_apart_is_named_and_takes_nothing_before_it(row: str) -> None:
    rule_set, problems = read(f"id,name\n1,a\n{row}")
    assert [centre.id for centre in rule_set.cost_centres] == ["1"]
    (problem,) = problems
    assert problem[:3] == ("cost_centres", 3, "")
    assert "quotation mark" in problem.what


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "'", "'=1", "''x", "'x"])
def test_what_a_spreadsheet_would_reckon_is_written_as_text_and_read_back(text: str) -> None:
    rule_set = RuleSet((CostCentre(text, text, text, text),))
    files = write_tables(rule_set)
    (row,) = files["cost_centres"].decode("utf-8-sig").splitlines()[1:]
    assert row.split(",")[:4] == [f"'{text}"] * 4
    assert read_tables(files) == (rule_set, [])


def test_a_negative_price_is_guarded_as_well_and_read_back() -> None:
    rule_set = RuleSet(rates=(Rate("tenants", "requests", Decimal("-0.50"), Decimal(1), "USD"),))
    files = write_tables(rule_set)
    assert b",'-0.50," in files["rates"]
    assert read_tables(files) == (rule_set, [])


def test_an_apostrophe_that_people_typed_stays() -> None:
    rule_set, problems = read("id,name\n4711,'s Hertogenbosch\n")
    assert (rule_set.names, problems) == ({"4711": "'s Hertogenbosch"}, [])


def test_files_are_what_excel_opens_and_have_every_column_of_every_table() -> None:
    files = write_tables(
        RuleSet(exchange_rates=(ExchangeRate("2026-10", "EUR", "USD", Decimal(2)),))
    )
    assert list(files) == list(COLUMNS)
    for table, content in files.items():
        assert content.startswith(b"\xef\xbb\xbf")
        heading, *rows = content.decode("utf-8-sig").split("\r\n")
        assert heading.split(",") == [cell.key for cell in COLUMNS[table]]
        assert rows == (["2026-10,EUR,USD,2,", ""] if table == "exchange_rates" else [""])
