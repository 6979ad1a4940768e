"""The Comet usage page in a real browser: one journey from the first choice to files and a link."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from lib.ui.ask import REFRESH
from tests.browser.test_browser_chargeback import card, download
from tests.support.comet_page import CANARY
from tests.support.comet_usage_page import Lab
from tests.support.servers import Dashboard, dashboard

SECONDS = 1_000


@pytest.fixture
def app(lab: Lab, tmp_path: Path) -> Iterator[Dashboard]:
    settings = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": lab.url}
    with dashboard(tmp_path, **settings) as running:
        yield running


def loaded(page: Page) -> None:
    expect(page.get_by_text("Sources (")).to_be_visible(timeout=60 * SECONDS)


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def test_from_choosing_to_files_and_a_link_that_shows_the_same(
    app: Dashboard, lab: Lab, browser: Browser, tmp_path: Path
) -> None:
    first, second = lab.workspaces[:2]
    project = f"{first}/{lab.projects(first)[0]}"
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(30 * SECONDS)
    page.goto(f"{app.url}/comet_usage?cmu_preset=all-time")
    expect(page.get_by_text("Choose one or more workspaces")).to_be_visible(timeout=60 * SECONDS)

    choose(page, "Workspaces", first)
    loaded(page)
    assert card(page, "Experiments") == str(len(lab.experiments(first)))
    page.get_by_role("button", name="Filters").click()
    choose(page, "Projects", project)
    runs = lab.experiments(first, project.partition("/")[2])
    expect(page.get_by_test_id("stMetricValue").first).to_have_text(str(len(runs)))

    lab.asked()
    page.get_by_role("button", name="More").click()
    page.get_by_role("radio", name="week").click()
    expect(page).to_have_url(re.compile("cmu_units=week"))
    page.keyboard.press("Escape")
    expect(page.get_by_role("tab", name="By week")).to_be_visible()
    assert lab.asked() == []

    lab.app.state.faults.hang = {"metrics", "columns"}
    choose(page, "Workspaces", second)
    expect(page.get_by_text(re.compile(r"\d+ of \d+ projects read"))).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible(timeout=10 * SECONDS)
    lab.app.state.faults.hang = set()
    page.get_by_role("button", name=REFRESH).click()
    loaded(page)
    runs += lab.experiments(second)
    users = {one["userName"] for one in runs}
    assert card(page, "Experiments") == str(len(runs))
    assert card(page, "Users") == str(len(users))

    page.get_by_role("button", name="Download", exact=True).click()
    table, record, paper = (
        download(page, label, tmp_path) for label in ("CSV: by_bucket table", "JSON", "PDF summary")
    )
    weeks = [*csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig")))]
    assert sum(int(row["experiments"]) for row in weeks) == len(runs)
    assert all("-W" in row["bucket"] for row in weeks)
    totals = json.loads(record.read_text())["totals"]
    assert (totals["experiments"], totals["users"]) == (len(runs), len(users))
    text = "\n".join(leaf.extract_text() for leaf in PdfReader(paper).pages)
    assert card(page, "Total run time") in text
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Links").click()
    link = page.get_by_test_id("stCode").inner_text().strip()
    other = browser.new_context().new_page()
    other.goto(link)
    loaded(other)
    expect(other.get_by_role("tab", name="By week")).to_be_visible()
    for label in ("Experiments", "Users", "Total run time", "GPU hours"):
        assert card(other, label) == card(page, label)
    assert CANARY not in link

    expect(other.get_by_text("User × project, ")).to_be_visible()  # the heat map says what it shows
    other.get_by_role("tab", name="User × project").click()
    grid = other.get_by_test_id("stDataFrame").first.locator("table")
    expect(grid.locator("th").nth(1)).to_have_text("Total")
    crossed = download(other, "CSV of this table", tmp_path).read_text(encoding="utf-8-sig")
    rows = [*csv.DictReader(io.StringIO(crossed))]
    assert {row["user"] for row in rows} == users
    assert project in rows[0], "headed by names"
