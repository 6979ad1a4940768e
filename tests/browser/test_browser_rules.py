"""What a browser may load and do for our pages: every page works under it, and nothing of another site does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from lib.ui.page import ENTRIES
from tests.browser.test_browser import download, loaded, turn_to
from tests.support.hosted import Hosted, open_as, sign_in, sign_out
from tests.support.tabs import tab

LINK = "/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07"
NOISE = ("WARN ", "Failed to load resource: the server responded with a status of 404")
"""Vega's words on empty series, and Streamlit's search for its own address under a page's."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def faults_of(app: Hosted, page: Page) -> list[str]:
    """What the browser complains of, and every request that would leave for another host."""
    faults: list[str] = []
    own = (app.url, app.provider.state.issuer, "data:", "blob:")
    page.on(
        "console",
        lambda line: (
            faults.append(line.text)
            if line.type in ("error", "warning") and not line.text.startswith(NOISE)
            else None
        ),
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith(own) else faults.append(asked.url)
    )
    return faults


def barriers(page: Page) -> list[str]:
    """What of the page as it stands would keep somebody out who sees or types otherwise."""
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]}"
        for rule in Axe().run(page).response["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_draws_its_charts_and_gives_its_files_without_breaking_a_rule(
    app: Hosted, page: Page, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    faults = faults_of(app, page)
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{app.url}/comet_usage?cmu_workspaces=vision")
    sign_in(page, "ada")
    # Comet usage first: it needs a choice, which the link brings; the start page last
    first = next(entry for entry in ENTRIES if entry.name == "comet_usage")
    in_turn = [first, *(entry for entry in ENTRIES[::-1] if entry is not first)]
    for entry in in_turn:
        if entry is not in_turn[0]:
            turn_to(page, entry)
        loaded(page)
        drawn = page.get_by_test_id("stVegaLiteChart").locator("canvas, svg.marks")
        expect(drawn.first).to_be_visible()
        page.get_by_role("button", name="Download", exact=True).press("Enter")
        assert download(page, "JSON", tmp_path).stat().st_size > 1_000
        assert barriers(page) == [], f"{entry.title}, with an open popover and an open tab"
        page.keyboard.press("Escape")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    pasted = page.get_by_placeholder("Filter rows")  # the rules let no page read the clipboard
    pasted.press("Control+V")
    assert pasted.input_value().startswith(f"{app.url}/overview?ovr_month=")
    sign_out(page)
    assert faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_rules_of_who_pays_are_edited_without_breaking_a_rule(
    app: Hosted, page: Page, scheme: Literal["light", "dark"]
) -> None:
    faults = faults_of(app, page)
    page.emulate_media(color_scheme=scheme)
    open_as(page, app, "fritz", "/cost_centres?ccs_show=rules")
    loaded(page)
    expect(page.get_by_role("button", name="Publish")).to_be_disabled()
    assert barriers(page) == []
    page.get_by_text("Versions", exact=True).click()
    expect(page.get_by_text("The company of the demo").first).to_be_attached()
    assert barriers(page) == [], "with the versions"
    assert faults == []


def test_scripts_and_requests_that_are_not_ours_do_not_run(app: Hosted, page: Page) -> None:
    page.route("**/*.js", lambda asked: asked.abort())  # the rules are of the document
    page.goto(app.url)
    outcome = page.evaluate("""async () => {
        const broken = [];
        addEventListener("securitypolicyviolation", event => broken.push(event.effectiveDirective));
        const script = document.createElement("script");
        script.textContent = "window.injected = true";
        document.head.append(script);
        setTimeout(() => { new Function("window.injected = true")() });  // not under the debugger's rules
        try { await fetch("https://evil.example/") } catch {}
        document.body.insertAdjacentHTML("beforeend", "<img src='https://evil.example/' onerror='window.injected = true'>");
        await new Promise(resolve => setTimeout(resolve, 200));
        return [window.injected ?? false, [...new Set(broken)].sort()];
    }""")
    assert outcome == [
        False,
        ["connect-src", "img-src", "script-src", "script-src-attr", "script-src-elem"],
    ]


def test_the_rules_come_with_every_answer(app: Hosted) -> None:
    for path in ("/", "/openai_usage", "/_stcore/health", "/media/x.csv", "/auth/logout", "/x.js"):
        sent = httpx.get(app.url + path).headers
        policy = dict(rule.split(" ", 1) for rule in sent["content-security-policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'self'"
        assert "unsafe" not in policy["script-src"]
        assert "camera=()" in sent["permissions-policy"]
        assert sent["cross-origin-opener-policy"] == "same-origin"
        assert sent["x-content-type-options"] == "nosniff"


def test_another_sites_link_to_the_sign_out_asks_once(app: Hosted, page: Page) -> None:
    another = page.context.new_page()
    open_as(another, app, "ada", LINK)
    loaded(another)
    page.goto(f"{app.provider.state.issuer}/logout")  # stands for another site
    page.evaluate("address => { location.href = address }", f"{app.url}/auth/logout")
    expect(page.get_by_text("You are still signed in")).to_be_visible()
    kept = {one["name"]: one["value"] for one in page.context.cookies()}
    with tab(app, {"_streamlit_user": kept["_streamlit_user"]}) as still_signed_in:
        assert "Data as of" in still_signed_in.run("openai_usage")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    another.reload()
    expect(another.get_by_role("button", name="Sign in")).to_be_visible()
