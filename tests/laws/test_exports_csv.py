"""CSV and the zip: the same numbers as the Report, and nothing that runs in a spreadsheet."""

import csv
import hashlib
import io
import json
import unicodedata
import zipfile
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.exports.csv import to_csv, to_zip
from lib.reports.report import Column, Table
from tests.support.profiles import examples
from tests.support.report_strategies import (
    COLUMNS,
    EMPTY_ROW,
    FAILED,
    HOSTILE,
    NOW,
    OK,
    report,
    reports,
    row,
    table,
)

quick = examples(30)


def read(content: bytes, encoding: str = "utf-8") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(encoding), newline="")))


def written(value: object) -> str:
    """What a cell should say, worked out apart from the code under test."""
    if pd.isna(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return str(value)


@quick
@given(reports)
def test_csv_carries_the_frame_cell_by_cell(made):
    frame = made.tables[0].frame
    header, *lines = read(to_csv(made, "usage", "machine"))
    assert header == [column.key for column in COLUMNS]
    assert len(lines) == len(frame)
    for line, (_, cells) in zip(lines, frame.astype(object).iterrows(), strict=True):
        for text, value in zip(line, cells, strict=True):
            if pd.isna(value):
                assert text == ""
            elif isinstance(value, Decimal):
                assert Decimal(text) == value
                assert "E" not in text
            elif isinstance(value, float):
                assert float(text) == value
                assert "e" not in text
            elif isinstance(value, datetime):
                assert text.startswith(written(value))
                assert text.endswith("Z")
            else:
                assert text == written(value)


@quick
@given(reports)
def test_both_profiles_hold_the_same_numbers(made):
    excel = read(to_csv(made, "usage", "excel"), "utf-8-sig")
    machine = read(to_csv(made, "usage", "machine"))
    assert [line[1:] for line in excel] == [line[1:] for line in machine]


@quick
@given(reports)
def test_no_text_cell_of_the_excel_profile_begins_like_a_formula(made):
    for line in read(to_csv(made, "usage", "excel"), "utf-8-sig"):
        assert not runs(line[0])


def runs(cell: str) -> bool:
    """Whether a spreadsheet that drops blanks and what is invisible would see a formula."""
    if cell[:1] in ("\t", "\r", "\n"):
        return True
    seen = "".join(
        sign for sign in cell if unicodedata.category(sign) not in ("Cc", "Cf", "Zs", "Zl", "Zp")
    )
    return unicodedata.normalize("NFKC", seen[:1]) in tuple("=+-@|") and seen[:1] not in "⁺₊⁼₌"


@settings(deadline=None)
@given(
    st.text("\0 \t\n\r\u00a0\u200b\u200d\u2060\ufeff\u3000\u2028", max_size=4),
    st.sampled_from("=+-@|＝＋－＠﹢﹣﹦﹫"),
    st.text(max_size=5),
    st.sampled_from(["text", "list"]),
)
def test_no_blank_and_no_list_hides_a_formula(blanks, sign, rest, kind):
    name = blanks + sign + rest
    made = Table("odd", "Odd", pd.DataFrame({"x": [name]}), (Column("x", "X", kind),))
    assert not runs(read(to_csv(report(tables=(made,)), "odd", "excel"), "utf-8-sig")[1][0])
    assert read(to_csv(report(tables=(made,)), "odd", "machine"))[1][0] == name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_text_that_could_run_gets_an_apostrophe_and_keeps_the_rest(name):
    content = to_csv(report(tables=(table([row(name)]),)), "usage", "excel")
    assert read(content, "utf-8-sig")[1][0] == f"'{name}"


def test_headers_that_could_run_get_an_apostrophe_too():
    odd = Table("odd", "Odd", pd.DataFrame({"=cmd": [1]}), (Column("=cmd", "Odd", "int"),))
    assert read(to_csv(report(tables=(odd,)), "odd", "excel"), "utf-8-sig") == [["'=cmd"], ["1"]]


def test_negative_numbers_stay_numbers_in_the_excel_profile():
    content = to_csv(report(tables=(table([row(cost=Decimal("-5.10"))]),)), "usage", "excel")
    assert read(content, "utf-8-sig")[1][2] == "-5.10"


def test_machine_profile_keeps_hostile_names_as_they_are():
    made = report(tables=(table([row(name) for name in HOSTILE]),))
    lines = read(to_csv(made, "usage", "machine"))[1:]
    assert [line[0] for line in lines] == [written(name) for name in HOSTILE]


def test_excel_profile_has_a_bom_and_crlf_and_machine_neither():
    excel, machine = (to_csv(report(), "usage", profile) for profile in ("excel", "machine"))
    assert excel.startswith(b"\xef\xbb\xbf")
    assert excel.count(b"\r\n") == 2
    assert machine.startswith(b"name,")
    assert machine.count(b"\n") == 2
    assert b"\r" not in machine


def test_every_kind_of_value_has_its_plain_form():
    assert to_csv(report(), "usage", "machine").decode().splitlines()[1] == (
        "alpha,1234,56.78,12.5,2026-10-01,2026-11-21T01:40:00Z,3221225472,90,true"
    )


def test_a_row_of_nothing_is_a_row_of_empty_cells():
    made = report(tables=(table([EMPTY_ROW, row()]),))
    assert read(to_csv(made, "usage", "machine"))[1] == [""] * len(COLUMNS)


def test_integers_in_a_float_column_are_written_without_fraction():
    frame = pd.DataFrame({"tokens": [44404.0, float("nan")]})
    made = report(tables=(Table("t", "T", frame, (Column("tokens", "Tokens", "int"),)),))
    assert read(to_csv(made, "t", "machine")) == [["tokens"], ["44404"], [""]]


def test_money_is_never_written_with_an_exponent():
    amounts = [Decimal("1E-12"), Decimal("1E+30"), Decimal("0E-10")]
    made = report(tables=(table([row(cost=amount) for amount in amounts]),))
    texts = [line[2] for line in read(to_csv(made, "usage"))[1:]]
    assert texts == ["0.000000000001", "1" + "0" * 30, "0.0000000000"]


def test_pandas_reads_the_file_back_as_the_frame():
    made = report(tables=(table([row("a"), row(None, None, None), row("b,\n", 7)]),))
    back = pd.read_csv(
        io.BytesIO(to_csv(made, "usage", "excel")),
        encoding="utf-8-sig",
        dtype={"requests": "Int64", "size": "Int64", "run_time": "Float64"},
        parse_dates=["seen_at"],
        converters={"cost": lambda text: Decimal(text) if text else None},
    )
    frame = made.tables[0].frame
    for key in ("requests", "size", "share", "run_time"):
        pd.testing.assert_series_equal(back[key], frame[key], check_dtype=False)
    assert back["cost"].tolist() == frame["cost"].tolist()
    assert back["name"].fillna("nothing").tolist() == ["a", "nothing", "b,\n"]
    assert back["seen_at"].tolist() == frame["seen_at"].tolist()
    assert [date.fromisoformat(day) for day in back["day"]] == frame["day"].tolist()


def test_a_table_without_rows_is_a_header():
    assert read(to_csv(report(tables=(table([]),)), "usage", "machine")) == [
        [column.key for column in COLUMNS]
    ]


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError):
        to_csv(report(), "nothing")


def two_tables(**changes):
    return report(tables=(table([row()]), table([row("b"), row("c")], key="by_user")), **changes)


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("profile", ["excel", "machine"])
def test_the_zip_holds_every_table_and_hashes_that_are_right(profile):
    made = two_tables()
    files = unpacked(to_zip(made, profile))
    meta = json.loads(files.pop("report.meta.json"))
    assert [entry["name"] for entry in meta["files"]] == list(files) == ["usage.csv", "by_user.csv"]
    for entry, (name, content) in zip(meta["files"], files.items(), strict=True):
        assert content == to_csv(made, name.removesuffix(".csv"), profile)
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    assert [entry["rows"] for entry in meta["files"]] == [1, 2]


def test_the_side_file_says_what_the_zip_holds():
    made = two_tables(sources=(OK, FAILED), demo=True)
    meta = json.loads(unpacked(to_zip(made))["report.meta.json"])
    assert meta["complete"] is False
    assert meta["demo"] is True
    assert meta["as_of"] == meta["generated_at"] == "2026-11-21T01:40:00Z"
    assert meta["period"] == {"start": "2026-10-01", "end": "2026-10-31", "timezone": "UTC"}
    assert meta["filters"] == {"endpoints": ["completions"]}
    assert meta["totals"] == {"requests": 1234, "cost": "56.78", "currency": "USD", "users": None}
    assert meta["sources"][1]["remedy"] == "Try again."


def test_the_zip_is_the_same_bytes_for_the_same_report():
    assert to_zip(two_tables()) == to_zip(two_tables())
    with zipfile.ZipFile(io.BytesIO(to_zip(two_tables()))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {NOW.timetuple()[:6]}


def test_file_names_are_marked_when_incomplete_or_made_up():
    assert report().file_name("csv") == "openai-usage_2026-10-01_2026-10-31.csv"
    marked = replace(report(), sources=(FAILED,), demo=True)
    assert (
        marked.file_name("zip", "by_user")
        == "openai-usage_2026-10-01_2026-10-31_by_user-incomplete-demo.zip"
    )


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_missing_text_is_empty_whatever_the_frame_keeps_it_in(dtype):
    frame = pd.DataFrame({"name": pd.Series(["a", None], dtype=dtype), "n": [1, 2]})
    columns = (Column("name", "Name"), Column("n", "N", "int"))
    made = report(tables=(Table("t", "T", frame, columns),))
    assert to_csv(made, "t", "machine") == b"name,n\na,1\n,2\n"
