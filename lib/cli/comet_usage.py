"""The command ``comet-usage``: experiments, users, run time and GPU use of a Comet server."""

from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import typer

from lib.cache import Caches
from lib.cli.days import CompareWith, PeriodName, given_days
from lib.cli.output import AnyFormat, AnyProfile, Detail, Output, known, write_report
from lib.comparisons import NONE
from lib.loader.progress import Progress
from lib.reports.deferred import DeferredReport
from lib.settings import Settings
from lib.sources.comet.experiments.query import (
    GROUPS,
    MAX_SERIES,
    UNITS,
    UTILISATIONS,
    check_usage_query,
)
from lib.upstreams import comet_upstream


def comet_usage_command(
    target: Annotated[
        list[str],
        typer.Argument(metavar="WORKSPACE[/PROJECT]...", help="Several count once each."),
    ],
    units: Annotated[
        str, typer.Option(help=f"{', '.join(UNITS)}.", autocompletion=known(UNITS))
    ] = UNITS[0],
    since: Annotated[
        str, typer.Option(help="First day, YYYY-MM-DD (UTC). Default: all time.")
    ] = "",
    until: Annotated[
        str, typer.Option(help="Last day, inclusive; goes with --since. Default: today (UTC).")
    ] = "",
    period: PeriodName = "",
    compare_with: CompareWith = NONE,
    include_archived: Annotated[
        bool, typer.Option("--include-archived", help="Count archived experiments, too.")
    ] = False,
    utilisation: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(UTILISATIONS)}: of each GPU's samples.",
            autocompletion=known(UTILISATIONS),
        ),
    ] = UTILISATIONS[0],
    group: Annotated[
        str, typer.Option(help=f"Series by {', '.join(GROUPS)}.", autocompletion=known(GROUPS))
    ] = GROUPS[0],
    max_series_per_chart: Annotated[
        int, typer.Option(help="More series make several charts.")
    ] = MAX_SERIES,
    host: Annotated[str, typer.Option(help="The server, instead of the configured one.")] = "",
    format: AnyFormat = None,
    output: Output = None,
    detail: Detail = False,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: by_bucket.")] = "",
    profile: AnyProfile = "excel",
) -> None:
    """Experiments, users, run time and GPU use of Comet workspaces and projects over time."""

    async def load(settings: Settings, progress: Progress) -> DeferredReport:
        from lib.loader.experiments import load_comet_usage  # noqa: PLC0415  # after the printer

        now = datetime.now(UTC)
        first, last = given_days(period, since, until, now.date())
        query = check_usage_query(
            targets=target,
            since=first,
            until=last,
            today=now.date(),
            unit=units,
            archived=include_archived,
            utilisation=utilisation,
            group=group,
            max_series=max_series_per_chart,
            compare=compare_with,
        )
        source = comet_upstream(settings, host or None, by_operator=True)
        async with aclosing(source.connect()) as client:
            answer = await load_comet_usage(
                source, client, query, caches=Caches(), progress=progress
            )
        named = {"now": now, "demo": source.demo}
        return DeferredReport(
            "lib.reports.experiments.build", "build_comet_usage", (answer, query), named
        )

    write_report(load, format, output, profile, table, detail)
