"""The chargeback page in a real browser: files that were saved, a deep link, downloads and a stop."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from starlette.applications import Starlette

from lib.ui.ask import REFRESH
from tests.support.comet_page import CANARY, Served, asked, healthy, saved
from tests.support.servers import Dashboard, dashboard

SECONDS = 1_000
MONTHS = ("2026-08", "2026-10")
LARGE = 8_000_000
"""Bytes more, as of a larger organisation: blanks after the JSON."""
LINK = (
    "/comet_chargeback?cmc_month=2026-10&cmc_compare=2026-08&cmc_active=2w&cmc_window=2m"
    "&cmc_exclude=Z*&cmc_accounts=personal&cmc_workspaces=vision&cmc_workspaces=language"
)
OTHER_MONTHS = LINK.replace("2026-10", "2026-09").replace("2026-08", "2026-07")


@pytest.fixture(scope="module")
def comet_served(_one_comet_server: Starlette) -> Iterator[Served]:
    """A healthy Comet server at an address that no other file has asked."""
    with healthy(_one_comet_server) as served:
        yield served


@pytest.fixture(scope="module")
def app(comet_served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One for all; the first test of this file finds it as nobody has opened it yet."""
    settings = {"COMET_API_KEY": CANARY, "COMET_URL_OVERRIDE": comet_served[1]}
    with dashboard(tmp_path_factory.mktemp("dashboard"), **settings) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(30 * SECONDS)
    yield context.new_page()
    context.close()


def card(page: Page, label: str) -> str:
    """What a card shows, or the table of all figures where a figure has no card."""
    cards = page.get_by_test_id("stMetric")
    expect(cards.first).to_be_visible()  # they are drawn after the text below them has come
    card = cards.filter(has=page.get_by_text(label, exact=True))
    if card.count():
        return card.get_by_test_id("stMetricValue").inner_text()
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=label, exact=True))
    if not row.count():
        page.get_by_text("All figures (").click()
    return row.get_by_role("cell").nth(1).inner_text()


def download(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_deep_link_with_filters_is_followed_by_a_server_that_nobody_has_opened(
    app: Dashboard, page: Page, comet_served: Served
) -> None:
    page.goto(app.url + LINK)
    expect(page.get_by_text("Sources (")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_role("combobox", name="Month (UTC)")).to_have_value("October 2026")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("textbox", name="Active within")).to_have_value("2w")
    page.get_by_role("button", name="Filters (3)").click()
    expect(page.get_by_test_id("stMultiSelect")).to_contain_text("vision")
    expect(page.get_by_test_id("stMultiSelect")).to_contain_text("language")
    assert card(page, "Workspaces") == "2"
    expect(page.get_by_test_id("stMetricDelta").nth(2)).to_be_attached()
    for part in urlsplit(LINK).query.split("&"):
        assert part in page.url
    assert sorted(asked(comet_served[0])) == ["2026-08", "2026-10"]


def test_saved_reports_are_shown_compared_and_downloaded_as_they_are_on_the_screen(
    app: Dashboard, page: Page, comet_served: Served, tmp_path: Path
) -> None:
    upstream, url = comet_served
    names = {month: tmp_path / f"comet-chargeback-report-{month}.json" for month in MONTHS}
    for month, path in names.items():
        path.write_bytes(saved(url, month) + b" " * LARGE)
    august, october = (json.loads(names[month].read_bytes()) for month in MONTHS)
    page.goto(f"{app.url}/comet_chargeback")
    expect(page.get_by_text("Sources (")).to_be_visible(timeout=60 * SECONDS)
    upstream.state.requests.clear()

    uploader = page.get_by_test_id("stFileUploaderDropzoneInput")
    uploader.set_input_files([names["2026-08"]])
    expect(page.get_by_text("State at 2026-08-31 23:59 UTC")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_role("tab", name="Changes")).to_have_count(0)
    assert card(page, "Users") == str(len(august["users"]["licensedUsers"]))
    uploader.set_input_files([names["2026-10"]])
    expect(page.get_by_text("State at 2026-10-31 23:59 UTC")).to_be_visible(timeout=60 * SECONDS)
    expect(page.get_by_role("tab", name="Changes")).to_be_visible(timeout=60 * SECONDS)
    assert not upstream.state.requests, "files ask nobody"
    assert "canary" not in page.url
    users, places = october["users"]["licensedUsers"], october["workspaces"]
    assert card(page, "Users") == str(len(users))
    experiments = sum(one["numberOfExperiments"] for one in places)
    assert card(page, "Experiments") == f"{experiments:,}"

    page.get_by_role("button", name="Download", exact=True).click()
    table, archive, record, paper = (
        download(page, label, tmp_path)
        for label in ("CSV: users table", "CSV: all tables (zip)", "JSON", "PDF summary")
    )
    assert table.name == "comet-chargeback_2026-10-31.csv"
    assert {one["username"] for one in rows(table.read_bytes())} == {
        one["username"] for one in users
    }
    report = json.loads(record.read_text())
    assert report["totals"]["users"] == len(users)
    assert report["totals"]["experiments"] == experiments
    size = Decimal(str(report["totals"]["total_size_mb"]))
    in_words = f"{size / 1_000:,.1f} GB"
    assert card(page, "Total size") == in_words
    with zipfile.ZipFile(archive) as files:
        listed = rows(files.read("workspaces.csv"))
        changes = rows(files.read("changes.csv"))
    assert sum(Decimal(one["totalSizeInMb"]) for one in listed) == size
    assert len(changes) == len(report["tables"]["changes"]) > 0
    text = "\n".join(leaf.extract_text() for leaf in PdfReader(paper).pages)
    for shown in (f"{experiments:,}", in_words, "2026-10-31 23:59 UTC"):
        assert shown in text


def test_a_server_that_never_answers_is_waited_for_until_stop(
    app: Dashboard, page: Page, comet_served: Served
) -> None:
    upstream: Starlette = comet_served[0]
    upstream.state.faults.hang = {"chargeback"}
    page.goto(app.url + OTHER_MONTHS)
    expect(page.get_by_text(re.compile(r"\d of \d requests answered"))).to_be_visible(
        timeout=60 * SECONDS
    )
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible(timeout=60 * SECONDS)
    upstream.state.faults.hang = set()
    page.get_by_role("button", name=REFRESH).click()
    expect(page.get_by_text("Sources (")).to_be_visible(timeout=60 * SECONDS)
    assert card(page, "Workspaces") == "2"
