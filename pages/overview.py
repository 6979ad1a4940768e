"""Overview: what all platforms cost in a month, and who owes it."""

from datetime import UTC, datetime

from lib.reports.allocation.overview import build_overview
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.overview_controls import overview_answer, overview_controls
from lib.ui.page import open_page
from lib.ui.show import show_report

with open_page("overview") as page:
    asked = overview_controls(page)
    report = load_report(
        page,
        asked,
        fetch=overview_answer(asked),
        build=lambda answer: build_overview(answer, now=datetime.now(UTC), demo=asked.source.demo),
    )
    show_report(report, "ovr", asked.controls)
    with page.actions:
        show_downloads(report, "ovr")
        copy_link("ovr", asked.controls, asked.query)
