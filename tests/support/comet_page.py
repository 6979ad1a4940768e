"""What the tests of the chargeback page share: a link opened, a report saved, what was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.demo.comet_faults import CometFaults, CometShape
from tests.support.pages import open_link
from tests.support.servers import serve

PAGE = "comet_chargeback"
NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
CANARY = "canary0123456789comet"
OCTOBER = {"cmc_month": "2026-10"}

Served = tuple[Starlette, str]
"""A stand-in and its address."""


@contextmanager
def healthy(app: Starlette) -> Iterator[Served]:
    """The stand-in without faults, without memory of requests, at an address of its own."""
    vars(app.state.faults).update(vars(CometFaults()))
    app.state.shape = CometShape()
    with serve(app) as url:
        app.state.requests.clear()
        yield app, url


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
