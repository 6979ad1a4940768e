"""Pages as Streamlit runs them, without a browser: opened by a link, and read."""

import json
from collections.abc import Iterator
from typing import Any

from streamlit.proto.Dataframe_pb2 import Dataframe as Grid
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from tests.support.servers import ROOT

SINGLE_ROW = Grid.SelectionMode.SINGLE_ROW


class VisitedPages(PagesManager):
    """The pages of a server that somebody has opened before.

    AppTest starts each run as a fresh server, which runs a page's file without app.py; a rerun from
    within goes through app.py again, where inputs have other ids and lose what was typed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        PagesManager.uses_pages_directory = False
        super().__init__(*args, **kwargs)


def open_link(page: str, **link: Any) -> AppTest:
    """A page as a link shows it."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page(f"pages/{page}.py")
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def figures(at: AppTest) -> dict[str, str]:
    """Label to text of the cards, and of the figures that have none."""
    cards = {metric.label: metric.value for metric in at.metric}
    listed = {
        label: value
        for table in at.table
        if "Figure" in table.value
        for label, value in zip(table.value["Figure"], table.value["Value"], strict=True)
    }
    return {
        label.replace("\\", ""): value.replace("\\", "")
        for label, value in {**listed, **cards}.items()
    }


def texts(elements: Any) -> str:
    """What elements of one kind say, without the marks that keep it from being markup."""
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def everything(at: AppTest) -> str:
    """Every message that the page sends, as text."""
    return "\n".join(str(element.proto) for element in _leaves(at))


def _leaves(at: AppTest) -> Iterator[Any]:
    for area in (at.main, at.sidebar):
        for element in area:
            if getattr(element, "proto", None) is not None:
                yield element


def press(at: AppTest, label: str) -> AppTest:
    """The page after a click on a button."""
    return next(button for button in at.button if button.label == label).click().run()


def grid_of(at: AppTest) -> Any:
    """The open table."""
    return next(one for one in at.dataframe if "_grid_" in one.proto.id)


def row_of(at: AppTest, column: str, text: str) -> int:
    """Where in the open table a text stands in a column."""
    cells: list[str] = grid_of(at).value[column].tolist()
    return cells.index(text)


def select(at: AppTest, row: int) -> AppTest:
    """The page after a click on the box before a row of the open table."""
    grid = grid_of(at)
    assert SINGLE_ROW in grid.proto.selection_mode
    return _selected(at, rows=[row])


def select_cell(at: AppTest, row: int, column: str) -> AppTest:
    """The page after a click on a cell of the open table."""
    assert Grid.SelectionMode.SINGLE_CELL in grid_of(at).proto.selection_mode
    return _selected(at, cells=[[row, column]])


def _selected(at: AppTest, **what: Any) -> AppTest:
    states = at._tree.get_widget_states()
    chosen = json.dumps({"selection": {"rows": [], "columns": [], "cells": [], **what}})
    states.widgets.append(WidgetState(id=grid_of(at).proto.id, string_value=chosen))
    return at._run(states)
