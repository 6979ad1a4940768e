"""The command ``openai``: usage and billed cost of an OpenAI organisation."""

from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from lib.cache import Caches
from lib.checks import Check, check_openai
from lib.cli.days import CompareWith, PeriodName, given_comparison, given_days
from lib.cli.output import AnyFormat, AnyProfile, Detail, Output, Since, Until, known, write_report
from lib.comparisons import NONE
from lib.loader.openai import load_openai
from lib.loader.progress import Progress
from lib.presets import resolve
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.sources.openai.tables import DIMENSIONS
from lib.upstreams import openai_upstream

_DEFAULT = "last-7-days"


def openai_command(
    since: Since = "",
    until: Until = "",
    period: PeriodName = "",
    endpoint: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Repeat for several: {', '.join(CHOICES)}.", autocompletion=known(CHOICES)
        ),
    ] = None,
    bucket_width: Annotated[
        str, typer.Option(help="1d, 1h or 1m.", autocompletion=known(("1d", "1h", "1m")))
    ] = "1d",
    group_by: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Repeat for several: {', '.join(DIMENSIONS)}.", autocompletion=known(DIMENSIONS)
        ),
    ] = None,
    project: Annotated[list[str] | None, typer.Option(help="Only this id or name. Repeat.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="Only this id or e-mail. Repeat.")] = None,
    api_key: Annotated[
        list[str] | None, typer.Option(help="Only the key of this id or name. Repeat.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model. Repeat.")] = None,
    compare_with: CompareWith = NONE,
    compare: Annotated[
        bool, typer.Option("--compare", help="The same as --compare-with preceding.")
    ] = False,
    format: AnyFormat = None,
    output: Output = None,
    detail: Detail = False,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: usage.")] = "",
    profile: AnyProfile = "excel",
) -> None:
    """OpenAI usage and billed cost, by default of the last 7 whole days, which end yesterday (UTC)."""

    async def load(settings: Settings, progress: Progress) -> Report:
        today = datetime.now(UTC).date()
        first, last = given_days(period, since, until, today)
        usual = resolve(_DEFAULT, today)
        if last is None:
            last = today if first else usual.end
        query = check_query(
            since=first or last - timedelta(days=usual.days - 1),
            until=last,
            today=today,
            endpoints=endpoint or (),
            width=bucket_width,
            group_by=group_by,
            projects=project or (),
            users=user or (),
            models=model or (),
            api_keys=api_key or (),
            compare=given_comparison(compare_with, compare=compare),
        )
        return await _load(settings, query, progress)

    write_report(load, format, output, profile, table, detail)


async def _load(settings: Settings, query: OpenAIQuery, progress: Progress) -> Report:
    source = openai_upstream(settings)
    async with aclosing(source.connect()) as client:
        answer = await load_openai(
            client,
            Caches(),
            query,
            now=datetime.now(UTC),
            progress=progress,
            ledger=source.ledger,
        )
    return build_openai_usage(answer, query, now=datetime.now(UTC), demo=source.demo)


async def openai_checks(settings: Settings) -> list[Check]:
    """What stands in the way of OpenAI's report."""
    async with aclosing(openai_upstream(settings).connect()) as client:
        return await check_openai(client, settings)
