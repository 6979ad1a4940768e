"""What a reader must know to read OpenAI's numbers right, in sentences."""

from collections.abc import Iterable
from datetime import datetime

from lib.comparisons import days_compared
from lib.reports.openai.select import OpenAISelection
from lib.reports.openai.tables import BREAKDOWNS
from lib.sources.openai.tables import COSTS, DIMENSIONS, ENDPOINTS, METRICS

_OWN_COLUMNS = ("endpoint_type", "date", "start_time")


def openai_cautions(chosen: OpenAISelection, now: datetime) -> Iterable[str]:
    """What is provisional or not added up: without it the figures would be read wrong."""
    period = chosen.query.period
    if period.end == now.date():
        yield f"{now.date()} (UTC) is still running: its numbers grow until midnight UTC."
    if chosen.costs is not None and (now.date() - period.end).days < 3:
        yield "Costs follow usage with a delay; those of the last three days are provisional."
    if None in chosen.currencies:
        yield "Some costs come without a currency: they are listed, but not added up."
    elif len(chosen.currencies) > 1:
        yield "Costs are in several currencies: they are listed, but not added up."


def openai_notes(chosen: OpenAISelection, now: datetime) -> Iterable[str]:
    """What is compared, left out, or not what it seems."""
    query, usage = chosen.query, chosen.usage
    if query.before:
        running = query.period.end == now.date()
        part = f", although {now.date()} has only run until {now:%H:%M} UTC" if running else ""
        yield f"Changes are against {days_compared(query.period, query.before)}{part}."
    if COSTS in query.endpoints and len(query.endpoints) <= len(ENDPOINTS):
        yield "Costs are those of all endpoints: OpenAI does not split them by endpoint."
    asked = [ENDPOINTS[name] for name in query.endpoints if name in ENDPOINTS]
    blind = [endpoint.name for endpoint in asked if not query.sees(endpoint)]
    if blind:
        yield f"Left out, because OpenAI does not split them by the chosen filter: {', '.join(blind)}."
    new = [key for key in usage.columns if key not in (*METRICS, *DIMENSIONS, *_OWN_COLUMNS)]
    if new:
        yield f"OpenAI sent fields that are not documented; they are kept, and in no total: {', '.join(new)}."
    unsplit = [row.title for row in BREAKDOWNS if row.dimension not in query.dimensions]
    if unsplit:
        yield f"Not asked for, so everything stands in one row: {', '.join(unsplit)}."
    if "usage_bytes" in usage and usage["usage_bytes"].notna().any():
        yield "Vector storage is a level: the last value counts, it is never added up over days."
