"""Loads a report with progress, a stop button, and the last one kept until something is asked anew."""

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import TypeVar

import streamlit as st

from lib.cache import OPEN_SECONDS
from lib.errors import DashboardError
from lib.loader.progress import Progress
from lib.reports.personal import hide_people
from lib.reports.report import Report
from lib.ui.ask import Asked, Source
from lib.ui.page import Page
from lib.ui.runtime import TICK_SECONDS

S = TypeVar("S", bound=Source)
Q = TypeVar("Q")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Shown:
    """What sessions look at: files built from it later hold the very same numbers.

    Args:
        filters: with the names that ``report`` may hide; for the audit trail.
        begun: by the monotonic clock, before anything was asked.
    """

    identity: Hashable
    report: Report
    filters: Mapping[str, object]
    begun: float


def shown_before(page: Page, asked: Asked[S, Q]) -> bool:
    """Whether the report on the screen answers this very question."""
    shown: _Shown | None = st.session_state.get(f"{page.entry.prefix}_shown")
    return shown is not None and shown.identity == _identity(page, asked)


def _identity(page: Page, asked: Asked[S, Q]) -> Hashable:
    rights = page.visitor.may("personal"), page.visitor.may("spend")
    return page.entry.name, asked.identity, rights


def load_report(
    page: Page,
    asked: Asked[S, Q],
    *,
    fetch: Callable[[Progress], Awaitable[T]],
    build: Callable[[T], Report],
    counted: str = "requests answered",
) -> Report:
    """The report of a question: the one already shown, unless the question is new or asked again.

    Sessions with the same question share one report until a minute after it was begun.

    Args:
        fetch: runs on the loop and counts its requests.
        build: runs here, on what ``fetch`` brought.
        counted: what the progress counts.
    """
    prefix, identity = page.entry.prefix, _identity(page, asked)
    shown: _Shown | None = st.session_state.get(f"{prefix}_shown")
    if not asked.again and shown is not None and shown.identity == identity:
        return shown.report
    stopped = st.session_state.get(f"{prefix}_stopped") == identity
    # What is on its way when somebody clears the cache is for those who asked for it
    place = None if asked.private else (page.runtime.caches.generation, identity)
    with _turn(page, place):
        shown = None if asked.again or stopped else _shown_to_others(page, place)
        if shown is None:
            begun = monotonic()
            report = _built(page, identity, fetch, build, counted, again=asked.again)
            hidden = report if page.visitor.may("personal") else hide_people(report)
            shown = _Shown(identity, hidden, report.filters, begun)
            if report.complete:
                _show_to_others(page, place, shown)
    lines = page.sign_in.trail(page.settings)
    named = replace(shown.report, filters=shown.filters)
    lines.note_report(named, user=page.visitor.email or "local", page=page.entry.name)
    st.session_state[f"{prefix}_shown"] = shown
    return shown.report


class _Turn:
    """Of those who ask the same, one at a time: the others then find the report made."""

    def __init__(self) -> None:
        self.lock = Lock()


@contextmanager
def _turn(page: Page, place: Hashable) -> Iterator[None]:
    """Waits while somebody else builds what answers the same question.

    Reports are built by one thread each, and Python runs one at a time: fifty people who arrive
    together would make fifty of the same, each fifty times as slow.
    """
    if place is None:
        yield
        return
    turn = page.runtime.turns.setdefault(place, _Turn())
    waiting = st.empty()
    while not turn.lock.acquire(timeout=TICK_SECONDS):
        waiting.caption("Somebody else asks the same; their answer comes here, too …")
    waiting.empty()
    try:
        yield
    finally:
        turn.lock.release()


def _shown_to_others(page: Page, place: Hashable) -> _Shown | None:
    """A complete report that answered the same question a moment ago."""
    shown = page.runtime.shown.get(place)
    if isinstance(shown, _Shown) and monotonic() - shown.begun < OPEN_SECONDS:
        return shown
    return None


def _show_to_others(page: Page, place: Hashable, shown: _Shown) -> None:
    """Unless it is nobody else's, or somebody who asked later was quicker."""
    there = page.runtime.shown.get(place)
    if place is not None and not (isinstance(there, _Shown) and there.begun > shown.begun):
        page.runtime.shown[place] = shown


def _built(
    page: Page,
    identity: Hashable,
    fetch: Callable[[Progress], Awaitable[T]],
    build: Callable[[T], Report],
    counted: str,
    *,
    again: bool,
) -> Report:
    """A new report, under a bar and beside a button that stops it for this question."""
    prefix = page.entry.prefix
    stopped = f"{prefix}_stopped"
    if again:
        st.session_state.pop(stopped, None)
    elif st.session_state.get(stopped) == identity:
        st.info("Stopped. Press Refresh to load again.", icon=":material/stop_circle:")
        st.stop()
    progress = Progress()
    place = st.empty()
    with place.container():
        bar = st.progress(0.0, Progress().told(counted))
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            key=f"{prefix}_stop",
            on_click=lambda: st.session_state.update({stopped: identity}),
        )

    def draw() -> None:
        share = progress.done / progress.total if progress.total else 0.0
        bar.progress(share, progress.told(counted))

    st.session_state.pop(f"{prefix}_shown", None)
    try:
        report = build(page.runtime.run(lambda: fetch(progress), draw))
    except DashboardError:
        place.empty()
        raise
    place.empty()
    return report
