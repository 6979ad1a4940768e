"""What the money of all platforms is looked at for: who pays for a newcomer, why a budget broke, whose is what."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from lib.demo.cost_centres import demo_rule_set
from lib.ui.rules_draft import FREE_ROWS
from tests.browser.test_browser import download, frames_of, loaded, number
from tests.browser.test_browser_sign_in import expect_menu
from tests.support.hosted import Hosted, cookie_of, hosted, open_as
from tests.support.servers import Dashboard, dashboard

OWN_DEMO = ("streamlit", "run", "tests/support/own_demo.py", "--server.headless", "true")
MARKETING, RESEARCH = "4200", "4500"
RULES_TAB = re.compile(r"^Rules( \(\d+\))?$")
"""With as many problems as its table has."""

CENT = Decimal("0.01")
"""What is shown is rounded, and a difference of two such amounts may be out by one."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """The demo on a laptop, with a ledger of its own, in which tests publish."""
    folder = tmp_path_factory.mktemp("dashboard")
    with dashboard(folder, command=OWN_DEMO, DASHBOARD_DEMO="on") as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """The same where people sign in, as it was published first."""
    folder = tmp_path_factory.mktemp("hosted")
    with hosted(folder, OWN_DEMO, DASHBOARD_DEMO="on") as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1440, "height": 900})
    made.set_default_timeout(60_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def card(page: Page, label: str) -> Locator:
    """The number on a card."""
    named = page.get_by_test_id("stMetricLabel").filter(has_text=re.compile(f"^{label}"))
    return page.get_by_test_id("stMetric").filter(has=named).get_by_test_id("stMetricValue")


def grid_of(page: Page, tab: str | re.Pattern[str]) -> Locator:
    """The table of an open tab, in view."""
    frame = page.get_by_role("tabpanel", name=tab, exact=True).get_by_test_id("stDataFrame")
    frame.evaluate("frame => frame.scrollIntoView({block: 'center'})")
    expect(frame.locator("tbody tr")).not_to_have_count(0)
    return frame


def rows(frame: Locator) -> list[dict[str, str]]:
    """Heading to text of each row but TOTAL."""
    # At once: what is drawn anew meanwhile would be half of one and half of another
    heads, *cells = frame.evaluate(
        "frame => [...frame.querySelectorAll('tr')].map(row => [...row.children].map(cell => cell.textContent))"
    )
    labels = [text.partition(" (")[0] for text in heads]
    return [dict(zip(labels, texts, strict=True)) for texts in cells if "TOTAL" not in texts]


def choose_row(frame: Locator, place: int) -> None:
    """By its box."""
    frame.click(position={"x": 18, "y": 35 * (place + 1.5)})


def turn_to_page(page: Page, title: str) -> None:
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()
    loaded(page)


def open_whole_month(page: Page) -> None:
    """The month before the one that runs: on its first days nothing has been spent yet."""
    expect(card(page, "Spend so far")).to_be_visible()
    page.get_by_role("button", name="Previous", exact=True).click()
    expect(card(page, "Spend so far")).to_have_count(0)
    expect(card(page, "Spend")).to_be_visible()
    loaded(page)
    # A table may stand there for a moment longer than the cards of the month before
    spent = card(page, "Spend").inner_text().lstrip("$")
    expect(grid_of(page, "By cost centre")).to_contain_text(spent)


def type_into(page: Page, cells: Mapping[str, str]) -> Locator:
    """Types into the first free row of the rules, by the keyboard alone and as fast as people; gives the row."""
    page.get_by_role("tab", name=RULES_TAB).click()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    frame = grid_of(page, RULES_TAB)
    table = frame.locator("table")
    place = int(table.get_attribute("aria-rowcount") or "") - (FREE_ROWS - 1)
    frame.click(position={"x": 100, "y": 52})
    expect(frame.locator("td[aria-selected=true]")).to_have_count(1)
    for key in ("Control+ArrowDown", *["ArrowUp"] * (FREE_ROWS - 1), "Home"):
        page.keyboard.press(key)
    row = table.locator(f'tr[aria-rowindex="{place}"]')
    expect(row.locator("td[aria-selected=true]")).to_have_count(1)
    for label in table.locator("th").all_text_contents():
        page.keyboard.type(cells.get(label, ""), delay=120)
        page.keyboard.press("Tab", delay=120)
        page.wait_for_timeout(120)
    return row


def cells_of(row: Locator) -> dict[str, str]:
    """Heading to text of a row of an editor."""
    heads = row.locator("xpath=ancestor::table").locator("th").all_text_contents()
    return dict(zip(heads, row.locator("td").all_text_contents(), strict=True))


def test_a_newcomer_of_the_overview_is_mapped_and_less_is_unallocated(
    app: Dashboard, page: Page
) -> None:
    page.goto(app.url)
    loaded(page)
    open_whole_month(page)
    unallocated = number(card(page, "Unallocated").inner_text())
    by_name = {row["Cost centre"]: row for row in rows(grid_of(page, "By cost centre"))}

    turn_to_page(page, "Cost centres")
    page.get_by_role("radio", name="Rules").click()
    publish = page.get_by_role("button", name="Publish")
    expect(publish).to_be_disabled()
    expect(card(page, "Unallocated").first).to_have_text(f"${unallocated:,.2f}")
    loaded(page)
    newcomer = rows(grid_of(page, "Unallocated"))[0]
    assert newcomer["Platform"] == "OpenAI"
    rule = {
        "priority": "15",
        "platform": "openai",
        "field": newcomer["Field"],
        "pattern": newcomer["Id"],
        "cost centre": "4299",
    }
    row = type_into(page, rule)
    problem = "cost centre: there is no cost centre '4299'."
    expect(row.locator("td").nth(1)).to_have_text(problem)
    expect(page.get_by_role("tab", name="Rules (1)")).to_have_attribute("aria-selected", "true")
    assert cells_of(row).items() >= rule.items(), "typed while the draft was checked"
    assert {"None", "null"}.isdisjoint(cells_of(row).values())

    expect(publish).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    expect(row.locator("td[aria-selected=true]")).to_have_text("4299")
    page.keyboard.type(MARKETING, delay=120)
    page.keyboard.press("Tab", delay=120)
    expect(page.get_by_role("tab", name="Rules", exact=True)).to_be_visible()
    turn_to_page(page, "History")
    turn_to_page(page, "Cost centres")
    expect(page.get_by_text("Draft: 1 row changed, not published.")).to_be_visible()
    expect(page.get_by_text("1 row of difference")).to_be_visible()
    expect(card(page, "Unallocated").first).not_to_have_text(f"${unallocated:,.2f}")
    loaded(page)
    left = number(card(page, "Unallocated").first.inner_text())
    billed = number(newcomer["Billed"])
    assert billed > 0
    assert abs(unallocated - billed - left) <= CENT
    assert newcomer["Id"] not in {row["Id"] for row in rows(grid_of(page, "Unallocated"))}

    expect(publish).to_be_enabled()
    page.get_by_label("Reason").fill("Somebody of Marketing")
    page.get_by_label("Reason").press("Tab")
    publish.click()
    expect(page.get_by_text("Version 2 counts from now on.")).to_be_visible()
    loaded(page)  # until then what stood there before lies below
    expect(publish).to_be_disabled()

    turn_to_page(page, "Overview")
    expect(card(page, "Spend so far")).to_have_count(0)
    expect(card(page, "Unallocated")).to_have_text(f"${left:,.2f}")
    expect(grid_of(page, "By cost centre")).to_contain_text(f"{left:,.2f}")
    now = {row["Cost centre"]: row for row in rows(grid_of(page, "By cost centre"))}
    grown = number(now["Marketing"]["Allocated"]) - number(by_name["Marketing"]["Allocated"])
    assert abs(grown - billed) <= CENT


def test_a_budget_that_is_broken_is_followed_to_its_cause_in_three_clicks(
    app: Dashboard, page: Page
) -> None:
    page.goto(app.url)
    loaded(page)
    open_whole_month(page)  # the first click
    frame = grid_of(page, "By cost centre")
    centres = rows(frame)
    used = [number(row["Of budget"].strip(" %—") or "0") for row in centres]
    worst = used.index(max(used))
    assert max(used) > 100, "else nothing would be followed"
    name, owed = centres[worst]["Cost centre"], number(centres[worst]["Allocated"])

    choose_row(frame, worst)  # the second
    expect(page.get_by_role("heading", name="Cost centres", level=1)).to_be_visible()
    loaded(page)
    expect(page.get_by_role("combobox", name="Cost centre")).to_have_value(name)
    expect(card(page, "Owed")).to_have_text(f"${owed:,.2f}")
    parts = rows(grid_of(page, "By project, tenant and workspace"))
    amounts = [number(row["Allocated"]) for row in parts]
    assert abs(sum(amounts) - owed) <= CENT * len(amounts)
    assert amounts[0] == max(amounts)
    of_largest = f"with ${amounts[0]:,.2f}."
    expect(page.get_by_text(f"the largest is {parts[0]['Name']} {of_largest}")).to_be_visible()

    page.get_by_role("tab", name="Lines", exact=True).click()  # the third
    lines = rows(grid_of(page, "Lines"))
    assert {row["Cost centre"] for row in lines} == {centres_id(name)}
    assert all(row["Rule"] not in ("", "—") for row in lines)


def centres_id(name: str) -> str:
    rule_set = demo_rule_set(datetime.now(UTC).date())
    return next(one for one, called in rule_set.names.items() if called == name)


def test_a_bar_leads_to_its_cost_centre_whatever_was_looked_at_there_before(
    app: Dashboard, page: Page
) -> None:
    page.goto(f"{app.url}/cost_centres?ccs_centre={RESEARCH}")
    loaded(page)
    shown = page.get_by_role("combobox", name="Cost centre")
    shown.click()
    page.get_by_role("option", name="Localisation").click()
    expect(page).to_have_url(re.compile("ccs_centre=4700"))
    page.get_by_role("radio", name="Rules").click()
    expect(page.get_by_role("button", name="Publish")).to_be_visible()
    turn_to_page(page, "Overview")
    page.locator('path[aria-roledescription=bar][aria-label*="label: Risk"]').first.click()
    expect(page.get_by_role("heading", name="Cost centres", level=1)).to_be_visible()
    loaded(page)
    expect(shown).to_have_value("Risk")
    expect(page).to_have_url(re.compile("ccs_centre=4300"))
    page.reload()
    loaded(page)
    expect(shown).to_have_value("Risk")


def test_an_owner_sees_his_own_cost_centre_only_also_by_a_crafted_link(
    guarded: Hosted, page: Page, browser: Browser, tmp_path: Path
) -> None:
    # Finance looks at another's first: what must never reach the owner
    files: list[str] = []
    media = f"{guarded.url}/media/"
    page.on("request", lambda asked: files.append(asked.url) if media in asked.url else None)
    open_as(page, guarded, "fritz", f"/cost_centres?ccs_centre={RESEARCH}")
    loaded(page)
    owed = card(page, "Owed").inner_text()
    page.get_by_role("button", name="Download", exact=True).click()
    assert RESEARCH in download(page, "JSON", tmp_path).read_text()
    assert httpx.get(files[0], cookies=cookie_of(guarded, "fritz")).status_code == 200

    context = browser.new_context()
    context.set_default_timeout(60_000)
    owner = context.new_page()
    frames = frames_of(owner)
    links = ("", f"?ccs_centre={RESEARCH}", "?ccs_centre=unallocated", "?ccs_show=rules")
    for link in links:
        open_as(owner, guarded, "mara", f"/cost_centres{link}")
        loaded(owner)
        expect(owner.get_by_role("combobox", name="Cost centre")).to_have_value("Marketing")
        refused = owner.get_by_text("it is unknown, or not yours to see")
        expect(refused).to_have_count(int("ccs_centre" in link))
        for button in ("Download", "CSV of this table", "Publish"):
            expect(owner.get_by_role("button", name=button, exact=True)).to_have_count(0)
        expect(owner.get_by_role("radio", name="Rules")).to_have_count(0)
    expect_menu(owner, "Cost centres", "OpenAI usage", "Comet usage")
    owner.get_by_role("combobox", name="Cost centre").click()
    expect(owner.get_by_role("option")).to_have_text(["Marketing"])
    open_as(owner, guarded, "mara", "/overview")
    expect(owner.get_by_text("This page needs the role")).to_be_visible()
    context.close()

    sent = "\n".join(frames)
    assert "Marketing" in sent, "else nothing would be proven"
    centres = demo_rule_set(datetime.now(UTC).date()).cost_centres
    others = [one.name for one in centres if one.budget is not None and one.id != MARKETING]
    assert len(others) == 6
    assert [word for word in (*others, owed) if word in sent] == []
    assert httpx.get(files[0], cookies=cookie_of(guarded, "mara")).status_code == 403
    noted = [json.loads(line) for line in guarded.audit.read_text().splitlines()]
    of_owner = [one for one in noted if one["user"] == "mara@demo.example"]
    assert {one["filters"]["cost_centre"] for one in of_owner if "filters" in one} == {MARKETING}
