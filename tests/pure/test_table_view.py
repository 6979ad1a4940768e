"""What of a table is in view: which rows match, in which order, on which page, and what they sum to."""

from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.reports.report import Column, Table
from lib.ui.table_view import ROWS, Seen, View, matching, pages, see

COLUMNS = (
    Column("project_id", "Project ID", told_by="project"),
    Column("project", "Project", missing="Unallocated"),
    Column("cost", "Cost", "decimal", "USD"),
    Column("currency", "Currency", told_by="cost"),
    Column("requests", "Requests", "int"),
)
Row = tuple[str | None, str | None, Decimal | None, int | None]


def table(*rows: Row, **changes: Any) -> Table:
    """Rows of id, name, cost and requests, with their totals."""
    ids, names, costs, requests = zip(*rows, strict=True) if rows else ((), (), (), ())
    frame = pd.DataFrame(
        {
            "project_id": pd.Series(ids, dtype="str"),
            "project": pd.Series(names, dtype="str"),
            "cost": pd.Series(costs, dtype=object),
            "currency": "USD",
            "requests": pd.Series(requests, dtype="Int64"),
        }
    )
    totals = {
        "cost": sum((cost for cost in costs if cost is not None), Decimal(0)),
        "requests": sum(count for count in requests if count is not None),
    }
    return Table("by_project", "By project", frame, COLUMNS, **{"totals": totals, **changes})


SOME = table(
    ("p-1", "Vision", Decimal("9.50"), 3),
    ("p-2", "Search", Decimal("10.25"), 20),
    ("p-3", "search again", Decimal("0.004"), None),
    (None, None, None, 100),
)


def shown(seen: Seen, key: str) -> list[str]:
    return seen.text[key].tolist()


def seen(of: Table, find: str = "", **view: Any) -> Seen:
    return see(of, find, matching(of, find), View(**view))


def test_cells_read_as_on_paper_and_total_stands_below_its_columns() -> None:
    everything = seen(SOME)
    assert shown(everything, "cost") == ["$9.50", "$10.25", "<$0.01", "—", "$19.75"]
    assert shown(everything, "requests") == ["3", "20", "—", "100", "123"]
    assert shown(everything, "project_id")[-1] == "TOTAL"
    assert shown(everything, "currency")[-1] == ""
    assert everything.sums == 1


def test_numbers_are_sorted_as_numbers_and_what_is_missing_comes_last_but_before_total() -> None:
    assert shown(seen(SOME, sort="cost", falling=True), "cost")[:3] == ["$10.25", "$9.50", "<$0.01"]
    assert shown(seen(SOME, sort="cost"), "cost") == ["<$0.01", "$9.50", "$10.25", "—", "$19.75"]
    assert shown(seen(SOME, sort="requests", falling=True), "requests")[0] == "100"


def test_texts_are_sorted_whatever_their_capitals() -> None:
    names = shown(seen(SOME, sort="project"), "project")
    assert names[:3] == ["Search", "search again", "Vision"]


@pytest.mark.parametrize(
    ("find", "ids"),
    [
        ("SEARCH", ["p-2", "p-3"]),
        ("again search", ["p-3"]),
        ("p-1", ["p-1"]),
        ("unalloc", ["—"]),
        ("10.25", []),
        (".", []),
    ],
)
def test_a_filter_keeps_rows_that_have_each_word_in_a_text(find: str, ids: list[str]) -> None:
    found = seen(SOME, find)
    assert shown(found, "project_id")[: found.rows] == ids


def test_of_filtered_rows_both_their_sum_and_the_total_of_all_stand_below() -> None:
    found = seen(SOME, "search")
    assert found.sums == 2
    assert shown(found, "project_id")[-2:] == ["Filtered: 2 of 4 rows", "TOTAL"]
    assert shown(found, "cost")[-2:] == ["$10.25", "$19.75"]
    assert shown(found, "requests")[-2:] == ["20", "123"]


def test_no_sum_of_filtered_rows_is_made_up_where_the_total_is_no_sum() -> None:
    found = seen(table(("a", "A", None, 3), ("b", "B", None, 4), totals={"requests": 5}), "A")
    assert shown(found, "requests") == ["3", "", "5"], "somebody is in both rows"


def test_an_unknown_total_stays_unknown_and_gives_no_sum_of_some_rows() -> None:
    unknown = table(("a", "A", None, 3), ("b", "B", None, None), totals={"requests": None})
    assert shown(seen(unknown, "A"), "requests") == ["3", "", "—"]


def test_ids_are_told_twice_only_where_their_names_differ() -> None:
    assert SOME.told_twice == ("project_id", "currency")
    two = table(("p-1", "Vision", None, 1), ("p-2", "Vision", None, 1))
    assert two.told_twice == ("currency",), "else nobody could tell the two apart"
    nameless = table(("p-1", None, None, 1))
    assert nameless.told_twice == ("currency",)


def test_a_currency_is_told_twice_only_where_the_money_says_it() -> None:
    mixed = table(("p-1", "Vision", None, 1))
    plain = tuple(Column(c.key, c.label, c.kind, told_by=c.told_by) for c in COLUMNS)
    assert Table("x", "X", mixed.frame, plain).told_twice == ("project_id",)


def test_an_id_without_a_name_stands_where_its_name_would() -> None:
    nameless = table(("p-1", "Vision", None, 1), ("p-2", None, None, 1))
    assert shown(seen(nameless, hidden=frozenset({"project_id"})), "project") == [
        "Vision",
        "p-2",
        "TOTAL",
    ]


def test_the_first_column_in_view_says_total() -> None:
    view = seen(SOME, hidden=frozenset({"project_id"}))
    assert view.columns[0].key == "project"
    assert shown(view, "project")[-1] == "TOTAL"


def test_a_page_beyond_the_last_shows_the_last() -> None:
    many = table(*((f"p-{n}", f"n{n}", None, n) for n in range(ROWS + 1)))
    assert shown(seen(many, page=9), "project")[:-1] == [f"n{ROWS}"]
    assert shown(seen(many, page=9), "requests")[-1] == str(sum(range(ROWS + 1)))


def test_numbers_beyond_64_bits_are_shown_with_every_digit() -> None:
    frame = pd.DataFrame({"change": pd.Series([2**64 - 2, None, -1], dtype=object)})
    changes = Table("changes", "Changes", frame, (Column("change", "Change", "int"),))
    view = seen(changes, sort="change", falling=True)
    assert shown(view, "change") == [f"{2**64 - 2:,}", "-1", "—"]


def test_a_time_that_means_never_comes_last() -> None:
    frame = pd.DataFrame({"used": pd.Series([0, 2_000_000, 1_000_000], dtype="Int64")})
    users = Table("users", "Users", frame, (Column("used", "Last used", "epoch_ms"),))
    assert shown(seen(users, sort="used"), "used")[-1] == "—"


money = st.decimals(Decimal(-10_000), Decimal(10_000), places=4) | st.none()
counts = st.integers(0, 2**40) | st.none()
names = st.sampled_from(["Vision", "Search", "Ärzte"]) | st.none()
tables = st.lists(st.tuples(names, names, money, counts), min_size=1, max_size=50).map(
    lambda rows: table(*rows)
)


@given(tables, st.sampled_from(["", "cost", "project", "requests"]), st.booleans())
def test_the_pages_hold_every_row_once_whatever_the_order(
    of: Table, sort: str, falling: bool
) -> None:
    cells: list[str] = []
    for page in range(1, pages(len(of.frame)) + 1):
        view = seen(of, sort=sort, falling=falling, page=page)
        end = len(view.text) - view.sums
        cells += view.text.astype(object).agg("|".join, axis=1)[:end].tolist()
    whole = [
        seen(Table(of.key, of.title, of.frame[at : at + 1], of.columns)).text
        for at in range(len(of.frame))
    ]
    keys = [column.key for column in seen(of).columns]
    alone = [
        "|".join(str(row[key].iloc[0]) if key in row else "—" for key in keys) for row in whole
    ]
    assert sorted(cells) == sorted(alone)


@given(tables, st.sampled_from(["vision", "search", "nothing"]))
def test_rows_that_match_and_rows_that_do_not_make_the_total(of: Table, find: str) -> None:
    kept = matching(of, find)
    rest = of.frame.drop(kept.index)
    for key in ("cost", "requests"):
        parts = [value for part in (kept, rest) for value in part[key].dropna()]
        assert sum(parts, Decimal(0)) == (of.totals or {})[key]
    texts = rest[["project_id", "project"]].fillna("unallocated").astype(str)
    assert not texts.apply(lambda cells: cells.str.lower().str.contains(find)).any(axis=None)


@pytest.mark.parametrize("falling", [True, False])
def test_the_row_of_all_others_stays_last_however_it_is_sorted(falling: bool) -> None:
    of = table(
        ("p-1", "a", Decimal(5), 1),
        (None, "7 others", Decimal(3), 2),
        ("p-2", "b", Decimal(1), 3),
        rest=frozenset({1}),
    )
    assert shown(seen(of, sort="cost", falling=falling), "project")[-2:] == ["7 others", ""]
