"""The commands ``overview`` and ``cost-centre``: a month over all platforms, and one cost centre of it."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from lib.cli.output import AnyFormat, AnyProfile, Detail, Output, write_report
from lib.ledger.overview import load_overview
from lib.loader.progress import Progress
from lib.periods import check_month, month_before
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.overview import build_overview
from lib.reports.report import Report
from lib.settings import Settings
from lib.upstreams import ledger_upstream

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
        now = datetime.now(UTC)
        answer = load_overview(ledger_upstream(settings), _month(month, now), now)
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
        now = datetime.now(UTC)
        answer = load_overview(ledger_upstream(settings), _month(month, now), now)
        return build_cost_centre(answer, id, now=now, demo=settings.demo)

    write_report(load, format, output, profile, table, detail)


def _month(text: str, now: datetime) -> str:
    return check_month("month", text, now.date()) if text else month_before(f"{now:%Y-%m}")
