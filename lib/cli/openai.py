"""The command ``openai``: usage and billed cost of an OpenAI organisation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import SecretStr

from lib.api_client import ApiClient
from lib.cache import Caches
from lib.checks import Check, check_openai
from lib.cli.output import FAILED, Format, choose_format, or_exit, with_progress, write_report
from lib.demo import in_process
from lib.errors import SettingsError
from lib.loader.openai import connect_openai, load_openai
from lib.loader.progress import Progress
from lib.periods import parse_day
from lib.reports.openai_usage import build_openai_usage
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.sources.openai.tables import DIMENSIONS

_DAYS = 7


def openai_command(
    since: Annotated[str, typer.Option(help="First day, YYYY-MM-DD (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Last day, inclusive. Default: today (UTC).")] = "",
    endpoint: Annotated[
        list[str] | None, typer.Option(help=f"Repeat for several: {', '.join(CHOICES)}.")
    ] = None,
    bucket_width: Annotated[str, typer.Option(help="1d, 1h or 1m.")] = "1d",
    group_by: Annotated[
        list[str] | None, typer.Option(help=f"Repeat for several: {', '.join(DIMENSIONS)}.")
    ] = None,
    project: Annotated[list[str] | None, typer.Option(help="Only this id or name. Repeat.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="Only this id or e-mail. Repeat.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model. Repeat.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="With the preceding period.")] = False,
    format: Annotated[Format | None, typer.Option(help="Default: by --output, else table.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: usage.")] = "",
    profile: Annotated[Literal["excel", "machine"], typer.Option(help="Kind of CSV.")] = "excel",
) -> None:
    """OpenAI usage and billed cost, by default of the last 7 days including today."""
    form = choose_format(format, output)

    def make(settings: Settings) -> Report:
        today = datetime.now(UTC).date()
        last = parse_day("--until", until) if until else today
        first = parse_day("--since", since) if since else last - timedelta(days=_DAYS - 1)
        query = check_query(
            since=first,
            until=last,
            today=today,
            endpoints=endpoint or (),
            width=bucket_width,
            group_by=group_by,
            projects=project or (),
            users=user or (),
            models=model or (),
            compare=compare,
        )
        return with_progress(lambda progress: _openai_report(settings, query, progress))

    report = or_exit(make)
    write_report(report, form, output, profile, table)
    if not report.complete:
        raise typer.Exit(FAILED)


async def openai_checks(settings: Settings) -> list[Check]:
    """What stands in the way of OpenAI's report."""
    async with _openai_client(settings) as client:
        return await check_openai(client, settings)


@asynccontextmanager
async def _openai_client(settings: Settings) -> AsyncIterator[ApiClient]:
    if settings.demo:
        key = SecretStr(in_process.OPENAI_KEY)
        transport = in_process.openai_transport()
        client = connect_openai(in_process.OPENAI_URL, key, transport=transport)
    elif settings.openai_admin_key is not None:
        client = connect_openai(settings.openai_base_url, settings.openai_admin_key)
    else:
        raise SettingsError(
            "OPENAI_ADMIN_KEY",
            "is not set.",
            "Set it in devenv.sh or the environment; DASHBOARD_DEMO=on shows demo data instead.",
        )
    try:
        yield client
    finally:
        await client.aclose()


async def _openai_report(settings: Settings, query: OpenAIQuery, progress: Progress) -> Report:
    async with _openai_client(settings) as client:
        answer = await load_openai(
            client, Caches(), query, now=datetime.now(UTC), progress=progress
        )
    return build_openai_usage(answer, query, now=datetime.now(UTC), demo=settings.demo)
