"""The commands ``tenants report`` and ``tenants summary``: usage of tenants from Redis counters."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import typer

from lib.cache import Caches
from lib.checks import Check, check_tenants
from lib.cli.days import PeriodName, given_days
from lib.cli.examples import examples
from lib.cli.output import AnyFormat, AnyProfile, Detail, Output, Until, known, write_report
from lib.comparisons import NONE
from lib.loader.progress import Progress
from lib.loader.tenants import DEFAULT_ENDPOINT, IN_FLIGHT, load_tenants
from lib.reports.report import Report
from lib.reports.tenants.build import build_tenant_usage
from lib.settings import Settings
from lib.sources.tenants.query import (
    COMPARED_WITH,
    SORTS,
    TenantQuery,
    check_tenant_query,
    last_days,
)
from lib.upstreams import tenant_upstream

tenants = typer.Typer(
    no_args_is_help=True,
    help="Usage of every tenant, from Redis counters.",
    add_completion=False,
    rich_markup_mode=None,
)

Tenant = Annotated[list[str] | None, typer.Option(help="Only this tenant. Repeat for several.")]
MaxParallel = Annotated[
    int, typer.Option(min=1, max=64, help="Requests to Redis in flight at the most.")
]


@tenants.command("report", epilog=examples("tenants report"))
def report_command(
    since: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD (UTC); its month counts whole.")
    ] = "",
    until: Until = "",
    period: PeriodName = "",
    compare_with: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(COMPARED_WITH)}: whole months before.",
            autocompletion=known(COMPARED_WITH),
        ),
    ] = NONE,
    tenant: Tenant = None,
    sort: Annotated[
        str, typer.Option(help=f"{', '.join(SORTS)}.", autocompletion=known(SORTS))
    ] = SORTS[0],
    top: Annotated[int | None, typer.Option(help="Most rows; totals are over all.")] = None,
    format: AnyFormat = None,
    output: Output = None,
    detail: Detail = False,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: tenants.")] = "",
    profile: AnyProfile = "excel",
    max_parallel: MaxParallel = IN_FLIGHT,
) -> None:
    """Usage per tenant, by default of the last six months including the current one."""

    async def load(settings: Settings, progress: Progress) -> Report:
        today = datetime.now(UTC).date()
        first, last = given_days(period, since, until, today)
        query = check_tenant_query(
            since=first,
            until=last,
            today=today,
            tenants=tenant or (),
            sort=sort,
            top=top,
            compare=compare_with,
        )
        return await _load(settings, query, max_parallel, progress)

    write_report(load, format, output, profile, table, detail)


@tenants.command("summary", epilog=examples("tenants summary"))
def summary_command(
    days: Annotated[
        int, typer.Option(help="From this many days ago to today; months count whole.")
    ] = 30,
    tenant: Tenant = None,
    format: AnyFormat = None,
    output: Output = None,
    detail: Detail = False,
    max_parallel: MaxParallel = IN_FLIGHT,
) -> None:
    """Usage per tenant of the months that the last days lie in."""

    async def load(settings: Settings, progress: Progress) -> Report:
        today = datetime.now(UTC).date()
        since, until = last_days(days, today)
        query = check_tenant_query(since=since, until=until, today=today, tenants=tenant or ())
        return await _load(settings, query, max_parallel, progress)

    write_report(load, format, output, detail=detail)


async def _load(
    settings: Settings, query: TenantQuery, max_parallel: int, progress: Progress
) -> Report:
    source = tenant_upstream(settings)
    async with aclosing(await source.connect(max_parallel)) as client:
        answer = await load_tenants(
            source,
            client,
            query,
            caches=Caches(),
            max_parallel=max_parallel,
            progress=progress,
        )
    return build_tenant_usage(answer, query, now=datetime.now(UTC), demo=source.demo)


async def tenant_checks(settings: Settings) -> list[Check]:
    """What stands in the way of the tenants' report."""
    if not (settings.demo or settings.redis_primary_endpoint or settings.control_database_url):
        detail = f"REDIS_PRIMARY_ENDPOINT is not set: {DEFAULT_ENDPOINT} would be asked."
        return [Check("redis", False, None, None, detail)]
    source = tenant_upstream(settings)
    return await check_tenants(
        source.connect, source.host, source.control_url, configured=not source.demo
    )
