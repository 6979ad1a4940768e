"""The tables of a Report on the screen: filtered, sorted and paged here, so that the address holds it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import streamlit as st

from lib.exports import formats
from lib.reports.report import Column, Report, Table
from lib.ui.downloads import show_table_csv
from lib.ui.drill import Chosen, Drill
from lib.ui.links import VIEW
from lib.ui.table_view import (
    Seen,
    View,
    matching,
    offered_columns,
    pages,
    see,
)
from lib.ui.text import literal

_FALLING, _RISING = "↓", "↑"
_OPEN_FIRST = "_open_first_table"
_LEADS = " Select a row to see it alone."
_CELLS_LEAD = " Select a row or a cell to see it alone."


def show_tables(report: Report, prefix: str, drill: Drill) -> None:
    """A tab for each table that has rows; only the open one is drawn.

    Tables of the one thing that the page is narrowed to come last: what it consists of is news.

    Args:
        prefix: starts the names of the page's parameters in the URL.
    """
    alone = drill.alone()
    filled = sorted(
        (table for table in report.tables if not table.frame.empty),
        key=lambda table: (
            len(table.frame) == 1 and any(column.of in alone for column in table.columns)
        ),
    )
    key = f"{prefix}{VIEW}table"
    if st.session_state.pop(prefix + _OPEN_FIRST, False):
        st.session_state[key] = filled[0].title
    tabs = st.tabs(
        [table.title for table in filled],
        key=key,
        on_change="rerun",
        bind="query-params",
    )
    for tab, table in zip(tabs, filled, strict=True):
        if tab.open:
            with tab:
                _show_table(report, table, prefix, drill)


def _show_table(report: Report, table: Table, prefix: str, drill: Drill) -> None:
    labels = offered_columns(table)
    find, sort, hide, turn = (
        f"{prefix}{VIEW}{what}_{table.key}" for what in ("find", "sort", "hide", "page")
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        words = _filter(table, find, turn)
        order = _order(labels, sort, turn)
        hidden = _hidden(table, labels, hide)
        show_table_csv(report, table, prefix)
    matched = matching(table, words)
    caption, grid = st.empty(), st.container()
    keys = {label: column for column, label in labels.items()}
    label, _, way = order.rpartition(" ")
    view = View(keys.get(label, ""), way == _FALLING, _page(len(matched), turn), hidden)
    seen = see(table, words, matched, view)
    leads = [drill.to(ids) for ids in seen.ids]
    cells = _cells(drill, seen) if table.crossed else []
    told = _CELLS_LEAD if any(cells) else _LEADS if any(leads) else ""
    caption.caption(_count(table, len(matched)) + told)
    with grid:
        _draw(
            seen,
            view,
            labels,
            # Another order starts without a chosen column, and a click without a chosen row
            key=f"{prefix}_grid_{table.key}_{order}_{drill.clicks}",
            choose=partial(_sort_by, sort, turn, labels),
            follow=partial(_follow, drill),
            leads=leads,
            cells=cells,
            alt=f"{table.title}: {len(matched):,} rows",
        )


def _filter(table: Table, key: str, turn: str) -> str:
    typed: str = st.text_input(
        f"Filter {table.title}",
        key=key,
        placeholder="Filter rows",
        icon=":material/filter_alt:",
        label_visibility="collapsed",
        on_change=partial(_first_page, turn),
        bind="query-params",
        persist_state="session",
        width=220,
    )
    return typed or ""


def _order(labels: dict[str, str], key: str, turn: str) -> str:
    """Label of a column and a direction; empty for the report's order."""
    options = [f"{label} {way}" for label in labels.values() for way in (_FALLING, _RISING)]
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)  # of a column that this report has not
    chosen: str | None = st.selectbox(
        "Sort by",
        options,
        index=None,
        key=key,
        placeholder="Sort by",
        label_visibility="collapsed",
        on_change=partial(_first_page, turn),
        bind="query-params",
        persist_state="session",
        width=220,
    )
    return chosen or ""


def _hidden(table: Table, labels: dict[str, str], key: str) -> frozenset[str]:
    offered = [*labels.values()]
    if key in st.session_state:
        st.session_state[key] = [label for label in st.session_state[key] if label in offered]
    with st.popover("Columns", icon=":material/view_column:"):
        hidden: list[str] = st.multiselect(
            "Hidden columns",
            offered,
            [labels[column] for column in table.told_twice if column in labels],
            key=key,
            help="Files hold all columns.",
            bind="query-params",
            persist_state="session",
        )
    return frozenset(column for column, label in labels.items() if label in hidden)


def _count(table: Table, count: int) -> str:
    rows = len(table.frame)
    told = f"{rows:,} row{'' if rows == 1 else 's'}"
    return literal(f"{told if count == rows else f'{count:,} of {told}'}. {table.note}".strip())


def _page(count: int, key: str) -> int:
    most = pages(count)
    if most == 1:
        return 1
    if st.session_state.get(key, 1) > most:
        st.session_state[key] = 1
    page: int = st.pagination(most, key=key, bind="query-params")
    return page


def _draw(
    seen: Seen,
    view: View,
    labels: dict[str, str],
    *,
    key: str,
    choose: Callable[[Column], None],
    follow: Callable[[Chosen], None],
    leads: Sequence[Chosen],
    cells: Sequence[Mapping[str, Chosen]],
    alt: str,
) -> None:
    """The rows and below them the sums; a click on a heading chooses its column, one on a row narrows.

    Args:
        cells: of each row of two dimensions, what its cells lead to by their column.
    """
    columns = {column.key: column for column in seen.columns}

    def clicked() -> None:
        selection = st.session_state[key]["selection"]
        for heading in selection["columns"]:
            choose(columns[heading])
        for row in selection["rows"]:
            chosen = leads[row] if row < len(leads) else {}
            if not chosen:  # its box cannot be hidden
                st.toast(_nowhere(seen, row), icon=":material/info:")
            follow(chosen)
        for row, heading in selection["cells"]:
            chosen = cells[row].get(heading, {}) if row < len(cells) else {}
            if not chosen:
                what = "cell" if row < len(cells) else "row"
                st.toast(_nowhere(seen, row, what), icon=":material/info:")
            follow(chosen)

    modes: list[Literal["single-column", "single-row", "single-cell"]] = ["single-column"]
    if any(leads):
        modes.append("single-row")
    if any(cells):
        modes.append("single-cell")
    st.dataframe(
        seen.arrow,
        hide_index=True,
        column_config={column.key: _config(column, view, labels) for column in seen.columns},
        key=key,
        on_select=clicked,
        selection_mode=modes,
        height="content",
        alt=f"{alt} of {', '.join(column.label for column in seen.columns)}",
    )


def _cells(drill: Drill, seen: Seen) -> list[dict[str, Chosen]]:
    """What each cell of each row leads to, by its column; one that holds nothing leads nowhere."""
    rows = seen.text.to_dict("records")  # the sums below have no ids
    return [
        {
            column.key: chosen
            for column in seen.columns
            if not column.heads or any(digit in row[column.key] for digit in "123456789")
            if (chosen := drill.to_cell(ids, column))
        }
        for ids, row in zip(seen.ids, rows, strict=False)
    ]


def _nowhere(seen: Seen, row: int, what: str = "row") -> str:
    """Why a row, or a cell of it, cannot be seen alone."""
    if row < len(seen.ids):
        empty = "nothing is in it, " if what == "cell" else ""
        return f"This {what} leads nowhere: {empty}no filter means it alone, or one does already."
    if row == len(seen.text) - 1:
        return "TOTAL stands for all rows; it leads nowhere."
    return "This row stands for all that match the filter; it leads nowhere."


def _config(column: Column, view: View, labels: dict[str, str]) -> Any:
    arrow = f" {_FALLING if view.falling else _RISING}" if column.key == view.sort else ""
    return st.column_config.TextColumn(
        formats.heading(labels[column.key], column.unit if column.is_number else "") + arrow,
        help=column.help or None,
        alignment="right" if column.is_number else "left",
    )


def _follow(drill: Drill, chosen: Chosen) -> None:
    """Narrows the page and opens the first table, which is of what the chosen row consists of."""
    if chosen:
        st.session_state[drill.prefix + _OPEN_FIRST] = True
    drill.follow(chosen)


def _sort_by(sort: str, turn: str, labels: dict[str, str], column: Column) -> None:
    """Numbers fall and texts rise at first; a second time it is the other way."""
    ways = (_FALLING, _RISING) if column.is_number else (_RISING, _FALLING)
    options = [f"{labels[column.key]} {way}" for way in ways]
    st.session_state[sort] = options[st.session_state.get(sort) == options[0]]
    _first_page(turn)


def _first_page(turn: str) -> None:
    if turn in st.session_state:
        st.session_state[turn] = 1
