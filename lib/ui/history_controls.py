"""The history page's inputs, and what an admin may do there: capture now."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from lib.loader.progress import Progress
from lib.reports.ledger.history import HistoryQuery
from lib.reports.ledger.words import FILTER_WORDS
from lib.ui.ask import Asked, Inputs, ask
from lib.ui.controls import Control, choice
from lib.ui.ledger_source import LedgerSource, ledger_source, say_nothing_is_kept, watched
from lib.ui.page import Page
from lib.ui.text import literal

if TYPE_CHECKING:
    from lib.capture.rounds import MonthResult
    from lib.ledger.history import HistoryAnswer
    from lib.ledger.store import Ledger

EVERY = "all"


def history_controls(page: Page) -> Asked[LedgerSource, HistoryQuery]:
    """Inputs of the page; the demo's history is made when it is first looked at."""
    source = ledger_source(page)
    captured: list[bool] = []
    asked = ask(
        page,
        source,
        demo="Nothing is configured, so the history of made-up data is shown, in a ledger of its own.",
        controls=_CONTROLS,
        row=lambda inputs: _row(page, source, inputs, captured),
    )
    return replace(asked, again=asked.again or any(captured))


def history_answer(
    asked: Asked[LedgerSource, HistoryQuery],
) -> Callable[[Progress], Awaitable["HistoryAnswer"]]:
    """What brings all that is kept."""

    def load() -> "HistoryAnswer":
        from lib.ledger.history import load_history  # noqa: PLC0415  # DuckDB: who looks here only

        return load_history(asked.source.ledger, asked.query.platform, datetime.now(UTC).date())

    return lambda _: asyncio.to_thread(load)


def _row(
    page: Page, source: LedgerSource, inputs: Inputs, captured: list[bool]
) -> Callable[[], HistoryQuery | None]:
    """Draws the inputs; what it returns checks them, once the row is complete.

    Args:
        captured: to be told whether the ledger has just been added to.
    """
    platform = inputs["his_platform"].draw()
    if page.visitor.may("operate") and not source.demo:
        captured.append(_capture_button(page, source.ledger))

    def question() -> HistoryQuery | None:
        if not source.ledger.exists:
            say_nothing_is_kept(page)
            return None
        return HistoryQuery("" if platform == EVERY else platform)

    return question


def _capture_button(page: Page, ledger: "Ledger") -> bool:
    """Captures when it is pressed; whether it was."""
    pressed = st.button(
        "Capture now",
        icon=":material/archive:",
        key="his_capture",
        help="Asks every configured platform for this month, and for earlier ones that may still change.",
    )
    if not pressed:
        return False
    from lib.capture.rounds import capture_round, chosen_platforms  # noqa: PLC0415  # all platforms

    platforms = chosen_platforms(page.settings, ())
    now = datetime.now(UTC)
    with st.status("Capturing …", expanded=True) as status:
        results = watched(
            page,
            lambda progress: capture_round(
                page.settings, ledger, platforms, (), now=now, progress=progress
            ),
        )
        whole = all(result.complete for result in results)
        for result in results:
            if not result.complete:
                st.markdown(literal(page.readable(_said(result))))
        status.update(
            label=f"{len(results)} months are captured."
            if whole
            else "Not everything could be captured.",
            state="complete" if whole else "error",
            expanded=not whole,
        )
    trail = page.sign_in.trail(page.settings)
    trail.note("capture", user=page.visitor.email or "local", page=page.entry.name)
    return True


def _said(result: "MonthResult") -> str:
    why = result.error or (result.outcome and result.outcome.detail) or "incomplete"
    return f"{result.platform} {result.month}: {why}"


_PLATFORMS = {EVERY: "All", **FILTER_WORDS["platform"][1]}
_CONTROLS: tuple[Control[HistoryQuery, Any], ...] = (
    choice("his_platform", "Platform", _PLATFORMS, lambda query: query.platform or EVERY),
)
