"""What of an answer belongs to a question about tenants, and what of it may be counted twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.keys import READABLE_MONTH
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, PREFIX
from lib.usage.exact import addable

MOST_OWN_PERIODS = 2
"""A month holds the starts of two billing periods at the most; more are daily rows written back."""

_GROUP = ["tenant_id", "metric", "month"]


@dataclass(frozen=True)
class TenantSelection:
    """What of an answer belongs to a question.

    Args:
        counters: as in the answer, with ``month`` (ordered categorical text ``2025-09``) and
            ``own_period`` (bool: the period is a tenant's own, not a calendar month). ``value`` is
            int64, or objects of int where sums would not fit.
        anomalies: as in the answer, with ``month``, null where the period cannot be read.
        listed: ``tenant_id``, ``dormant`` as the control database has them, each tenant once; None
            when it was not asked or did not answer.
        ambiguous: as ``find_ambiguous`` returns it.
        months: every month of the question, in order.
    """

    counters: pd.DataFrame
    anomalies: pd.DataFrame
    listed: pd.DataFrame | None
    ambiguous: pd.DataFrame
    months: tuple[str, ...]

    @cached_property
    def counted(self) -> frozenset[str]:
        """Tenants with a counter that is in the totals."""
        return frozenset(present(self.counters["tenant_id"]))

    @cached_property
    def unreadable(self) -> frozenset[str]:
        """Tenants with a counter that cannot be read."""
        return frozenset(self.anomalies["tenant_id"].dropna())

    @property
    def unknown_metrics(self) -> list[str]:
        """Metrics that are not documented, by name."""
        return sorted({*present(self.counters["metric"])} - {*METRICS})

    @cached_property
    def unlisted(self) -> list[str]:
        """Tenants with counters, readable or not, that the control database does not list."""
        if self.listed is None:
            return []
        return sorted((self.counted | self.unreadable) - {*self.listed["tenant_id"]})


def select(answer: TenantAnswer, query: TenantQuery) -> TenantSelection:
    """Counters whose period starts in the months asked for, of the tenants asked for.

    A counter that cannot be read stays unless its key says that it is another tenant's or month's.
    """
    counters = _with_month(answer.counters)
    inside = [query.first_month <= month <= query.last_month for month in texts(counters["month"])]
    counters = _of_categories(counters, "month", inside)
    # A key that cannot be read says nothing of whose it is, and an empty name is nobody's
    anomalies = answer.anomalies.mask(answer.anomalies == "")
    anomalies = anomalies.assign(
        month=anomalies["period"].astype("str").str.extract(READABLE_MONTH, expand=False)
    )
    month = anomalies["month"]
    anomalies = anomalies[month.isna() | month.between(query.first_month, query.last_month)]
    listed = answer.tenants
    if listed is not None:
        listed = listed.drop_duplicates("tenant_id")
    if query.tenants:
        wanted = {*query.tenants}
        inside = [tenant in wanted for tenant in texts(counters["tenant_id"])]
        counters = _of_categories(counters, "tenant_id", inside)
        owner = anomalies["tenant_id"]
        anomalies = anomalies[owner.isna() | owner.isin(query.tenants)]
        listed = None if listed is None else listed[listed["tenant_id"].isin(query.tenants)]
    counters = counters.assign(value=addable(counters["value"]))
    months = pd.period_range(query.first_month, query.last_month, freq="M")
    return TenantSelection(
        counters, anomalies, listed, find_ambiguous(counters), (*months.map(str),)
    )


def texts(column: "pd.Series[Any]") -> list[str]:
    """The categories of a column."""
    names: list[str] = column.cat.categories.tolist()
    return names


def present(column: "pd.Series[Any]") -> list[str]:
    """The categories that some row has."""
    every = texts(column)
    rows = np.bincount(column.cat.codes, minlength=len(every))
    return [text for text, count in zip(every, rows, strict=True) if count]


def _of_categories(counters: pd.DataFrame, key: str, inside: list[bool]) -> pd.DataFrame:
    """The rows whose category is inside, numbered anew."""
    if all(inside):
        return counters.reset_index(drop=True)
    kept = np.array(inside, dtype=bool)[counters[key].cat.codes.to_numpy()]
    return counters[kept].reset_index(drop=True)


def _with_month(counters: pd.DataFrame) -> pd.DataFrame:
    texts = {key: counters[key].astype("category") for key in ("tenant_id", "metric", "period")}
    codes = texts["period"].cat.codes.to_numpy()
    periods = [str(period) for period in texts["period"].cat.categories]
    months = sorted({period[:7] for period in periods})
    place = np.array([months.index(period[:7]) for period in periods], dtype=np.intp)
    own = np.array([len(period) > 7 for period in periods], dtype=bool)
    return counters.assign(
        **texts,
        month=pd.Categorical.from_codes(
            place.take(codes), pd.Index(months, dtype="str"), ordered=True
        ),
        own_period=own[codes],
    )


def find_ambiguous(counters: pd.DataFrame) -> pd.DataFrame:
    """Where one month of a tenant's metric may be counted twice: both forms of key are there, or
    more starts of periods than a month can hold.

    Args:
        counters: ``tenant_id``, ``metric``, ``month``, ``period`` categorical, ``own_period`` bool.

    Returns:
        ``tenant_id``, ``metric``, ``month``, ``keys`` (joined by ``, ``), ``problem`` text and
        ``value`` int, the sum that is counted; sorted by the first three.
    """
    columns = [*_GROUP, "keys", "problem", "value"]
    if not counters["own_period"].any():
        return pd.DataFrame(columns=columns)  # calendar months alone cannot be counted twice
    group = np.zeros(len(counters), dtype="int64")
    for key in _GROUP:
        group = group * len(counters[key].cat.categories) + counters[key].cat.codes.to_numpy()
    at, _ = pd.factorize(group)
    sizes, own = np.bincount(at), np.bincount(at, weights=counters["own_period"])
    doubtful = (own > MOST_OWN_PERIODS) | ((own > 0) & (own < sizes))
    rows = counters[doubtful[at]]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    order = [*_GROUP, "period"]
    rows = rows.astype(dict.fromkeys(order, "str")).sort_values(order, ignore_index=True)
    keys = PREFIX + rows["tenant_id"] + ":" + rows["metric"] + ":" + rows["period"]
    starts = _starts_of(rows[_GROUP])
    group_of = rows.index.isin(starts).cumsum()
    sums = rows.groupby(group_of)[["value", "own_period"]].sum()
    counts = np.diff([*starts, len(rows)])
    groups = rows.loc[starts, _GROUP].assign(
        keys=joined(keys.tolist(), starts),
        problem=[
            f"month counter beside {own} of own periods" if own < count else f"{own} own periods"
            for own, count in zip(sums["own_period"], counts, strict=True)
        ],
        value=sums["value"].to_numpy(),
    )
    return groups.reset_index(drop=True)


def _starts_of(sorted_rows: pd.DataFrame) -> list[int]:
    """Where a new value begins."""
    changed = (sorted_rows != sorted_rows.shift()).any(axis=1)
    return [int(place) for place in np.flatnonzero(changed)]


def joined(every: Sequence[str], starts: Sequence[int]) -> list[str]:
    """The texts from each start to the next as one."""
    return [", ".join(every[first:end]) for first, end in pairwise([*starts, len(every)])]
