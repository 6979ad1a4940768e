"""The tables of the tenant report: tenants, months and what is wrong with the data, all of one sum."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd

from lib.periods import span
from lib.reports.report import Column, Number, Table
from lib.reports.tenants.select import TenantSelection, joined, present, texts
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.tables import METRICS, TOKENS
from lib.usage.exact import fits_int64

NO_USAGE = "no usage recorded"
NOT_LISTED = "not in control database"
AMBIGUOUS = "ambiguous counters"
UNREADABLE = "bad counters"
"""What the status of a tenant may say; several are joined by ``; ``."""


def sum_by(counters: pd.DataFrame, key: str, index: "pd.Index[Any]") -> pd.DataFrame:
    """Each metric, the unknown ones too, and ``total_tokens`` per value of ``key``.

    Returns:
        One row per value of ``index``, Int64, or objects of int in a column where a sum exceeds it;
        null where no counter of the metric exists, in ``total_tokens`` where none of its parts does.
    """
    sums = dict(_sums(counters, key, index))
    none = pd.Series(None, index=index, dtype="Int64")
    frame = pd.DataFrame({metric: sums.pop(metric, none) for metric in METRICS}, index=index)
    parts = frame[[*TOKENS]]
    total = sum(frame[metric].where(frame[metric].notna(), 0) for metric in TOKENS)
    frame["total_tokens"] = total.where(parts.notna().any(axis=1), None)  # type: ignore[union-attr]
    frame = frame.assign(**{column_of(metric): sums[metric] for metric in sorted(sums)})
    fits = [key for key in frame if frame[key].dtype == object and fits_int64(frame[key])]
    return frame.astype(dict.fromkeys(fits, "Int64"))


def _sums(
    counters: pd.DataFrame, key: str, index: "pd.Index[Any]"
) -> Iterator[tuple[str, "pd.Series[Any]"]]:
    """Each metric that is counted, and its sums: one pass over the rows for all metrics."""
    metrics, names = texts(counters["metric"]), texts(counters[key])
    shape = (len(metrics), len(names))
    size = shape[0] * shape[1]
    values = counters["value"].to_numpy()
    group = counters["metric"].cat.codes.to_numpy() * np.int64(len(names))
    group += counters[key].cat.codes.to_numpy()
    totals = np.zeros(size, dtype=values.dtype)
    np.add.at(totals, group, values)
    absent = (np.bincount(group, minlength=size) == 0).reshape(shape)
    for metric, row, missing in zip(metrics, totals.reshape(shape), absent, strict=True):
        if missing.all():
            continue
        if row.dtype == object:
            wide = pd.Series(row, names).mask(missing, None).reindex(index)
            yield metric, wide.where(wide.notna(), None)
        else:
            sums = pd.Series(pd.arrays.IntegerArray(row, missing), names)
            yield metric, sums.reindex(index)


def tenant_rows(chosen: TenantSelection) -> pd.DataFrame:
    """All tenants that are listed or have counters, one row each, by tenant id.

    Returns:
        The columns of the tenants table.
    """
    listed = chosen.listed
    known = {} if listed is None else dict(zip(listed["tenant_id"], listed["dormant"], strict=True))
    ids = sorted({*chosen.counted, *chosen.unreadable, *known})
    index = pd.Index(ids, dtype="str")
    frame = sum_by(chosen.counters, "tenant_id", index).join(_months(chosen.counters, index))
    frame["periods"] = _own_periods(chosen.counters).reindex(index)
    frame["dormant"] = pd.Series(
        [known.get(tenant) for tenant in ids], index=index, dtype="object"
    ).astype("boolean")
    flags = {
        NO_USAGE: {*ids} - chosen.counted - chosen.unreadable,
        NOT_LISTED: {*chosen.unlisted},
        AMBIGUOUS: {*chosen.ambiguous["tenant_id"]},
        UNREADABLE: chosen.unreadable,
    }
    frame["status"] = [
        "; ".join(word for word, flagged in flags.items() if tenant in flagged) for tenant in ids
    ]
    frame["tokens_per_request"] = _per_request(frame, chosen)
    return frame.rename_axis("tenant_id").reset_index()


def _per_request(frame: pd.DataFrame, chosen: TenantSelection) -> "pd.Series[Any]":
    """Null where one side is unknown or a counter cannot be read, and without a request."""
    tokens, requests = (frame[key].astype("Float64") for key in ("total_tokens", "requests"))
    whole = (requests > 0).fillna(False) & ~frame.index.isin([*chosen.unreadable])
    return tokens / requests.where(whole)


def _used(counters: pd.DataFrame) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Tenants by months, by category: whether a counter is above zero. Explicit zeros exist."""
    tenant, month = counters["tenant_id"].cat, counters["month"].cat
    used = np.zeros((len(tenant.categories), len(month.categories)), dtype=bool)
    above = (counters["value"] > 0).to_numpy()
    used[tenant.codes.to_numpy()[above], month.codes.to_numpy()[above]] = True
    return used


def _months(counters: pd.DataFrame, index: "pd.Index[Any]") -> pd.DataFrame:
    """First, last and all of the months in which a counter is above zero."""
    names = texts(counters["month"])
    patterns: dict[bytes, tuple[str | None, ...]] = {}
    rows = []
    for used in _used(counters):
        pattern = used.tobytes()
        if pattern not in patterns:
            months = list(compress(names, used))
            first, last = (months[0], months[-1]) if months else (None, None)
            named = span(first, last) if months else None
            patterns[pattern] = (named, first, last, ", ".join(months) or None)
        rows.append(patterns[pattern])
    columns = ["month_range", "earliest_month", "latest_month", "months_with_data"]
    frame = pd.DataFrame(rows, texts(counters["tenant_id"]), columns, dtype="str")
    return frame.reindex(index)


def _own_periods(counters: pd.DataFrame) -> "pd.Series[Any]":
    own = counters[counters["own_period"]]
    names = texts(own["period"])
    ordered = sorted(names)
    place = {name: number for number, name in enumerate(ordered)}
    rank = np.array([place[name] for name in names], dtype=np.int64)
    width = max(1, len(names))
    owner = own["tenant_id"].cat.codes.to_numpy().astype(np.int64)
    pairs = np.unique(owner * width + rank[own["period"].cat.codes])
    owners, periods = np.divmod(pairs, width)
    starts = [int(start) for start in np.flatnonzero(np.diff(owners, prepend=-1))]
    tenants = texts(own["tenant_id"])
    return pd.Series(
        joined([ordered[period] for period in periods], starts),
        [tenants[owner] for owner in owners[starts]],
        "str",
    )


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
        *(_COLUMNS[key] for key in ("tenant_id", *_SUMS, "tokens_per_request")),
        *(_COLUMNS[key] for key in ("month_range", "periods", "status")),
        *(
            _COLUMNS[key]
            for key in ("dormant", "months_with_data", "earliest_month", "latest_month")
        ),
        *(
            Column(
                key,
                key,
                "int",
                help="Not documented; in no total.",
                json_path=("other_counters", key),
            )
            for key in unknown
        ),
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


def month_rows(chosen: TenantSelection) -> pd.DataFrame:
    """All months asked for, one row each; null where no counter exists, empty when none does at all.

    Returns:
        ``month``, the metrics, ``total_tokens`` and ``tenants_with_usage``.
    """
    counters = chosen.counters
    index = pd.Index(chosen.months if len(counters) else [], dtype="str")
    frame = sum_by(counters, "month", index)
    tenants = pd.Series(_used(counters).sum(axis=0), texts(counters["month"]), dtype="Int64")
    counted = index.isin(present(counters["month"]))
    frame["tenants_with_usage"] = tenants.reindex(index, fill_value=0).where(counted)
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
        tuple(replace(_COLUMNS[key], json_path=()) for key in keys),
        {key: totals[key] for key in _SUMS},
        note="A period belongs to the month in which it starts (UTC).",
    )


def data_quality_table(chosen: TenantSelection) -> Table:
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


PER_REQUEST = (
    "Total tokens ÷ requests; unknown where a counter of either cannot be read or is not there."
)
_MARK = "counter_"
_SUMS = (*METRICS, "total_tokens")


def _summed(key: str, label: str, unit: str, json_key: str, help_text: str = "") -> Column:
    """JSON's rows of tenants keep the names that readers of the older tool know."""
    return Column(key, label, "int", unit, help_text, ("summary", json_key))


_COLUMNS: Mapping[str, Column] = {
    column.key: column
    for column in (
        Column("tenant_id", "Tenant ID", of="tenant"),
        *(
            _summed(metric.key, metric.label, metric.unit, f"total_{metric.key}")
            for metric in METRICS.values()
        ),
        _summed(
            "total_tokens",
            "Total tokens",
            "tokens",
            "total_tokens",
            "Input, output and embedding tokens.",
        ),
        Column(
            "tokens_per_request",
            "Tokens per request",
            "float",
            "tokens",
            PER_REQUEST,
        ),
        Column("month_range", "Month range", help="First to last month with usage (UTC)."),
        Column(
            "periods",
            "Own periods",
            "list",
            help="Starts of the tenant's own billing periods (UTC).",
        ),
        Column("status", "Status"),
        Column("dormant", "Dormant", "bool", help="As the control database says."),
        Column(
            "months_with_data",
            "Months with usage",
            "list",
            json_path=("time_range", "months_with_data"),
        ),
        Column("earliest_month", "Earliest month", json_path=("time_range", "earliest_month")),
        Column("latest_month", "Latest month", json_path=("time_range", "latest_month")),
        Column("month", "Month", help="In which the period starts (UTC)."),
        Column("tenants_with_usage", "Tenants with usage", "int", "tenants"),
        Column("kind", "Kind"),
        Column("metric", "Metric"),
        Column("keys", "Keys"),
        Column("problem", "Problem"),
        Column("value", "Value"),
    )
}
