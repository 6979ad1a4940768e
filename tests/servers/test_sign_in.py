"""What a hosted dashboard sends to whom: nothing before the sign-in, then what the role may see."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from lib.access.visitors import PAGES, ROLES
from lib.ui.page import ENTRIES, Entry
from tests.support.hosted import Hosted, cookie_of, hosted
from tests.support.tabs import Tab, menu_of, tab, text_of

QUERIES = {
    "openai_usage": "oai_period=2026-10-01&oai_period=2026-10-07&oai_group=user_id&oai_compare=true",
    "tenant_usage": "red_period=2026-10-01&red_period=2026-10-31&red_sort=requests",
}
PEOPLE_OF_ROLES = {"viewer": "vera", "finance": "fritz", "admin": "ada"}
DATA = {
    "openai_usage": ("Data as of", "Billed cost", "user-"),
    "tenant_usage": ("Data as of", "Tenants with usage"),
}
"""What a page's messages hold once it shows its data, and never before."""

OWNS_NONE = ("viewer", "cost_centres")
"""Role and page: it is let in, and shown none of the cost centres, since it owns none."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    with hosted(tmp_path_factory.mktemp("hosted")) as running:
        yield running


ABOUT = (
    "This dashboard shows how your organisation uses AI services, and what that costs; "
    "ask the FinOps team (finops@demo.example) if you need access or help."
)


def data_of(page: str) -> tuple[str, ...]:
    return DATA.get(page, ("Data as of",))


def data_in(page: str, sent: str) -> list[str]:
    """Of a page's words of data, those that were sent."""
    return [word for word in data_of(page) if word in sent]


def sign_in(page: Tab, app: Hosted, name: str, button: str) -> httpx.Response:
    """By the button and the provider's page, as Ada; gives where that leads."""
    pressed = page.messages(name, query=QUERIES.get(name, ""), pressed=button)
    (address,) = [one.auth_redirect.url for one in pressed if one.HasField("auth_redirect")]
    choice = page.http.get(urljoin(app.url, address), follow_redirects=True)
    (link,) = re.findall(r'href="([^"]*person=ada)"', choice.text)
    return page.http.get(urljoin(str(choice.url), html.unescape(link)), follow_redirects=True)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_first_request_to_a_fresh_server_is_sent_sign_in_and_no_data_and_comes_back(
    entry: Entry, tmp_path: Path
) -> None:
    name, query = entry.name, QUERIES.get(entry.name, "")
    link = f"/{name}?{query}"
    with hosted(tmp_path) as app, tab(app, {}) as page:
        page.http.get(link)
        bodies = [httpx.get(app.url + path).text for path in (link, "/", "/_stcore/health")]
        messages = page.messages(name, query=query)
        assert menu_of(messages) == []
        assert ABOUT in re.sub(r"[\\`]", "", text_of(messages))
        (button,) = [
            one.delta.new_element.button.id
            for one in messages
            if one.delta.new_element.button.label == "Sign in"
        ]
        assert data_in(name, "\n".join([*bodies, text_of(messages)])) == []
        assert not app.audit.exists()
        landed = sign_in(page, app, name, button)
        assert str(landed.url) == app.url + link.removesuffix("?")
        kept = {one.name: one.value or "" for one in page.http.cookies.jar}
        with tab(app, {"_streamlit_user": kept["_streamlit_user"]}) as signed_in:
            shown = signed_in.run(name, query=query)
        assert data_in(name, shown) == [*data_of(name)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_sent_its_pages_and_their_menu_and_nothing_of_any_other(
    app: Hosted, role: str, entry: Entry
) -> None:
    order = list(ROLES)
    seen = [one for one in ENTRIES if order.index(role) >= order.index(PAGES[one.name])]
    with tab(app, cookie_of(app, PEOPLE_OF_ROLES[role])) as page:
        messages = page.messages(entry.name, query=QUERIES.get(entry.name, ""))
    sent = re.sub(r"[\\`]", "", text_of(messages))
    assert menu_of(messages) == [one.title for one in seen]
    if (role, entry.name) == OWNS_NONE:
        assert "No cost centre names you as its owner" in sent
        assert "finops@demo.example" in sent
        assert data_in(entry.name, sent) == []
    elif entry in seen:
        shown = [word for word in data_of(entry.name) if role != "viewer" or word != "user-"]
        assert [word for word in shown if word not in sent] == []
        assert "needs the role" not in sent
    else:
        assert "This page needs the role" in sent
        assert "finops@demo.example" in sent
        assert data_in(entry.name, sent) == []


@pytest.mark.parametrize(
    ("person", "sentence"),
    [
        ("ulf", "without a verified e-mail address"),
        ("otto", "otto@elsewhere.example is not among those"),
        ("nora", "nora@partner.example has no role"),
    ],
)
def test_who_is_signed_in_but_not_let_in_is_told_whom_to_ask_and_sent_no_data(
    app: Hosted, person: str, sentence: str
) -> None:
    with tab(app, cookie_of(app, person)) as page:
        messages = page.messages("openai_usage", query=QUERIES["openai_usage"])
    sent = re.sub(r"[\\`]", "", text_of(messages))
    assert sentence in sent
    assert ABOUT in sent
    assert menu_of(messages) == []
    assert data_in("openai_usage", sent) == []


def test_a_forged_or_tampered_cookie_is_nobody(app: Hosted) -> None:
    forged = cookie_of(app, "ada", secret="another-secret-of-32-characters-!")["_streamlit_user"]
    real = cookie_of(app, "ada")["_streamlit_user"]
    # Not the last letter, of which two bits mean nothing
    other = "A" if real[-2] != "A" else "B"
    tampered = (real[:-2] + other + real[-1], "x" + real, "", "null")
    for cookie in (real, forged, *tampered):
        with tab(app, {"_streamlit_user": cookie}) as page:
            sent = page.run("openai_usage", query=QUERIES["openai_usage"])
        if cookie == real:  # the form is right: only the signature decides
            assert data_in("openai_usage", sent) == [*data_of("openai_usage")]
        else:
            assert 'label: "Sign in"' in sent
            assert data_in("openai_usage", sent) == []
