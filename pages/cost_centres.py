"""Cost centres: what one of them owes in a month, and the rules of who pays."""

from datetime import UTC, datetime

from lib.reports.allocation.cost_centre import build_cost_centre
from lib.ui.cost_centre_controls import cost_centre_answer, cost_centre_controls, is_editing
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.page import open_page
from lib.ui.rules_editor import edit_rules
from lib.ui.show import show_report

with open_page("cost_centres") as page:
    asked = cost_centre_controls(page)
    if is_editing(page):
        edit_rules(page, asked.source)
    else:
        report = load_report(
            page,
            asked,
            fetch=cost_centre_answer(asked),
            build=lambda answer: build_cost_centre(
                answer, asked.query.cost_centre, now=datetime.now(UTC), demo=asked.source.demo
            ),
        )
        show_report(report, "ccs", asked.controls)
        with page.actions:
            show_downloads(report, "ccs")
            copy_link("ccs", asked.controls, asked.query)
