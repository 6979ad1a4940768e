"""Links into a hosted dashboard: nothing before the sign-in, the very same page after it."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect

from lib.periods import months_before
from tests.browser.test_browser import frames_of, loaded
from tests.hosting.conftest import Start
from tests.support.hosted import sign_in

LAST_MONTH = f"{months_before(datetime.now(UTC).date(), 1):%Y-%m}"
LINKS = {
    "overview": f"ovr_month={LAST_MONTH}",
    "cost_centres": f"ccs_month={LAST_MONTH}&ccs_centre=4500",
    "openai_usage": "oai_period=2026-10-01&oai_period=2026-10-07&oai_group=project_id&oai_compare=preceding",
    "tenant_usage": "red_period=2026-09-01&red_period=2026-10-31&red_top=7",
    "comet_chargeback": "cmc_active=45d&cmc_exclude=personal",
    "comet_usage": "cmu_period=2026-10-01&cmu_period=2026-10-31",
    "history": "his_platform=tenants",
}
"""Page to a query that holds none of its defaults."""

SIGNS_OF_DATA = ("Data as of", "TOTAL", "demo.localhost", "acme", "arrow_data", "vega")


def bodies_of(page: Page) -> list[Response]:
    """Every answer that the page gets over HTTP."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - takes no method of C
    return answers


def text_of(answer: Response) -> str:
    """Its body; a redirect has none."""
    return "" if 300 <= answer.status < 400 else answer.body().decode("latin-1")


@pytest.mark.parametrize("name", LINKS)
def test_the_first_request_of_all_shows_sign_in_and_no_data_and_its_controls_come_back(
    name: str, start: Start, context: BrowserContext
) -> None:
    stack = start()
    link = f"{stack.url}/{name}?{LINKS[name]}"
    page = context.new_page()
    frames, answers = frames_of(page), bodies_of(page)
    page.goto(link)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    own = [one for one in answers if "/static/" not in one.url]  # Streamlit's, the same for all
    sent = {f"websocket frame {place}": frame for place, frame in enumerate(frames)}
    sent |= {f"{one.request.method} {one.url}": text_of(one) for one in own}
    assert len(frames) > 2
    assert len(own) > 2
    found = [
        (where, sign) for where, text in sent.items() for sign in SIGNS_OF_DATA if sign in text
    ]
    assert found == []

    sign_in(page, "ada")
    loaded(page)
    assert page.url.startswith(f"{stack.url}/{name}?")
    asked, shown = parse_qs(LINKS[name]), parse_qs(urlsplit(page.url).query)
    assert {key: shown.get(key) for key in asked} == asked
    expect(page.get_by_text("This link could not be followed")).to_have_count(0)
    text = "\n".join(frames)
    expected = SIGNS_OF_DATA[: 1 if name == "history" else 2]  # amounts of months add up to nothing
    assert [sign for sign in expected if sign not in text] == []
