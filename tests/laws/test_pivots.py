"""Two dimensions at once: nothing is lost or counted twice, whatever the names; the heat map shows the same."""

import csv
import json
from decimal import Decimal, localcontext
from io import StringIO
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.charts import OTHER, Grid
from lib.demo.catalogue import HOSTILE_NAMES
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.plot import plot_of
from lib.reports.personal import hide_people, pseudonym
from lib.reports.pivots import (
    MOST_COLUMNS,
    MOST_COLUMNS_DRAWN,
    MOST_ROWS_DRAWN,
    TOTAL,
    Amount,
    Heads,
    Pivot,
    Rows,
    pivot,
)
from lib.reports.report import Column
from lib.ui.altair_charts import altair_chart
from tests.support.every_format import every_format
from tests.support.profiles import examples
from tests.support.report_strategies import report

COST = Amount("Cost", "decimal", "USD", "USD")
TOKENS = Amount("Tokens", "int", "tokens")
OURS = [TOTAL, "Total", "other", OTHER, "none", "Nobody", "project_id", "project_name", "model"]

ids = st.one_of(st.none(), st.sampled_from([*HOSTILE_NAMES, *OURS]), st.text(max_size=6))
money = st.one_of(st.none(), st.decimals(-(10**12), 10**12, places=18, allow_nan=False))
crossings = st.dictionaries(st.tuples(ids, ids), money, max_size=40)
wide = st.fixed_dictionaries(
    {("p", f"m{number}"): st.integers(-3, 10**20) for number in range(MOST_COLUMNS + 4)}
)


def crossed(cells: dict[Any, Any], amount: Amount = COST, **heads: Any) -> Pivot:
    rows = Rows(
        "project",
        Column("project_id", "Project id", told_by="project_name"),
        {"p": "Alpha"},
        "Nobody",
        Column("project_name", "Project"),
    )
    told = Heads("model", "model", {}, "Nobody", **heads)
    return pivot("crossed", rows, told, amount, long_rows(cells))


def long_rows(cells: dict[Any, Any]) -> list[Any]:
    return [(row, head, value) for (row, head), value in cells.items()]


def values(cells: Any) -> list[Any]:
    return [None if pd.isna(value) else value for value in cells]


def total(amounts: Any) -> Any:
    known = [Decimal(amount) for amount in amounts if amount is not None]
    with localcontext(prec=200):
        return sum(known[1:], known[0]) if known else None


def ids_of(made: Pivot) -> list[Any]:
    return [column.json_path[-1] if column.json_path else None for column in made.heads]


@examples(60)
@given(st.one_of(crossings, wide))
@example(dict.fromkeys([(name, name) for name in [*OURS, *HOSTILE_NAMES]], Decimal("0.1")))
@example({})
def test_rows_and_columns_hold_every_amount_once(cells: dict[Any, Any]) -> None:
    made = crossed(cells)
    frame, totals = made.table.frame, made.table.totals
    assert list(frame) == [column.key for column in made.table.columns]
    for row, whole in zip(values(frame["project_id"]), values(frame[TOTAL]), strict=True):
        assert whole == total(value for (of, _), value in cells.items() if of == row)
    assert len(made.heads) <= MOST_COLUMNS + 1
    for head in made.heads:
        assert totals[head.key] == total(values(frame[head.key]))
    assert totals[TOTAL] == total(cells.values()) == total(totals[head.key] for head in made.heads)
    named = {head.json_path[-1]: head.key for head in made.heads if head.json_path}
    for identity, key in named.items():
        assert totals[key] == total(value for (_, of), value in cells.items() if of == identity)


@examples(40)
@given(crossings)
@example(dict.fromkeys([("p", name) for name in OURS], Decimal(1)))
def test_no_heading_or_key_means_two_things(cells: dict[Any, Any]) -> None:
    made = crossed(cells)
    columns = made.table.columns
    assert len({column.label for column in columns}) == len(columns)
    whole = report(tables=(made.table,), main_table="")
    written = csv.reader(StringIO(to_csv(whole, "crossed").decode("utf-8-sig"), newline=""))
    header = next(written)
    assert len({*header}) == len(header) == len(columns)
    rows = json.loads(to_json(whole))["tables"]["crossed"]
    for row in rows:
        assert row.keys() >= {"project_id", "project_name", TOTAL}
        assert {*row.get("model", {})} == {of for of in ids_of(made) if of is not None}
    assert header[:3] == ["project_name", "project_id", TOTAL]


def test_the_smallest_columns_are_one_and_months_are_all_there() -> None:
    many = {("p", f"m{number:02}"): 100 - number for number in range(20)}
    made = crossed(many, TOKENS)
    assert [head.label for head in made.heads] == [*(f"m{n:02}" for n in range(12)), OTHER]
    assert made.table.totals["other"] == sum(100 - number for number in range(12, 20))
    one_more = crossed(dict(list(many.items())[:13]), TOKENS)
    assert OTHER not in [head.label for head in one_more.heads], (
        "Other would stand for a single one"
    )
    months = [f"2026-{month:02}" for month in range(1, 13)]
    made = crossed({("p", "2026-03"): 5}, TOKENS, order=tuple(months), ours=True)
    assert [head.label for head in made.heads] == months
    assert made.table.totals["2026-04"] is None, "no amount is not an amount of 0"


@examples(40)
@given(crossings)
def test_the_heat_map_holds_what_the_table_holds(cells: dict[Any, Any]) -> None:
    made = crossed(cells)
    for spec in made.heat_map():
        chart = spec.chart
        assert isinstance(chart, Grid)
        assert len(chart.rows) <= MOST_ROWS_DRAWN
        assert len(chart.columns) <= MOST_COLUMNS_DRAWN
        assert len(set(chart.rows)) == len(chart.rows)
        drawn = values(chart.frame["value"])
        rows = made.table.frame.head(MOST_ROWS_DRAWN)
        told = [value for head in made.heads for value in values(rows[head.key])]
        assert drawn == [None if value is None else pytest.approx(float(value)) for value in told]
        plot = plot_of(chart)
        assert [None if pd.isna(one) else one for one in plot.values.ravel()] == drawn
        data = altair_chart(chart).data
        empty = [one is None or not one for one in drawn]
        assert [shade == 0 for shade in data["shade"]] == empty


def test_a_sentence_names_the_largest_cell_and_its_share() -> None:
    (spec,) = crossed({("p", "a"): 30, ("p", "b"): 10, ("q", "a"): 60}, TOKENS).heat_map()
    assert spec.alt == "Project × model, tokens: most is q × a with 60 tokens, 60 % of all."
    assert not [*crossed({("p", "a"): 30, ("p", "b"): 10}, TOKENS).heat_map()], "a single row"


def test_whoever_may_not_know_people_reads_no_name_in_a_heading() -> None:
    owner, workspace = "Ada Lovelace", "ada@corp.test"
    rows = Rows("user", Column("user", "User", personal=True), {}, "nobody")
    heads = Heads("workspace", "workspace", {}, "(no name)")
    cells = {(who, of): 2 for who in (owner, "Bob") for of in (owner, workspace, "vision")}
    made = pivot("crossed", rows, heads, TOKENS, long_rows(cells))
    hidden = hide_people(report(tables=(made.table,), charts=(*made.heat_map(),), main_table=""))
    for text in every_format(hidden).values():
        assert "Ada" not in text
        assert "corp.test" not in text
        assert "vision" in text
    table, (spec,) = hidden.table("crossed"), hidden.charts
    assert list(table.frame) == [column.key for column in table.columns]
    assert table.totals.keys() <= {*table.frame}
    drawn = spec.chart
    assert isinstance(drawn, Grid)
    assert not {owner, workspace, "Bob"} & {*drawn.rows, *drawn.columns, *drawn.frame["label"]}
    assert pseudonym(owner) in drawn.rows
    assert {*drawn.frame["series"]} == {*drawn.columns}
