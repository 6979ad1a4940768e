"""Usage of every tenant as one report."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from lib.charts import STEPS, OverTime, Ranking, choose_step, distinct_labels, fold
from lib.reports.report import ChartSpec, Figure, Report, SourceStatus
from lib.reports.tenants.select import Selection, select
from lib.reports.tenants.tables import (
    by_month_table,
    data_quality_table,
    month_rows,
    tenant_rows,
    tenants_table,
)
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, TOKENS, TOTAL_TOKENS
from lib.usage.exact import exact_sum, may_share, percent_of, total, values_of

KIND = "tenant-usage"
TITLE = "Tenant usage (Redis counters)"

EXPIRY_DAYS = 90
"""A counter is deleted this long after its first write."""

_RANKED = 10
_NAMED = 5
_MONTH_SECONDS = STEPS[-1].seconds

Totals = Mapping[str, int | None]


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
    totals = _totals(tenants, chosen)
    sources = (*answer.statuses, *_bad_counters(chosen, answer.statuses))
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period,
        filters=query.described(),
        generated_at=now,
        sources=sources,
        totals=totals,
        figures=tuple(_figures(totals, tenants, sources)),
        charts=tuple(_charts(tenants, months, query)),
        tables=(
            tenants_table(tenants, query, totals),
            by_month_table(months, totals),
            data_quality_table(chosen),
        ),
        notes=tuple(_notes(chosen, tenants, answer, query, now)),
        host=answer.host,
        demo=demo,
        main_table="tenants",
    )


def _totals(tenants: pd.DataFrame, chosen: Selection) -> dict[str, int | None]:
    listed = chosen.listed
    return {key: _total(tenants[key], key, chosen) for key in (*METRICS, TOTAL_TOKENS)} | {
        "tenants_with_usage": _with_usage(tenants, chosen),
        "tenants_listed": None if listed is None else len(listed),
        "tenants_not_in_control_database": None if listed is None else len(chosen.unlisted),
    }


def _total(cells: "pd.Series[Any]", key: str, chosen: Selection) -> int | None:
    """The sum of what is known. Nothing known is 0 only where no unreadable counter may belong to it."""
    known = total(cells)
    if known is not None:
        return int(known)
    parts = TOKENS if key == TOTAL_TOKENS else (key,)
    metric = chosen.anomalies["metric"]
    return None if bool((metric.isna() | metric.isin(parts)).any()) else 0


def _with_usage(tenants: pd.DataFrame, chosen: Selection) -> int | None:
    used = int(tenants["months_with_data"].notna().sum())
    return None if not used and chosen.counters.empty and len(chosen.anomalies) else used


def _bad_counters(chosen: Selection, statuses: Iterable[SourceStatus]) -> Iterator[SourceStatus]:
    """Counters that are in no total make the report incomplete."""
    bad = len(chosen.anomalies)
    if bad:
        as_of = next((one.as_of for one in statuses if one.source == "redis"), None)
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


@dataclass(frozen=True)
class _Statistic:
    """One figure: a control total, or its share per tenant with usage."""

    key: str
    label: str
    unit: str
    total: str
    average: bool = False
    help: str = ""


_AVERAGE = "Over the tenants with usage, rounded down."
_STATISTICS = (
    _Statistic("requests", "Requests", "requests", "requests"),
    _Statistic(
        "total_tokens",
        "Total tokens",
        "tokens",
        "total_tokens",
        help="Input, output and embedding tokens.",
    ),
    _Statistic(
        "tenants_with_usage",
        "Tenants with usage",
        "tenants",
        "tenants_with_usage",
        help="At least one counter is above zero.",
    ),
    _Statistic(
        "average_requests_per_tenant",
        "Average requests per tenant",
        "requests",
        "requests",
        average=True,
        help=_AVERAGE,
    ),
    _Statistic(
        "average_tokens_per_tenant",
        "Average tokens per tenant",
        "tokens",
        "total_tokens",
        average=True,
        help=_AVERAGE,
    ),
)


def _figures(
    totals: Totals, tenants: pd.DataFrame, sources: Iterable[SourceStatus]
) -> Iterator[Figure]:
    incomplete = any(
        one.source == "redis" and one.status in ("failed", "partial") for one in sources
    )
    for row in _STATISTICS:
        value = totals[row.total]
        if row.average:
            value = _share(value, totals["tenants_with_usage"])
        yield Figure(row.key, row.label, value, row.unit, row.help, incomplete=incomplete)
    top = _largest(tenants).head(1)
    if top.empty:
        yield Figure("top_tenant", "Top usage tenant", None, "tokens", incomplete=incomplete)
        return
    name, tokens = str(top["tenant_id"].iloc[0]), int(top["total_tokens"].iloc[0])
    help_text = f"{name}, by total tokens; of equal ones the first by id."
    label = f"Top usage tenant: {name}"
    yield Figure("top_tenant", label, tokens, "tokens", help_text, incomplete=incomplete)


def _share(total: int | None, tenants: int | None) -> int | None:
    return total // tenants if total is not None and tenants else None


def _largest(tenants: pd.DataFrame) -> pd.DataFrame:
    """Tenants with tokens, most first, equal ones by id."""
    known = tenants[tenants["total_tokens"].notna()]
    known = known[known["total_tokens"] > 0]
    return known.sort_values(["total_tokens", "tenant_id"], ascending=[False, True])


def _charts(tenants: pd.DataFrame, months: pd.DataFrame, query: TenantQuery) -> Iterator[ChartSpec]:
    """Tokens and requests per month, then the largest tenants. What has no data is left out."""
    for key, group, by, metrics in _PER_MONTH:
        tidy = months.melt("month", metrics, "series", "value").dropna(subset="value")
        if tidy.empty:
            continue
        tidy = pd.DataFrame(
            {
                "time": pd.to_datetime(tidy["month"], format="%Y-%m", utc=True),
                "series": tidy["series"].map(lambda metric: METRICS[metric].label).astype("str"),
                "value": tidy["value"].astype("float64"),
            }
        )
        step = choose_step(_MONTH_SECONDS, query.period.days)
        folded = fold(tidy, step, query.period)
        unit = METRICS[metrics[0]].unit
        title = f"{group} by {by}" if len(metrics) > 1 else group
        months_named = f"{query.first_month} to {query.last_month} (UTC)"
        sentence = f"{title}, {months_named}: {_trend(months, metrics, unit)}"
        yield ChartSpec(key, title, OverTime(folded, step, unit), sentence, group, by)
    yield from _ranking(tenants)


_PER_MONTH = (
    ("tokens_by_kind", "Tokens per month", "kind", [*TOKENS]),
    ("requests_in_all", "Requests per month", "total", ["requests"]),
)
"""Charts over time: key, group, what is stacked, and the metrics."""


def _trend(months: pd.DataFrame, metrics: list[str], unit: str) -> str:
    by_metric = [values_of(months[metric]) for metric in metrics]
    in_month = zip(months["month"], zip(*by_metric, strict=True), strict=True)
    parts_of = {name: [one for one in parts if one is not None] for name, parts in in_month}
    known = {name: exact_sum(parts) for name, parts in parts_of.items() if parts}
    names = [*known]
    whole, first, last = exact_sum(known.values()), known[names[0]], known[names[-1]]
    peak = max(names, key=lambda name: known[name])
    parts = [f"{whole:,} {unit} in all"]
    if whole > 0:
        parts.append(f"most in {peak} ({known[peak]:,})")
    if len(known) > 1:
        word = "up" if last > first else "down"
        parts.append(
            f"{word} from {first:,} in {names[0]} to {last:,} in {names[-1]}"
            if last != first
            else f"{last:,} in both {names[0]} and {names[-1]}"
        )
    if len(known) < len(parts_of):
        parts.append(f"no counters in {len(parts_of) - len(known)} of {len(parts_of)} months")
    sums = {metric: value for metric in metrics if (value := total(months[metric])) is not None}
    largest = max(sums, key=lambda metric: sums[metric])
    share = percent_of(sums[largest], whole)
    if len(sums) > 1 and share is not None and may_share(sums.values()):
        parts.append(f"largest is {METRICS[largest].label}, {share:.0f}% of all")
    return "; ".join(parts) + "."


def _ranking(tenants: pd.DataFrame) -> Iterator[ChartSpec]:
    top = _largest(tenants).head(_RANKED)
    if top.empty:
        return
    labels = distinct_labels({one: one for one in top["tenant_id"]})
    ranked = pd.DataFrame(
        {
            "label": top["tenant_id"].map(labels).astype("str"),
            "value": top["total_tokens"].astype("float64"),
        }
    )
    label, tokens = ranked["label"].iloc[0], int(top["total_tokens"].iloc[0])
    title = "Top tenants by total tokens"
    sentence = f"{title}: {label} leads with {tokens:,} tokens, {len(ranked)} shown."
    chart = Ranking(ranked, "tokens")
    yield ChartSpec("top_tenants", title, chart, sentence, group="Largest", by="tenants")


def _notes(
    chosen: Selection,
    tenants: pd.DataFrame,
    answer: TenantAnswer,
    query: TenantQuery,
    now: datetime,
) -> Iterator[str]:
    first, last = chosen.months[0], chosen.months[-1]
    months = first if first == last else f"{first} to {last}"
    yield (
        f"Every counter whose period starts in {months} (UTC) is taken whole; "
        "counters cannot be split by day."
    )
    horizon = (now - timedelta(days=EXPIRY_DAYS)).date()
    if query.period.start.replace(day=1) < horizon:
        yield (
            f"Counters expire about {EXPIRY_DAYS} days after their first write: "
            f"those first written before {horizon} may be gone, and their months blank or too low."
        )
    if query.top is not None and len(tenants) > query.top:
        left = len(tenants) - query.top
        yield (
            f"The tenants table shows {query.top:,} of {len(tenants):,} tenants and leaves out "
            f"{left:,}; totals, months and statistics are over all."
        )
    yield from _data_notes(chosen, tenants, query)
    yield from answer.notes


def _data_notes(chosen: Selection, tenants: pd.DataFrame, query: TenantQuery) -> Iterator[str]:
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
