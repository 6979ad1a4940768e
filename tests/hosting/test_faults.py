"""A hosted dashboard whose parts end and come back, while somebody looks at it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from lib.demo.hosted import Replica, Stack
from tests.browser.test_browser import download, loaded, total_on_screen, total_row
from tests.hosting.conftest import Start
from tests.hosting.test_links import LINKS
from tests.support.hosted import sign_in
from tests.support.servers import ROOT, free_port

KEY = "sk-admin-demo"
QUERY = LINKS["openai_usage"]


def opened(stack: Stack, context: BrowserContext, person: str = "ada") -> Page:
    """The OpenAI page by a link, signed in."""
    page = context.new_page()
    page.goto(f"{stack.url}/openai_usage?{QUERY}")
    sign_in(page, person)
    loaded(page)
    return page


def replica_of(stack: Stack, context: BrowserContext) -> Replica:
    """The replica that this browser's cookie names."""
    (name,) = [one["value"] for one in context.cookies() if one["name"] == "dashboard_replica"]
    return stack.replicas[["first", "second"].index(name)]


@contextmanager
def upstream(port: int) -> Iterator[None]:
    """OpenAI's stand-in as a process, which can die."""
    command = [sys.executable, "-m", "lib.demo", "openai", "--port", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # says its address, then binds
        try:
            yield
        finally:
            process.kill()


def asks_again(page: Page, socket: WebSocket) -> None:
    """Presses the button; a session answers over this very websocket, with data."""

    def holds_data(frame: str | bytes) -> bool:
        return b"Data as of" in (frame.encode() if isinstance(frame, str) else frame)

    with socket.expect_event("framereceived", holds_data, timeout=60_000):
        page.get_by_role("button", name="Refresh").click()
    loaded(page)


def test_a_restart_of_the_server_brings_the_same_report_back_without_a_reload(
    start: Start, context: BrowserContext
) -> None:
    stack = start()
    page = opened(stack, context)
    shown, address = total_on_screen(page), page.url
    page.evaluate("window.sameDocument = true")
    (replica,) = stack.replicas
    with page.expect_websocket(timeout=60_000) as reconnected:
        replica.stop()
        replica.start()
    asks_again(page, reconnected.value)
    assert replica.log.read_text(encoding="utf-8").count('"event": "sign-in"') == 2  # sessions
    assert page.get_by_role("button", name="Sign in").count() == 0
    assert page.evaluate("window.sameDocument") is True
    assert total_on_screen(page).keys() == shown.keys()
    assert page.url == address


def test_an_upstream_that_dies_is_said_and_forgotten_once_it_is_back(
    start: Start, context: BrowserContext
) -> None:
    port = free_port()
    stack = start(environ={"OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1", "OPENAI_ADMIN_KEY": KEY, "DASHBOARD_DEMO": "off"})  # fmt: skip
    with upstream(port):
        page = opened(stack, context)
        shown = total_on_screen(page)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("button", name="Clear cache").click()
    expect(page.get_by_text("The cache is empty.")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("no connection to 127.0.0.1").first).to_be_visible(timeout=120_000)
    with upstream(port):
        page.get_by_role("button", name="Refresh").click()
        expect(total_row(page)).to_have_count(1, timeout=120_000)
        assert total_on_screen(page) == shown


def test_a_journey_stays_at_one_of_two_replicas_and_goes_on_at_the_other_when_that_ends(
    start: Start, context: BrowserContext, tmp_path: Path
) -> None:
    stack = start(replicas=2)
    page = opened(stack, context, "fritz")
    replica = replica_of(stack, context)
    page.get_by_role("button", name="Download", exact=True).click()
    assert download(page, "CSV: usage table", tmp_path).stat().st_size > 1_000
    page.keyboard.press("Escape")
    page.reload()
    loaded(page)
    assert replica_of(stack, context) is replica
    with page.expect_websocket(timeout=60_000) as reconnected:
        replica.stop()
    asks_again(page, reconnected.value)
    assert page.get_by_role("button", name="Sign in").count() == 0
    assert replica_of(stack, context) is not replica
    page.get_by_role("button", name="Download", exact=True).click()
    assert download(page, "JSON", tmp_path).stat().st_size > 1_000
