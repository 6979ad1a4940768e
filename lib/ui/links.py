"""Links: every control in the address, opened links checked, and one to copy."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from lib.errors import DashboardError, InputError
from lib.reports.personal import holds_address
from lib.ui.controls import Control
from lib.ui.copy_button import copy_button
from lib.ui.text import literal

_OWN = ("embed", "embed_options")
_PROBLEMS = "_link_problems"
_LEFT_OUT = "_link_left_out"
_OPENED = "_link_opened"

VIEW = "_view_"
"""In the names of parameters that choose what of a report is in view; they change no number."""

Controls = Sequence[Control[Any, Any]]
"""Of one page."""


def check_link(prefix: str, controls: Controls, *, people: bool = True) -> None:
    """Finds everything in the opened link that cannot be followed, for ``show_link_problems``.

    Streamlit drops such values without a word, and the page would show other numbers than the
    sender saw.

    Args:
        people: whether the visitor may know who is who. If not, a filter by e-mail address is
            dropped too: it would tell whose numbers stand under which pseudonym.
    """
    key = f"{prefix}{_PROBLEMS}"
    given = set(st.query_params)
    if key not in st.session_state:
        st.session_state[key] = _problems(prefix, controls)
    called = {control.key: control.label for control in controls}
    for name in [] if people else list(st.query_params):
        if any(map(holds_address, st.query_params.get_all(name))):
            st.session_state[key].append(
                f"{literal(called.get(name, name[:60]))}: it holds an e-mail address, and your role "
                "sees none."
            )
            del st.query_params[name]
    if given != set(st.query_params):
        st.rerun()  # else text inputs would still take what the link said


def show_link_problems(prefix: str, question: object, *, again: bool) -> None:
    """Names what of the opened link could not be followed, until the person asks something else.

    Args:
        question: of this run; None when its choices cannot be asked for.
        again: it is asked again, which is a choice, too.
    """
    kept, left_out, opened = (f"{prefix}{name}" for name in (_PROBLEMS, _LEFT_OUT, _OPENED))
    if question is not None:
        other = question != st.session_state.setdefault(opened, question)
        if other or again:
            st.session_state[kept] = []
            st.session_state.pop(left_out, None)
    problems = [*st.session_state[kept], *st.session_state.get(left_out, [])]
    if problems:
        lines = "\n".join(f"* {problem}" for problem in problems)
        st.warning(
            f"This link could not be followed in full; the defaults stand in.\n\n{lines}",
            icon=":material/link_off:",
        )


def leave_out_of_link(prefix: str, problem: str) -> None:
    """Adds to what ``show_link_problems`` names something that an input left out of the opened link."""
    left_out: list[str] = st.session_state.setdefault(f"{prefix}{_LEFT_OUT}", [])
    if problem not in left_out:
        left_out.append(problem)


def _problems(prefix: str, controls: Controls) -> list[str]:
    known = {control.key: control for control in controls}
    problems = []
    for key in list(st.query_params):
        control = known.get(key)
        if control is not None:
            problems += _problems_of(control, st.query_params.get_all(key))
        elif (
            key not in _OWN and VIEW not in key and (key.startswith(f"{prefix}_") or "_" not in key)
        ):
            problems.append(f"The parameter {literal(key[:60])} is unknown.")
    return problems


def _problems_of(control: Control[Any, Any], values: list[str]) -> list[str]:
    """What of a parameter cannot be followed; its input then has its default."""
    key, label, problems = control.key, literal(control.label), []
    if control.allowed is not None:
        problems += [
            f"{label}: {literal(repr(value[:60]))} is unknown. "
            f"Use {literal(', '.join(control.allowed.values()))}."
            for value in values
            if value not in control.allowed and (value or not control.none)
        ]
        if "" in values and not control.none:
            del st.query_params[key]  # else Streamlit would choose none, without the default
    if control.check is not None:
        try:
            control.check(values)
        except DashboardError as error:
            said = error.problem if isinstance(error, InputError) else error.message
            problems.append(f"{label}: {literal(f'{said} {error.remedy}'.strip())}")
            del st.query_params[key]  # else the widget would stay empty, without its default
    return problems


def copy_link(prefix: str, controls: Controls, question: object) -> None:
    """A link that shows the same tomorrow: every control stands in it, defaults too.

    Beside it, where the days have a name, one that shows what the name means tomorrow.

    Args:
        question: the query that the controls made; what is in view is added from the session, and
            from the address where this run has not drawn it yet.
    """
    state: Mapping[str, object] = {control.key: control.linked(question) for control in controls}
    view: dict[str, object] = {
        key: st.query_params.get_all(key)
        for key in st.query_params
        if key.startswith(prefix + VIEW)
    }
    view |= {
        str(key): st.session_state[key]
        for key in st.session_state
        if str(key).startswith(prefix + VIEW)
    }
    view = {key: value for key, value in view.items() if value != ""}
    moving = {
        control.key: instead
        for control in controls
        if control.moving is not None and (instead := control.moving(question))
    }
    names = [instead.label for instead in moving.values() if instead.label]
    copy_button(
        "Copy link",
        _link({**state, **view}),
        refused="This browser lets no page copy. Take the link from Links.",
        key=f"{prefix}_copy_link",
    )
    with st.popover("Links", icon=":material/link:"):
        st.caption("Opens this page with the same choices, for whoever may open it.")
        if names:
            st.markdown("**These days**")
        _show_link({**state, **view})
        if names:
            st.markdown(f"**Always {names[0].lower()}**")
            pinned = {key: value for key, value in state.items() if key not in moving}
            named = {instead.key: instead.value for instead in moving.values()}
            _show_link({**named, **{k: v for k, v in pinned.items() if k not in named}, **view})


def _show_link(parameters: Mapping[str, object]) -> None:
    st.code(_link(parameters), language=None, wrap_lines=True)


def _link(parameters: Mapping[str, object]) -> str:
    pairs = {
        key: [""] if value == [] else value
        for key, value in parameters.items()
        if value is not None
    }
    return f"{st.context.url}?{urlencode(pairs, doseq=True)}"
