"""The row of inputs: one line on a laptop, and arrows that stay beside what they step."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from lib.demo.tenants import names
from tests.browser.test_browser import loaded
from tests.support.servers import Dashboard, dashboard

FULLEST = {
    "openai_usage": "oai_endpoints=completions",
    "tenant_usage": f"red_tenants={names()[0]}",
    "comet_chargeback": "cmc_compare=2026-08&cmc_accounts=personal",
    "comet_usage": "cmu_archived=true",
}
"""Links that leave something out, which the row says, too."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("dashboard"), DASHBOARD_DEMO="on") as running:
        yield running


def middle(page: Page, role: str, name: str) -> float:
    box = page.get_by_role(role, name=name, exact=True).bounding_box()  # type: ignore[arg-type]
    assert box is not None
    return box["y"] + box["height"] / 2


@pytest.mark.parametrize("name", FULLEST)
def test_on_a_laptop_the_row_is_one_line_and_on_a_phone_arrows_stand_beside_what_they_step(
    app: Dashboard, browser: Browser, name: str
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{app.url}/{name}?{FULLEST[name]}")
    loaded(page)
    expect(page.get_by_role("button", name="Filters (1)")).to_be_visible()
    of_months = name == "comet_chargeback"
    if not of_months:
        page.get_by_role("combobox", name="Period (UTC)").click()
        page.get_by_role("option", name="Custom days").click()
        expect(page.get_by_text("Days (UTC, both included)")).to_be_visible()
        loaded(page)
    refresh = page.get_by_role("button", name="Refresh")
    row = page.get_by_test_id("stHorizontalBlock").filter(has=refresh)
    expect(row.locator("> *")).not_to_have_count(0)  # the row is drawn anew after every answer
    ends = row.locator("> *").evaluate_all(
        "all => all.map(one => Math.round(one.getBoundingClientRect().bottom))"
    )
    assert len(ends) >= 6
    assert len({*ends}) == 1
    page.get_by_role("button", name="Previous", exact=True).hover()
    expect(page.get_by_test_id("stTooltipContent")).to_contain_text("Previous: ")

    page.set_viewport_size({"width": 420, "height": 900})
    expect(page.get_by_test_id("stSidebarContent")).not_to_be_in_viewport()
    line = middle(page, "combobox", "Month (UTC)" if of_months else "Period (UTC)")
    for arrow in ("Previous", "Next"):
        assert abs(middle(page, "button", arrow) - line) <= 2, arrow
    page.close()
