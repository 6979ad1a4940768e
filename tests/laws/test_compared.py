"""Two periods side by side: nothing is lost, and it reads the same the other way round."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.reports.compared import Amount, parts_of, side_by_side, step_by_step
from lib.reports.movers import Dimension, changes_table
from lib.reports.report import Column, Table
from lib.usage.exact import total

COLUMNS = (
    Column("name", "Name"),
    Column("id", "ID"),
    Column("cost", "Cost", "decimal", "USD", json_path=("sums", "cost")),
    Column("requests", "Requests", "int"),
    Column("seen", "Seen"),
)
AMOUNTS = (Amount("cost"), Amount("requests"))

money = st.decimals(-(10**6), 10**12, places=10) | st.none()
counts = st.integers(0, 2**63 - 1) | st.none()
ids = st.sampled_from(["a", "b", "c", "d", None])
sides = st.dictionaries(ids, st.tuples(money, counts), max_size=5)
Side = dict[str | None, tuple[Decimal | None, int | None]]


def table(side: Side, **totals: object) -> Table:
    rows = [(f"name of {key}", key, *amounts, "then") for key, amounts in side.items()]
    frame = pd.DataFrame(rows, columns=[column.key for column in COLUMNS], dtype=object)
    sums = {key: total(frame[key]) or 0 for key in ("cost", "requests")}
    return Table(
        "by_name", "By name", frame, COLUMNS, sums | totals, brief=("name", "cost", "requests")
    )  # type: ignore[arg-type]


def beside(now: Side, before: Side, **options: Any) -> Table:
    return side_by_side(table(now), table(before), ["id"], AMOUNTS, names=["name"], **options)


def rows(compared: Table) -> dict[Any, dict[str, Any]]:
    frame = compared.frame.astype(object)
    records = frame.where(frame.notna(), None).to_dict("records")
    return {row["id"]: row for row in records}


@given(sides, sides)
def test_the_changes_of_the_rows_sum_to_the_change_of_the_total(now, before):
    compared = beside(now, before)
    for amount in ("cost", "requests"):
        for part in ("_previous", "_change"):
            assert (total(compared.frame[amount + part]) or 0) == compared.totals[amount + part]
        assert (total(compared.frame[amount]) or 0) == compared.totals[amount]


@given(sides, sides)
def test_every_row_of_both_periods_is_there_once(now, before):
    compared = beside(now, before)
    assert len(compared.frame) == len({*now, *before})
    assert {*rows(compared)} == {*now, *before}


@given(sides, sides)
def test_the_other_way_round_every_change_is_the_opposite(now, before):
    there, back = rows(beside(now, before)), rows(beside(before, now))
    opposite = {"new": "gone", "gone": "new", "both": "both", None: None}
    for key, row in there.items():
        other = back[key]
        assert other["compared"] == opposite[row["compared"]]
        for amount in ("cost", "requests"):
            change = row[f"{amount}_change"]
            assert other[f"{amount}_change"] == (None if change is None else -change)
            assert other[f"{amount}_previous"] == row[amount]
            assert other[amount] == row[f"{amount}_previous"]


@given(sides)
def test_against_itself_nothing_has_changed(side):
    for row in rows(beside(side, side)).values():
        assert row["compared"] in ("both", None)
        assert {row["cost_change"], row["requests_change"]} <= {0, None}


def test_a_row_says_what_was_before_and_whether_it_is_new_or_gone():
    compared = beside(
        {"a": (Decimal(3), 4), "b": (Decimal(1), None)},
        {"a": (Decimal(2), 4), "c": (Decimal(5), 1)},
    )
    told = {
        key: (row["compared"], row["cost_previous"], row["cost_change"], row["cost_percent"])
        for key, row in rows(compared).items()
    }
    assert told == {
        "a": ("both", 2, 1, 50.0),
        "b": ("new", None, 1, None),
        "c": ("gone", 5, -5, -100.0),
    }
    assert [*compared.frame["name"]] == ["name of a", "name of b", "name of c"]
    assert compared.frame["seen"].isna().tolist() == [False, False, True]


def test_amounts_stand_beside_what_they_were_on_paper_and_in_json():
    compared = beside({}, {})
    keys = [column.key for column in compared.columns]
    assert keys[:6] == ["name", "id", "compared", "cost", "cost_previous", "cost_change"]
    assert compared.brief[:4] == ("name", "cost", "cost_change", "cost_percent")
    paths = {column.key: column.json_path for column in compared.columns}
    assert paths["cost_change"] == ("sums", "cost_change")


@pytest.mark.parametrize("change", [Decimal(1), Decimal(-1)])
def test_rows_that_do_not_make_up_the_total_say_nothing_of_changes(change):
    now = {"a": (Decimal(3), 4)}
    compared = side_by_side(
        table(now, cost=Decimal(3) + change), table(now), ["id"], AMOUNTS, names=["name"]
    )
    assert rows(compared)["a"]["cost_change"] is None
    assert rows(compared)["a"]["requests_change"] == 0
    assert compared.totals["cost_change"] == change


def test_an_unknown_total_has_no_change_and_none_of_its_rows_has():
    now = {"a": (Decimal(3), 4)}
    compared = side_by_side(table(now), table(now, cost=None), ["id"], AMOUNTS)
    row = rows(compared)["a"]
    assert (row["cost_previous"], row["cost_change"], row["cost_percent"]) == (None, None, None)
    assert compared.totals["cost_change"] is None


def test_what_may_lack_a_part_is_not_compared_and_makes_no_row_new():
    compared = beside({"a": (Decimal(3), 4)}, {"b": (Decimal(3), 4)}, doubtful=["cost"])
    told = rows(compared)
    assert [told[key]["compared"] for key in ("a", "b")] == [None, None]
    assert [told[key]["cost_change"] for key in ("a", "b")] == [None, None]
    assert [told[key]["requests_change"] for key in ("a", "b")] == [4, -4]
    assert compared.totals["cost_previous"] is None


def test_a_row_that_may_lack_a_part_is_not_compared_nor_are_the_totals():
    compared = side_by_side(
        table({"a": (Decimal(3), 4), "b": (Decimal(1), 1)}),
        table({"a": (Decimal(2), 4), "c": (Decimal(1), 1)}),
        ["id"],
        AMOUNTS,
        unsure=[("b",)],
    )
    told = {key: (row["compared"], row["cost_change"]) for key, row in rows(compared).items()}
    assert told == {"a": ("both", 1), "b": (None, None), "c": ("gone", -1)}
    assert compared.totals["cost_change"] is None
    changes = changes_table([dimension(compared)], ["cost"], [Column("name", "Name")], "it")
    assert "The change of the whole is unknown." in changes.note
    assert changes.frame["cost_change"].isna().tolist() == [False, False, True]


def test_an_empty_cell_may_be_unknown_where_an_absent_row_is_nothing():
    amounts = (Amount("requests", empty="absent", adds_up=False),)
    sides = table({"a": (None, None), "b": (None, 2)}), table({"a": (None, 3)})
    told = rows(side_by_side(*sides, ["id"], amounts))
    assert [told[key]["requests_change"] for key in ("a", "b")] == [None, 2]
    unknown = (Amount("requests", empty="unknown", adds_up=False),)
    told = rows(side_by_side(*sides, ["id"], unknown))
    assert [told[key]["requests_change"] for key in ("a", "b")] == [None, None]


def test_two_rows_of_the_same_id_are_refused():
    twice = table({"a": (None, 1)})
    twice = Table("t", "T", pd.concat([twice.frame, twice.frame]), COLUMNS)
    with pytest.raises(ValueError, match="same keys"):
        side_by_side(twice, table({}), ["id"], AMOUNTS)


@given(
    st.lists(st.tuples(money, counts), max_size=4), st.lists(st.tuples(money, counts), max_size=4)
)
def test_steps_are_compared_by_their_place_and_none_is_lost(now, before):
    compared = step_by_step(
        table({f"2026-11-0{day}": row for day, row in enumerate(now, 1)}),
        table({f"2026-10-0{day}": row for day, row in enumerate(before, 1)}),
        "id",
        AMOUNTS,
    )
    days = compared.frame[["id", "id_previous"]].astype(object)
    for place, (day, other) in enumerate(days.itertuples(index=False), 1):
        assert day == f"2026-11-0{place}" if place <= len(now) else pd.isna(day)
        assert other == f"2026-10-0{place}" if place <= len(before) else pd.isna(other)
    assert (total(compared.frame["cost_change"]) or 0) == compared.totals["cost_change"]


def dimension(compared: Table, **parts: Any) -> Dimension:
    return Dimension("Name", "names", compared, ["id"], {"name": ["name", "id"]}, **parts)


many = st.dictionaries(
    st.integers(0, 40).map(str), st.tuples(st.decimals(0, 1000, places=2), counts), max_size=30
)


@given(many, many, st.integers(1, 5))
def test_the_biggest_movers_and_the_others_sum_to_the_change_of_the_whole(now, before, most):
    compared = beside(now, before)
    changes = changes_table(
        [dimension(compared)], ["cost"], [Column("name", "Name")], "it", most=most
    )
    if changes is None:
        assert not now
        assert not before
        return
    for end in ("", "_previous", "_change"):
        assert (total(changes.frame[f"cost{end}"]) or 0) == compared.totals[f"cost{end}"]
        assert changes.totals[f"cost{end}"] == compared.totals[f"cost{end}"]
    named = changes.frame[changes.frame["name"].notna()]
    sizes = [abs(change) for change in named["cost_change"]]
    assert sizes == sorted(sizes, reverse=True)
    assert len(named) <= most + 1
    left = compared.frame[~compared.frame["name"].isin(named["name"])]["cost_change"]
    assert max((abs(change) for change in left.dropna()), default=0) <= min(sizes, default=0)


def test_the_rows_of_two_dimensions_have_no_total_to_be_summed_to():
    compared = beside({"a": (Decimal(3), 4)}, {})
    both = [dimension(compared), dimension(compared)]
    changes = changes_table(both, ["cost"], [Column("name", "Name")], "it")
    assert len(changes.frame) == 2
    assert changes.totals is None


def test_a_mover_names_the_part_that_moved_most_the_same_way():
    now = [(("a",), "gpt-5", Decimal(9)), (("a",), "o4", Decimal(2))]
    before = [(("a",), "gpt-5", Decimal(1)), (("a",), "o4", Decimal(7))]
    parts = parts_of(now, before)
    compared = beside({"a": (Decimal(11), 1)}, {"a": (Decimal(8), 1)})
    changes = changes_table(
        [dimension(compared, part="Model", parts=lambda _: parts)],
        ["cost"],
        [Column("name", "Name")],
        "it",
    )
    row = changes.frame.iloc[0]
    assert (row["part"], row["part_of"], row["part_change"]) == ("gpt-5", "Model", 8)
    back = beside({"a": (Decimal(8), 1)}, {"a": (Decimal(11), 1)})
    changes = changes_table(
        [dimension(back, part="Model", parts=lambda _: parts_of(before, now))],
        ["cost"],
        [Column("name", "Name")],
        "it",
    )
    row = changes.frame.iloc[0]
    assert (row["part"], row["part_change"]) == ("gpt-5", -8)


def test_movers_go_by_the_first_measure_whose_change_is_known():
    now = {"a": (Decimal(3), 4)}
    compared = side_by_side(table(now, cost=None), table(now), ["id"], AMOUNTS)
    columns = [Column("name", "Name")]
    changes = changes_table([dimension(compared)], ["cost", "requests"], columns, "it")
    assert "requests_change" in changes.frame
    assert "cost_change" not in changes.frame
    assert changes_table([dimension(compared)], ["cost"], columns, "it") is None
