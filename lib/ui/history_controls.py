"""The history page's inputs, and what an admin may do there: capture now."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from lib.api_client import fingerprint
from lib.loader.progress import Progress
from lib.reports.ledger.history import HistoryQuery
from lib.reports.ledger.words import FILTER_WORDS
from lib.ui.ask import Asked, Inputs, ask
from lib.ui.controls import Control, choice
from lib.ui.page import Page
from lib.ui.text import literal
from lib.upstreams import ledger_upstream

if TYPE_CHECKING:
    from lib.capture.rounds import MonthResult
    from lib.ledger.history import HistoryAnswer
    from lib.ledger.store import Ledger

EVERY = "all"


@dataclass(frozen=True)
class LedgerSource:
    """The ledger to read; ``scope`` is a fingerprint of where it is."""

    scope: str
    ledger: "Ledger" = field(repr=False, compare=False)
    demo: bool = False


def history_controls(page: Page) -> Asked[LedgerSource, HistoryQuery]:
    """Inputs of the page; the demo's history is made when it is first looked at."""
    settings = page.settings
    place = settings.ledger_url.get_secret_value(), settings.ledger_warehouse
    source = LedgerSource(
        "demo" if settings.demo else fingerprint(*place), ledger_upstream(settings), settings.demo
    )
    if source.demo:
        _make_history(page, source.ledger)
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
            st.info(
                "Nothing is kept yet. **Capture now** keeps what the platforms say, or "
                "`ai-usage ledger capture`, best by the timer in hosting/."
                if page.visitor.may("operate")
                else f"Nothing is kept yet. Ask {literal(page.settings.dashboard_contact)}.",
                icon=":material/history_toggle_off:",
            )
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
        results = _watched(
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


def _make_history(page: Page, ledger: "Ledger") -> None:
    """The demo's own, once; the next visitor finds it made."""
    from lib.capture.made_up import fill, is_filled  # noqa: PLC0415  # all platforms

    now = datetime.now(UTC)
    if is_filled(ledger, now):
        return
    with st.spinner("Thirteen months of made-up history are captured, once …", show_time=True):
        _watched(page, lambda progress: fill(page.settings, ledger, now, progress))


def _watched(page: Page, rounds: Callable[[Progress], Any]) -> list["MonthResult"]:
    """All results of a round; who leaves the page ends it after the month under way."""
    place = st.empty()
    results: list[MonthResult] = []

    async def gather() -> None:
        async for result in rounds(Progress()):
            results.append(result)

    def draw() -> None:
        last = results[-1] if results else None
        place.caption(literal(f"{last.platform} {last.month}") if last else "Asking …")

    page.runtime.run(gather, draw)
    place.empty()
    return results


def _said(result: "MonthResult") -> str:
    why = result.error or (result.outcome and result.outcome.detail) or "incomplete"
    return f"{result.platform} {result.month}: {why}"


_PLATFORMS = {EVERY: "All", **FILTER_WORDS["platform"][1]}
_CONTROLS: tuple[Control[HistoryQuery, Any], ...] = (
    choice("his_platform", "Platform", _PLATFORMS, lambda query: query.platform or EVERY),
)
