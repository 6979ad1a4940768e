"""Saved reports on their way through nginx: large ones get through, too large ones are told so."""

import json
import ssl
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, expect

from lib.demo.hosted import Stack
from lib.sources.comet.chargeback.files import LARGEST_FILE
from tests.browser.test_browser import loaded
from tests.support.comet_reports import document, user
from tests.support.hosted import sign_in

LARGE = 150_000_000
MINUTE = 60_000


def chargeback(stack: Stack, context: BrowserContext) -> Page:
    """The page that takes files, signed in."""
    page = context.new_page()
    page.goto(f"{stack.url}/comet_chargeback")
    sign_in(page, "fritz")
    loaded(page)
    return page


def saved_report(folder: Path, size: int) -> Path:
    """A report of one person, filled up with blanks as only JSON allows it."""
    path = folder / "october.json"
    text = json.dumps(document([user("zacharias")]))
    path.write_text(text.ljust(size), encoding="ascii")
    return path


def test_a_report_of_150_mb_gets_through_and_is_read(
    stack: Stack, context: BrowserContext, tmp_path: Path
) -> None:
    page = chargeback(stack, context)
    with page.expect_response(lambda answer: "/upload_file/" in answer.url, timeout=MINUTE) as sent:
        page.locator("input[type=file]").set_input_files(saved_report(tmp_path, LARGE))
    assert sent.value.status == 204
    assert sent.value.url.startswith(f"{stack.url}/_stcore/upload_file/")
    assert int(sent.value.request.all_headers()["content-length"]) > LARGE
    expect(page.get_by_text("2024-10-02 00:00 UTC, the time the server made it")).to_be_visible(
        timeout=2 * MINUTE
    )


def test_a_larger_one_than_may_be_is_refused_by_the_page_and_sent_nowhere(
    stack: Stack, context: BrowserContext, tmp_path: Path
) -> None:
    page = chargeback(stack, context)
    sent: list[str] = []
    page.on("request", lambda asked: sent.append(asked.url))
    path = tmp_path / "october.json"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 20_000_000)
    page.locator("input[type=file]").set_input_files(path)
    expect(page.get_by_text("File must be 200.0MB or smaller")).to_be_visible()
    assert [url for url in sent if "upload_file" in url] == []


def test_a_program_that_announces_more_than_may_be_is_refused_before_it_sends_any(
    stack: Stack,
) -> None:
    parts = urlsplit(stack.url)
    context = ssl.create_default_context(cafile=str(stack.certificate))
    for announced, status in ((LARGE, 403), (LARGEST_FILE + 20_000_000, 413)):
        connection = HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=30)
        connection.putrequest("PUT", f"{parts.path}/_stcore/upload_file/anybody/any")
        connection.putheader("Content-Length", str(announced))
        connection.endheaders()
        assert connection.getresponse().status == status
        connection.close()
