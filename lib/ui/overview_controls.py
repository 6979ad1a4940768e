"""Inputs of the pages over all platforms: a month that is kept, and the way to one cost centre."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from lib.errors import InputError
from lib.loader.progress import Progress
from lib.ui.arrows import Step, arrows, stepped
from lib.ui.ask import Asked, Inputs, ask
from lib.ui.controls import Control, Narrows
from lib.ui.ledger_source import LedgerSource, ledger_source, say_nothing_is_kept
from lib.ui.page import Page

if TYPE_CHECKING:
    from lib.reports.allocation.select import OverviewAnswer

CENTRES_PAGE = "pages/cost_centres.py"
DEMO = (
    "Nothing is configured, so a made-up company is shown: nine cost centres and thirteen months."
)


@dataclass(frozen=True)
class MonthQuery:
    """A question about one month.

    Args:
        version: of the rules that count now: other rules, another answer.
        captured: of the newest capture: more is known, another answer.
        cost_centre: its id; empty means all of them.
    """

    month: str
    version: int
    captured: int
    cost_centre: str = ""


def overview_controls(page: Page) -> Asked[LedgerSource, MonthQuery]:
    """Inputs of the page: the month. A row of a cost centre leads to its page."""
    source = ledger_source(page)
    months = kept_months(source)
    controls = (
        kept_month("ovr", months, lambda query: query.month),
        _WAY_TO_COST_CENTRE,
    )
    return ask(
        page,
        source,
        demo=DEMO,
        controls=controls,
        row=lambda inputs: _row(page, source, inputs),
    )


def overview_answer(
    asked: Asked[LedgerSource, MonthQuery],
) -> Callable[[Progress], Awaitable["OverviewAnswer"]]:
    """What brings a month out of the ledger."""

    def load() -> "OverviewAnswer":
        from lib.ledger.overview import load_overview  # noqa: PLC0415  # DuckDB: who looks here only

        return load_overview(asked.source.ledger, asked.query.month, datetime.now(UTC))

    return lambda _: asyncio.to_thread(load)


def kept_months(source: LedgerSource) -> list[str]:
    """Months of which something is kept, the latest first."""
    return sorted({capture.month for capture in source.ledger.captures()}, reverse=True)


def newest(source: LedgerSource) -> tuple[int, int]:
    """The version of the rules, and the number of the newest capture."""
    from lib.ledger.rule_sets import published  # noqa: PLC0415  # SQLAlchemy

    captures = source.ledger.captures()
    return published(source.ledger).version, max((one.id for one in captures), default=0)


def kept_month(
    prefix: str, months: Sequence[str], of: Callable[[MonthQuery], str]
) -> Control[MonthQuery, str]:
    """One of the months that are kept: of the address, else what was looked at last, else the latest.

    The way back of a browser leads to an address of this page with inputs of another one, and none of its own.
    """
    key = f"{prefix}_month"

    def check(values: list[str]) -> None:
        if months and values[-1] not in months:
            raise InputError(
                "month", f"nothing is kept of {values[-1][:20]!r}; the latest is shown."
            )

    def draw() -> str:
        if not months:
            return ""
        wanted: list[str] = [
            st.query_params.get(key, ""),
            st.session_state.get(f"{key}_kept", ""),
        ]
        chosen = next((month for month in wanted if month in months), months[0])
        st.session_state[key] = st.session_state[f"{key}_kept"] = chosen
        place = months.index(chosen)

        def take(month: str | None = None) -> None:
            st.session_state[f"{key}_kept"] = month or st.session_state[key]
            st.query_params.pop(key, None)

        def to(way: int) -> Step | None:
            if not 0 <= place + way < len(months):
                return None
            return Step(month_title(months[place + way]), partial(take, months[place + way]))

        with stepped(prefix, 200):
            st.selectbox("Month (UTC)", months, format_func=month_title, key=key, on_change=take)
            arrows(prefix, to(1), to(-1))
        if chosen == months[0]:
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != chosen:
            st.query_params[key] = chosen
        return chosen

    return Control(key, draw, of, "Month", check=check)


def month_title(month: str) -> str:
    """``November 2026``."""
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"


def _lead_to_cost_centre() -> None:
    chosen = st.session_state.pop("ovr_centre", None)
    if chosen:
        for key in ("ccs_show", "ccs_month_kept", "ccs_centre_kept"):  # of an earlier look there
            st.session_state.pop(key, None)
        month = st.session_state.get("ovr_month", "")
        st.switch_page(CENTRES_PAGE, query_params={"ccs_centre": chosen[-1], "ccs_month": month})


def _refuse_cost_centre(_: list[str]) -> None:
    raise InputError("cost centre", "it has a page of its own, Cost centres.")


_WAY_TO_COST_CENTRE: Control[MonthQuery, None] = Control(
    "ovr_centre",
    _lead_to_cost_centre,
    lambda _: None,
    "Cost centre",
    check=_refuse_cost_centre,
    narrows=Narrows(("cost_centre",), "Cost centre"),
)
"""No input: what a click on a cost centre chooses leads to its page, with the month."""


def _row(page: Page, source: LedgerSource, inputs: Inputs) -> Callable[[], MonthQuery | None]:
    month = inputs["ovr_month"].draw()
    inputs["ovr_centre"].draw()

    def question() -> MonthQuery | None:
        if not month:
            say_nothing_is_kept(page)
            return None
        return MonthQuery(month, *newest(source))

    return question
