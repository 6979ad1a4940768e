"""Text of others, as the browser shows it: to the letter, and nothing in it leads anywhere."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.servers import dashboard

TEXTS = (
    "see https://x.evil/a_b*c.",
    "HTTPS://X.EVIL",
    "ann@corp.evil (www.x.evil), `bob@x.evil`",
    '"eve@corp.evil"',
    "x]@y.evil[",
    ":red[x@y.evil]",
    "x@y.evil`$a$`",
    "back\\slash \\@b.evil\\",
    "#ff0000@x.evil",
    "a@@b.evil--c :smile:@x.evil",
    "*plain* [text](#there) `code` ```",
)
PLACES = ("Markdown", "CaptionContainer", "Alert", "Button", "MetricLabel", "Tab", "Table")
SCRIPT = f"""
import streamlit as st
from lib.ui.text import literal

texts = [literal(text) for text in {TEXTS!r}]
for text in texts:
    st.markdown(f":small[{{text}} · x] **Project {{text}}**")
    st.caption(text)
    st.warning(f"* {{text}}")
    st.button(text)
    st.metric(text, 1, help=text)
st.tabs(texts)
st.table({{"text": texts}})
"""


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("text")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    command = ("streamlit", "run", str(folder / "script.py"), "--server.headless", "true")
    with dashboard(folder, command=command) as running:
        context = browser.new_context()
        page = context.new_page()
        page.goto(running.url)
        page.get_by_test_id("stTable").wait_for(timeout=60_000)
        yield page
        context.close()


def test_no_address_in_a_text_becomes_a_link_anywhere(page: Page) -> None:
    links = page.locator("a[href*=evil], a[href*=there]")
    assert links.evaluate_all("all => all.map(one => one.outerHTML)") == []


@pytest.mark.parametrize("place", PLACES)
def test_every_text_is_shown_to_the_letter(page: Page, place: str) -> None:
    shown = "\n".join(page.get_by_test_id(f"st{place}").all_inner_texts())
    assert [text for text in TEXTS if text not in shown] == []
