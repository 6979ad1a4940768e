"""Inputs for reports of one month: the month, or the current state, and the month compared with."""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import TypeVar

import streamlit as st

from lib.comparisons import COMPARISONS, NONE
from lib.errors import InputError
from lib.periods import months_before
from lib.presets import PRESETS
from lib.ui.arrows import Step, arrows, stepped
from lib.ui.controls import Control, Moving, is_linked

Q = TypeVar("Q")

_BACK = 36
"""Months offered; a link may name an earlier one."""

_OTHER = "other"
_MONTH, _COMPARED = "Month", "Compare with"


def month(
    prefix: str,
    today: date,
    presets: tuple[str, ...],
    of: Callable[[Q], str],
    *,
    check: Callable[[str], object],
    named: Callable[[str], str],
) -> tuple[Control[Q, str], Control[Q, None]]:
    """A month such as ``2026-10``, nothing for the current state; and the parameter that names one.

    Args:
        presets: names of months that links may hold.
        of: the month of a question.
        check: raises InputError for what is no month.
        named: the month that a preset means today.
    """
    key, preset_key, kept = f"{prefix}_month", f"{prefix}_preset", f"{prefix}_month_kept"

    def check_preset(values: list[str]) -> None:
        if st.query_params.get(key):
            raise InputError("period", "the link names a month, too; that one is shown.")
        named(values[-1])

    def draw() -> str:
        linked = st.query_params.get(key, "") or named(st.query_params.get(preset_key, ""))
        chosen: str = st.session_state.setdefault(kept, linked)
        options = ["", *_months(today, chosen)]
        st.session_state[f"{key}_choice"] = chosen

        def take(value: str | None = None) -> None:
            st.session_state[kept] = st.session_state[f"{key}_choice"] if value is None else value

        place = options.index(chosen)

        def to(way: int) -> Step | None:
            if not 0 <= place + way < len(options):
                return None
            there = options[place + way]
            return Step(_title(there) or "Current", partial(take, there))

        with stepped(prefix, 200):
            st.selectbox(
                f"{_MONTH} (UTC)",
                options,
                format_func=lambda value: _title(value) if value else "Current",
                key=f"{key}_choice",
                on_change=take,
                help="For servers that keep months. Current: what the server gives now.",
            )
            arrows(prefix, to(1), to(-1))
        st.query_params.pop(preset_key, None)
        _write(key, chosen)
        return chosen

    def moving(question: Q) -> Moving | None:
        names = (name for name in presets if named(name) == of(question))
        name = next(names, None)
        return Moving(preset_key, name, PRESETS[name].label) if name else None

    return (
        Control(key, draw, of, _MONTH, check=lambda values: check(values[-1]), moving=moving),
        Control(preset_key, lambda: None, lambda _: None, _MONTH, check=check_preset),
    )


def month_compared(
    prefix: str,
    today: date,
    among: tuple[str, ...],
    of: Callable[[Q], str],
    *,
    check: Callable[[str], object],
    resolved: Callable[[str, str], str],
    opens: Callable[[], str],
    by_name: bool = True,
) -> Control[Q, str]:
    """The month compared with: by name or by itself; nothing for none.

    ``draw`` takes the month that is compared.

    Args:
        among: names of comparisons that give a month.
        resolved: the month that a comparison and a month give.
        opens: what is chosen where no link says anything of the page.
        by_name: whether a name gives a month of what is shown; else a name counts as none.
    """
    key, kept = f"{prefix}_compare", f"{prefix}_compare_kept"
    offered = among if by_name else (NONE,)

    def way_of(chosen: str) -> str:
        return chosen if chosen in among else _OTHER

    def draw(compared: str) -> str:
        if kept not in st.session_state:
            linked = st.query_params.get(key)
            st.session_state[kept] = linked or (NONE if is_linked(prefix) else opens())
        chosen: str = st.session_state[kept]
        if chosen in among and chosen not in offered:
            chosen = NONE
        labels = {**{name: COMPARISONS[name].label for name in offered}, _OTHER: "Another month"}
        st.session_state[key] = way_of(chosen)

        def take_way() -> None:
            way = st.session_state[key]
            first = date.fromisoformat(f"{compared}-01") if compared else today
            earlier = f"{months_before(first, 1):%Y-%m}"
            st.session_state[kept] = earlier if way == _OTHER else way

        def take_month() -> None:
            st.session_state[kept] = st.session_state[f"{key}_choice"]

        with st.container(width=220):
            st.selectbox(
                _COMPARED,
                list(labels),
                format_func=lambda name: labels.get(name, name),
                key=key,
                on_change=take_way,
                help="What is new, gone and changed since.",
            )
        if way_of(chosen) == _OTHER:
            st.session_state[f"{key}_choice"] = chosen
            with st.container(width=200):
                st.selectbox(
                    "Compared with",
                    _months(today, chosen),
                    format_func=_title,
                    key=f"{key}_choice",
                    on_change=take_month,
                )
        _write(key, chosen)
        return resolved(chosen, compared) if chosen in among else chosen

    def moving(_: Q) -> Moving | None:
        chosen = st.session_state.get(kept, NONE)
        return Moving(key, chosen) if chosen in among and chosen != NONE else None

    def check_compared(values: list[str]) -> None:
        if values[-1] not in among:
            check(values[-1])

    return Control(key, draw, of, _COMPARED, check=check_compared, moving=moving)


def _months(today: date, chosen: str) -> list[str]:
    """Latest first; one that is chosen is among them."""
    offered = {f"{months_before(today, back):%Y-%m}" for back in range(_BACK)}
    return sorted({*offered, *filter(None, [chosen])}, reverse=True)


def _title(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}" if month else ""


def _write(key: str, value: str) -> None:
    if value:
        if st.query_params.get(key) != value:
            st.query_params[key] = value
    else:
        st.query_params.pop(key, None)
