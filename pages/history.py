"""History: what the ledger keeps of every platform, month by month."""

from datetime import UTC, datetime

from lib.reports.ledger.history import build_history
from lib.ui.downloads import show_downloads
from lib.ui.history_controls import history_answer, history_controls
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.page import open_page
from lib.ui.show import show_report

with open_page("history") as page:
    asked = history_controls(page)
    report = load_report(
        page,
        asked,
        fetch=history_answer(asked),
        build=lambda answer: build_history(
            answer.amounts,
            answer.cumulative,
            answer.months,
            asked.query,
            sources=answer.sources,
            now=datetime.now(UTC),
            demo=asked.source.demo,
        ),
    )
    show_report(report, "his", asked.controls)
    with page.actions:
        show_downloads(report, "his")
        copy_link("his", asked.controls, asked.query)
