"""The frame around a page's inputs: the demo's banner, the link's problems, form and button."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import streamlit as st

from lib.ui.links import Controls, check_link, forget_link_problems
from lib.ui.page import Page


class Source(Protocol):
    """Whom to ask, as far as every page needs to know."""

    @property
    def scope(self) -> str: ...

    @property
    def demo(self) -> bool: ...


Draw = Mapping[str, Callable[..., Any]]
"""What draws each control, by its key."""

S = TypeVar("S", bound=Source)
Q = TypeVar("Q")
D = TypeVar("D")


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
    button: str,
    demo: str,
    controls: Controls,
    at_once: Callable[[Draw], D],
    form: Callable[[Draw, D], Callable[[], Q]],
    private: bool = False,
) -> Asked[S, Q]:
    """Draws the frame and the inputs in it.

    Args:
        demo: said under "Demo data", when it is: what is shown, and what to set for real data.
        controls: all of the page, those outside the form, too.
        at_once: draws the inputs that apply when they are changed: which days.
        form: takes what these gave, and draws the others; what it returns checks them, once the form is complete.
        private: see ``Asked``.

    Raises:
        InputError: choices that cannot be asked for.
    """
    prefix = page.entry.prefix
    if source.demo:
        st.info(f"**Demo data.** {demo}", icon=":material/science:")
    check_link(prefix, controls, people=page.visitor.may("personal"))
    draw = {control.key: control.draw for control in controls}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        days = at_once(draw)
    with st.form(f"{prefix}_form"):
        question = form(draw, days)
        again = st.form_submit_button(button, type="primary", icon=":material/refresh:")
    if again:
        forget_link_problems(prefix)
    return Asked(source, question(), again, controls, private)


def cache_controls(page: Page, upstream: str) -> None:
    """A button that empties the caches; in debug, how full they are."""
    if page.visitor.may("operate") and st.button(
        "Clear cache",
        icon=":material/delete_sweep:",
        help=f"For everybody: the next fetch asks {upstream} for everything again.",
    ):
        page.runtime.clear()
        st.toast("The cache is empty.")
    if page.settings.debug and page.visitor.may("operate"):
        counts = page.runtime.statistics()
        st.caption(f"Cache: {', '.join(f'{count:,} {what}' for what, count in counts.items())}")
