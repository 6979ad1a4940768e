"""Counters that Redis has dropped, as the ledger keeps them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd

from lib.ledger.store import Capture, Ledger
from lib.periods import months_before, span
from lib.quantities import counted
from lib.sources.tenants.answer import COUNTER_COLUMNS, TenantAnswer
from lib.sources.tenants.measures import PLATFORM
from lib.sources.tenants.measures import answer_of as kept_answer
from lib.sources.tenants.query import TenantQuery
from lib.status import SourceStatus

LEDGER = "ledger"

_KEYS = [*COUNTER_COLUMNS[:-1]]

_LIVING_MONTHS = 2
"""This month and the one before: Redis keeps a counter for 90 days."""


def with_kept(
    answer: TenantAnswer, ledger: Ledger, query: TenantQuery, now: datetime
) -> TenantAnswer:
    """The answer with counters that were captured while Redis had them, or when they were higher.

    A source of its own and a note say which months they are of.

    Raises:
        SourceError: the ledger cannot be read.
    """
    captures = _captures(ledger, answer.host, query, now)
    if not captures:
        return answer
    months = {capture.month for capture in captures}
    kept = pd.concat([_counters(ledger, capture) for capture in captures])
    if query.tenants:
        kept = kept[kept["tenant_id"].isin(query.tenants)]
    living = answer.counters[answer.counters["period"].str[:7].isin(months)].astype(
        dict.fromkeys(_KEYS, "str")
    )
    before = living.set_index(_KEYS)["value"]
    both = pd.concat([living, kept]).groupby(_KEYS, sort=False)["value"].max()
    added = both[before.reindex(both.index).fillna(-1) < both]
    if added.empty:
        return replace(answer, months=answer.months | months)
    others = answer.counters[~answer.counters["period"].str[:7].isin(months)]
    counters = pd.concat([others.astype(dict.fromkeys(_KEYS, "str")), both.reset_index()])
    of_months = sorted({str(period)[:7] for period in added.index.get_level_values("period")})
    return replace(
        answer,
        counters=counters.astype(dict.fromkeys(_KEYS, "category")).reset_index(drop=True),
        statuses=(*answer.statuses, _status(captures, of_months, len(added))),
        notes=(*answer.notes, _note(of_months, len(added))),
        months=answer.months | months,
    )


def _captures(ledger: Ledger, account: str, query: TenantQuery, now: datetime) -> list[Capture]:
    """What stands of the months asked for in which Redis may have dropped counters."""
    living = f"{months_before(now.date(), _LIVING_MONTHS - 1):%Y-%m}"
    asked = [query, *filter(None, [query.earlier])]
    return [
        capture
        for capture in ledger.captures()
        if (capture.platform, capture.account) == (PLATFORM, account)
        and capture.month < living
        and any(one.first_month <= capture.month <= one.last_month for one in asked)
    ]


def _counters(ledger: Ledger, capture: Capture) -> pd.DataFrame:
    rows = ledger.warehouse.rows(capture.files)
    return kept_answer(rows, (), capture.facts).counters.astype(dict.fromkeys(_KEYS, "str"))


def _status(captures: Sequence[Capture], months: Sequence[str], counters: int) -> SourceStatus:
    oldest = min(capture.confirmed_at for capture in captures if capture.month in months)
    return SourceStatus(LEDGER, "counters", "ok", oldest, counters, moves=False)


def _note(months: Sequence[str], counters: int) -> str:
    return (
        f"{span(months[0], months[-1])}: {counted(counters, 'counters')} that Redis no longer has, or "
        "has begun anew, are from the ledger, as they were captured."
    )
