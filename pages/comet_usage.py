"""Comet usage charts: experiments, users, run time and GPU use over time."""

from datetime import UTC, datetime

from lib.reports.experiments.build import build_comet_usage
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.page import open_page
from lib.ui.show import show_report
from lib.ui.usage_controls import usage_answer, usage_controls

with open_page("comet_usage") as page:
    asked = usage_controls(page)
    report = load_report(
        page,
        asked,
        fetch=usage_answer(page, asked),
        build=lambda answer: build_comet_usage(
            answer, asked.query, now=datetime.now(UTC), demo=asked.source.demo
        ),
        counted="projects read",
    )
    show_report(report, "cmu", asked.controls)
    with page.actions:
        show_downloads(report, "cmu")
        copy_link("cmu", asked.controls, asked.query)
