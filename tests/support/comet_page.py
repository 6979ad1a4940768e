"""What the tests of the chargeback page share: a link opened, a report saved, what was asked."""

from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from tests.support.pages import open_link

PAGE = "comet_chargeback"
NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
CANARY = "canary0123456789comet"
OCTOBER = {"cmc_month": "2026-10"}
FETCH = "Fetch chargeback report"

Served = tuple[Starlette, str]
"""A stand-in and its address."""


def open_page(**link: Any) -> AppTest:
    """The page as a link shows it."""
    return open_link(PAGE, **link)


def saved(url: str, month: str = "") -> bytes:
    """A month's report, as ``cometx admin chargeback-report`` saves it."""
    reply = httpx.get(
        f"{url}/api/admin/chargeback/report",
        params={"reportMonth": month} if month else {},
        headers={"authorization": CANARY},
    )
    assert reply.status_code == 200, reply.text
    return reply.content


def asked(app: Starlette) -> list[str]:
    """Months of the reports that were asked for; empty text for none."""
    return [
        dict(pairs).get("reportMonth", "")
        for name, pairs in app.state.requests
        if name == "chargeback"
    ]
