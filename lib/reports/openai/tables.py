"""The tables of the OpenAI report: details, costs and breakdowns that all sum to one total."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pandas as pd

from lib.reports.cells import typed_frame
from lib.reports.openai.efficiency import efficiency, efficiency_by, efficiency_columns
from lib.reports.openai.select import Names, OpenAISelection, sum_money
from lib.reports.report import Column, Table
from lib.sources.openai.tables import BREAKDOWN_METRICS, COSTS_GROUP_BY, DIMENSIONS, METRICS, Kind

UNALLOCATED = "Unallocated"
"""The row of what belongs to nobody: a null project is real money."""

NOT_SPLIT = "(not split)"
"""The one row of a breakdown that was not asked for."""

NAMED: dict[str, tuple[str, Kind, str]] = {
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
        rated: cost and usage are told apart alike, so that one can be told for the other.
    """

    key: str
    title: str
    dimension: str
    cost_column: str
    rated: bool = False


BREAKDOWNS = (
    Breakdown("by_project", "By project", "project_id", "project_id", rated=True),
    Breakdown("by_model", "By model", "model", "model", rated=True),
    Breakdown("by_user", "By user", "user_id", "user_id"),
    Breakdown("by_api_key", "By API key", "api_key_id", "api_key_id"),
)


def with_names(frame: pd.DataFrame, names: Names) -> pd.DataFrame:
    """The frame with a name column for every id column; null where an id is null or has no name."""
    named = frame.copy(deep=False)
    for column, (name_column, kind, _) in NAMED.items():
        if column in frame:
            known = {
                key: names[kind, key]
                for key in frame[column].dropna().unique()
                if (kind, key) in names
            }
            looked_up = frame[column].map(known).astype("str")
            # OpenAI sends some names beside the ids: better than none.
            sent = frame.get(name_column)
            named[name_column] = looked_up if sent is None else looked_up.fillna(sent)
    return named


def usage_table(chosen: OpenAISelection) -> Table:
    """Every row as OpenAI gave it, names beside ids, in the fixed column order."""
    group_by = chosen.query.dimensions
    frame = with_names(chosen.usage, chosen.names)
    rest = [*(key for key in DIMENSIONS if key in group_by), *METRICS, *frame.columns]
    keys = list(dict.fromkeys([*_FIRST, *(key for key in rest if key in frame or key in group_by)]))
    for key in keys:
        if key not in frame:
            frame[key] = _empty(key, len(frame))
    frame = frame[keys].sort_values("start_time", kind="stable", ignore_index=True)
    flows = [key for key in keys if key in METRICS and METRICS[key].nature == "flow"]
    totals = {key: chosen.totals[key] for key in flows}
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
        records=True,
    )


def costs_table(chosen: OpenAISelection) -> Iterable[Table]:
    """Billed cost per day, project, line item and key, with the quantities behind it; no table when
    costs are unknown."""
    if chosen.costs is None:
        return
    costs = with_names(chosen.costs.sort_values("start_time", kind="stable"), chosen.names)
    currency = chosen.currency
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
    yield Table(
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
        {"amount": chosen.cost} if currency else None,
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
        records=True,
    )


def breakdown_table(breakdown: Breakdown, chosen: OpenAISelection) -> Table:
    """Usage and cost per project, user, key or model, with a row for what belongs to none.

    Costs in several currencies, or that cannot be told apart, make the cost column null.
    """
    key = breakdown.dimension
    split = key in chosen.query.dimensions
    parts = chosen.sums_by(key, BREAKDOWN_METRICS)
    money = chosen.money_by(breakdown.cost_column)
    currency = chosen.currency_by(breakdown.cost_column) or chosen.currency
    ids = dict.fromkeys([*(identity for part in parts.values() for identity in part), *money])
    nobody = UNALLOCATED if split else NOT_SPLIT
    ratios = efficiency_by(key, chosen, parts, money) if breakdown.rated else {}
    rows = []
    for identity in ids:
        row: dict[str, Any] = {key: identity}
        if key in NAMED:
            name_column, kind, _ = NAMED[key]
            row[name_column] = chosen.names.get((kind, identity)) if identity else nobody
        row |= {metric: part.get(identity) for metric, part in parts.items()}
        row |= {ratio: of.get(identity) for ratio, of in ratios.items()}
        rows.append(row | {"cost": money.get(identity), "currency": currency})
    rows.sort(key=_weight, reverse=True)
    columns = (
        *((_column(NAMED[key][0]),) if key in NAMED else ()),
        _column(key) if key in NAMED else replace(_column(key), missing=nobody),
        Column("cost", "Cost", "decimal", currency or ""),
        Column("currency", "Currency", told_by="cost"),
        *(_column(metric) for metric in BREAKDOWN_METRICS),
        *(efficiency_columns(currency) if breakdown.rated else ()),
    )
    of_all = efficiency(chosen) if breakdown.rated else {}
    cells = {column.key: [row[column.key] for row in rows] for column in columns}
    label = columns[0].key
    return Table(
        breakdown.key,
        breakdown.title,
        typed_frame(cells, columns),
        columns,
        {metric: chosen.totals[metric] for metric in BREAKDOWN_METRICS}
        | {"cost": sum_money(money.values()) if money else chosen.cost}
        | {ratio: of_all[ratio] for ratio in ratios},
        brief=(
            *dict.fromkeys((label, key)),  # two keys may share a name
            "cost",
            "num_model_requests",
            "input_tokens",
            "output_tokens",
            "input_cached_tokens",
        ),
        note=" ".join(_breakdown_notes(breakdown, chosen, told_apart=bool(money))),
    )


def _breakdown_notes(
    breakdown: Breakdown, chosen: OpenAISelection, *, told_apart: bool
) -> Iterable[str]:
    if breakdown.dimension == "model" and told_apart:
        yield "The model of a cost is what its line item names before the first comma."
    if chosen.cost and not told_apart and not chosen.splits_costs(breakdown.cost_column):
        yield f"Cost {breakdown.title.lower()} is unknown; TOTAL is that of all."
    failed = {name for metric in BREAKDOWN_METRICS for name in chosen.failed(metric)}
    if failed:
        yield f"{', '.join(sorted(failed))} failed, so what they count is unknown."


def _weight(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["cost"] or Decimal(0), *(row[metric] or 0 for metric in BREAKDOWN_METRICS))


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
        *(
            Column(
                d.key,
                d.label,
                "bool" if d.boolean else "text",
                told_by=NAMED[d.key][0] if d.key in NAMED else "",
                of=d.key,
            )
            for d in DIMENSIONS.values()
        ),
        *(Column(name, label, personal=kind == "user") for name, kind, label in NAMED.values()),
        *(
            Column(m.key, m.label, "bytes" if m.unit == "bytes" else "int", m.unit)
            for m in METRICS.values()
        ),
        Column("line_item", "Line item"),
        Column("currency", "Currency", told_by="amount"),
        Column("quantity", "Quantity", "decimal", counts=True),
        Column("quantity_unit", "Quantity unit"),
    )
}

assert set(COSTS_GROUP_BY) <= set(_KNOWN), "every cost grouping needs a heading"
