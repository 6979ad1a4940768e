"""OpenAI usage: every endpoint of the organization Usage API, costs, names for ids."""

from datetime import UTC, datetime

from lib.loader.openai import load_openai
from lib.reports.openai.build import build_openai_usage
from lib.ui.controls import remember_names
from lib.ui.downloads import show_downloads
from lib.ui.links import copy_link
from lib.ui.load import load_report
from lib.ui.openai_controls import names_of, openai_controls
from lib.ui.page import open_page
from lib.ui.show import show_report

with open_page("openai_usage") as page:
    asked = openai_controls(page)
    query, runtime = asked.query, page.runtime
    client = runtime.client(asked.source)
    report = load_report(
        page,
        asked,
        fetch=lambda progress: load_openai(
            client,
            runtime.caches,
            query,
            now=datetime.now(UTC),
            progress=progress,
            ledger=asked.source.ledger,
        ),
        build=lambda answer: build_openai_usage(
            answer, query, now=datetime.now(UTC), demo=asked.source.demo
        ),
    )
    remember_names(page, asked.source.scope, report, names_of)
    show_report(report, "oai", asked.controls)
    with page.actions:
        show_downloads(report, "oai")
        copy_link("oai", asked.controls, query)
