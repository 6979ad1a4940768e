"""The commands ``overview``, ``cost-centre`` and ``alerts``: a month over all platforms, and what calls for eyes."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from lib.cli.output import AnyFormat, AnyProfile, Detail, Output, or_exit, write_report
from lib.exports.formats import visible
from lib.ledger.alerts import tell_once
from lib.ledger.overview import load_overview
from lib.loader.progress import Progress
from lib.periods import check_month, month_before
from lib.redaction import redact
from lib.reports.allocation.alerts import Alert, alerts_of
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.overview import build_overview
from lib.reports.allocation.select import OverviewAnswer
from lib.reports.report import Report
from lib.settings import Settings
from lib.upstreams import ledger_upstream

TO_TELL = 3
"""Exit code: there are alerts."""

Month = Annotated[str, typer.Option(help="YYYY-MM, one that was captured. Default: the last one.")]
AnyTable = Annotated[str, typer.Option(help="Which table as CSV. Default: the main one.")]


def overview_command(
    month: Month = "",
    format: AnyFormat = None,
    output: Output = None,
    profile: AnyProfile = "excel",
    table: AnyTable = "",
    *,
    detail: Detail = False,
) -> None:
    """What all platforms cost in a month, and who owes it: against last month, budgets and a projection."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        answer, now = _asked(settings, month)
        return build_overview(answer, now=now, demo=settings.demo)

    write_report(load, format, output, profile, table, detail)


def cost_centre_command(
    id: Annotated[str, typer.Argument(help="Of a cost centre, or unallocated.")],
    month: Month = "",
    format: AnyFormat = None,
    output: Output = None,
    profile: AnyProfile = "excel",
    table: AnyTable = "",
    *,
    detail: Detail = False,
) -> None:
    """What one cost centre owes of a month, for what, and by which rule."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        answer, now = _asked(settings, month)
        return build_cost_centre(answer, id, now=now, demo=settings.demo)

    write_report(load, format, output, profile, table, detail)


def alerts_command(
    month: Annotated[str, typer.Option(help="YYYY-MM. Default: this one.")] = "",
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those that were told before, too; nothing is noted.")
    ] = False,
) -> None:
    """Tells budgets that reach 50, 80 or 100 %, projections above them, and days that stand out: each once.

    Ends with 3 when there is anything to tell, so that cron can send it on.
    """

    def work(settings: Settings) -> list[Alert]:
        now, ledger = datetime.now(UTC), ledger_upstream(settings)
        chosen = check_month("month", month, now.date()) if month else f"{now:%Y-%m}"
        answer = load_overview(ledger, chosen, now)
        for source in answer.sources:
            if source.status not in ("ok", "skipped"):
                typer.echo(redact(visible(f"Note: {source.part}: {source.detail}")), err=True)
        alerts = alerts_of(answer)
        return alerts if every else tell_once(ledger, alerts, now)

    alerts = or_exit(work)
    for alert in alerts:
        typer.echo(redact(visible(f"{alert.time:<10}  {alert.sentence}")))
    if alerts:
        raise typer.Exit(TO_TELL)


def _asked(settings: Settings, month: str) -> tuple[OverviewAnswer, datetime]:
    """The answer for a month, by default the last one that is over; and when it was asked for."""
    now = datetime.now(UTC)
    chosen = check_month("month", month, now.date()) if month else month_before(f"{now:%Y-%m}")
    return load_overview(ledger_upstream(settings), chosen, now), now
