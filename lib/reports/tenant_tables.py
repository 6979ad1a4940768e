"""The tables of the tenant report: tenants, months and what is wrong with the data, all of one sum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lib.reports.report import Column, Number, Table
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, PREFIX

TOKENS = tuple(metric.key for metric in METRICS.values() if metric.token)

NO_USAGE = "no usage recorded"
NOT_LISTED = "not in control database"
AMBIGUOUS = "ambiguous counters"
UNREADABLE = "bad counters"
"""What the status of a tenant may say; several are joined by ``; ``."""

MOST_OWN_PERIODS = 2
"""A month holds the starts of two billing periods at the most; more are daily rows written back."""

_SAFE_SUM = 2.0**62
_READABLE_MONTH = r"^([0-9]{4}-(?:0[1-9]|1[0-2]))(?:-[0-9]{2})?$"
_GROUP = ["tenant_id", "metric", "month"]


@dataclass(frozen=True)
class Selection:
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

    @property
    def unknown_metrics(self) -> list[str]:
        """Metrics that are not documented, by name."""
        return sorted(str(one) for one in self.counters["metric"].unique() if one not in METRICS)

    @property
    def unlisted(self) -> list[str]:
        """Tenants with counters, readable or not, that the control database does not list."""
        if self.listed is None:
            return []
        counted = {*self.counters["tenant_id"].unique(), *self.anomalies["tenant_id"].dropna()}
        return sorted(counted - {*self.listed["tenant_id"]})


def select(answer: TenantAnswer, query: TenantQuery) -> Selection:
    """Counters whose period starts in the months asked for, of the tenants asked for.

    A counter that cannot be read stays unless its key says that it is another tenant's or month's.
    """
    counters = _with_month(answer.counters)
    month = counters["month"].astype("str")
    counters = counters[month.between(query.first_month, query.last_month)]
    # A key that cannot be read says nothing of whose it is, and an empty name is nobody's
    anomalies = answer.anomalies.mask(answer.anomalies == "")
    anomalies = anomalies.assign(
        month=anomalies["period"].astype("str").str.extract(_READABLE_MONTH, expand=False)
    )
    month = anomalies["month"]
    anomalies = anomalies[month.isna() | month.between(query.first_month, query.last_month)]
    listed = answer.tenants
    if listed is not None:
        listed = listed.drop_duplicates("tenant_id")
    if query.tenants:
        counters = counters[counters["tenant_id"].isin(query.tenants)]
        owner = anomalies["tenant_id"]
        anomalies = anomalies[owner.isna() | owner.isin(query.tenants)]
        listed = None if listed is None else listed[listed["tenant_id"].isin(query.tenants)]
    counters = counters.assign(value=_addable(counters["value"])).reset_index(drop=True)
    months = pd.period_range(query.first_month, query.last_month, freq="M")
    return Selection(counters, anomalies, listed, find_ambiguous(counters), (*months.map(str),))


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


def _addable(values: "pd.Series[Any]") -> "pd.Series[Any]":
    # int64 wraps round without a word; Python's integers do not, and are slow
    return values if float(values.astype("float64").sum()) < _SAFE_SUM else values.astype(object)


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
    group = np.zeros(len(counters), dtype="int64")
    for key in _GROUP:
        group = group * len(counters[key].cat.categories) + counters[key].cat.codes.to_numpy()
    _, at, sizes = np.unique(group, return_inverse=True, return_counts=True)
    own = np.bincount(at, weights=counters["own_period"], minlength=len(sizes)).astype(int)
    doubtful = (own > MOST_OWN_PERIODS) | ((own > 0) & (own < sizes))
    rows = counters[doubtful[at]] if len(counters) else counters
    if rows.empty:
        return pd.DataFrame(columns=columns)
    order = [*_GROUP, "period"]
    rows = rows.astype(dict.fromkeys(order, "str")).sort_values(order, ignore_index=True)
    keys = PREFIX + rows["tenant_id"] + ":" + rows["metric"] + ":" + rows["period"]
    starts = _starts(rows[_GROUP])
    group_of = rows.index.isin(starts).cumsum()
    sums = rows.groupby(group_of)[["value", "own_period"]].sum()
    counts = np.diff([*starts, len(rows)])
    found = rows.loc[starts, _GROUP].assign(
        keys=_joined(keys, starts),
        problem=[
            f"month counter beside {own} of own periods" if own < count else f"{own} own periods"
            for own, count in zip(sums["own_period"], counts, strict=True)
        ],
        value=sums["value"].to_numpy(),
    )
    return found.reset_index(drop=True)


def _starts(sorted_rows: pd.DataFrame) -> list[int]:
    """Where a new value begins."""
    changed = (sorted_rows != sorted_rows.shift()).any(axis=1)
    return [int(place) for place in np.flatnonzero(changed)]


def _joined(texts: "pd.Series[Any]", starts: Sequence[int]) -> list[str]:
    every = texts.tolist()
    return [", ".join(every[first:end]) for first, end in pairwise([*starts, len(every)])]


def sum_by(counters: pd.DataFrame, key: str, index: "pd.Index[Any]") -> pd.DataFrame:
    """Each metric, the unknown ones too, and ``total_tokens`` per value of ``key``.

    Returns:
        One row per value of ``index``, Int64, or objects of int in a column where a sum exceeds it;
        null where no counter of the metric exists, in ``total_tokens`` where none of its parts does.
    """
    sums = {
        str(metric): _sum(rows, key, index)
        for metric, rows in counters.groupby("metric", observed=True)
    }
    none = pd.Series(None, index=index, dtype="Int64")
    frame = pd.DataFrame({metric: sums.pop(metric, none) for metric in METRICS}, index=index)
    parts = frame[[*TOKENS]]
    total = sum(frame[metric].where(frame[metric].notna(), 0) for metric in TOKENS)
    frame["total_tokens"] = total.where(parts.notna().any(axis=1), None)  # type: ignore[union-attr]
    frame = frame.assign(**{column_of(metric): sums[metric] for metric in sorted(sums)})
    fits = [key for key in frame if frame[key].dtype == object and _fits(frame[key])]
    return frame.astype(dict.fromkeys(fits, "Int64"))


def _fits(values: "pd.Series[Any]") -> bool:
    return bool((values.dropna() < 2**63).all())


def _sum(counters: pd.DataFrame, key: str, index: "pd.Index[Any]") -> "pd.Series[Any]":
    sums = counters.groupby(key, observed=True)["value"].sum()
    sums.index = sums.index.astype("str")
    if sums.dtype == object:
        wide = sums.reindex(index)
        return wide.where(wide.notna(), None)
    return sums.astype("Int64").reindex(index)


def tenant_rows(chosen: Selection) -> pd.DataFrame:
    """All tenants that are listed or have counters, one row each, by tenant id.

    Returns:
        The columns of the tenants table.
    """
    listed = chosen.listed
    known = {} if listed is None else dict(zip(listed["tenant_id"], listed["dormant"], strict=True))
    unreadable = {*chosen.anomalies["tenant_id"].dropna()}
    ids = sorted({*chosen.counters["tenant_id"].unique(), *unreadable, *known})
    index = pd.Index(ids, dtype="str")
    frame = sum_by(chosen.counters, "tenant_id", index).join(_months(chosen.counters, index))
    frame["periods"] = _own_periods(chosen.counters).reindex(index)
    frame["dormant"] = pd.Series(
        [known.get(one) for one in ids], index=index, dtype="object"
    ).astype("boolean")
    without = ~index.isin(chosen.counters["tenant_id"].unique()) & ~index.isin(unreadable)
    frame["status"] = _status(
        {
            NO_USAGE: without,
            NOT_LISTED: index.isin(chosen.unlisted),
            AMBIGUOUS: index.isin(chosen.ambiguous["tenant_id"]),
            UNREADABLE: index.isin(unreadable),
        },
        len(index),
    )
    return frame.rename_axis("tenant_id").reset_index()


def _months(counters: pd.DataFrame, index: "pd.Index[Any]") -> pd.DataFrame:
    """First, last and number of the months in which a counter is above zero: explicit zeros exist."""
    used = counters[counters["value"] > 0]
    names = used["month"].cat.categories
    months = used["month"].cat.codes.groupby(used["tenant_id"], observed=True)
    span = months.agg(["min", "max", "nunique"])
    first, last = names[span["min"]], names[span["max"]]
    span.index = span.index.astype("str")
    one = first == last
    return pd.DataFrame(
        {
            "month_range": pd.Series(
                np.where(one, first, first + " to " + last), span.index, "str"
            ),
            "earliest_month": pd.Series(first, span.index, "str"),
            "latest_month": pd.Series(last, span.index, "str"),
            "months_with_data": span["nunique"].astype("Int64"),
        }
    ).reindex(index)


def _own_periods(counters: pd.DataFrame) -> "pd.Series[Any]":
    own = counters.loc[counters["own_period"], ["tenant_id", "period"]].drop_duplicates()
    own = own.astype("str").sort_values(["tenant_id", "period"], ignore_index=True)
    starts = _starts(own[["tenant_id"]])
    return pd.Series(_joined(own["period"], starts), own["tenant_id"].iloc[starts], "str")


def _status(flags: Mapping[str, Any], rows: int) -> list[str]:
    text = np.full(rows, "", dtype=object)
    for word, holds in flags.items():
        text = np.where(holds, text + np.where(text == "", word, "; " + word), text)
    return text.tolist()


def tenants_table(
    rows: pd.DataFrame, query: TenantQuery, totals: Mapping[str, Number | None]
) -> Table:
    """Usage per tenant in the order asked for, largest or first by id on top.

    Args:
        rows: as ``tenant_rows`` returns them.
        totals: over all rows, however many of them are shown.
    """
    by = [query.sort, "tenant_id"] if query.sort != "tenant_id" else ["tenant_id"]
    rising = [key == "tenant_id" for key in by]
    frame = rows.sort_values(by, ascending=rising, na_position="last", ignore_index=True)
    unknown = [key for key in rows.columns if key not in _COLUMNS]
    columns = (
        *(_COLUMNS[key] for key in ("tenant_id", *_SUMS, "month_range", "periods", "status")),
        *(
            _COLUMNS[key]
            for key in ("dormant", "months_with_data", "earliest_month", "latest_month")
        ),
        *(Column(key, key, "int", help="Not documented; in no total.") for key in unknown),
    )
    frame = frame[[column.key for column in columns]]
    brief = ["tenant_id", *_SUMS, "month_range", "status"]
    return Table(
        "tenants",
        "Tenants",
        frame if query.top is None else frame.head(query.top),
        columns,
        {key: totals[key] for key in _SUMS},
        brief=tuple(brief if (rows["status"] != "").any() else brief[:-1]),
        note=f"{len(rows):,} tenant{'' if len(rows) == 1 else 's'}; TOTAL is over all of them.",
    )


def month_rows(chosen: Selection) -> pd.DataFrame:
    """All months asked for, one row each; null where no counter exists, empty when none does at all.

    Returns:
        ``month``, the metrics, ``total_tokens`` and ``tenants_with_usage``.
    """
    counters = chosen.counters
    index = pd.Index(chosen.months if len(counters) else [], dtype="str")
    frame = sum_by(counters, "month", index)
    used = counters[counters["value"] > 0]
    tenants = used.groupby("month", observed=True)["tenant_id"].nunique()
    tenants.index = tenants.index.astype("str")
    counted = index.isin(counters["month"].unique())
    frame["tenants_with_usage"] = (
        tenants.reindex(index, fill_value=0).astype("Int64").where(counted)
    )
    return frame.rename_axis("month").reset_index()


def by_month_table(rows: pd.DataFrame, totals: Mapping[str, Number | None]) -> Table:
    """Usage per month.

    Args:
        rows: as ``month_rows`` returns them.
    """
    keys = ("month", *_SUMS, "tenants_with_usage")
    return Table(
        "by_month",
        "By month",
        rows[[*keys]],
        tuple(_COLUMNS[key] for key in keys),
        {key: totals[key] for key in _SUMS},
        note="A period belongs to the month in which it starts (UTC).",
    )


def data_quality_table(chosen: Selection) -> Table:
    """What a reader of the totals must doubt: bad and ambiguous counters, tenants that nobody lists."""
    keys = ("kind", "tenant_id", "metric", "month", "keys", "problem", "value")
    bad = chosen.anomalies.rename(columns={"key": "keys"}).assign(kind="bad counter")
    doubtful = chosen.ambiguous.assign(
        kind="ambiguous", value=[str(value) for value in chosen.ambiguous["value"]]
    )
    unlisted = pd.DataFrame({"tenant_id": chosen.unlisted}, columns=keys, dtype=object).assign(
        kind=NOT_LISTED, problem="has counters, but is not in the control database"
    )
    parts = [part[[*keys]].astype(object) for part in (bad, doubtful, unlisted)]
    return Table(
        "data_quality",
        "Data quality",
        pd.concat(parts, ignore_index=True).astype("str"),
        tuple(_COLUMNS[key] for key in keys),
        brief=("kind", "tenant_id", "keys", "problem", "value"),
        note="Bad counters are in no total; the value of ambiguous ones is the sum that is counted.",
    )


def column_of(metric: str) -> str:
    """The column of a metric that is not documented; none takes the name of another column."""
    taken = metric in _COLUMNS or not metric or metric.startswith(_MARK)
    return f"{_MARK}{metric}" if taken else metric


_MARK = "counter_"
_SUMS = (*METRICS, "total_tokens")
_COLUMNS: Mapping[str, Column] = {
    column.key: column
    for column in (
        Column("tenant_id", "Tenant ID"),
        *(Column(metric.key, metric.label, "int", metric.unit) for metric in METRICS.values()),
        Column(
            "total_tokens", "Total Tokens", "int", "tokens", "Input, output and embedding tokens."
        ),
        Column("month_range", "Month Range", help="First to last month with usage (UTC)."),
        Column("periods", "Own Periods", help="Starts of the tenant's own billing periods (UTC)."),
        Column("status", "Status"),
        Column("dormant", "Dormant", "bool", help="As the control database says."),
        Column("months_with_data", "Months With Usage", "int"),
        Column("earliest_month", "Earliest Month"),
        Column("latest_month", "Latest Month"),
        Column("month", "Month", help="In which the period starts (UTC)."),
        Column("tenants_with_usage", "Tenants With Usage", "int", "tenants"),
        Column("kind", "Kind"),
        Column("metric", "Metric"),
        Column("keys", "Keys"),
        Column("problem", "Problem"),
        Column("value", "Value"),
    )
}
