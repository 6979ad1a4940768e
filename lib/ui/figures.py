"""The figures of a Report on the screen: the first as cards, all of them as a table."""

import pandas as pd
import streamlit as st

from lib.exports import formats
from lib.quantities import exactly, quantity
from lib.reports.report import Figure
from lib.ui.text import literal

HEADLINE = 6
"""Figures that stand above everything else; a report says which by their order."""

_CARD_PIXELS = 162
"""Six fit beside the sidebar of a laptop, fewer wrap."""

_WELCOME_LESS = ("cost",)
"""More of a cost is not good news; of anything else, more is just more."""


def show_figures(figures: tuple[Figure, ...], cautions: tuple[str, ...] = ()) -> None:
    """At most ``HEADLINE`` cards, and below them what must be known to read them right."""
    with st.container(horizontal=True, gap="small"):
        for figure in figures[:HEADLINE]:
            _show_card(figure, settled=not cautions)
    against = dict.fromkeys(figure.delta.against for figure in figures if figure.delta)
    compared = (f"Changes are against {', '.join(against)}.",) if against else ()
    if compared or cautions:
        st.caption(literal(" ".join((*compared, *cautions))))


def show_all_figures(figures: tuple[Figure, ...]) -> None:
    """Every figure with what it was before and what it means; nothing where the cards say it all."""
    if len(figures) <= HEADLINE:
        return
    with st.expander(f"All figures ({len(figures)})", icon=":material/pin:"):
        rows = [_row(figure) for figure in figures]
        filled = {
            name: [literal(row[name]) for row in rows]
            for name in rows[0]
            if any(row[name] for row in rows)
        }
        st.table(pd.DataFrame(filled, dtype="str"), border="horizontal", alt="All figures")


def _row(figure: Figure) -> dict[str, str]:
    delta = figure.delta
    return {
        "Figure": _label(figure),
        "Value": _at_least(figure) + formats.figure(figure),
        "Previous": quantity(delta.previous, figure.unit) if delta else "",
        "Change": formats.delta(delta, figure.unit) if delta else "",
        "About": figure.help,
    }


def _show_card(figure: Figure, *, settled: bool) -> None:
    """A change of what still grows is no news yet, good or bad."""
    value = figure.value
    how = "Of what answered" if figure.incomplete else "Exactly"
    exact = "Not known." if value is None else f"{how} {exactly(value, figure.unit)}."
    st.metric(
        literal(_label(figure)),
        _at_least(figure) + formats.compact(figure),
        formats.delta(figure.delta, figure.unit, in_short=True) if figure.delta else None,
        delta_color="inverse" if settled and figure.key in _WELCOME_LESS else "off",
        delta_arrow="auto" if figure.delta and figure.delta.change else "off",
        help=literal(f"{exact} {figure.help}".strip()),
        border=True,
        width=_CARD_PIXELS,
        height="stretch",
    )


def _label(figure: Figure) -> str:
    return figure.label + (" (incomplete)" if figure.incomplete else "")


def _at_least(figure: Figure) -> str:
    return "≥ " if figure.is_least else ""
