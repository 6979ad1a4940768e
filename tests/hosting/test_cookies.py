"""What a browser keeps of a sign-in behind nginx, and that a sign-in of many groups comes through."""

import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from lib.demo.hosted import Stack
from tests.browser.test_browser import loaded
from tests.hosting.test_links import LINKS
from tests.support.hosted import sign_out

LINK = f"openai_usage?{LINKS['openai_usage']}"
GINA = "gina"


@pytest.fixture
def groups(stack: Stack) -> Iterator[list[str]]:
    """150 groups as directories name them; the last one has a role."""
    ids = random.Random(7)
    made = [str(uuid.UUID(int=ids.getrandbits(128))) for _ in range(149)]
    claims = {"name": "Gina Groups", "email": "gina@demo.example", "email_verified": True}
    stack.provider.state.people[GINA] = {**claims, "groups": [*made, "finance"]}
    yield made
    del stack.provider.state.people[GINA]


def pick(page: Page, name: str) -> None:
    page.get_by_role("link", name=name).click()


def to_the_provider(page: Page) -> None:
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Who are you?")).to_be_visible()


def test_every_cookie_of_a_sign_in_is_for_this_host_over_tls_and_out_of_reach_of_other_sites(
    stack: Stack, context: BrowserContext
) -> None:
    page, kept = context.new_page(), dict[str, Any]()

    def look() -> None:
        kept.update({str(one.get("name")): one for one in context.cookies()})

    page.goto(f"{stack.url}/{LINK}")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    look()
    assert "dashboard_link" in kept
    to_the_provider(page)
    look()
    assert "_streamlit_session" in kept
    pick(page, "Ada Admin")
    loaded(page)
    look()
    assert {name: one["path"] for name, one in kept.items()} == {
        "_streamlit_user": "/usage",
        "_streamlit_user_tokens": "/usage",
        "dashboard_link": "/usage",
        "dashboard_replica": "/usage",
        "_streamlit_session": "/",
        "_streamlit_xsrf": "/",
    }
    # A domain with a dot before it would be sent to the hosts under it as well
    assert {one["domain"] for one in kept.values()} == {"localhost"}
    assert {name for name, one in kept.items() if not one["secure"]} == set()
    assert {one["sameSite"] for one in kept.values()} == {"Lax"}
    # The page's script repeats this one in a header, to show that it is ours
    assert {name for name, one in kept.items() if not one["httpOnly"]} == {"_streamlit_xsrf"}
    assert kept["_streamlit_user"]["expires"] <= time.time() + 12 * 3_600
    left = {one.get("name") for one in context.cookies()}
    assert left.isdisjoint({"dashboard_link", "_streamlit_session"}), "they have done their work"


def test_a_person_in_150_groups_signs_in_and_comes_to_the_link(
    stack: Stack, context: BrowserContext, groups: list[str]
) -> None:
    page = context.new_page()
    page.goto(f"{stack.url}/{LINK}")
    to_the_provider(page)
    pick(page, "Gina Groups")
    loaded(page)
    assert page.url.startswith(f"{stack.url}/{LINK.partition('&')[0]}")
    menu = page.get_by_test_id("stSidebarNav").get_by_text("Tenant usage", exact=True)
    expect(menu).to_have_count(1)  # of the last group's role
    sizes = {str(one.get("name")): len(str(one.get("value"))) for one in context.cookies()}
    assert sum(sizes.values()) > 12_000, "else nothing would be proven"
    assert "_streamlit_user_2" in sizes
    page.reload()
    loaded(page)
    sign_out(page)
    left = {str(one.get("name")) for one in context.cookies()}
    assert [name for name in left if name.startswith("_streamlit_user")] == []
    assert len(groups) == 149
