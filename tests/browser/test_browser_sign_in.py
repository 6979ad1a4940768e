"""Signing in to a hosted dashboard, in a real browser, with a real OpenID Connect provider."""

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from lib.access.visitors import PAGES, ROLES
from lib.demo.organisation import make_organisation
from lib.ui.page import ENTRIES, Entry
from tests.browser.test_browser import download, frames_of, loaded
from tests.support.hosted import COOKIE_SECRET, Hosted, hosted, sign_in, sign_out

MINUTE = 60_000
OPENAI = "/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07&oai_group=user_id"
LINKS = {
    "openai_usage": f"{OPENAI}&oai_compare=true",
    "tenant_usage": "/tenant_usage?red_period=2026-10-01&red_period=2026-10-31&red_sort=requests",
}
PEOPLE_OF_ROLES = {"viewer": "vera", "finance": "fritz", "admin": "ada"}
DATA = {
    "openai_usage": ("Data as of", "Billed cost", "user-"),
    "tenant_usage": ("Data as of", "Tenants with usage", "TOTAL"),
}
"""What a page's frames hold once it shows its data, and never before."""


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


def lines(app: Hosted) -> list[dict[str, object]]:
    """The audit trail so far."""
    text = app.audit.read_text(encoding="utf-8") if app.audit.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_first_request_to_a_fresh_server_shows_sign_in_and_no_data_and_comes_back(
    entry: Entry, browser: Browser, tmp_path: Path
) -> None:
    name = entry.name
    link = LINKS.get(name, f"/{name}")
    with hosted(tmp_path) as app:
        bodies = [httpx.get(app.url + path).text for path in (link, "/", "/_stcore/health")]
        context = browser.new_context()
        page = context.new_page()
        frames = frames_of(page)
        page.goto(app.url + link)
        asked_to_sign_in(page)
        expect(page.get_by_test_id("stSidebar")).to_have_count(0)
        assert len(frames) > 2
        sent = "\n".join([*bodies, *frames]).replace("oai_group=user_id", "")
        assert [word for word in _data_of(name) if word in sent] == []
        assert lines(app) == []
        sign_in(page, "ada")
        loaded(page)
        assert page.url.startswith(app.url + link)
        if name == "openai_usage":
            toggle = page.get_by_role("switch", name="Compare with the preceding period")
            box = page.get_by_label("Compare with the preceding period")
            expect(toggle.or_(box).first).to_be_checked()
        shown = "\n".join(frames)
        assert [word for word in _data_of(name) if word not in shown] == []
        context.close()


def _data_of(page: str) -> tuple[str, ...]:
    return DATA.get(page, ("Data as of",))


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_its_pages_in_the_menu_and_by_address_and_no_other(
    app: Hosted, page: Page, role: str
) -> None:
    page.goto(app.url + OPENAI)
    asked_to_sign_in(page)
    sign_in(page, PEOPLE_OF_ROLES[role])
    loaded(page)
    order = list(ROLES)
    for entry in ENTRIES:
        seen = order.index(role) >= order.index(PAGES[entry.name])
        menu = page.get_by_test_id("stSidebarNav").get_by_text(entry.title, exact=True)
        expect(menu).to_have_count(1 if seen else 0)
    for entry in ENTRIES:
        frames = frames_of(page)
        page.goto(f"{app.url}{LINKS.get(entry.name, '/' + entry.name)}")
        if order.index(role) >= order.index(PAGES[entry.name]):
            loaded(page)
        else:
            expect(page.get_by_text("This page needs the role")).to_be_visible(timeout=MINUTE)
            expect(page.get_by_text("finops@demo.example")).to_be_visible()
            sent = "\n".join(frames)
            assert [word for word in _data_of(entry.name) if word in sent] == []
        if entry is not ENTRIES[-1]:
            page = _fresh(page)


def _fresh(page: Page) -> Page:
    """Another tab of the same browser: its frames are its own."""
    context = page.context
    page.close()
    return context.new_page()


@pytest.mark.parametrize(
    ("person", "sentence"),
    [
        ("ulf", "without a verified e-mail address"),
        ("otto", "otto@elsewhere.example is not among those"),
        ("nora", "nora@partner.example has no role"),
    ],
)
def test_who_is_signed_in_but_not_let_in_reads_whom_to_ask_and_sees_no_data(
    app: Hosted, page: Page, person: str, sentence: str
) -> None:
    frames = frames_of(page)
    page.goto(app.url + OPENAI)
    asked_to_sign_in(page)
    sign_in(page, person)
    expect(page.get_by_text(sentence)).to_be_visible(timeout=MINUTE)
    expect(page.get_by_text("finops@demo.example")).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)
    sent = "\n".join(frames).replace("oai_group=user_id", "")
    assert [word for word in _data_of("openai_usage") if word in sent] == []
    sign_out(page)
    asked_to_sign_in(page)


def test_a_viewer_sees_pseudonyms_and_has_no_files_keys_or_cache_to_clear(
    app: Hosted, page: Page
) -> None:
    frames = frames_of(page)
    page.goto(f"{app.url}{OPENAI}&oai_users=someone@acme.example")
    asked_to_sign_in(page)
    sign_in(page, "vera")
    loaded(page)
    expect(page.get_by_text("your role sees none")).to_be_visible()
    expect(page.get_by_text("person-").first).to_be_visible()
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
    page.goto(app.url + OPENAI)
    asked_to_sign_in(page)
    sign_in(page, "fritz")
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
    app: Hosted, page: Page, browser: Browser, tmp_path: Path
) -> None:
    addresses: list[str] = []
    page.on(
        "request",
        lambda asked: addresses.append(asked.url) if f"{app.url}/media/" in asked.url else None,
    )
    page.goto(app.url + OPENAI)
    asked_to_sign_in(page)
    sign_in(page, "fritz")
    loaded(page)
    page.get_by_role("button", name="Download", exact=True).click()
    download(page, "JSON", tmp_path)
    address = addresses[0]
    kept = {one["name"]: one["value"] for one in page.context.cookies()}
    assert httpx.get(address, cookies=kept).status_code == 200, "else nothing would be proven"
    assert httpx.get(address).status_code == 403
    assert httpx.get(address, cookies=_cookie(app, "fritz@demo.example")).status_code == 200
    for somebody_else in ("frida@demo.example", "ada@demo.example"):
        cookies = _cookie(app, somebody_else)
        assert httpx.get(address, cookies=cookies).status_code == 403, "of the same right"
    expired = _cookie(app, "fritz@demo.example", hours_ago=13)
    assert httpx.get(address, cookies=expired).status_code == 403

    other = browser.new_context()
    viewer = other.new_page()
    viewer.goto(app.url + OPENAI)
    asked_to_sign_in(viewer)
    sign_in(viewer, "vera")
    loaded(viewer)
    of_viewer = {one["name"]: one["value"] for one in other.cookies()}
    other.close()
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
    second.get_by_role("button", name="Fetch usage data").click(force=True)
    expect(second.get_by_text("You have signed out")).to_be_visible()
    expect(second.get_by_text("Sources (")).to_have_count(0)


def _cookie(app: Hosted, email: str, hours_ago: float = 0) -> dict[str, str]:
    """The cookie of somebody in the group with the right to download."""
    claims = {
        "is_logged_in": True,
        "email": email,
        "email_verified": True,
        "groups": ["finance"],
        "iat": int(time.time() - hours_ago * 3_600),
        "origin": app.url,
        "provider": "default",
    }
    signed = create_signed_value(COOKIE_SECRET, "_streamlit_user", json.dumps(claims))
    return {"_streamlit_user": signed.decode()}


def test_a_forged_or_tampered_cookie_is_nobody(
    app: Hosted, page: Page, context: BrowserContext
) -> None:
    claims = {
        "is_logged_in": True,
        "email": "ada@demo.example",
        "email_verified": True,
        "iat": int(time.time()),
        "origin": app.url,
        "provider": "default",
    }
    real = create_signed_value(COOKIE_SECRET, "_streamlit_user", json.dumps(claims)).decode()
    for secret, works in ((COOKIE_SECRET, True), ("another-secret-of-32-characters-!", False)):
        forged = create_signed_value(secret, "_streamlit_user", json.dumps(claims)).decode()
        _open_with(app, page, context, forged)
        if works:
            loaded(page)  # the form is right: only the signature decides
        else:
            asked_to_sign_in(page)
    for tampered in (real[:-1] + ("A" if real[-1] != "A" else "B"), "x" + real, "", "null"):
        _open_with(app, page, context, tampered)
        asked_to_sign_in(page)


def _open_with(app: Hosted, page: Page, context: BrowserContext, cookie: str) -> None:
    context.clear_cookies()
    context.add_cookies([{"name": "_streamlit_user", "value": cookie, "url": app.url}])
    page.goto("about:blank")
    page.goto(app.url + OPENAI)


def test_a_sign_in_ends_while_the_page_is_open(app: Hosted, page: Page) -> None:
    app.provider.state.signed_in_ago = 12 * 3_600 - 15
    try:
        page.goto(app.url + OPENAI)
        asked_to_sign_in(page)
        sign_in(page, "ada")
        loaded(page)
        over = page.get_by_text("A sign-in lasts 12 hours")
        while not over.is_visible():
            fetch = page.get_by_role("button", name="Fetch usage data")
            if fetch.is_visible():
                fetch.click(force=True)
            page.wait_for_timeout(1_000)
        expect(page.get_by_text("Sources (")).to_have_count(0)
        app.provider.state.signed_in_ago = 0
        sign_in(page, "ada")
        loaded(page)
        assert "oai_group=user_id" in page.url
    finally:
        app.provider.state.signed_in_ago = 0


def test_while_the_provider_is_down_nobody_is_thrown_out_and_whoever_comes_reads_why(
    app: Hosted, page: Page
) -> None:
    page.goto(app.url + OPENAI)
    asked_to_sign_in(page)
    sign_in(page, "ada")
    loaded(page)
    app.provider.state.down = True
    try:
        page.reload()
        loaded(page)
        sign_out(page)
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
