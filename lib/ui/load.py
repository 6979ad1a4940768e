"""Loads a report with progress, a stop button, and the last one kept until something is asked anew."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import streamlit as st

from lib.errors import DashboardError
from lib.loader.progress import Progress
from lib.reports.personal import hide_people
from lib.reports.report import Report
from lib.ui.ask import Asked, Source
from lib.ui.page import Page

S = TypeVar("S", bound=Source)
Q = TypeVar("Q")
T = TypeVar("T")


@dataclass(frozen=True)
class _Shown:
    """What a session looks at: files built from it later hold the very same numbers."""

    identity: object
    report: Report


def shown_before(page: Page, asked: Asked[S, Q]) -> bool:
    """Whether the report on the screen answers this very question."""
    shown: _Shown | None = st.session_state.get(f"{page.entry.prefix}_shown")
    return shown is not None and shown.identity == _identity(page, asked)


def _identity(page: Page, asked: Asked[S, Q]) -> object:
    return asked.identity, page.visitor.may("personal")


def load_report(
    page: Page,
    asked: Asked[S, Q],
    *,
    fetch: Callable[[Progress], Awaitable[T]],
    build: Callable[[T], Report],
    counted: str = "requests answered",
) -> Report:
    """The report of a question: the one already shown, unless the question is new or asked again.

    Args:
        fetch: runs on the loop and counts its requests.
        build: runs here, on what ``fetch`` brought.
        counted: what the progress counts.
    """
    people = page.visitor.may("personal")
    prefix, identity = page.entry.prefix, _identity(page, asked)
    shown: _Shown | None = st.session_state.get(f"{prefix}_shown")
    stopped = f"{prefix}_stopped"
    if asked.again:
        st.session_state.pop(stopped, None)
    elif shown is not None and shown.identity == identity:
        return shown.report
    elif st.session_state.get(stopped) == identity:
        st.info("Stopped. Press the fetch button to load again.", icon=":material/stop_circle:")
        st.stop()
    progress = Progress()
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, "Asking …")
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            key=f"{prefix}_stop",
            on_click=lambda: st.session_state.update({stopped: identity}),
        )

    def draw() -> None:
        share = progress.done / progress.total if progress.total else 0.0
        what = progress.current.replace("_", " ") or "connecting"
        bar.progress(share, f"{progress.done} of {progress.total} {counted} · {what}")

    st.session_state.pop(f"{prefix}_shown", None)
    try:
        report = build(page.runtime.run(lambda: fetch(progress), draw))
    except DashboardError:
        place.empty()
        raise
    place.empty()
    lines = page.sign_in.trail(page.settings)
    user = page.visitor.email or "local"
    lines.note_report(report, user=user, page=page.entry.name)
    if not people:
        report = hide_people(report)
    st.session_state[f"{prefix}_shown"] = _Shown(identity, report)
    return report
