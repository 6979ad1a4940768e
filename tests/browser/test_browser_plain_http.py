"""Sharing where the browser allows no clipboard: plain http under a company's own host name."""

from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.support.servers import CHROMIUM_FLAGS, chromium, dashboard


def test_the_copied_link_can_be_marked_as_text_on_plain_http(tmp_path: Path) -> None:
    rules = "--host-resolver-rules=MAP usage.internal 127.0.0.1"
    with dashboard(tmp_path) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=[*CHROMIUM_FLAGS, rules]
        )
        page = browser.new_page()
        address = running.url.replace("127.0.0.1", "usage.internal")
        page.goto(f"{address}/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07")
        expect(page.get_by_text("Sources (")).to_be_visible(timeout=60_000)
        assert page.evaluate("window.isSecureContext") is False, "else nothing would be proven"
        page.get_by_role("button", name="Copy link").click()
        link = page.get_by_test_id("stCode").locator("code")
        link.click(click_count=3)
        marked = page.evaluate("window.getSelection().toString()").strip()
        assert marked == link.inner_text().strip()
        assert marked.startswith(f"{address}/openai_usage?oai_period=2026-10-01")
        browser.close()
