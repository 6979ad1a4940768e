"""The doorman's links: back to one of our pages, with every parameter, and nowhere else."""

import base64
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from lib.ui.entry import LINK_COOKIE, _noted_link, safe_link
from lib.ui.page import ENTRIES

NAMES = [entry.name for entry in ENTRIES]


@pytest.mark.parametrize(
    "link",
    [
        "/openai_usage",
        "/openai_usage?oai_period=2026-10-01&oai_period=2026-10-07&oai_compare=true",
        "/openai_usage?oai_endpoints=",
        "/tenant_usage?red_tenants=Z%C3%BCrich&red_tenants=a%26b%2Cc&red_tenants=%E6%9D%B1",
    ],
)
def test_a_link_to_a_page_comes_back_with_every_parameter(link: str) -> None:
    assert safe_link(link) == link
    assert safe_link(f"https://usage.company.com{link}") == link


@pytest.mark.parametrize(
    "link",
    [
        "",
        "/",
        "//evil.example",
        "//evil.example/openai_usage/x",
        "https://evil.example",
        "https:evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\\\evil.example\\openai_usage",
        "/openai_usage/../auth/logout",
        "/openai_usage/",
        "/auth/logout",
        "/oauth2callback?code=x",
        "/media/abc",
        "http://[",
        "openai_usage",
    ],
)
def test_any_other_link_is_none(link: str) -> None:
    assert safe_link(link) is None


ODD = st.lists(st.sampled_from([*"/\\:?#@.%&= \t\r\n;", "evil.example", *NAMES, "https"])).map(
    "".join
)


@given(ODD | st.text() | st.builds("/openai_usage?{}".format, st.text()))
def test_no_text_leads_anywhere_but_to_a_page_and_none_breaks_a_header(text: str) -> None:
    link = safe_link(text)
    if link is not None:
        parts = urlsplit(link)
        assert (parts.scheme, parts.netloc) == ("", "")
        assert parts.path.removeprefix("/") in NAMES
        assert link.isascii()
        assert link.isprintable()
        assert " " not in link


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_parameters_of_any_text_survive(pairs: list[tuple[str, str]]) -> None:
    link = safe_link(f"/openai_usage?{urlencode(pairs)}")
    assert link is not None
    assert parse_qsl(urlsplit(link).query, keep_blank_values=True) == pairs


@given(st.binary() | st.text().map(str.encode))
def test_a_forged_cookie_leads_to_a_page_or_nowhere(forged: bytes) -> None:
    for value in (forged, base64.urlsafe_b64encode(forged)):
        cookie = LINK_COOKIE.encode() + b"=" + value.replace(b";", b"")
        request = Request({"type": "http", "headers": [(b"cookie", cookie)]})
        link = _noted_link(request)
        assert link is None or urlsplit(link).path.removeprefix("/") in NAMES
