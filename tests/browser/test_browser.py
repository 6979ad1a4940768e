"""Whole journeys in a real browser, against a dashboard that nobody has opened before."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from pypdf import PdfReader
from starlette.applications import Starlette

from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from lib.ui.page import Entry
from tests.support.redis_servers import redis_server
from tests.support.servers import CHROMIUM_FLAGS, Dashboard, chromium, dashboard, serve

CANARY = "sk-admin-canary0123456789abcdef"
LINK = (
    "/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07&oai_group=project_id&oai_group=model"
)
HOURS = "/openai_usage?oai_period=2026-08-01&oai_period=2026-08-31&oai_width=1h"
"""A link that takes many requests."""
INTERNAL = "usage.internal"
SECONDS = 1_000


FILES = ("CSV: usage table", "CSV: all tables (zip)", "JSON", "PDF summary")


@dataclass(frozen=True)
class Opened:
    """A page that stays open, with what it sent and gave since it was opened."""

    page: Page
    frames: list[str]
    files: dict[str, Path]


@pytest.fixture(scope="module")
def upstream() -> Starlette:
    return create_openai_app(admin_key=CANARY, org=make_organisation(hostile_names=True))


@pytest.fixture(scope="module")
def app(upstream: Starlette, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """One for all; the first test of this file finds it as nobody has opened it yet."""
    settings = {"OPENAI_ADMIN_KEY": CANARY, "LOGURU_LEVEL": "DEBUG"}
    folder = tmp_path_factory.mktemp("dashboard")
    with redis_server() as server, serve(upstream) as url:
        with server.admin() as client:
            client.mset({f"usage:t{n}:requests:2026-10": n for n in range(1, 301)})
            client.mset({f"usage:t{n}:input_tokens:2026-10-0{n % 9 + 1}": 1_000 for n in range(9)})
        settings |= {"OPENAI_BASE_URL": f"{url}/v1", "REDIS_PRIMARY_ENDPOINT": server.url}
        with dashboard(folder, **settings) as running:
            yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One that knows a host name of a company's own, too."""
    rules = f"--host-resolver-rules=MAP {INTERNAL} 127.0.0.1"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_FLAGS, rules]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def opened(
    app: Dashboard, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """The first page that anybody opens: a deep link, and every file that it offers."""
    context = browser.new_context(viewport={"width": 1400, "height": 2400})
    context.set_default_timeout(30 * SECONDS)
    page, folder = context.new_page(), tmp_path_factory.mktemp("files")
    frames = frames_of(page)
    page.goto(app.url + LINK)
    loaded(page)
    page.get_by_role("button", name="Download", exact=True).click()
    files = {name: download(page, name, folder) for name in FILES}
    page.keyboard.press("Escape")
    yield Opened(page, frames, files)
    context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 2400})
    context.set_default_timeout(30 * SECONDS)
    yield context.new_page()
    context.close()


@pytest.fixture
def slow(upstream: Starlette) -> Iterator[Starlette]:
    """Every answer takes a second."""
    upstream.state.requests.clear()
    upstream.state.faults.latency_seconds = 1
    yield upstream
    upstream.state.faults.latency_seconds = 0


def frames_of(page: Page) -> list[str]:
    """Everything that goes over the page's websockets, as it goes."""
    frames: list[str] = []

    def note(payload: Any) -> None:
        frames.append(payload if isinstance(payload, str) else payload.decode("latin-1"))

    def watch(socket: Any) -> None:
        for way in ("framesent", "framereceived"):
            socket.on(way, note)

    page.on("websocket", watch)
    return frames


def loaded(page: Page) -> None:
    """All of the page is drawn; what the page before has drawn stands below until then."""
    sources = page.get_by_text("Sources (").filter(visible=True)
    expect(sources).not_to_have_count(0, timeout=60 * SECONDS)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(sources).to_have_count(1, timeout=60 * SECONDS)


def turn_to(page: Page, entry: Entry) -> None:
    """By the menu, which loads no page anew."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=entry.title).click()
    expect(page.get_by_role("heading", name=entry.title, level=1)).to_be_visible()


def total_on_screen(page: Page) -> dict[str, str]:
    """Label to text of the row TOTAL of the open table."""
    row = total_row(page)
    expect(row).to_have_count(1, timeout=30 * SECONDS)
    values = row.locator("td").all_text_contents()
    named = zip(headings(page), values, strict=True)
    return {label: value for label, value in named if value not in ("", "TOTAL")}


def grid(page: Page) -> Locator:
    """What a screen reader gets of the open table, once it is in view; the rest is a picture."""
    frame = page.get_by_test_id("stDataFrame").first
    frame.evaluate("frame => frame.scrollIntoView()")  # at once: it may be drawn anew
    return frame.locator("table")


def headings(page: Page) -> list[str]:
    return grid(page).locator("th").all_text_contents()


def total_row(page: Page) -> Locator:
    return grid(page).locator("tbody tr").filter(has_text=re.compile("TOTAL"))


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("$", ""))


def download(page: Page, label: str, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label, exact=True).click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_deep_link_to_a_fresh_server_is_followed_and_its_files_agree_with_the_screen(
    opened: Opened,
) -> None:
    page = opened.page
    expect(page).to_have_title(re.compile("OpenAI usage"))
    assert "oai_group=project_id" in page.url
    menu = page.get_by_test_id("stSidebarNav")
    assert menu.count() == 0 or "app" not in menu.inner_text().split()
    shown = total_on_screen(page)

    table, archive, record, paper = (opened.files[name] for name in FILES)
    assert table.name == "openai-usage_2026-10-01_2026-10-07.csv"
    rows = list(csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig"))))
    for label, column in (
        ("Requests", "num_model_requests"),
        ("Input tokens", "input_tokens"),
        ("Output tokens", "output_tokens"),
        ("Cached input tokens", "input_cached_tokens"),
    ):
        assert sum(int(row[column] or 0) for row in rows) == number(shown[label])

    report = json.loads(record.read_text())
    assert report["complete"] is True
    assert report["totals"]["requests"] == number(shown["Requests"])
    cost = Decimal(report["totals"]["cost"])
    assert round(cost, 2) == number(shown["Cost"])

    with zipfile.ZipFile(archive) as files:
        costs = io.StringIO(files.read("costs.csv").decode("utf-8-sig"))
    assert sum(Decimal(row["amount"]) for row in csv.DictReader(costs)) == cost

    text = "\n".join(leaf.extract_text() for leaf in PdfReader(paper).pages)
    assert shown["Cost"] in text
    assert shown["Requests"] in text


def test_the_copied_link_shows_the_same_in_another_browser_and_plain_http_lets_it_be_marked_as_text(
    app: Dashboard, opened: Opened, page: Page
) -> None:
    shown = total_on_screen(opened.page)
    opened.page.get_by_role("button", name="Links").click()
    link = opened.page.get_by_test_id("stCode").inner_text().strip()
    opened.page.keyboard.press("Escape")
    for parameter in (
        "oai_period=2026-10-01",
        "oai_width=1d",
        "oai_group=model",
        "oai_compare=none",
    ):
        assert parameter in link
    address = app.url.replace("127.0.0.1", INTERNAL)
    page.goto(link.replace(app.url, address))
    loaded(page)
    assert total_on_screen(page) == shown
    # Sharing where the browser allows no clipboard: plain http under a company's own host name.
    assert page.evaluate("window.isSecureContext") is False, "else nothing would be proven"
    page.get_by_role("button", name="Links").click()
    code = page.get_by_test_id("stCode").locator("code")
    code.click(click_count=3)
    marked = page.evaluate("window.getSelection().toString()").strip()
    assert marked == code.inner_text().strip()
    assert marked.startswith(f"{address}/openai_usage?oai_period=2026-10-01")


def test_a_click_on_a_heading_sorts_and_the_address_and_the_table_file_hold_the_whole(
    opened: Opened, tmp_path: Path
) -> None:
    page, orders = opened.page, []
    for way in ("↑", "↓"):
        grid(page)
        page.get_by_test_id("stDataFrame").first.click(position={"x": 80, "y": 15})
        first = page.get_by_test_id("stDataFrame").first.locator("th").first
        expect(first).to_have_text(f"Project {way}")
        rows = grid(page).locator("tbody tr").all()
        orders.append([row.locator("td").first.text_content() for row in rows])
    rising, falling = orders
    assert rising[-1] == falling[-1] == "TOTAL"
    assert sorted(map(str, rising)) == sorted(map(str, falling))
    assert rising[0] != falling[0]
    assert "oai_view_sort_by_project=Project" in page.url
    path = download(page, "CSV of this table", tmp_path)
    with zipfile.ZipFile(opened.files["CSV: all tables (zip)"]) as files:
        assert files.read("by_project.csv") == path.read_bytes()
    assert b"project_id" in path.read_bytes(), "also what the screen hides"


def test_a_bar_and_a_row_lead_into_the_page_and_its_path_leads_back(
    app: Dashboard, page: Page
) -> None:
    page.goto(app.url + LINK)
    loaded(page)
    path, cards = page.locator(".st-key-oai_path"), page.get_by_test_id("stMetricValue")
    expect(path).to_have_count(0)
    expect(cards).to_have_count(6)
    whole = cards.all_inner_texts()
    page.locator("path[aria-roledescription=bar]").first.click()
    expect(page).to_have_url(re.compile("oai_projects=proj_"))
    expect(page.get_by_role("tab", selected=True)).to_have_text("By model")
    expect(cards).not_to_have_text(whole)
    project = cards.all_inner_texts()
    first_row = {"x": 15, "y": 52}  # its box, beside which the grid tells no element apart
    page.get_by_test_id("stDataFrame").first.click(position=first_row)
    expect(page).to_have_url(re.compile("oai_models="))
    expect(cards).not_to_have_text(project)
    model, steps = cards.all_inner_texts(), path.inner_text().split("\n")
    page.reload()
    loaded(page)
    expect(cards).to_have_text(model)
    assert path.inner_text().split("\n") == steps
    path.get_by_role("button", name=re.compile("^Project ")).click()
    expect(cards).to_have_text(project)
    path.get_by_role("button", name="All").click()
    expect(cards).to_have_text(whole)
    expect(path).to_have_count(0)


def test_a_changed_control_changes_the_address_and_the_numbers(
    opened: Opened, upstream: Starlette
) -> None:
    page = opened.page
    expect(page.get_by_text("%)")).to_have_count(0)
    page.get_by_role("combobox", name="Compare with").click()
    page.get_by_role("option", name="Preceding days").click()
    expect(page).to_have_url(re.compile("oai_compare=preceding"))
    expect(page.get_by_text("%)").first).to_be_visible()
    address = page.url
    asked = len(upstream.state.requests)
    page.reload()
    loaded(page)
    assert page.url == address
    expect(page.get_by_text("%)").first).to_be_visible()
    assert len(upstream.state.requests) == asked, "a reload is answered from the cache"


def test_stopping_cancels_the_requests_and_fetching_starts_again(
    app: Dashboard, page: Page, slow: Starlette
) -> None:
    slow.state.faults.latency_seconds = 3  # a load that a busy machine cannot end before the click
    page.goto(app.url + LINK.replace("2026-10", "2026-09"))
    expect(page.get_by_text("requests answered")).to_be_visible()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped.")).to_be_visible()
    asked = len(slow.state.requests)
    slow.state.faults.latency_seconds = 0
    page.wait_for_timeout(3_500)  # longer than a request took: a load not cancelled would go on
    assert len(slow.state.requests) == asked
    page.get_by_role("button", name="Refresh").click()
    loaded(page)


def test_leaving_the_page_cancels_the_requests(
    app: Dashboard, page: Page, browser: Browser, slow: Starlette
) -> None:
    page.goto(app.url + HOURS)
    expect(page.get_by_text("requests answered")).to_be_visible()
    other = browser.new_context().new_page()  # something to wait with, once the page is gone
    page.close()
    # Those under way are answered within a second; a load that goes on asks for more until it has all
    before, asked = -1, 0
    while before != asked:
        before = asked
        other.wait_for_timeout(2_000)
        asked = len(slow.state.requests)
    other.context.close()
    assert 0 < asked < 30, "not even half of them"


def test_the_server_key_is_in_no_frame_page_log_or_file(
    app: Dashboard, opened: Opened, upstream: Starlette
) -> None:
    page = opened.page
    upstream.state.admin_key = "sk-admin-another"  # from here on the server's key is refused
    try:
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("button", name="Clear cache").click()
        expect(page.get_by_text("The cache is empty.")).to_be_visible()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Refresh").click()
        expect(page.get_by_text("answered 401").first).to_be_visible()
        expect(page.get_by_text("Traceback (LOGURU_LEVEL=DEBUG)")).to_be_visible()
    finally:
        upstream.state.admin_key = CANARY

    fields = page.locator("input").evaluate_all("all => all.map(one => one.value)")
    places = {
        "frames": "\n".join(opened.frames),
        "page": page.content() + "\n".join(fields),
        "log": app.log.read_text(),
        "files": "\n".join(path.read_bytes().decode("latin-1") for path in opened.files.values()),
    }
    assert len(opened.frames) > 5
    assert len(opened.files) == 4
    assert "SourceDenied" in places["log"]
    assert {name for name, text in places.items() if CANARY in text} == set()


def test_hostile_names_stay_text_in_the_browser(app: Dashboard, page: Page) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
    page.goto(f"{app.url}{LINK}&oai_width=%3Cimg src=x onerror=alert(1)%3E&oai_x=:material/bolt:")
    loaded(page)
    warning = page.get_by_test_id("stAlert").first
    expect(warning).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.get_by_test_id("stMain").locator("a[href*=evil], img[src=x]")).to_have_count(0)
    assert alerts == []


def test_the_tenant_page_opens_by_deep_link_and_its_files_agree_with_the_screen(
    app: Dashboard, page: Page, tmp_path: Path
) -> None:
    days = "red_period=2026-10-01&red_period=2026-10-31"
    page.goto(f"{app.url}/tenant_usage?{days}&red_compare=none")
    loaded(page)
    shown = total_on_screen(page)
    page.get_by_role("button", name="Download", exact=True).click()
    table = download(page, "CSV: tenants table", tmp_path)
    record, paper = (download(page, what, tmp_path) for what in ("JSON", "PDF summary"))
    assert number(shown["Requests"]) == sum(range(1, 301))
    assert number(shown["Input tokens"]) == 9_000
    rows = csv.DictReader(io.StringIO(table.read_bytes().decode("utf-8-sig")))
    assert sum(int(row["requests"] or 0) for row in rows) == number(shown["Requests"])
    assert json.loads(record.read_text())["totals"]["requests"] == number(shown["Requests"])
    assert shown["Requests"] in "\n".join(leaf.extract_text() for leaf in PdfReader(paper).pages)
