"""Two ranges of months side by side: tenants, months, and which tenants moved most."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial

import pandas as pd

from lib.reports.compared import Amount, Key, Parts, parts_of, side_by_side, step_by_step
from lib.reports.movers import Dimension, changes_table
from lib.reports.report import Column, Table
from lib.reports.tenants.figures import Totals, tenant_totals
from lib.reports.tenants.select import TenantSelection, select
from lib.reports.tenants.tables import (
    by_month_table,
    month_rows,
    tenant_rows,
    tenants_table,
)
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, TOKENS, TOTAL_TOKENS
from lib.usage.exact import Exact, values_of

_MOST = 20
"""Tenants among the changes: there is one dimension only."""

_AMOUNTS = tuple(Amount(key) for key in (TOTAL_TOKENS, *METRICS))
_LABELS = {key: METRICS[key].label for key in TOKENS}


@dataclass(frozen=True)
class Selected:
    """One range of months: its counters, and the rows and sums that all parts of a report read."""

    query: TenantQuery
    chosen: TenantSelection

    @cached_property
    def tenants(self) -> pd.DataFrame:
        """As ``tenant_rows``."""
        return tenant_rows(self.chosen)

    @cached_property
    def months(self) -> pd.DataFrame:
        """As ``month_rows``."""
        return month_rows(self.chosen)

    @cached_property
    def totals(self) -> Totals:
        """As ``tenant_totals``."""
        return tenant_totals(self.tenants, self.chosen)


def selected(answer: TenantAnswer, query: TenantQuery) -> Selected:
    """The range of months that a question is about."""
    return Selected(query, select(answer, query))


def against(query: TenantQuery, now: datetime) -> str:
    """What is compared with, in words that follow "against"; a month that still runs is told."""
    earlier = query.earlier
    months = earlier.months if earlier else ""
    if query.last_month != f"{now:%Y-%m}":
        return months
    days = monthrange(now.year, now.month)[1]
    whole = "which is whole" if earlier and "to" not in months else "which are whole"
    return f"{months}, {whole}; {query.last_month} has run {now.day} of {days} days"


def compared_tables(now: Selected, before: Selected) -> tuple[Table, Table]:
    """All tenants, and months, with previous, change and percent beside each amount."""
    months = step_by_step(
        by_month_table(now.months, now.totals),
        by_month_table(before.months, before.totals),
        "month",
        (*_AMOUNTS, Amount("tenants_with_usage", adds_up=False)),
        doubtful=[amount.key for amount in _AMOUNTS] if _unreadable(now, before) else (),
    )
    return _tenants(now, before), months


def changes(tenants: Table, now: Selected, before: Selected, words: str) -> Iterator[Table]:
    """The tenants that moved most; no table where no change is known.

    Args:
        tenants: as ``compared_tables`` returns it.
        words: as ``against`` returns them.
    """
    dimension = Dimension(
        "Tenant",
        "tenants",
        tenants,
        ["tenant_id"],
        {"tenant_id": ["tenant_id"]},
        part="Kind of tokens",
        parts=partial(_parts, now, before),
        name_part=lambda kind: _LABELS[str(kind)],
    )
    measures = [TOTAL_TOKENS, "requests"]
    if now.query.sort == "requests":
        measures.reverse()
    table = changes_table(
        [dimension], measures, (Column("tenant_id", "Tenant ID", of="tenant"),), words, most=_MOST
    )
    if table is not None:
        yield table


def _tenants(now: Selected, before: Selected) -> Table:
    return side_by_side(
        tenants_table(now.tenants, replace(now.query, top=None), now.totals),
        tenants_table(before.tenants, before.query, before.totals),
        ["tenant_id"],
        _AMOUNTS,
        names=["dormant"],
        unsure=_unreadable(now, before),
    )


def _unreadable(now: Selected, before: Selected) -> frozenset[Key]:
    """Tenants with a counter that cannot be read; None stands for those whose owner cannot, either."""
    return frozenset(
        (owner,)
        for side in (now, before)
        for owner in values_of(side.chosen.anomalies["tenant_id"])
    )


def _parts(now: Selected, before: Selected, measure: str) -> Parts:
    if measure != TOTAL_TOKENS:
        return {}
    return parts_of(_kinds(now.tenants), _kinds(before.tenants))


def _kinds(tenants: pd.DataFrame) -> Iterator[tuple[Key, str, Exact]]:
    for kind in TOKENS:
        for tenant, tokens in zip(tenants["tenant_id"], values_of(tenants[kind]), strict=True):
            if tokens is not None:
                yield (tenant,), kind, tokens
