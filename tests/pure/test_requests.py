"""Whose page made a request: a browser says so, and what says nothing is not ours."""

import pytest

from lib.access.requests import made_here

HOST = "usage.company.com:8443"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),  # typed by hand
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),  # another host of the company
        ({"sec-fetch-site": "Same-Origin"}, False),
        ({"sec-fetch-site": ""}, False),
        ({"sec-fetch-site": "cross-site", "referer": f"https://{HOST}/usage/"}, False),
        ({"referer": f"https://{HOST}/usage/openai_usage?x=1"}, True),
        ({"origin": f"https://{HOST}"}, True),
        ({"origin": "https://evil.example", "referer": f"https://{HOST}/usage/"}, False),
        ({"referer": f"https://evil.example/?{HOST}"}, False),
        ({"referer": f"https://{HOST}.evil.example/"}, False),
        ({"referer": f"https://{HOST}@evil.example/"}, False),
        ({"referer": "https://usage.company.com/"}, False),  # another port, another site
        ({"origin": "null"}, False),
        ({"referer": "http://["}, False),
        ({}, False),
    ],
)
def test_only_our_own_page_or_a_person_by_hand_counts(headers: dict[str, str], ours: bool) -> None:
    assert made_here({"host": HOST, **headers}) is ours


def test_a_request_without_a_host_is_not_ours() -> None:
    assert made_here({"referer": "/usage"}) is False
