"""Usage of every tenant as one report."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from lib.periods import EARLIEST, Period, months_before
from lib.presets import nearest
from lib.reports.report import Report, SourceStatus, Table
from lib.reports.tenants.charts import tenant_charts
from lib.reports.tenants.comparison import (
    Selected,
    against,
    changes,
    compared_tables,
    selected,
)
from lib.reports.tenants.figures import Earlier, tenant_figures, tokens_per_request
from lib.reports.tenants.notes import tenant_cautions, tenant_notes
from lib.reports.tenants.pivots import tenant_pivots
from lib.reports.tenants.select import TenantSelection
from lib.reports.tenants.tables import (
    by_month_table,
    data_quality_table,
    tenants_table,
)
from lib.reports.tenants.words import FILTER_WORDS
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
    now_read = selected(answer, query)
    chosen, totals = now_read.chosen, now_read.totals
    before = selected(answer, query.earlier) if query.earlier else None
    own = (*answer.statuses, *_bad_counters(chosen, answer.statuses))
    trouble = () if before is None else _bad_counters(before.chosen, answer.statuses)
    pivots = (*tenant_pivots(chosen, query),)
    cautions = tuple(tenant_cautions(query, now))
    answered = all(status.status in ("ok", "skipped") for status in own)
    unused = answered and chosen.counters.empty
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period,
        filters=query.described(),
        filter_words=FILTER_WORDS,
        generated_at=now,
        sources=(*own, *(replace(status, part="counters compared with") for status in trouble)),
        totals={
            **totals,
            "tokens_per_request": tokens_per_request(totals, now_read.tenants, own),
        },
        figures=tuple(
            tenant_figures(totals, now_read.tenants, own, _earlier(now_read, before, now))
        ),
        charts=(
            *tenant_charts(
                now_read.tenants, now_read.months, query, before.months if before else None
            ),
            *(spec for crossed in pivots for spec in crossed.heat_map()),
        ),
        tables=(
            *_tables(now_read, before, now),
            *(crossed.table for crossed in pivots),
            data_quality_table(chosen),
        ),
        notes=(*cautions, *tenant_notes(chosen, now_read.tenants, answer, query, now)),
        cautions=cautions,
        host=answer.host,
        demo=demo,
        main_table="tenants",
        is_unused=unused,
        nearest=_nearest(answer, query, now.date()) if unused else None,
    )


def _nearest(answer: TenantAnswer, query: TenantQuery, today: date) -> Period | None:
    """Of months without counters; of some tenants only nobody knows in which months they have some."""
    if query.tenants:
        return None
    firsts = [date.fromisoformat(f"{month}-01") for month in answer.months]
    days = [months_before(first, -1) - timedelta(days=1) for first in firsts]
    return nearest(
        query.period, (day for day in (*firsts, *days) if EARLIEST <= day <= today), today
    )


def _tables(now_read: Selected, before: Selected | None, now: datetime) -> tuple[Table, ...]:
    """What moved most first, where two ranges are compared."""
    query, totals = now_read.query, now_read.totals
    if before is None:
        return (
            tenants_table(now_read.tenants, query, totals),
            by_month_table(now_read.months, totals),
        )
    tenants, months = compared_tables(now_read, before)
    moved = changes(tenants, now_read, before, against(query, now))
    shown = tenants.frame if query.top is None else tenants.frame.head(query.top)
    return *moved, replace(tenants, frame=shown), months


def _earlier(now_read: Selected, before: Selected | None, now: datetime) -> Earlier | None:
    if before is None:
        return None
    whole = not len(now_read.chosen.anomalies) and not len(before.chosen.anomalies)
    return Earlier(before.totals, before.tenants, against(now_read.query, now), whole)


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
