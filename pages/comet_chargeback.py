"""Comet chargeback: users, workspaces, projects and their sizes, from a server or saved reports."""

from datetime import UTC, datetime

from lib.reports.chargeback.build import build_comet_chargeback
from lib.ui.chargeback_controls import (
    chargeback_answer,
    chargeback_controls,
    licence_rates,
    names_of,
)
from lib.ui.controls import remember_names
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.page import open_page
from lib.ui.show import show_report

with open_page("comet_chargeback") as page:
    asked = chargeback_controls(page)
    report = load_report(
        page,
        asked,
        fetch=chargeback_answer(page, asked),
        build=lambda answer: build_comet_chargeback(
            answer,
            asked.query,
            now=datetime.now(UTC),
            demo=asked.source.demo,
            rates=licence_rates(page),
        ),
    )
    remember_names(page, asked.source.scope, report, names_of)
    show_report(report, "cmc", asked.controls)
    with page.actions:
        show_downloads(report, "cmc")
        copy_link("cmc", asked.controls, asked.query)
