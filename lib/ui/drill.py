"""Drilling down: a click on a row or a bar narrows the page to what stands behind it, a path leads back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

import streamlit as st

from lib.reports.personal import holds_pseudonym
from lib.reports.report import Column
from lib.ui.controls import Narrows, known_names
from lib.ui.links import Controls
from lib.ui.text import literal

Chosen = Mapping[str, Sequence[str]]
"""What inputs shall have chosen, by their key."""

_CLICKS = "_drill_clicks"
_WIDER = "_wider"


@dataclass(frozen=True)
class Drill:
    """What the rows and bars of a page lead to.

    Args:
        prefix: of the page.
        controls: all of the page.
        people: whether the visitor may know who is who.
    """

    prefix: str
    controls: Controls
    people: bool = True

    @property
    def clicks(self) -> int:
        """Rises with each click; what has it in its key starts without a selection after one."""
        clicks: int = st.session_state.get(self.prefix + _CLICKS, 0)
        return clicks

    def chosen(self) -> dict[str, list[str]]:
        """What the inputs have chosen that narrow the page."""
        keys = [control.key for control in self.controls if control.narrows is not None]
        return {key: [*st.session_state.get(key, [])] for key in keys}

    def alone(self) -> set[str]:
        """Of what the page shows one thing only, as in ``Column.of``."""
        chosen = self.chosen()
        narrowing = [
            (control.narrows, chosen[control.key]) for control in self.controls if control.narrows
        ]
        return {narrows.of[-1] for narrows, ids in narrowing if len(ids) == 1}

    def to(self, ids: Mapping[Any, object]) -> Chosen:
        """What a click on a row or bar chooses; nothing where it leads nowhere.

        Args:
            ids: that stand behind it, by what they are ids of.
        """
        return narrowed(self.controls, ids, self.chosen(), people=self.people)

    def to_cell(self, ids: Mapping[Any, object], column: Column) -> Chosen:
        """What a click on a cell of two dimensions chooses: what its row and its column stand for.

        Args:
            ids: of the row. What is blank stands for nobody or for several, so the cell leads nowhere.
        """
        both = {**ids, **dict(column.heads)}
        told = all(isinstance(one, str) and one.strip() for one in both.values())
        return self.to(both) if told else {}

    def follow(self, chosen: Chosen) -> None:
        """Chooses; to be called while a click is handled, before the inputs are drawn."""
        for control in self.controls:
            if control.narrows and control.narrows.always and control.key in chosen:
                st.session_state[control.key + _WIDER] = st.session_state.get(control.key, [])
        _choose(chosen)
        st.session_state[self.prefix + _CLICKS] = self.clicks + 1


def narrowed(
    controls: Controls, ids: Mapping[Any, object], now: Chosen, *, people: bool = True
) -> Chosen:
    """What the inputs of a page choose to show one thing only; nothing where that changes nothing.

    Args:
        ids: of the thing, by what they are ids of; whatever is no text, or blank, stands for nothing.
        now: what is chosen.
        people: whether the visitor may know who is who; whoever may not is led nowhere by a
            pseudonym that the input does not know.
    """
    chosen: dict[str, Sequence[str]] = {}
    for control in controls:
        narrows = control.narrows
        if narrows is None:
            continue
        parts = [ids.get(of) for of in narrows.of]
        path = [*takewhile(bool, (part if isinstance(part, str) else "" for part in parts))]
        known = people or narrows.pseudonyms or not any(map(holds_pseudonym, path))
        # Blanks and slashes around an id are lost on the way, and the first slash ends a part
        plain = all(part == part.strip(" /") == part.strip() for part in path)
        plain = plain and "/" not in "".join(path[:-1])
        if not known or not plain:
            return {}  # rather nothing than more than was clicked
        if not path:
            continue
        if len(path) == len(narrows.of):
            chosen[control.key] = ["/".join(path)]
        else:  # of several parts, those that lie inside stay
            inside = "/".join(path) + "/"
            chosen[control.key] = [value for value in now[control.key] if value.startswith(inside)]
    return {} if all(chosen[key] == [*now[key]] for key in chosen) else chosen


def show_path(prefix: str, controls: Controls) -> None:
    """What the page is narrowed to, step by step, each a button that leads back there."""
    steps = _steps(controls, Drill(prefix, controls).chosen())
    if len(steps) < 2:
        return
    with st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key=f"{prefix}_path"
    ):
        for place, (label, chosen) in enumerate(steps[:-1]):
            st.button(
                label,
                type="tertiary",
                key=f"{prefix}_path_{place}",
                on_click=partial(_choose, chosen),
            )
            st.markdown("›", width="content")
        st.markdown(f"**{steps[-1][0]}**", width="content")


def _steps(controls: Controls, here: Mapping[str, list[str]]) -> list[tuple[str, Chosen]]:
    """What each step is called, and what leads back to it."""
    narrowing = [
        (control.key, control.narrows, here[control.key])
        for control in controls
        if control.narrows is not None and here[control.key]
    ]
    leavable: dict[str, list[str]] = {key: [] for key, how, _ in narrowing if not how.always}
    steps: list[tuple[str, Chosen]] = []
    if len(leavable) == len(narrowing):
        steps.append(("All", leavable))
    for place, (key, how, ids) in enumerate(narrowing):
        wider: list[str] = st.session_state.get(key + _WIDER, []) if how.always else []
        if {*wider} > {*ids}:
            steps.append((_told(key, how, wider), {**leavable, key: wider}))
        behind = {later: leavable[later] for later, _, _ in narrowing[place + 1 :]}
        steps.append((_told(key, how, ids), behind))
    return steps


def _told(key: str, narrows: Narrows, ids: Sequence[str]) -> str:
    if len(ids) > 1:
        return f"{len(ids):,} {narrows.one.lower()}s"
    last = ids[0].split("/", len(narrows.of) - 1)[-1]
    return f"{narrows.one} {literal(known_names(key).get(ids[0], last))}"


def _choose(chosen: Chosen) -> None:
    for key, ids in chosen.items():
        st.session_state[key] = [*ids]
        if ids:
            st.query_params[key] = [*ids]
        else:
            st.query_params.pop(key, None)
