"""JSON: the schema other programs rely on, with the Report's numbers in it."""

import json
from datetime import date
from decimal import Decimal

import pandas as pd
from hypothesis import given

from lib.exports.json import to_json
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


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def parsed(made):
    return json.loads(to_json(made), parse_constant=refuse)


@quick
@given(reports)
def test_json_carries_the_frame_cell_by_cell(made):
    rows = parsed(made)["tables"]["usage"]
    frame = made.tables[0].frame
    assert len(rows) == len(frame)
    for cells, (_, record) in zip(rows, frame.astype(object).iterrows(), strict=True):
        assert list(cells) == [column.key for column in COLUMNS]
        for key, value in record.items():
            if pd.isna(value):
                assert cells[key] is None
            elif isinstance(value, Decimal):
                assert isinstance(cells[key], str)
                assert Decimal(cells[key]) == value
                assert "E" not in cells[key]
            elif isinstance(value, int | float):
                assert cells[key] == value
                assert type(cells[key]) is type(value)


def test_the_keys_are_those_of_the_schema_in_its_order():
    document = parsed(report())
    assert list(document) == [
        "schema",
        "report",
        "title",
        "generated_at",
        "demo",
        "period",
        "filters",
        "complete",
        "sources",
        "totals",
        "notes",
        "tables",
        "figures",
        "host",
        "state_at",
    ]
    assert document["schema"] == "usage-report/1"
    assert list(document["sources"][0]) == ["name", "status", "as_of", "rows", "detail"]
    assert list(document["period"]) == ["start", "end", "timezone"]


def test_times_end_in_z_and_days_are_iso():
    document = parsed(report())
    assert document["generated_at"] == "2026-11-21T01:40:00Z"
    assert document["sources"][0]["as_of"] == "2026-11-21T01:40:00Z"
    assert document["tables"]["usage"] == [
        {
            "name": "alpha",
            "requests": 1234,
            "cost": "56.78",
            "share": 12.5,
            "day": "2026-10-01",
            "seen_at": "2026-11-21T01:40:00Z",
            "size": 3221225472,
            "run_time": 90.0,
            "batch": True,
        }
    ]


def test_an_unknown_total_is_null_and_money_is_text_beside_its_currency():
    assert parsed(report())["totals"] == {
        "requests": 1234,
        "cost": "56.78",
        "currency": "USD",
        "users": None,
    }


def test_totals_that_are_not_finite_are_null():
    made = report(totals={"gpu_hours": float("nan"), "peak": float("inf")})
    assert parsed(made)["totals"] == {"gpu_hours": None, "peak": None}


def test_a_row_of_nothing_is_a_row_of_nulls():
    made = report(tables=(table([EMPTY_ROW, row()]),))
    assert set(parsed(made)["tables"]["usage"][0].values()) == {None}


def test_hostile_names_come_back_as_they_went_in():
    made = report(tables=(table([row(name) for name in HOSTILE]),))
    names = [cells["name"] for cells in parsed(made)["tables"]["usage"]]
    assert names == [name.encode("utf-8", "replace").decode() for name in HOSTILE]


def test_filters_of_any_kind_have_a_plain_form():
    filters = {"since": date(2026, 10, 1), "models": {"b", "a"}, "batch": None, "at": NOW}
    assert parsed(report(filters=filters))["filters"] == {
        "since": "2026-10-01",
        "models": ["a", "b"],
        "batch": None,
        "at": "2026-11-21T01:40:00Z",
    }


def test_a_failed_source_makes_the_document_incomplete_and_is_named():
    document = parsed(report(sources=(OK, FAILED)))
    assert document["complete"] is False
    assert document["sources"][1] == {
        "name": "openai:images",
        "status": "failed",
        "as_of": None,
        "rows": None,
        "detail": "It answered 503.",
    }


def test_a_report_over_no_period_and_without_tables_is_still_whole():
    document = parsed(report(period=None, tables=()))
    assert document["period"] is None
    assert document["tables"] == {}


def test_where_the_data_came_from_is_named_if_it_is_known():
    assert parsed(report(host="api.openai.com"))["host"] == "api.openai.com"
    assert parsed(report(host=""))["host"] is None


def test_figures_carry_value_unit_and_change():
    assert parsed(report())["figures"] == [
        {
            "key": "requests",
            "label": "Requests",
            "value": 1234,
            "unit": "requests",
            "incomplete": False,
            "delta": {"previous": 1000, "change": 234, "percent": 23.4},
        }
    ]


def test_integers_in_a_float_column_are_integers():
    frame = pd.DataFrame({"tokens": [44404.0, float("nan")], "size": [Decimal(7), None]})
    columns = (Column("tokens", "Tokens", "int"), Column("size", "Size", "bytes"))
    content = to_json(report(tables=(Table("t", "T", frame, columns),)))
    assert b'{"tokens": 44404, "size": 7}' in content
    assert b'{"tokens": null, "size": null}' in content
