"""The control totals of tenants' usage, and the figures that show them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lib.reports.compared import change_of
from lib.reports.report import Delta, Figure, SourceStatus
from lib.reports.tenants.select import TenantSelection
from lib.reports.tenants.tables import PER_REQUEST
from lib.sources.tenants.tables import METRICS, TOKENS, TOTAL_TOKENS
from lib.usage.exact import percent_change, percent_of, rate, total

Totals = Mapping[str, int | None]


def tenant_totals(tenants: pd.DataFrame, chosen: TenantSelection) -> Totals:
    """The control totals of the JSON form; None where one is unknown."""
    listed = chosen.listed
    return {key: _total(tenants[key], key, chosen) for key in (*METRICS, TOTAL_TOKENS)} | {
        "tenants_with_usage": _with_usage(tenants, chosen),
        "tenants_listed": None if listed is None else len(listed),
        "tenants_not_in_control_database": None if listed is None else len(chosen.unlisted),
    }


def _total(cells: "pd.Series[Any]", key: str, chosen: TenantSelection) -> int | None:
    """The sum of what is known. Nothing known is 0 only where no unreadable counter may belong to it."""
    known = total(cells)
    if known is not None:
        return int(known)
    parts = TOKENS if key == TOTAL_TOKENS else (key,)
    metric = chosen.anomalies["metric"]
    return None if bool((metric.isna() | metric.isin(parts)).any()) else 0


def tokens_per_request(
    totals: Totals, tenants: pd.DataFrame, sources: Iterable[SourceStatus]
) -> float | None:
    """Total tokens by requests; None unless both are whole, and of the same tenants."""
    tokens, requests = totals[TOTAL_TOKENS], totals["requests"]
    one_sided = tenants[TOTAL_TOKENS].notna() != tenants["requests"].notna()
    if tokens is None or requests is None or _is_incomplete(sources) or one_sided.any():
        return None
    ratio = rate(tokens, requests)
    return None if ratio is None else float(ratio)


def _is_incomplete(sources: Iterable[SourceStatus]) -> bool:
    return any(
        source.source == "redis" and source.status in ("failed", "partial") for source in sources
    )


def _with_usage(tenants: pd.DataFrame, chosen: TenantSelection) -> int | None:
    used = int(tenants["months_with_data"].notna().sum())
    return None if not used and chosen.counters.empty and len(chosen.anomalies) else used


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


@dataclass(frozen=True)
class Earlier:
    """What figures are compared with.

    Args:
        against: which months that are, in words that follow "vs".
        whole: every counter of both ranges could be read.
    """

    totals: Totals
    tenants: pd.DataFrame
    against: str
    whole: bool

    def delta(self, now: int | None, before: int | None) -> Delta | None:
        """The change, where both numbers are known."""
        if now is None or before is None or not self.whole:
            return None
        return Delta(before, now - before, percent_change(now, before), self.against)

    def ratio_delta(self, now: float | None) -> Delta | None:
        """The change of tokens per request, where both are known."""
        before = tokens_per_request(self.totals, self.tenants, ()) if self.whole else None
        change = change_of(now, before)
        if change is None or before is None:
            return None
        return Delta(before, change, percent_of(change, before), self.against)

    def tokens_of(self, tenant: str) -> int | None:
        """Total tokens of a tenant; one without a counter had none."""
        rows = self.tenants.loc[self.tenants["tenant_id"] == tenant, "total_tokens"].dropna()
        return int(rows.iloc[0]) if len(rows) else 0


def tenant_figures(
    totals: Totals,
    tenants: pd.DataFrame,
    sources: Iterable[SourceStatus],
    earlier: Earlier | None = None,
) -> Iterator[Figure]:
    """The headline numbers; all are marked when a counter could not be read."""
    sources = tuple(sources)
    incomplete = _is_incomplete(sources)
    for row in _STATISTICS:
        value = _value(row, totals)
        delta = earlier.delta(value, _value(row, earlier.totals)) if earlier else None
        yield Figure(row.key, row.label, value, row.unit, row.help, delta, incomplete)
    ratio = tokens_per_request(totals, tenants, sources)
    key, label = "tokens_per_request", "Tokens per request"
    changed = earlier.ratio_delta(ratio) if earlier else None
    yield Figure(key, label, ratio, "tokens", PER_REQUEST, changed, incomplete)
    top = largest(tenants).head(1)
    if top.empty:
        yield Figure("top_tenant", "Top usage tenant", None, "tokens", incomplete=incomplete)
        return
    name, tokens = str(top["tenant_id"].iloc[0]), int(top["total_tokens"].iloc[0])
    help_text = f"{name}, by total tokens; of equal ones the first by id."
    label = f"Top usage tenant: {name}"
    delta = earlier.delta(tokens, earlier.tokens_of(name)) if earlier else None
    yield Figure("top_tenant", label, tokens, "tokens", help_text, delta, incomplete)


def _value(row: _Statistic, totals: Totals) -> int | None:
    value = totals[row.total]
    return _share(value, totals["tenants_with_usage"]) if row.average else value


def _share(total: int | None, tenants: int | None) -> int | None:
    return total // tenants if total is not None and tenants else None


def largest(tenants: pd.DataFrame) -> pd.DataFrame:
    """Tenants with tokens, most first, equal ones by id."""
    known = tenants[tenants["total_tokens"].notna()]
    known = known[known["total_tokens"] > 0]
    return known.sort_values(["total_tokens", "tenant_id"], ascending=[False, True])
