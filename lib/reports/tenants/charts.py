"""The charts of tenants' usage, each with a sentence that says what it shows."""

from collections.abc import Iterator

import pandas as pd

from lib.charts import (
    STEPS,
    OverTime,
    Ranking,
    choose_step,
    distinct_labels,
    fold,
    ghost,
    ids_behind,
)
from lib.quantities import counted
from lib.reports.report import ChartSpec
from lib.reports.tenants.figures import largest
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, TOKENS
from lib.usage.exact import exact_sum, may_share, percent_of, total, values_of

_RANKED = 10
_MONTH_SECONDS = STEPS[-1].seconds


def tenant_charts(
    tenants: pd.DataFrame,
    months: pd.DataFrame,
    query: TenantQuery,
    earlier: pd.DataFrame | None = None,
) -> Iterator[ChartSpec]:
    """Tokens and requests per month, then the largest tenants. What has no data is left out.

    Args:
        months: as ``month_rows`` returns them; earlier: those compared with.
    """
    for key, group, by, metrics in _PER_MONTH:
        tidy = _tidy(months, metrics)
        if tidy.empty:
            continue
        step = choose_step(_MONTH_SECONDS, query.period.days)
        folded = fold(tidy, step, query.period)
        unit = METRICS[metrics[0]].unit
        title = f"{group} by {by}" if len(metrics) > 1 else group
        months_named = f"{query.months} (UTC)"
        sentence = f"{title}, {months_named}: {_trend(months, metrics, unit)}"
        line = None
        if earlier is not None and query.before is not None and query.earlier is not None:
            line = ghost(_tidy(earlier, metrics), step, query.period, query.before)
            sentence += f" The grey line is {query.earlier.months}."
        yield ChartSpec(key, title, OverTime(folded, step, unit, line), sentence, group, by)
    yield from _ranking(tenants)


def _tidy(months: pd.DataFrame, metrics: list[str]) -> pd.DataFrame:
    """``time``, ``series`` and ``value`` of the months that have a counter."""
    tidy = months.melt("month", metrics, "series", "value").dropna(subset="value")
    return pd.DataFrame(
        {
            "time": pd.to_datetime(tidy["month"], format="%Y-%m", utc=True),
            "series": tidy["series"].map(lambda metric: METRICS[metric].label).astype("str"),
            "value": tidy["value"].astype("float64"),
        }
    )


_PER_MONTH = (
    ("tokens_by_kind", "Tokens per month", "kind", [*TOKENS]),
    ("requests_in_all", "Requests per month", "total", ["requests"]),
)
"""Charts over time: key, group, what is stacked, and the metrics."""


def _trend(months: pd.DataFrame, metrics: list[str], unit: str) -> str:
    by_metric = [values_of(months[metric]) for metric in metrics]
    in_month = zip(months["month"], zip(*by_metric, strict=True), strict=True)
    parts_of = {name: [part for part in parts if part is not None] for name, parts in in_month}
    known = {name: exact_sum(parts) for name, parts in parts_of.items() if parts}
    names = [*known]
    whole, first, last = exact_sum(known.values()), known[names[0]], known[names[-1]]
    peak = max(names, key=lambda name: known[name])
    parts = [f"{counted(whole, unit)} in all"]
    if whole > 0 and len(parts_of) > 1:
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
    first_metric = max(sums, key=lambda metric: sums[metric])
    share = percent_of(sums[first_metric], whole)
    if len(sums) > 1 and share is not None and may_share(sums.values()):
        parts.append(f"largest is {METRICS[first_metric].label}, {share:.0f} % of all")
    return "; ".join(parts) + "."


def _ranking(tenants: pd.DataFrame) -> Iterator[ChartSpec]:
    top = largest(tenants).head(_RANKED)
    if top.empty:
        return
    labels = distinct_labels({tenant: tenant for tenant in top["tenant_id"]})
    ranked = pd.DataFrame(
        {
            "label": top["tenant_id"].map(labels).astype("str"),
            "value": top["total_tokens"].astype("float64"),
        }
    )
    label, tokens = ranked["label"].iloc[0], int(top["total_tokens"].iloc[0])
    title = "Top tenants by total tokens"
    sentence = f"{title}: {label} leads with {counted(tokens, 'tokens')}, {len(ranked)} shown."
    chart = Ranking(ranked, "tokens")
    yield ChartSpec(
        "top_tenants",
        title,
        chart,
        sentence,
        group="Largest",
        by="tenants",
        stands_for=ids_behind(labels, "tenant"),
    )
