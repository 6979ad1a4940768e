"""What a reader must know to read tenants' usage right, in sentences."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pandas as pd

from lib.periods import span
from lib.reports.tenants.comparison import against
from lib.reports.tenants.select import TenantSelection
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery

EXPIRY_DAYS = 90
"""A counter is deleted this long after its first write."""

_NAMED = 5


def tenant_cautions(query: TenantQuery, now: datetime) -> Iterator[str]:
    """Whether numbers may be too low: without it the figures would be read wrong."""
    horizon = (now - timedelta(days=EXPIRY_DAYS)).date()
    starts = [days.start for days in (query.period, query.before) if days is not None]
    if min(starts).replace(day=1) < horizon:
        yield (
            f"Counters expire about {EXPIRY_DAYS} days after their first write: "
            f"those first written before {horizon} may be gone, and their months blank or too low."
        )


def tenant_notes(
    chosen: TenantSelection,
    tenants: pd.DataFrame,
    answer: TenantAnswer,
    query: TenantQuery,
    now: datetime,
) -> Iterator[str]:
    """What is taken whole, left out, gone or doubtful; names are data."""
    months = span(chosen.months[0], chosen.months[-1])
    yield (
        f"Every counter whose period starts in {months} (UTC) is taken whole; "
        "counters cannot be split by day."
    )
    if query.before is not None:
        yield f"Changes are against {against(query, now)}."
        if query.last_month == f"{now:%Y-%m}":
            yield "A tenant without a counter in the running month stands as gone until it has one."
    if query.top is not None and len(tenants) > query.top:
        left = len(tenants) - query.top
        yield (
            f"The tenants table shows {query.top:,} of {len(tenants):,} tenants and leaves out "
            f"{left:,}; totals, months and statistics are over all."
        )
    yield from _data_notes(chosen, tenants, query)
    yield from answer.notes


def _data_notes(
    chosen: TenantSelection, tenants: pd.DataFrame, query: TenantQuery
) -> Iterator[str]:
    """What a reader must know of single tenants and metrics; names are data."""
    if chosen.unknown_metrics:
        named = _named(chosen.unknown_metrics)
        yield f"Metrics that are not documented are columns of their own, and in no total: {named}."
    ambiguous = sorted({*chosen.ambiguous["tenant_id"]})
    if ambiguous:
        yield (
            f"Ambiguous counters, which may count some usage twice, are in the totals and listed "
            f"under data quality; tenants: {_named(ambiguous)}."
        )
    if chosen.unlisted:
        named = _named(chosen.unlisted)
        yield f"Not in the control database, but in the totals; tenants: {named}."
    if chosen.listed is None:
        yield "Without the control database, tenants that have no counter are not shown."
    missing = sorted({*query.tenants} - {*tenants["tenant_id"]})
    if missing:
        yield f"Nothing is known in these months of the tenants asked for: {_named(missing)}."


def _named(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
