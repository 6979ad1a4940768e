"""The commands ``tenants report`` and ``tenants summary``: usage of tenants from Redis counters."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from lib.cache import Caches
from lib.checks import Check, check_tenants
from lib.cli.output import FAILED, Format, choose_format, or_exit, with_progress, write_report
from lib.demo import in_process
from lib.loader.progress import Progress
from lib.loader.tenants import (
    DEFAULT_ENDPOINT,
    IN_FLIGHT,
    TenantSource,
    load_tenants,
    tenant_source,
)
from lib.periods import parse_day
from lib.reports.report import Report
from lib.reports.tenant_usage import build_tenant_usage
from lib.settings import Settings
from lib.sources.tenants.query import SORTS, TenantQuery, check_tenant_query, last_days

tenants = typer.Typer(no_args_is_help=True, help="Usage of every tenant, from Redis counters.")

_TENANT = typer.Option(help="Only this tenant. Repeat for several.")
_FORMAT = typer.Option(help="Default: by --output, else table.")
_OUTPUT = typer.Option(help="File to write; default: standard output.")
_PARALLEL = typer.Option(min=1, max=64, help="Requests to Redis in flight at the most.")


@tenants.command("report")
def report_command(
    since: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD (UTC); its month counts whole.")
    ] = "",
    until: Annotated[str, typer.Option(help="Last day, inclusive. Default: today (UTC).")] = "",
    tenant: Annotated[list[str] | None, _TENANT] = None,
    sort: Annotated[str, typer.Option(help=f"{', '.join(SORTS)}.")] = SORTS[0],
    top: Annotated[int | None, typer.Option(help="Most rows; totals are over all.")] = None,
    format: Annotated[Format | None, _FORMAT] = None,
    output: Annotated[Path | None, _OUTPUT] = None,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: tenants.")] = "",
    profile: Annotated[Literal["excel", "machine"], typer.Option(help="Kind of CSV.")] = "excel",
    max_parallel: Annotated[int, _PARALLEL] = IN_FLIGHT,
) -> None:
    """Usage per tenant, by default of the last six months including the current one."""

    def question() -> TenantQuery:
        return check_tenant_query(
            since=parse_day("--since", since) if since else None,
            until=parse_day("--until", until) if until else None,
            today=datetime.now(UTC).date(),
            tenants=tenant or (),
            sort=sort,
            top=top,
        )

    form = choose_format(format, output)
    report = or_exit(lambda settings: _load(settings, question(), max_parallel))
    _finish(report, form, output, profile, table)


@tenants.command("summary")
def summary_command(
    days: Annotated[
        int, typer.Option(help="From this many days ago to today; months count whole.")
    ] = 30,
    tenant: Annotated[list[str] | None, _TENANT] = None,
    format: Annotated[Format | None, _FORMAT] = None,
    output: Annotated[Path | None, _OUTPUT] = None,
    max_parallel: Annotated[int, _PARALLEL] = IN_FLIGHT,
) -> None:
    """Usage per tenant of the months that the last days lie in."""

    def question() -> TenantQuery:
        today = datetime.now(UTC).date()
        since, until = last_days(days, today)
        return check_tenant_query(since=since, until=until, today=today, tenants=tenant or ())

    form = choose_format(format, output)
    report = or_exit(lambda settings: _load(settings, question(), max_parallel))
    _finish(report, form, output, "excel", "")


def _load(settings: Settings, query: TenantQuery, max_parallel: int) -> Report:
    source = in_process_tenants() if settings.demo else tenant_source(settings)

    async def load(progress: Progress) -> Report:
        client = await source.connect(max_parallel)
        try:
            answer = await load_tenants(
                source,
                client,
                query,
                caches=Caches(),
                max_parallel=max_parallel,
                progress=progress,
            )
        finally:
            await client.aclose()
        return build_tenant_usage(answer, query, now=datetime.now(UTC), demo=source.demo)

    return with_progress(load)


async def tenant_checks(settings: Settings) -> list[Check]:
    """What stands in the way of the tenants' report."""
    if settings.demo:
        source = in_process_tenants()
    elif settings.redis_primary_endpoint or settings.control_database_url:
        source = tenant_source(settings)
    else:
        detail = f"REDIS_PRIMARY_ENDPOINT is not set: {DEFAULT_ENDPOINT} would be asked."
        return [Check("redis", False, None, None, detail)]
    return await check_tenants(
        source.connect, source.host, source.control_url, configured=not source.demo
    )


def in_process_tenants() -> TenantSource:
    """The made-up tenants of the demo."""
    url = in_process.control_database_url()
    return TenantSource("demo", "demo.localhost", url, in_process.connect_redis, demo=True)


def _finish(
    report: Report,
    form: Format,
    output: Path | None,
    profile: Literal["excel", "machine"],
    table: str,
) -> None:
    write_report(report, form, output, profile, table)
    if not report.complete:
        raise typer.Exit(FAILED)
