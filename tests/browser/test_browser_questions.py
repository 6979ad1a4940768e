"""What people come for, each with as many choices as it may cost, on a laptop's screen with made-up data."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pypdf import PdfReader

from lib.ui.page import ENTRIES
from tests.browser.test_browser import download, grid, loaded, turn_to
from tests.support.servers import Dashboard, dashboard

WIDTH, HEIGHT = 1440, 900


@dataclass
class Asking:
    """Somebody at a page, and how often they chose something; to open a menu is no choice yet."""

    page: Page
    choices: int = 0

    def choose(self, what: Locator) -> None:
        self.choices += 1
        what.click()

    def open(self, menu: str) -> None:
        self.page.get_by_role("button", name=menu, exact=True).click()

    def choose_page(self, title: str) -> None:
        menu = self.page.get_by_test_id("stSidebarNav")
        self.choose(menu.get_by_role("link", name=title))
        expect(self.page.get_by_role("heading", name=title, level=1)).to_be_visible()
        loaded(self.page)

    def choose_period(self, name: str) -> None:
        self.page.get_by_role("combobox", name="Period (UTC)").click()
        self.choose(self.page.get_by_role("option", name=name, exact=True))

    def choose_row(self, number: int) -> None:
        """By its box."""
        self.choices += 1
        grid(self.page)
        box = {"x": 18.0, "y": 35 * (number + 0.5)}
        self.page.get_by_test_id("stDataFrame").first.click(position=box)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("dashboard"), DASHBOARD_DEMO="on") as running:
        yield running


@pytest.fixture
def asking(app: Dashboard, browser: Browser) -> Iterator[Asking]:
    """At the start, once it has its numbers."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
    context.set_default_timeout(60_000)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(app.url)
    loaded(page)
    expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    yield Asking(page)
    context.close()


def tells(page: Page, *labels: str) -> None:
    """Waits until the open table has these columns."""
    for label in labels:
        heading = re.compile(rf"^{label}( \(.*)?$")
        expect(grid(page).locator("th").filter(has_text=heading)).to_have_count(1)


def test_what_a_project_cost_last_month_by_model_as_a_file_and_a_link_takes_five_choices(
    asking: Asking, tmp_path: Path
) -> None:
    page = asking.page
    asking.choose_page("OpenAI usage")
    asking.choose_period("Last month")
    loaded(page)
    expect(page.get_by_role("tab", selected=True)).to_have_text("By project")
    project = grid(page).locator("tbody tr").first.locator("td").first.text_content()
    asking.choose_row(1)
    path = page.locator(".st-key-oai_path")
    expect(path).to_contain_text(f"All›Project {project}")
    expect(page.get_by_role("tab", selected=True)).to_have_text("By model")
    with page.expect_download() as waiting:
        asking.choose(page.get_by_role("button", name="CSV of this table"))
    table = waiting.value.path().read_text(encoding="utf-8-sig")
    assert sum(float(row["cost"] or 0) for row in csv.DictReader(io.StringIO(table))) > 0
    asking.choose(page.get_by_role("button", name="Copy link"))
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert asking.choices == 5
    link = page.url  # the address says what the link says
    other = page.context.new_page()
    other.goto(link)
    loaded(other)
    expect(other.locator(".st-key-oai_path")).to_contain_text(f"Project {project}")


def test_which_tenants_grew_most_this_month_takes_one_choice(asking: Asking) -> None:
    page = asking.page
    asking.choose_page("Tenant usage")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Changes")
    tells(page, "Moved most by", "Its change")
    assert asking.choices == 1


def test_which_licensed_users_are_inactive_takes_two_choices(asking: Asking) -> None:
    page = asking.page
    asking.choose_page("Comet chargeback")
    asking.choose(page.get_by_role("tab", name="Reclaim", exact=True))
    expect(page.get_by_role("tab", selected=True)).to_have_text("Reclaim")
    tells(page, "Days since last use")
    assert asking.choices == 2


def test_gpu_hours_by_workspace_of_last_quarter_on_paper_take_three_choices(
    app: Dashboard, asking: Asking, tmp_path: Path
) -> None:
    page = asking.page
    page.goto(f"{app.url}/comet_usage?cmu_workspaces=vision&cmu_workspaces=language")
    loaded(page)
    asking.choose_period("Last quarter")
    loaded(page)
    asking.choose(page.get_by_role("tab", name="By workspace", exact=True))
    tells(page, "GPU hours")
    asking.open("Download")
    asking.choices += 1
    paper = PdfReader(download(page, "PDF summary", tmp_path))
    text = "\n".join(leaf.extract_text() for leaf in paper.pages)
    assert len(paper.pages) <= 3
    assert "By workspace" in text
    assert "GPU hours" in text
    assert asking.choices == 3


def test_the_answer_is_on_a_laptops_screen_before_anybody_scrolls(asking: Asking) -> None:
    page = asking.page
    for entry in ENTRIES:
        turn_to(page, entry)
        loaded(page)
        chart = page.get_by_test_id("stVegaLiteChart").first.locator("canvas, svg.marks")
        for shown in (
            page.get_by_role("button", name="Refresh"),
            page.get_by_test_id("stMetric").first,
            chart.first,
        ):
            expect(shown).to_be_visible()
            box = shown.bounding_box()
            assert box is not None
            assert 0 <= box["y"] < box["y"] + box["height"] <= HEIGHT, entry.name
