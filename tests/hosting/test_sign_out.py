"""Signing out at one replica: what a thief of the cookie gets at the other one, and after a restart."""

import ssl
from pathlib import Path

import httpx
from playwright.sync_api import Browser, BrowserContext, Cookie, Page, expect

from lib.demo.hosted import SUB_PATH, Stack
from tests.browser.test_browser import download, frames_of, loaded
from tests.hosting.conftest import Start, new_context
from tests.hosting.test_links import LINKS, SIGNS_OF_DATA
from tests.support.hosted import sign_in, sign_out

LINK = f"openai_usage?{LINKS['openai_usage']}"
REPLICA = "dashboard_replica"


def lead_to(context: BrowserContext, replica: str) -> None:
    """From now on this browser's requests go to this replica."""
    place = {"domain": "localhost", "path": f"/{SUB_PATH}", "secure": True}
    context.add_cookies([{"name": REPLICA, "value": replica, **place}])  # type: ignore[typeddict-item]


def replica_of(context: BrowserContext) -> list[str]:
    return [one.get("value", "") for one in context.cookies() if one.get("name") == REPLICA]


def with_copy(browser: Browser, copied: list[Cookie], replica: str) -> BrowserContext:
    """A thief's browser, at a replica of their choice."""
    thief = new_context(browser)
    thief.add_cookies([one for one in copied if one.get("name") != REPLICA])  # type: ignore[arg-type]
    lead_to(thief, replica)
    return thief


def status_of(stack: Stack, address: str, copied: list[Cookie], replica: str) -> int:
    """What a program with the copied cookies gets for an address."""
    cookies = {one.get("name", ""): one.get("value", "") for one in copied} | {REPLICA: replica}
    context = ssl.create_default_context(cafile=str(stack.certificate))
    return httpx.get(address, cookies=cookies, verify=context, trust_env=False).status_code


def shows_nothing(page: Page, stack: Stack, sentence: str) -> None:
    """Opens the report's link; only the sentence is there, and no data has been sent."""
    frames = frames_of(page)
    page.goto(f"{stack.url}/{LINK}")
    expect(page.get_by_text(sentence)).to_be_visible()
    sent = "\n".join(frames)
    assert len(frames) > 2
    assert [sign for sign in SIGNS_OF_DATA if sign in sent] == []


def test_a_copied_cookie_opens_nothing_at_the_other_replica_nor_after_a_restart(
    start: Start, browser: Browser, context: BrowserContext, tmp_path: Path
) -> None:
    stack = start(replicas=2)
    page = context.new_page()
    page.goto(f"{stack.url}/{LINK}")
    sign_in(page, "ada")
    loaded(page)
    copied = context.cookies()

    # The thief looks at the second replica, and makes a file there, which lies in its memory.
    thief = with_copy(browser, copied, "second")
    stolen = thief.new_page()
    files: list[str] = []
    media = f"{stack.url}/media/"
    stolen.on("request", lambda asked: files.append(asked.url) if media in asked.url else None)
    stolen.goto(f"{stack.url}/{LINK}")
    loaded(stolen)
    stolen.get_by_role("button", name="Download", exact=True).click()
    download(stolen, "JSON", tmp_path)
    assert replica_of(thief) == ["second"]
    assert status_of(stack, files[0], copied, "second") == 200, "else nothing would be proven"

    lead_to(context, "first")
    page.goto(f"{stack.url}/{LINK}")
    loaded(page)
    assert replica_of(context) == ["first"]
    sign_out(page)
    assert status_of(stack, files[0], copied, "second") == 403

    # The thief's open page, and a new one.
    stolen.keyboard.press("Escape")
    stolen.get_by_role("button", name="Refresh").click(force=True)
    expect(stolen.get_by_text("You have signed out")).to_be_visible()
    expect(stolen.get_by_text("Sources (")).to_have_count(0)
    shows_nothing(thief.new_page(), stack, "You have signed out")
    assert replica_of(thief) == ["second"]
    thief.close()

    # An open page would ask while its replica is down, and nginx would lead past it for a while.
    page.close()
    for replica in stack.replicas:
        replica.stop()
        replica.start()
    for replica in stack.replicas:
        replica.wait()
    for name in ("first", "second"):
        thief = with_copy(browser, copied, name)
        shows_nothing(thief.new_page(), stack, "You have signed out")
        assert replica_of(thief) == [name]
        assert status_of(stack, files[0], copied, name) == 403
        thief.close()

    # Without the folder nobody could tell: the page says what to correct.
    (stack.folder / "state").rename(stack.folder / "gone")
    thief = with_copy(browser, copied, "first")
    shows_nothing(thief.new_page(), stack, "DASHBOARD_STATE_DIR")
    thief.close()
