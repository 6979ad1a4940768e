"""The ledger that pages read: the configured one, or the demo's, whose history is made when it is first looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from lib.api_client import fingerprint
from lib.loader.progress import Progress
from lib.ui.page import Page
from lib.ui.text import literal
from lib.upstreams import ledger_upstream

if TYPE_CHECKING:
    from lib.capture.rounds import MonthResult
    from lib.ledger.store import Ledger


@dataclass(frozen=True)
class LedgerSource:
    """The ledger to read; ``scope`` is a fingerprint of where it is."""

    scope: str
    ledger: "Ledger" = field(repr=False, compare=False)
    demo: bool = False


def ledger_source(page: Page) -> LedgerSource:
    """The ledger of a page; the demo's is filled once, and the next visitor finds it so."""
    settings = page.settings
    place = settings.ledger_url.get_secret_value(), settings.ledger_warehouse
    scope = "demo" if settings.demo else fingerprint(*place)
    source = LedgerSource(scope, ledger_upstream(settings), settings.demo)
    if source.demo:
        _make_history(page, source.ledger)
    return source


def say_nothing_is_kept(page: Page) -> None:
    """That the ledger is empty, and what fills it."""
    st.info(
        "Nothing is kept yet. **Capture now** on the page History keeps what the platforms say, or "
        "`ai-usage ledger capture`, best by the timer in hosting/."
        if page.visitor.may("operate")
        else f"Nothing is kept yet. Ask {literal(page.settings.dashboard_contact)}.",
        icon=":material/history_toggle_off:",
    )


def _make_history(page: Page, ledger: "Ledger") -> None:
    from lib.capture.made_up import fill, is_filled  # noqa: PLC0415  # all platforms

    now = datetime.now(UTC)
    if is_filled(ledger, now):
        return
    with st.spinner("Thirteen months of made-up history are captured, once …", show_time=True):
        watched(page, lambda progress: fill(page.settings, ledger, now, progress))


def watched(page: Page, rounds: Callable[[Progress], Any]) -> list["MonthResult"]:
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
