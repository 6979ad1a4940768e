"""When the numbers of a Comet report are from: what is final, or known to be unchanged, holds no stamp back."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from lib.cache import Caches
from lib.loader.chargeback import load_chargeback
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.experiments.build import build_comet_usage
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support.comet_reports import document, user
from tests.support.comet_usage_answers import ms
from tests.support.comet_usage_loads import NOW, load, source_of

LATER = NOW + timedelta(hours=2)


class Growing:
    """A server of two projects: ``old`` stays as it is, ``new`` has one experiment more each hour."""

    def __init__(self, *, runs: bool = False) -> None:
        self.now, self.runs = NOW, runs

    def __call__(self, request: httpx.Request) -> httpx.Response:
        many = {"old": 1, "new": 1 + (self.now - NOW) // timedelta(hours=1)}
        if request.url.path.endswith("/projects"):
            listed = [
                {"projectName": name, "numberOfExperiments": count, "lastUpdated": 10**12 + count}
                for name, count in many.items()
            ]
            return httpx.Response(200, json={"projects": listed})
        if request.url.path.endswith("/column-names"):
            return httpx.Response(200, json={"columns": []})
        name = request.url.params["projectName"]
        facts = {"startTimeMillis": ms(2026, 11, 5), "running": self.runs}
        items = [{"experimentKey": f"{name}{at}", **facts} for at in range(many[name])]
        return httpx.Response(200, json={"experiments": items})


async def usage_of(server: Growing, caches: Caches, now: datetime) -> tuple[Any, datetime | None]:
    server.now = now
    answer = await load(server, "w", caches=caches, now=now, again=True)
    report = build_comet_usage(answer, CometUsageQuery(("w",)), now=now)
    return report.totals["experiments"], report.as_of


async def test_a_project_that_the_list_calls_unchanged_holds_no_stamp_back() -> None:
    server, caches = Growing(), Caches()
    assert await usage_of(server, caches, NOW) == (2, NOW)
    assert await usage_of(server, caches, LATER) == (4, LATER)


async def test_what_ran_when_it_was_fetched_is_as_old_as_that() -> None:
    server, caches = Growing(runs=True), Caches()
    await usage_of(server, caches, NOW)
    assert await usage_of(server, caches, LATER) == (4, NOW)


@pytest.mark.parametrize(("month", "as_of"), [("2026-11", LATER), ("2026-10", NOW)])
async def test_a_month_that_is_over_holds_the_stamp_of_a_running_one_not_back(
    month: str, as_of: datetime
) -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        if "service" in request.url.path:
            return httpx.Response(403)
        asked = {"reportDate": request.url.params.get("reportMonth", month)}
        return httpx.Response(200, json=document([user()]) | asked)

    source, caches = source_of(handle), Caches()
    for now in (NOW, LATER):
        query = check_chargeback_query(month=month, compare="2026-08", now=now)
        for key in [key for key in caches.documents if key[2:] == ("2026-11",)]:
            caches.documents.pop(key)  # its five minutes are over
        answer = await load_chargeback(source, source.connect(), query, caches=caches, now=now)
    assert build_comet_chargeback(answer, query, now=LATER).as_of == as_of
