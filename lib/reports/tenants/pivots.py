"""Tenants and months at once."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from lib.reports.pivots import Amount, Cells, Heads, Pivot, Rows, pivot
from lib.reports.report import Column
from lib.reports.tenants.select import TenantSelection, texts
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, TOKENS

_MEASURES = (
    (TOKENS, Amount("Total tokens", "int", "tokens")),
    (("requests",), Amount(METRICS["requests"].label, "int", "requests")),
)
"""Metrics that are added, and what they are; the first of these that has a counter is crossed."""


def tenant_pivots(chosen: TenantSelection, query: TenantQuery) -> Iterator[Pivot]:
    """Tenants by month, where several months are asked for."""
    if len(chosen.months) < 2:
        return
    rows = Rows("tenant", Column("tenant_id", "Tenant ID", of="tenant"), {}, "")
    heads = Heads("month", "month", {}, "", order=chosen.months, ours=True)
    for metrics, amount in _MEASURES:
        cells = [*_cells(chosen, metrics)]
        if cells:
            made = pivot("tenant_by_month", rows, heads, amount, cells)
            yield made if query.top is None else _first(made, query.top)
            return


def _cells(chosen: TenantSelection, metrics: tuple[str, ...]) -> Cells:
    """One pass over the counters; a cell is null where there is none."""
    counters = chosen.counters
    wanted = np.isin(texts(counters["metric"]), metrics)[counters["metric"].cat.codes]
    counted = counters[wanted]
    tenants, months = (texts(counted[key]) for key in ("tenant_id", "month"))
    group = counted["tenant_id"].cat.codes.to_numpy().astype(np.int64) * len(months)
    group += counted["month"].cat.codes.to_numpy()
    pairs, place = np.unique(group, return_inverse=True)
    values = counted["value"].to_numpy()
    sums = np.zeros(len(pairs), dtype=values.dtype)
    np.add.at(sums, place, values)
    for pair, value in zip(pairs.tolist(), sums.tolist(), strict=True):
        tenant, month = divmod(pair, len(months))
        yield tenants[tenant], months[month], value


def _first(made: Pivot, top: int) -> Pivot:
    """As many rows as the tenants table has; totals stay over all."""
    table = replace(made.table, frame=made.table.frame.head(top))
    return replace(made, table=table)
