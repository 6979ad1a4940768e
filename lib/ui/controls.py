"""Inputs bound to the URL: pinned defaults, checked links, permalinks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

import streamlit as st

from lib.charts import distinct_labels
from lib.errors import DashboardError, InputError
from lib.periods import parse_day
from lib.reports.personal import holds_address
from lib.ui.text import literal

_OWN = ("embed", "embed_options")
_PROBLEMS = "_link_problems"
_LEFT_OUT = "_link_left_out"

VIEW = "_view_"
"""In the names of parameters that choose what of a report is in view; they change no number."""


def pin(key: str, value: object, url: Sequence[str]) -> None:
    """Puts a default that moves with the calendar into the URL, so that a link keeps its numbers."""
    if key not in st.session_state and key not in st.query_params:
        st.session_state[key] = value
        st.query_params[key] = list(url)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a page's links.

    Args:
        allowed: the values it may have; None for any text.
        none: whether the link may say that none of them is chosen.
        check: raises InputError for values that are wrong together, such as a reversed range.
    """

    key: str
    allowed: Sequence[str] | None = None
    none: bool = False
    check: Callable[[list[str]], object] | None = None


def check_link(prefix: str, parameters: Sequence[Parameter], *, people: bool = True) -> None:
    """Names everything in the opened link that cannot be followed.

    Streamlit drops such values without a word, and the page would show other numbers than the
    sender saw. The messages stay until ``forget_link_problems``.

    Args:
        people: whether the visitor may know who is who. If not, a filter by e-mail address is
            dropped too: it would tell whose numbers stand under which pseudonym.
    """
    key = f"{prefix}{_PROBLEMS}"
    given = set(st.query_params)
    if key not in st.session_state:
        st.session_state[key] = _problems(prefix, parameters)
    problems = [*st.session_state[key], *st.session_state.get(f"{prefix}{_LEFT_OUT}", [])]
    for name in [] if people else list(st.query_params):
        if any(map(holds_address, st.query_params.get_all(name))):
            st.session_state[key].append(
                f"{literal(name[:60])} holds an e-mail address, and your role sees none."
            )
            del st.query_params[name]
    if given != set(st.query_params):
        st.rerun()  # else text inputs would still take what the link said
    if problems:
        lines = "\n".join(f"* {problem}" for problem in problems)
        st.warning(
            f"This link could not be followed in full; the defaults stand in.\n\n{lines}",
            icon=":material/link_off:",
        )


def forget_link_problems(prefix: str) -> None:
    """The person has chosen anew: what was wrong with the link no longer matters."""
    st.session_state[f"{prefix}{_PROBLEMS}"] = []
    st.session_state.pop(f"{prefix}{_LEFT_OUT}", None)


def leave_out_of_link(prefix: str, problem: str) -> None:
    """Adds to what ``check_link`` names something that an input left out of the opened link."""
    left_out: list[str] = st.session_state.setdefault(f"{prefix}{_LEFT_OUT}", [])
    if problem not in left_out:
        left_out.append(problem)


def _problems(prefix: str, parameters: Sequence[Parameter]) -> list[str]:
    known = {parameter.key: parameter for parameter in parameters}
    problems = []
    for key in list(st.query_params):
        values = st.query_params.get_all(key)
        parameter = known.get(key)
        if parameter is None:
            if (
                key not in _OWN
                and VIEW not in key
                and (key.startswith(f"{prefix}_") or "_" not in key)
            ):
                problems.append(f"The parameter {literal(key[:60])} is unknown.")
            continue
        if parameter.allowed is not None:
            problems += [
                f"{literal(key)} has no value {literal(value[:60])}; "
                f"it takes {literal(', '.join(parameter.allowed))}."
                for value in values
                if value not in parameter.allowed and (value or not parameter.none)
            ]
            if "" in values and not parameter.none:
                del st.query_params[key]  # else Streamlit would choose none, without the default
        if parameter.check is not None:
            try:
                parameter.check(values)
            except DashboardError as error:
                problems.append(literal(f"{key}: {error}"))
                del st.query_params[key]  # else the widget would stay empty, without its default
    return problems


def date_range(key: str, label: str, today: date, days: int) -> tuple[date, ...]:
    """The days chosen, one or two, in UTC; by default the last ``days`` including today."""
    default = (today - timedelta(days=days - 1), today)
    pin(key, default, [day.isoformat() for day in default])
    chosen = st.date_input(
        f"{label} (UTC, both days included)",
        value=[],
        max_value=today,
        key=key,
        format="YYYY-MM-DD",
        bind="query-params",
    )
    return tuple(chosen) if isinstance(chosen, tuple | list) else (chosen,)


def both_ends(days: Sequence[date]) -> tuple[date, date]:
    """First and last day of a range; Streamlit's address keeps a range of one day as one day.

    Raises:
        InputError: there is none.
    """
    if not 1 <= len(days) <= 2:
        raise InputError("date range", "no day is chosen.", "Choose a first and a last day.")
    return days[0], days[-1]


def check_days(today: date) -> Callable[[list[str]], object]:
    """A check for what the date input would drop; a reversed or half range it keeps, and we refuse."""

    def check(values: list[str]) -> None:
        days = [parse_day("date", value) for value in values]
        if len(days) > 2 or max(days) > today:
            raise InputError("date range", f"it takes two days until today, {today} (UTC).")

    return check


def check_whole(low: int, high: int) -> Callable[[list[str]], object]:
    """A check for what a number input would drop without a word, cut off, or fail on (``1e400``)."""

    def check(values: list[str]) -> None:
        for value in values:
            digits = value.isascii() and value.isdigit() and len(value) <= len(str(high))
            if not digits or not low <= int(value) <= high:
                raise InputError("number", f"it takes a whole number from {low} to {high:,}.")

    return check


def pick_ids(key: str, label: str, names: Mapping[str, str], placeholder: str) -> list[str]:
    """Several ids, shown by name and kept in the URL by id, since names change and ids do not.

    Args:
        names: id to name. Ids of the link that are not among them are offered as they are.
    """
    linked = [one for one in dict.fromkeys(st.query_params.get_all(key)) if one]
    # Written back each time: once app.py runs what began as a page's file, the input is a new one.
    st.session_state[key] = st.session_state.get(key, linked)
    labels = distinct_labels({**{one: one for one in st.session_state[key]}, **names})
    chosen: list[str] = st.multiselect(
        label,
        sorted(labels, key=lambda one: labels[one].lower()),
        format_func=lambda one: labels.get(one, one),
        key=key,
        placeholder=placeholder,
        persist_state="session",
    )
    if chosen != st.query_params.get_all(key):
        if chosen:
            st.query_params[key] = chosen
        else:
            st.query_params.pop(key, None)
    return chosen


def copy_link(state: Mapping[str, object], prefix: str) -> None:
    """A link that shows the same tomorrow: every control stands in it, defaults too.

    Args:
        state: parameter to value; what is in view is added from the session.
    """
    view = {key: st.session_state[key] for key in st.session_state if f"{prefix}{VIEW}" in str(key)}
    pairs = {key: value if value != [] else [""] for key, value in {**state, **view}.items()}
    with st.popover("Copy link", icon=":material/link:"):
        st.caption("Opens this page with the same choices, for whoever may open it.")
        st.code(f"{st.context.url}?{urlencode(pairs, doseq=True)}", language=None, wrap_lines=True)
