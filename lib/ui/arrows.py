"""Two arrows beside a choice of time: to what comes before what is chosen, and to what comes after."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

_ARROWS_WIDTH = 84
"""Pixels of the arrows."""


@dataclass(frozen=True)
class Step:
    """Where an arrow leads.

    Args:
        there: what is there, as people call it.
        go: chooses it.
    """

    there: str
    go: Callable[[], None]


def stepped(prefix: str, width: int) -> Any:
    """The place of a choice and of its arrows, which ``look`` keeps in one line.

    Args:
        width: of the choice, in pixels.
    """
    return st.container(
        horizontal=True,
        vertical_alignment="bottom",
        gap="xsmall",
        width=width + _ARROWS_WIDTH,
        key=f"{prefix}_stepped",
    )


def arrows(prefix: str, before: Step | None, after: Step | None) -> None:
    """An arrow each way; one that leads nowhere is greyed out. Its name is heard, and seen in the hover."""
    for name, icon, step in (("Previous", "left", before), ("Next", "right", after)):
        st.button(
            name,
            icon=f":material/chevron_{icon}:",
            key=f"{prefix}_{name.lower()}",
            disabled=step is None,
            help=f"{name}: {step.there if step else 'there is none'}.",
            on_click=step.go if step else None,
        )
