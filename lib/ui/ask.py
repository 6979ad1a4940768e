"""The frame around a page's inputs: the demo's banner, the link's problems, form and button."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from lib.ui.controls import Control
from lib.ui.drill import show_path
from lib.ui.links import Controls, check_link, show_link_problems
from lib.ui.page import Page


class Source(Protocol):
    """Whom to ask, as far as every page needs to know."""

    @property
    def scope(self) -> str: ...

    @property
    def demo(self) -> bool: ...


Inputs = Mapping[str, Control[Any, Any]]
"""The controls of a page by their key."""

REFRESH = "Refresh"
"""What the button says that asks again, on every page."""

S = TypeVar("S", bound=Source)
Q = TypeVar("Q")


@dataclass(frozen=True)
class Asked(Generic[S, Q]):
    """One person's question: to whom, what, and whether to ask again even if nothing changed.

    Args:
        controls: that the question was made with, to make a link of it.
        private: the answer is of this session only, whoever else asks the same.
    """

    source: S
    query: Q
    again: bool
    controls: Controls
    private: bool = False

    @property
    def identity(self) -> tuple[str, Q]:
        """Equal for equal questions to the same upstream."""
        return self.source.scope, self.query


def ask(
    page: Page,
    source: S,
    *,
    demo: str,
    controls: Controls,
    row: Callable[[Inputs], Callable[[], Q | None]],
    private: bool = False,
) -> Asked[S, Q]:
    """Draws the frame and one row of inputs in it; each applies at once.

    Args:
        demo: said under "Demo data", when it is: what is shown, and what to set for real data.
        controls: all of the page.
        row: draws the inputs; what it returns checks them, once the row is complete. None means
            that nothing can be asked yet, and it has said so: the page ends there.
        private: see ``Asked``.

    Raises:
        InputError: choices that cannot be asked for.
    """
    prefix = page.entry.prefix
    if source.demo:
        told = demo if page.visitor.may("operate") else "None of these numbers is real."
        st.markdown(f":blue-badge[:material/science: Demo data] :small[{told}]")
    check_link(prefix, controls, people=page.visitor.may("personal"))
    problems, checked = st.container(), None
    with st.container(
        horizontal=True, vertical_alignment="bottom", gap="xsmall", key=f"{prefix}_control_row"
    ):
        try:
            question = row({control.key: control for control in controls})
        finally:  # an input that lists what it offers may fail, and be asked for again
            again = st.button(
                REFRESH,
                icon=":material/refresh:",
                key=f"{prefix}_refresh",
                help="Asks again for what may have changed.",
            )
    show_path(prefix, controls)
    try:
        checked = question()
    finally:
        with problems:
            show_link_problems(prefix, checked, again=again)
    if checked is None:
        st.stop()
    return Asked(source, checked, again, controls, private)


def filters(page: Page, *controls: Control[Any, Any]) -> Any:
    """The place of inputs that leave something out; it says how many of these do.

    Args:
        controls: to be drawn there.
    """
    active = sum(control.is_set() for control in controls)
    return st.popover(
        f"Filters ({active})" if active else "Filters",
        icon=":material/filter_alt:",
        key=f"{page.entry.prefix}_filters",
        width="content",
    )


def more(page: Page) -> Any:
    """The place of inputs that are seldom changed."""
    return st.popover("More", icon=":material/tune:", key=f"{page.entry.prefix}_more")


def cache_controls(page: Page, upstream: str) -> None:
    """Under More: a button that empties the caches; in debug, how full they are."""
    if page.visitor.may("operate") and st.button(
        "Clear cache",
        icon=":material/delete_sweep:",
        help=f"For everybody: the next refresh asks {upstream} for everything again.",
    ):
        page.runtime.clear()
        st.toast("The cache is empty.")
    if page.settings.debug and page.visitor.may("operate"):
        counts = page.runtime.statistics()
        st.caption(f"Cache: {', '.join(f'{count:,} {what}' for what, count in counts.items())}")
