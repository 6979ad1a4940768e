"""Inputs bound to the address: one declaration each says how it is drawn, checked and linked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import streamlit as st

from lib.charts import distinct_labels
from lib.errors import InputError
from lib.reports.report import Report
from lib.ui.page import Page

Q = TypeVar("Q")
V = TypeVar("V")

_KNOWN = "_known"

Names = Mapping[str, Mapping[str, str]]
"""Input to id to name."""


@dataclass(frozen=True)
class Moving:
    """What stands in a link instead of a control's own, and moves with the calendar."""

    key: str
    value: str
    label: str = ""


@dataclass(frozen=True)
class Narrows:
    """What an input narrows a page to.

    Args:
        of: what its values are ids of, as in ``Column.of``; of several, a value has one each, joined
            by ``/``.
        one: what one of them is called, ``Project``.
        pseudonyms: it knows the pseudonyms that a visitor may see instead of names.
        always: something is chosen there at any time.
    """

    of: tuple[str, ...]
    one: str
    pseudonyms: bool = False
    always: bool = False


@dataclass(frozen=True)
class Control(Generic[Q, V]):
    """One input of a page, which is one parameter of its links.

    Args:
        key: names both.
        label: what it is called on screen.
        draw: draws it; gives what is chosen.
        linked: what a link to a question says; None leaves the parameter out.
        allowed: the values it may have, with what each is called on screen; None for any text.
        none: whether the link may say that none of them is chosen.
        check: raises InputError for values of a link that Streamlit would drop without a word.
        moving: what a link says that is to mean other days tomorrow; None where nothing does.
        usual: its value without a choice.
        narrows: what a click on a row or bar may choose here; None for nothing.
    """

    key: str
    draw: Callable[..., V]
    linked: Callable[[Q], object]
    label: str
    allowed: Mapping[str, str] | None = None
    none: bool = False
    check: Callable[[list[str]], object] | None = None
    moving: Callable[[Q], Moving | None] | None = None
    usual: object = None
    narrows: Narrows | None = None

    def is_set(self) -> bool:
        """Whether something else than usual is chosen, here or by the link that is being opened."""
        chosen = st.session_state.get(self.key, st.query_params.get(self.key))
        return bool(chosen) and chosen not in (self.usual, "false")


def is_linked(prefix: str) -> bool:
    """Whether the address says anything of a page: what it then leaves out is as it was for old links."""
    return any(name.startswith(f"{prefix}_") for name in st.query_params)


def choice(
    key: str,
    label: str,
    options: Mapping[str, str],
    linked: Callable[[Q], object],
    *,
    default: str = "",
    opens: str = "",
    **drawn: Any,
) -> Control[Q, str]:
    """One of a few; the first unless ``default`` says another.

    Args:
        options: what stands in the address to what stands on screen.
        opens: what is chosen at first; as ``default`` unless given.
    """
    usual = default or next(iter(options))

    def draw() -> str:
        _keep(key, st.query_params.get(key), opens or usual, options)
        chosen: str = (
            st.segmented_control(
                label,
                list(options),
                format_func=lambda value: options.get(value, value),
                required=True,
                key=key,
                persist_state="session",
                **drawn,
            )
            or usual
        )
        _write(key, [] if chosen == usual else [chosen])
        return chosen

    return Control(key, draw, linked, label, options, usual=usual)


def several(
    key: str,
    label: str,
    options: Mapping[str, str],
    linked: Callable[[Q], object],
    *,
    default: Sequence[str] = (),
    **drawn: Any,
) -> Control[Q, list[str]]:
    """Any number of a few; ``options`` as in ``choice``."""

    def draw() -> list[str]:
        given = st.query_params.get_all(key)
        known = [value for value in dict.fromkeys(given) if value in options]
        opened = known if known or given == [""] else list(default)
        st.session_state[key] = st.session_state.get(key, opened)  # each time, as in _keep
        chosen: list[str] = st.multiselect(
            label,
            list(options),
            format_func=lambda value: options.get(value, value),
            key=key,
            persist_state="session",
            **drawn,
        )
        _write(key, [] if chosen == list(default) else chosen or [""])
        return chosen

    return Control(key, draw, linked, label, options, none=True)


def _keep(key: str, linked: str | None, usual: str, options: Mapping[str, str]) -> None:
    """What is chosen, else what the link says, into the session.

    Written each time: once app.py runs what began as a page's file, the input is a new one.
    """
    opened = linked if linked in options else usual
    st.session_state[key] = st.session_state.get(key) or opened


def _write(key: str, values: list[str]) -> None:
    """Into the address; nothing for what is usual."""
    if values:
        if st.query_params.get_all(key) != values:
            st.query_params[key] = values
    else:
        st.query_params.pop(key, None)


def toggle(key: str, label: str, linked: Callable[[Q], bool], **drawn: Any) -> Control[Q, bool]:
    """On or off."""
    return Control(
        key,
        lambda: st.toggle(label, key=key, bind="query-params", **drawn),
        lambda question: str(linked(question)).lower(),
        label,
        {"true": "on", "false": "off"},
    )


def whole(
    key: str,
    label: str,
    linked: Callable[[Q], object],
    *,
    low: int,
    high: int,
    default: int,
    **drawn: Any,
) -> Control[Q, int]:
    """A whole number within bounds."""

    def check(values: list[str]) -> None:
        # A number input would drop it without a word, cut it off, or fail on it (1e400)
        for value in values:
            digits = value.isascii() and value.isdigit() and len(value) <= len(str(high))
            if not digits or not low <= int(value) <= high:
                raise InputError("number", f"it takes a whole number from {low} to {high:,}.")

    def draw() -> int:
        return int(
            st.number_input(
                label, low, high, default, key=key, bind="query-params", width=140, **drawn
            )
        )

    return Control(key, draw, linked, label, check=check)


def text(
    key: str,
    label: str,
    linked: Callable[[Q], object],
    *,
    default: str = "",
    check: Callable[[str], object] | None = None,
    **drawn: Any,
) -> Control[Q, str]:
    """A short text; blanks around it do not count, and nothing means the default.

    Args:
        check: raises InputError for a text that cannot be used.
    """

    def draw() -> str:
        typed = st.text_input(label, default, key=key, bind="query-params", **drawn)
        return (typed or "").strip() or default

    return Control(
        key, draw, linked, label, check=None if check is None else lambda values: check(values[-1])
    )


def ids(
    key: str,
    label: str,
    linked: Callable[[Q], object],
    narrows: Narrows,
    placeholder: str = "All",
) -> Control[Q, list[str]]:
    """Several ids, shown by name and kept in the address by id, since names change and ids do not.

    ``draw`` takes id to name, by default what ``remember_names`` keeps. Ids of the link that are not among them are offered as they are.
    """

    def draw(names: Mapping[str, str] | None = None) -> list[str]:
        names = known_names(key) if names is None else names
        in_address = [value for value in dict.fromkeys(st.query_params.get_all(key)) if value]
        # Written back each time: once app.py runs what began as a page's file, the input is a new one.
        st.session_state[key] = st.session_state.get(key, in_address)
        labels = distinct_labels({**{value: value for value in st.session_state[key]}, **names})
        chosen: list[str] = st.multiselect(
            label,
            sorted(labels, key=lambda value: labels[value].lower()),
            format_func=lambda value: labels.get(value, value),
            key=key,
            placeholder=placeholder,
            persist_state="session",
        )
        _write(key, chosen)
        return chosen

    return Control(key, draw, linked, label, narrows=narrows)


def past(key: str, label: str, *values: str) -> Control[Any, object]:
    """A parameter that links had and that chooses nothing any more; it leaves the address."""
    known = {value: value for value in values}
    return Control(key, lambda: st.query_params.pop(key, None), lambda _: None, label, known)


def both_ends(chosen: Sequence[date]) -> tuple[date, date]:
    """First and last day of a range; Streamlit's address keeps a range of one day as one day.

    Raises:
        InputError: there is none.
    """
    if not 1 <= len(chosen) <= 2:
        raise InputError("date range", "no day is chosen.", "Choose a first and a last day.")
    return chosen[0], chosen[-1]


def known_names(key: str) -> dict[str, str]:
    """What ``remember_names`` keeps for an input: id to name."""
    known: tuple[str, dict[str, str]] = st.session_state.get(f"{key}{_KNOWN}", ("", {}))
    return known[1]


def remember_names(
    page: Page, scope: str, report: Report, names_of: Callable[[Report], Names]
) -> None:
    """Offers in the inputs what a report names; draws the page anew when that is news.

    Args:
        scope: of the upstream asked: another one has other names.
        names_of: what a report names; asked once for each report.
    """
    read = f"{page.entry.prefix}_names_of"
    if st.session_state.get(read) is report:
        return
    st.session_state[read] = report
    news = False
    for key, offered in names_of(report).items():
        before: tuple[str, dict[str, str]] = st.session_state.get(f"{key}{_KNOWN}", ("", {}))
        merged = (scope, {**(before[1] if before[0] == scope else {}), **offered})
        if merged != before:
            st.session_state[f"{key}{_KNOWN}"], news = merged, True
    if news:
        st.rerun()
