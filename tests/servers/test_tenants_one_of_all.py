"""The report of one tenant and its row of the whole report are the same, with the same doubts."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lib.cache import Caches
from lib.errors import InputError
from lib.loader.tenants import load_tenants, tenant_source
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.tenants.query import check_tenant_query
from tests.support.profiles import examples
from tests.support.redis_servers import Server, any_redis
from tests.support.tenant_answers import ALL, Row, build, row_of, rows_of

tenants = st.sampled_from(["acme", "a:b", "Ä", "*"])
metrics = st.sampled_from(["requests", "input_tokens", "output_tokens", "searches", "rerank"])
periods = st.sampled_from(["2026-08", "2026-09", "2026-09-14", "2026-10", "2026-10-01", "2026-13"])
counters = st.builds("usage:{}:{}:{}".format, tenants, metrics, periods)
strange = st.sampled_from(["usage:acme", "usage::requests:2026-09", "usage:acme::2026-09"])
values = st.integers(0, 2**63 - 1).map(str) | st.sampled_from(["5.5", "-3", "many"])
keyspaces = st.dictionaries(counters | strange, values, min_size=1, max_size=15)


@pytest.fixture(scope="module")
def redis() -> Iterator[Server]:
    with any_redis() as server:
        yield server


async def report_of(redis: Server, *named: str) -> Report:
    query = check_tenant_query(since=ALL.start, until=ALL.end, today=ALL.end, tenants=named)
    source = tenant_source(Settings(redis_primary_endpoint=redis.url))
    async with aclosing(await source.connect(4)) as client:
        answer = await load_tenants(source, client, query, caches=Caches())
    return build(answer, query.period, tenants=query.tenants)


def doubts(report: Report, tenant: str) -> list[Row]:
    """What is listed of a tenant, and of nobody in particular."""
    rows = rows_of(report, "data_quality")
    return [row for row in rows if row["tenant_id"] in (tenant, None)]


def known(row: Row) -> Row:
    """Without the columns of metrics that only others have."""
    return {key: value for key, value in row.items() if value is not None}


async def reports_of(redis: Server, keyspace: dict[str, str]) -> tuple[Report, dict[str, Report]]:
    with redis.admin() as admin:
        admin.flushdb()
        admin.mset(keyspace)
    whole = await report_of(redis)
    names = [row["tenant_id"] for row in rows_of(whole)]
    return whole, {name: await report_of(redis, name) for name in names}


@examples(12)
@given(keyspaces)
def test_the_report_of_one_tenant_is_its_row_of_the_whole(
    redis: Server, keyspace: dict[str, str]
) -> None:
    reports: list[tuple[Report, dict[str, Report]]] = []

    async def ask() -> None:  # what it returned would be written out as text when the loop ends
        reports.append(await reports_of(redis, keyspace))

    asyncio.run(ask())
    ((whole, single),) = reports
    assume(single)
    for tenant, report in single.items():
        assert [known(row) for row in rows_of(report)] == [known(row_of(whole, tenant))]
        assert doubts(report, tenant) == doubts(whole, tenant) == rows_of(report, "data_quality")
        bad = [row for row in doubts(whole, tenant) if row["kind"] == "bad counter"]
        assert report.complete == (not bad)


async def test_a_tenant_of_unknown_metrics_only_is_known(redis: Server) -> None:
    _, single = await reports_of(redis, {"usage:t:searches:2026-09": "3"})
    assert row_of(single["t"], "t")["searches"] == 3


async def test_an_empty_tenant_id_cannot_be_asked_for(redis: Server) -> None:
    with pytest.raises(InputError, match="the name is empty"):
        await report_of(redis, "")
