"""Usage of every tenant as one report."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from lib.reports.report import Report, SourceStatus
from lib.reports.tenants.charts import tenant_charts
from lib.reports.tenants.figures import tenant_figures, tenant_totals
from lib.reports.tenants.notes import tenant_notes
from lib.reports.tenants.select import TenantSelection, select
from lib.reports.tenants.tables import (
    by_month_table,
    data_quality_table,
    month_rows,
    tenant_rows,
    tenants_table,
)
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery

KIND = "tenant-usage"
TITLE = "Tenant usage (Redis counters)"


def build_tenant_usage(
    answer: TenantAnswer, query: TenantQuery, *, now: datetime, demo: bool = False
) -> Report:
    """Everything a person sees or downloads about the usage of tenants.

    Args:
        answer: what the loader brought; counters outside the question are left out.
        query: what was asked.
        now: the moment of building, UTC.
        demo: the data is made up.
    """
    chosen = select(answer, query)
    tenants, months = tenant_rows(chosen), month_rows(chosen)
    totals = tenant_totals(tenants, chosen)
    sources = (*answer.statuses, *_bad_counters(chosen, answer.statuses))
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period,
        filters=query.described(),
        generated_at=now,
        sources=sources,
        totals=totals,
        figures=tuple(tenant_figures(totals, tenants, sources)),
        charts=tuple(tenant_charts(tenants, months, query)),
        tables=(
            tenants_table(tenants, query, totals),
            by_month_table(months, totals),
            data_quality_table(chosen),
        ),
        notes=tuple(tenant_notes(chosen, tenants, answer, query, now)),
        host=answer.host,
        demo=demo,
        main_table="tenants",
    )


def _bad_counters(
    chosen: TenantSelection, statuses: Iterable[SourceStatus]
) -> Iterator[SourceStatus]:
    """Counters that are in no total make the report incomplete."""
    bad = len(chosen.anomalies)
    if bad:
        as_of = next((status.as_of for status in statuses if status.source == "redis"), None)
        counters = "1 counter" if bad == 1 else f"{bad:,} counters"
        yield SourceStatus(
            "redis",
            "counters",
            "partial",
            as_of,
            len(chosen.counters),
            f"{counters} cannot be read and {'is' if bad == 1 else 'are'} in no total.",
            "Repair or delete the keys listed under data quality.",
        )
