"""OpenAI usage and costs as one report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from lib.reports.openai.charts import openai_charts
from lib.reports.openai.notes import openai_notes
from lib.reports.openai.sums import count_ids, sources_of, sum_or_zero
from lib.reports.openai.tables import (
    BREAKDOWNS,
    Names,
    breakdown_table,
    cost_model,
    costs_table,
    last_level,
    sum_money,
    usage_table,
    with_names,
)
from lib.reports.report import Delta, Figure, Number, Report, SourceStatus, Table
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import FILTERS, OpenAIQuery
from lib.sources.openai.tables import (
    BREAKDOWN_METRICS,
    COSTS,
    DIMENSIONS,
    ENDPOINTS,
    NAME_MARKS,
    Kind,
)
from lib.usage.exact import exact_sum, percent_change

KIND = "openai-usage"
TITLE = "OpenAI usage and billed cost (showback)"


@dataclass(frozen=True)
class _Total:
    """One control total of the report, and the figure that shows it.

    Args:
        metric: summed over all rows; empty for those that are not sums of a metric.
        column: the column whose distinct ids are counted.
    """

    key: str
    label: str
    unit: str
    help: str
    metric: str = ""
    column: str = ""


_TOTALS = (
    _Total(
        "requests",
        "Requests",
        "requests",
        "Model requests of all endpoints; tool calls are not among them.",
        "num_model_requests",
    ),
    _Total("input_tokens", "Input tokens", "tokens", "Cached tokens included.", "input_tokens"),
    _Total("output_tokens", "Output tokens", "tokens", "", "output_tokens"),
    _Total(
        "input_cached_tokens",
        "Cached input tokens",
        "tokens",
        "Part of the input tokens, billed at a lower price.",
        "input_cached_tokens",
    ),
    _Total("cost", "Billed cost", "", "From the Costs API, which agrees with the invoice."),
    _Total(
        "active_users", "Active users", "users", "Distinct user ids with usage.", column="user_id"
    ),
    _Total(
        "active_projects",
        "Active projects",
        "projects",
        "Distinct project ids with usage.",
        column="project_id",
    ),
    _Total(
        "active_api_keys",
        "Active API keys",
        "keys",
        "Distinct key ids with usage.",
        column="api_key_id",
    ),
)


@dataclass(frozen=True)
class _Selection:
    """An answer after the filters, and whether its costs can be told apart by them.

    Args:
        last: the bucket that levels are taken from, chosen before the filters.
    """

    usage: pd.DataFrame
    costs: pd.DataFrame | None
    costs_by_user: pd.DataFrame | None
    last: Any
    query: OpenAIQuery
    notes: tuple[str, ...]

    def total(self, metric: str, statuses: Iterable[SourceStatus]) -> int | None:
        """The report's total of a metric."""
        return sum_or_zero(self.usage, metric, statuses, self.last, self.query)

    @property
    def currency(self) -> str | None:
        """The one currency of the costs; None when unknown or more than one."""
        if self.costs is None:
            return None
        found = self.currencies
        return str(found[0]) if len(found) == 1 and found[0] else None

    @property
    def currencies(self) -> list[str | None]:
        """The currencies of the known amounts; None stands for an amount without one."""
        if self.costs is None:
            return []
        known = self.costs.loc[self.costs["amount"].notna(), "currency"]
        return [one if isinstance(one, str) else None for one in known.unique()]


def build_openai_usage(
    answer: OpenAIAnswer, query: OpenAIQuery, *, now: datetime, demo: bool = False
) -> Report:
    """Everything a person sees or downloads about a period of OpenAI usage.

    Args:
        answer: what the loader brought.
        query: what was asked.
        now: the moment of building, UTC.
        demo: the data is made up.
    """
    chosen = _select(answer, query)
    names = answer.names
    currency = chosen.currency
    totals = _totals(chosen, answer.statuses, query)
    sums = {key: chosen.total(key, answer.statuses) for key in BREAKDOWN_METRICS}
    breakdowns = {
        row.key: breakdown_table(
            row,
            chosen.usage,
            chosen.costs_by_user
            if row.key == "by_user" and chosen.costs_by_user is not None
            else chosen.costs,
            names,
            currency,
            sums=sums | {"cost": _cost(chosen)},
            last=chosen.last,
            split=row.dimension in query.dimensions,
        )
        for row in BREAKDOWNS
    }
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period,
        filters=query.described(),
        generated_at=now,
        sources=(*answer.statuses, *_preceding_trouble(answer)),
        totals=totals,
        figures=tuple(_figures(totals, answer, query)),
        charts=tuple(
            openai_charts(
                usage=chosen.usage,
                costs=chosen.costs,
                currency=currency,
                breakdowns=breakdowns,
                names=names,
                query=query,
            )
        ),
        tables=(
            *breakdowns.values(),
            *_cost_tables(chosen, names, totals),
            usage_table(
                with_names(chosen.usage, names),
                query.dimensions,
                lambda metric: chosen.total(metric, answer.statuses),
            ),
        ),
        notes=(
            *openai_notes(chosen.usage, chosen.costs, chosen.currencies, query, now),
            *chosen.notes,
            *answer.notes,
        ),
        host=answer.host,
        demo=demo,
        main_table="usage",
    )


def _select(answer: OpenAIAnswer, query: OpenAIQuery) -> _Selection:
    """The rows that pass the filters. Costs that cannot be filtered alike become unknown."""
    usage, costs, by_user = answer.usage, answer.costs, answer.costs_by_user
    last = last_level(usage)
    notes: list[str] = []
    if costs is not None:
        costs = costs.assign(model=cost_model(costs))
    if by_user is not None:
        by_user = by_user.assign(model=None)
        if query.users and not query.projects and not query.models:
            costs, by_user = by_user, None
            notes.append("Costs by user are not split further: they stand in one row elsewhere.")
    everything = (usage, costs, by_user)
    for name, column in FILTERS.items():
        wanted: tuple[str, ...] = getattr(query, name)
        if not wanted:
            continue
        ids = _resolve(wanted, column, answer.names)
        notes += [
            f"The {DIMENSIONS[column].label.lower()} filter {value} matches nothing in this period."
            for value in wanted
            if not _found(_resolve([value], column, answer.names), column, everything)
        ]
        usage = usage[usage[column].isin(ids)] if column in usage else usage.iloc[:0]
        if costs is not None and not _splits(costs, column):
            notes.append(
                f"Costs cannot be filtered by {DIMENSIONS[column].label.lower()}: unknown."
            )
            costs = by_user = None
        if costs is not None:
            costs = costs[costs[column].isin(ids)]
            by_user = None
    return _Selection(usage.reset_index(drop=True), costs, by_user, last, query, tuple(notes))


def _found(ids: set[str], column: str, frames: Iterable[pd.DataFrame | None]) -> bool:
    return any(
        frame is not None and column in frame and bool(frame[column].isin(ids).any())
        for frame in frames
    )


def _splits(costs: pd.DataFrame, column: str) -> bool:
    return bool(costs.empty or costs[column].notna().any())


def _resolve(wanted: Iterable[str], column: str, names: Names) -> set[str]:
    """Ids for a filter's values, each an id or a name. A value that matches nothing stands for itself."""
    kinds: dict[str, Kind] = {"project_id": "project", "user_id": "user"}
    kind = kinds.get(column)
    by_name = {
        value: {
            key
            for (of, key), name in names.items()
            if of == kind and value in (name, *map(name.removesuffix, NAME_MARKS))
        }
        for value in wanted
    }
    return {one for value, ids in by_name.items() for one in (value, *ids)}


def _totals(
    chosen: _Selection, statuses: Iterable[SourceStatus], query: OpenAIQuery
) -> dict[str, Number | str | None]:
    totals: dict[str, Number | str | None] = {}
    for row in _TOTALS:
        if row.key == "cost":
            totals |= {"cost": _cost(chosen), "currency": chosen.currency}
        elif row.metric:
            totals[row.key] = chosen.total(row.metric, statuses)
        else:
            split = row.column in query.dimensions
            totals[row.key] = (
                count_ids(chosen.usage, row.column, statuses, query) if split else None
            )
    return totals


def _cost(chosen: _Selection) -> Decimal | None:
    """The exact sum; unknown when costs are, or when they are in several currencies."""
    if chosen.costs is None:
        return None
    if chosen.costs.empty:
        return Decimal(0)
    return sum_money(chosen.costs["amount"]) if chosen.currency else None


def _figures(
    totals: Mapping[str, Number | str | None], answer: OpenAIAnswer, query: OpenAIQuery
) -> Iterable[Figure]:
    before: Mapping[str, Number | str | None] = {}
    if answer.previous is not None:
        before = _totals(_select(answer.previous, query), answer.previous.statuses, query)
    for row in _TOTALS:
        value = totals[row.key]
        unit = str(totals["currency"] or "") if row.key == "cost" else row.unit
        sources = _behind(row, query)
        asked = {f"openai:{name}" for name in query.endpoints}
        if not sources & asked or (row.column and row.column not in query.dimensions):
            continue  # not asked for: no figure says it better than a dash
        incomplete = _troubled(sources, answer.statuses)
        comparable = answer.previous is not None and not incomplete
        comparable = comparable and not _troubled(sources, answer.previous.statuses)  # type: ignore[union-attr]
        if row.key == "cost":
            comparable = comparable and before.get("currency") in (None, totals["currency"])
        delta = _delta(value, before.get(row.key)) if comparable else None
        number = None if isinstance(value, str) else value
        label = row.label
        if row.key == "cost" and len(query.endpoints) <= len(ENDPOINTS):
            label += " (all endpoints)"
        yield Figure(row.key, label, number, unit, row.help, delta, incomplete)


def _behind(row: _Total, query: OpenAIQuery) -> set[str]:
    """The sources that a total rests on."""
    if row.key == "cost":
        return {f"openai:{COSTS}"}
    if row.metric:
        return {*sources_of(row.metric)}
    return {f"openai:{name}" for name in query.endpoints if name != COSTS}


def _troubled(sources: set[str], statuses: Iterable[SourceStatus]) -> bool:
    return any(s.name in sources and s.status in ("failed", "partial") for s in statuses)


def _delta(value: object, previous: object) -> Delta | None:
    if not isinstance(value, int | Decimal) or not isinstance(previous, int | Decimal):
        return None
    change = exact_sum([value, -previous])
    return Delta(previous, change, percent_change(value, previous))


def _preceding_trouble(answer: OpenAIAnswer) -> Iterable[SourceStatus]:
    """Sources that failed for the preceding period only: without them there is no change to show."""
    if answer.previous is None:
        return
    for status in answer.previous.statuses:
        counted = status.part in (*ENDPOINTS, COSTS, "costs_by_user")
        if status.status in ("failed", "partial") and counted:
            yield replace(status, part=f"{status.part} (preceding period)")


def _cost_tables(
    chosen: _Selection, names: Names, totals: Mapping[str, Number | str | None]
) -> Iterable[Table]:
    costs = chosen.costs
    if costs is not None:
        total = totals["cost"]
        yield costs_table(
            with_names(costs.sort_values("start_time", kind="stable"), names),
            chosen.currency,
            total if isinstance(total, Decimal) else None,
        )
