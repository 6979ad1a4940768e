"""What a draft of the rules would do to a month, told as soon as nobody types any more."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from lib.allocation.rule_set import RuleSet
from lib.reports.allocation.preview import build_preview
from lib.reports.report import Report
from lib.ui.ledger_source import LedgerSource
from lib.ui.overview_controls import kept_months, month_title, newest
from lib.ui.page import Page
from lib.ui.show import show_report

if TYPE_CHECKING:
    from lib.ledger.rule_sets import Published

_MONTH, _SHOWN = "ccs_draft_month", "ccs_previewed"
_REST_SECONDS = 0.4


def show_preview(
    page: Page, source: LedgerSource, counts: "Published", draft: RuleSet | None
) -> None:
    """A month by the draft: the one already shown, unless draft, rules, captures or month are others.

    Args:
        counts: what is published.
        draft: None while anything is wrong with it. What was shown last stays: a page that shrinks
            moves the cell away in which somebody types.
    """
    months = kept_months(source)
    if not months:
        return
    month = st.selectbox(
        "Preview of",
        months,
        index=min(1, len(months) - 1),
        format_func=month_title,
        key=_MONTH,
        width=200,
    )
    place = st.empty()
    before, report = st.session_state.get(_SHOWN, (None, None))
    if draft is None:
        place.caption("The preview waits until the problems are mended.")
        if report is not None:
            show_report(report, "ccs", ())
        return
    identity = source.scope, draft.sha256, month, *newest(source)
    if before != identity:

        def draw() -> None:
            place.caption("Previewing …")

        report = page.runtime.run(lambda: _made(source, month, counts, draft), draw)
        st.session_state[_SHOWN] = identity, report
    place.caption(
        "Of the draft as it stands." if draft.sha256 != counts.sha256 else "Of what counts."
    )
    show_report(report, "ccs", ())


async def _made(source: LedgerSource, month: str, counts: "Published", draft: RuleSet) -> Report:
    await asyncio.sleep(_REST_SECONDS)  # whoever types on ends it here, before it has begun
    return await asyncio.to_thread(_previewed, source, month, counts, draft)


def _previewed(source: LedgerSource, month: str, counts: "Published", draft: RuleSet) -> Report:
    from lib.ledger.allocated import previewed  # noqa: PLC0415  # DuckDB
    from lib.ledger.lines import days_of  # noqa: PLC0415  # as above

    answer = previewed(source.ledger, month, draft)
    return build_preview(
        answer.month.allocation,
        answer.preview,
        counts.rule_set.names | draft.names,
        month=month,
        period=days_of(month),
        over=answer.over,
        sources=answer.month.lines.sources,
        now=datetime.now(UTC),
        complete=answer.month.lines.complete,
        demo=source.demo,
    )
