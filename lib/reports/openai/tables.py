"""The tables of the OpenAI report: details, costs and breakdowns that all sum to one total."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd

from lib.reports.report import Column, Number, Table
from lib.sources.openai.tables import BREAKDOWN_METRICS, COSTS_GROUP_BY, DIMENSIONS, METRICS, Kind
from lib.usage.exact import exactly

UNALLOCATED = "Unallocated"
"""The row of what belongs to nobody: a null project is real money."""

NOT_SPLIT = "(not split)"
"""The one row of a breakdown that was not asked for."""

Names = Mapping[tuple[Kind, str], str]

_NAMED: dict[str, tuple[str, Kind, str]] = {
    "api_key_id": ("api_key_name", "api_key", "API key"),
    "project_id": ("project_name", "project", "Project"),
    "user_id": ("user_email", "user", "User"),
}
"""Id column to its name column, what to look up, and the name's heading."""

_FIRST = (
    "date",
    "endpoint_type",
    "input_tokens",
    "output_tokens",
    "api_key_id",
    "api_key_name",
    "project_id",
    "project_name",
    "input_cached_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "model",
    "start_time",
    "user_id",
    "user_email",
    "num_model_requests",
)
"""Columns that the usage table always has, in this order; the rest follows."""


@dataclass(frozen=True)
class Breakdown:
    """One way to split all usage and cost.

    Args:
        dimension: usage column; cost_column: cost column that stands for it.
    """

    key: str
    title: str
    dimension: str
    cost_column: str


BREAKDOWNS = (
    Breakdown("by_project", "By project", "project_id", "project_id"),
    Breakdown("by_user", "By user", "user_id", "user_id"),
    Breakdown("by_api_key", "By API key", "api_key_id", "api_key_id"),
    Breakdown("by_model", "By model", "model", "model"),
)


def with_names(frame: pd.DataFrame, names: Names) -> pd.DataFrame:
    """The frame with a name column for every id column; null where an id is null or has no name."""
    named = frame.copy(deep=False)
    for column, (name_column, kind, _) in _NAMED.items():
        if column in frame:
            found = {
                key: names[kind, key]
                for key in frame[column].dropna().unique()
                if (kind, key) in names
            }
            looked_up = frame[column].map(found).astype("str")
            # OpenAI sends some names beside the ids: better than none.
            sent = frame.get(name_column)
            named[name_column] = looked_up if sent is None else looked_up.fillna(sent)
    return named


def cost_model(costs: pd.DataFrame) -> "pd.Series[Any]":
    """The model that a line item names: ``gpt-5-mini, input_tokens`` is ``gpt-5-mini``."""
    items = costs["line_item"].astype("str")
    return items.map(lambda item: item.partition(", ")[0], na_action="ignore").astype("str")


def sum_money(amounts: Iterable[Any]) -> Decimal | None:
    """The exact sum of Decimals; None when there is none among them."""
    known = [amount for amount in amounts if amount is not None]
    with exactly():
        return sum(known, Decimal(0)) if known else None


def last_level(frame: pd.DataFrame) -> Any:
    """The start of the last bucket that has any level; None when none has. To be taken before
    filters: what is gone from the last bucket must not come back with an older value."""
    levels = [key for key in frame.columns if key in METRICS and METRICS[key].nature == "level"]
    starts = frame.loc[frame[levels].notna().any(axis=1), "start_time"]
    return None if starts.empty else starts.max()


def sum_metric(frame: pd.DataFrame, key: str, last: Any) -> int | None:
    """A metric over all rows; None when no row has it. Of a level, the rows of the bucket ``last``."""
    if key not in frame:
        return None
    rows = _counted(frame, key, last)
    total = frame.loc[rows, key].sum(min_count=1)
    return None if pd.isna(total) else int(total)


def _counted(frame: pd.DataFrame, key: str, last: Any) -> Any:
    """The rows that a total adds up: all of a flow, the last bucket's of a level."""
    present = frame[key].notna()
    return present if METRICS[key].nature == "flow" else present & (frame["start_time"] == last)


def usage_table(
    usage: pd.DataFrame, group_by: Iterable[str], total: Callable[[str], int | None]
) -> Table:
    """Every row as OpenAI gave it, names beside ids, in the fixed column order.

    Args:
        total: the report's own total of a metric.
    """
    frame = usage.copy(deep=False)
    rest = [*(key for key in DIMENSIONS if key in group_by), *METRICS, *frame.columns]
    keys = list(dict.fromkeys([*_FIRST, *(key for key in rest if key in frame or key in group_by)]))
    for key in keys:
        if key not in frame:
            frame[key] = _empty(key, len(frame))
    frame = frame[keys].sort_values("start_time", kind="stable", ignore_index=True)
    flows = [key for key in keys if key in METRICS and METRICS[key].nature == "flow"]
    totals = {key: total(key) for key in flows}
    return Table(
        "usage",
        "Usage",
        frame,
        tuple(_column(key) if key in _KNOWN else _undocumented(key, frame) for key in keys),
        totals,
        brief=(
            "date",
            "endpoint_type",
            "project_name",
            "user_email",
            "api_key_name",
            "model",
            "num_model_requests",
            "input_tokens",
            "output_tokens",
            "input_cached_tokens",
        ),
    )


def costs_table(costs: pd.DataFrame, currency: str | None, total: Decimal | None) -> Table:
    """Billed cost per day, project, line item and key, with the quantities behind it."""
    keys = [
        "date",
        "project_id",
        "project_name",
        "line_item",
        "api_key_id",
        "api_key_name",
        "user_id",
        "user_email",
        "amount",
        "currency",
        "quantity",
        "quantity_unit",
    ]
    keys += [key for key in costs.columns if key not in keys and key not in ("start_time", "model")]
    return Table(
        "costs",
        "Costs",
        costs[keys].reset_index(drop=True),
        tuple(
            Column("amount", "Amount", "decimal", currency or "")
            if key == "amount"
            else _column(key)
            if key in _KNOWN
            else _undocumented(key, costs)
            for key in keys
        ),
        {"amount": total} if currency else None,
        brief=(
            "date",
            "project_name",
            "line_item",
            "api_key_name",
            "user_email",
            "amount",
            "currency",
        ),
        note="Billed cost of all endpoints, whole UTC days; the last three days may still change.",
    )


def breakdown_table(
    breakdown: Breakdown,
    usage: pd.DataFrame,
    costs: pd.DataFrame | None,
    names: Names,
    currency: str | None,
    *,
    sums: Mapping[str, Number | None],
    last: Any,
    split: bool,
) -> Table:
    """Usage and cost per project, user, key or model, with a row for what belongs to none.

    Args:
        usage, costs: as the answer gave them, filtered.
        currency: of ``costs``; None when costs are unknown or in several currencies, which makes
            the cost column null.
        sums: the totals of ``BREAKDOWN_METRICS`` and of ``cost``.
        last: the bucket that levels are taken from; see ``last_level``.
        split: the answer was grouped by this dimension; else its one row is all there is.
    """
    key = breakdown.dimension
    metrics = [metric for metric in BREAKDOWN_METRICS if metric in usage]
    parts = {metric: _sum_by(usage, key, metric, last) for metric in metrics}
    money = _money_by(costs, breakdown.cost_column) if costs is not None and currency else {}
    ids = list(dict.fromkeys([*(one for part in parts.values() for one in part), *money]))
    rows = []
    for one in ids:
        row: dict[str, Any] = {key: one}
        if key in _NAMED:
            name_column, kind, _ = _NAMED[key]
            row[name_column] = (
                names.get((kind, one)) if one else UNALLOCATED if split else NOT_SPLIT
            )
        row |= {metric: parts.get(metric, {}).get(one) for metric in BREAKDOWN_METRICS}
        rows.append(row | {"cost": money.get(one), "currency": currency})
    rows.sort(key=_weight, reverse=True)
    columns = (
        *((_column(_NAMED[key][0]),) if key in _NAMED else ()),
        _column(key),
        Column("cost", "Cost", "decimal", currency or ""),
        Column("currency", "Currency"),
        *(_column(metric) for metric in BREAKDOWN_METRICS),
    )
    totals = dict(sums)
    if money:
        totals["cost"] = sum_money(money.values())
    frame = _typed(
        pd.DataFrame(rows, columns=[column.key for column in columns], dtype=object), columns
    )
    label = columns[0].key
    return Table(
        breakdown.key,
        breakdown.title,
        frame,
        columns,
        totals,
        brief=(
            *dict.fromkeys((label, key)),  # two keys may share a name
            "cost",
            "num_model_requests",
            "input_tokens",
            "output_tokens",
            "input_cached_tokens",
        ),
        note="The model of a cost is what its line item names before the first comma."
        if key == "model" and money
        else "",
    )


def _sum_by(frame: pd.DataFrame, key: str, metric: str, last: Any) -> dict[str | None, int]:
    rows = frame.loc[_counted(frame, metric, last)]
    ids = rows[key] if key in rows else pd.Series(None, index=rows.index, dtype="str")
    sums = rows[metric].groupby(ids, dropna=False).sum(min_count=1)
    return {one if isinstance(one, str) else None: int(total) for one, total in sums.items()}


def _money_by(costs: pd.DataFrame, key: str) -> dict[str | None, Decimal]:
    amounts: dict[str | None, list[Any]] = {}
    for one, amount in zip(costs[key], costs["amount"], strict=True):
        amounts.setdefault(one if isinstance(one, str) else None, []).append(amount)
    sums = {one: sum_money(group) for one, group in amounts.items()}
    return {one: total for one, total in sums.items() if total is not None}


def _weight(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["cost"] or Decimal(0), *(row[metric] or 0 for metric in BREAKDOWN_METRICS))


def _typed(frame: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    kinds = {"int": "Int64", "bytes": "Int64", "text": "str"}
    return frame.astype({c.key: kinds[c.kind] for c in columns if c.kind in kinds})


def _empty(key: str, rows: int) -> "pd.Series[Any]":
    return pd.Series([None] * rows, dtype="Int64" if key in METRICS else "str")


def _undocumented(key: str, frame: pd.DataFrame) -> Column:
    whole = isinstance(frame[key].dtype, pd.Int64Dtype)
    return Column(key, key, "int" if whole else "text", help="Not documented; in no total.")


def _column(key: str) -> Column:
    return _KNOWN[key]


_KNOWN: dict[str, Column] = {
    column.key: column
    for column in (
        Column("date", "Date", "date", help="UTC day"),
        Column("endpoint_type", "Endpoint"),
        Column("start_time", "Bucket start", "datetime", help="UTC"),
        *(Column(d.key, d.label, "bool" if d.boolean else "text") for d in DIMENSIONS.values()),
        *(Column(name, label, personal=kind == "user") for name, kind, label in _NAMED.values()),
        *(
            Column(m.key, m.label, "bytes" if m.unit == "bytes" else "int", m.unit)
            for m in METRICS.values()
        ),
        Column("line_item", "Line item"),
        Column("currency", "Currency"),
        Column("quantity", "Quantity", "decimal"),
        Column("quantity_unit", "Quantity unit"),
    )
}

assert set(COSTS_GROUP_BY) <= set(_KNOWN), "every cost grouping needs a heading"
