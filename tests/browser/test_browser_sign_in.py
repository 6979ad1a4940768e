"""Signing in to a hosted dashboard, in a real browser, with a real OpenID Connect provider."""

import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from lib.demo.organisation import make_organisation
from lib.ui.page import ENTRIES
from tests.browser.test_browser import download, frames_of, loaded
from tests.support.hosted import Hosted, cookie_of, leave, open_as, sign_in, sign_out

MINUTE = 60_000
OPENAI = "/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07&oai_group=user_id"
COMPARED = f"{OPENAI}&oai_compare=preceding"
DATA = ("Data as of", "Billed cost", "user-")
"""What the page's frames hold once it shows its data, and never before."""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1400, "height": 1000})
    made.set_default_timeout(30_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def asked_to_sign_in(page: Page) -> None:
    expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=MINUTE)


def data_in(frames: list[str]) -> list[str]:
    """Of the words of data, those that went over the websocket."""
    sent = "\n".join(frames).replace("oai_group=user_id", "")
    return [word for word in DATA if word in sent]


def expect_menu(page: Page, *titles: str) -> None:
    """These pages are in the menu, and no other."""
    links = page.get_by_test_id("stSidebarNav").get_by_role("link")
    expect(links).to_have_text([re.compile(f"{title}$") for title in titles])


def lines(app: Hosted) -> list[dict[str, object]]:
    """The audit trail so far."""
    text = app.audit.read_text(encoding="utf-8") if app.audit.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def test_the_first_request_to_a_fresh_server_shows_sign_in_and_no_data_and_comes_back(
    app: Hosted, page: Page
) -> None:
    """Nobody has opened the dashboard yet: this is the first test of the file."""
    frames = frames_of(page)
    page.goto(app.url + COMPARED)
    asked_to_sign_in(page)
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    assert len(frames) > 2
    assert data_in(frames) == []
    assert lines(app) == []
    sign_in(page, "ada")
    loaded(page)
    assert page.url.startswith(app.url + COMPARED)
    expect(page.get_by_role("combobox", name="Compare with")).to_have_value("Preceding days")
    assert data_in(frames) == [*DATA]
    expect_menu(page, *(entry.title for entry in ENTRIES))


def test_a_role_sees_its_pages_in_the_menu_and_is_told_of_another_that_it_needs_a_role(
    app: Hosted, page: Page
) -> None:
    open_as(page, app, "vera", "/tenant_usage")
    expect(page.get_by_text("This page needs the role")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("finops@demo.example")).to_be_visible()
    expect_menu(page, "Cost centres", "OpenAI usage", "Comet usage")


def test_who_is_signed_in_but_not_let_in_reads_whom_to_ask_and_signs_out(
    app: Hosted, page: Page
) -> None:
    frames = frames_of(page)
    open_as(page, app, "nora", OPENAI)
    expect(page.get_by_text("nora@partner.example has no role")).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("finops@demo.example")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    assert data_in(frames) == []
    sign_out(page)
    asked_to_sign_in(page)


def test_a_viewer_sees_pseudonyms_and_has_no_files_keys_or_cache_to_clear(
    app: Hosted, page: Page
) -> None:
    frames = frames_of(page)
    open_as(page, app, "vera", f"{OPENAI}&oai_users=someone@acme.example")
    loaded(page)
    expect(page.get_by_text("your role sees none")).to_be_visible()
    expect(page.get_by_text("person-").first).to_be_visible()
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.get_by_text("Group by")).to_be_visible()
    for name in ("Download", "Clear cache"):
        expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_label("Admin key for this session")).to_have_count(0)
    people = _addresses()
    sent = "\n".join(frames)
    assert len(people) > 20
    assert [one for one in people if one in sent] == []


def _addresses() -> set[str]:
    return {one.email for one in make_organisation().users if one.email}


def test_finance_sees_addresses_and_gets_files_that_the_audit_trail_names(
    app: Hosted, page: Page, tmp_path: Path
) -> None:
    open_as(page, app, "fritz", OPENAI)
    loaded(page)
    expect(page.get_by_label("Admin key for this session")).to_have_count(0)
    page.get_by_role("button", name="Download", exact=True).click()
    record = download(page, "JSON", tmp_path)
    assert any(one in record.read_text() for one in _addresses())
    of_fritz = [line for line in lines(app) if line["user"] == "fritz@demo.example"]
    assert [line["event"] for line in of_fritz[-3:]] == ["sign-in", "report", "download"]
    assert of_fritz[-1]["sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()
    assert of_fritz[-1]["filters"]["group_by"] == ["user_id"]  # type: ignore[index]


def test_a_file_is_out_of_reach_without_the_right_and_after_signing_out(
    app: Hosted, page: Page, tmp_path: Path
) -> None:
    addresses: list[str] = []
    page.on(
        "request",
        lambda asked: addresses.append(asked.url) if f"{app.url}/media/" in asked.url else None,
    )
    open_as(page, app, "fritz", OPENAI)
    loaded(page)
    page.get_by_role("button", name="Download", exact=True).click()
    download(page, "JSON", tmp_path)
    address = addresses[0]
    kept = {one["name"]: one["value"] for one in page.context.cookies()}
    assert httpx.get(address, cookies=kept).status_code == 200, "else nothing would be proven"
    assert httpx.get(address).status_code == 403
    of_fritz = cookie_of(app, "fritz", hours_ago=1)
    assert httpx.get(address, cookies=of_fritz).status_code == 200, "of another sign-in"
    for somebody_else in ("frida@demo.example", "ada@demo.example"):
        cookies = cookie_of(app, "fritz", email=somebody_else)
        assert httpx.get(address, cookies=cookies).status_code == 403, "of the same right"
    expired = cookie_of(app, "fritz", hours_ago=13)
    assert httpx.get(address, cookies=expired).status_code == 403

    of_viewer = cookie_of(app, "vera")
    assert httpx.get(address, cookies=of_viewer).status_code == 403

    second = page.context.new_page()
    second.goto(app.url + OPENAI)
    loaded(second)
    page.keyboard.press("Escape")
    sign_out(page)
    asked_to_sign_in(page)
    assert httpx.get(address, cookies=kept).status_code == 403, "a copied cookie is out, too"
    second.get_by_role("button", name="Download", exact=True).click()
    second.get_by_role("button", name="JSON", exact=True).click()
    expect(second.get_by_text("Failed to generate file")).to_be_visible()
    second.keyboard.press("Escape")
    second.get_by_role("button", name="Refresh").click(force=True)
    expect(second.get_by_text("You have signed out")).to_be_visible()
    expect(second.get_by_text("Sources (")).to_have_count(0)


def test_a_sign_in_ends_while_the_page_is_open(app: Hosted, page: Page) -> None:
    ends = time.time() + 15
    open_as(page, app, "ada", OPENAI, hours_ago=12 - 15 / 3_600)
    loaded(page)
    page.wait_for_timeout(max(0, ends + 1 - time.time()) * 1_000)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("A sign-in lasts 12 hours")).to_be_visible()
    expect(page.get_by_text("Sources (")).to_have_count(0)
    sign_in(page, "ada")
    loaded(page)
    assert "oai_group=user_id" in page.url


def test_while_the_provider_is_down_nobody_is_thrown_out_and_whoever_comes_reads_why(
    app: Hosted, page: Page
) -> None:
    app.provider.state.down = True
    try:
        open_as(page, app, "ada", OPENAI)
        loaded(page)
        page.reload()
        loaded(page)
        kept = {one["name"]: one["value"] for one in page.context.cookies()}
        assert leave(app.url, kept).is_redirect
        page.goto(app.url + OPENAI)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("did not answer")).to_be_visible()
        expect(page.get_by_text("finops@demo.example")).to_be_visible()
    finally:
        app.provider.state.down = False
    page.get_by_role("button", name="Back").click()
    asked_to_sign_in(page)
    assert "oai_group=user_id" in page.url
    sign_in(page, "ada")
    loaded(page)
