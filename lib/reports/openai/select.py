"""What of OpenAI's answer passes the filters, and its sums: made once, read by tables, charts and figures."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lib.sources.openai import NAME
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import FILTERS, OpenAIQuery, ids_named
from lib.sources.openai.tables import (
    COSTS,
    COSTS_BY_USER,
    DIMENSIONS,
    ENDPOINTS,
    METRICS,
    Kind,
)
from lib.status import SourceStatus
from lib.usage.exact import Exact, addable, exact_sum, exactly, total

Names = Mapping[tuple[Kind, str], str]
Sums = Mapping[str | None, Any]
"""Id to sum; None for what belongs to nobody."""

_KINDS: Mapping[str, Kind] = {
    "project_id": "project",
    "user_id": "user",
    "api_key_id": "api_key",
}
"""What has names, by its column."""


@dataclass(frozen=True)
class OpenAISelection:
    """An answer after the filters.

    A total is None where a source that counts into it failed, and a sum of its parts too: what the
    others said would look like all of it.

    Args:
        costs: with a column ``model``; None when unknown, or when they cannot be filtered alike.
        costs_by_user: the same money by user only, where OpenAI refuses to split it further.
        paid_by: the source that ``costs`` are from.
        last: the bucket that levels are taken from, chosen before the filters.
    """

    query: OpenAIQuery
    statuses: tuple[SourceStatus, ...]
    names: Names
    usage: pd.DataFrame
    costs: pd.DataFrame | None
    costs_by_user: pd.DataFrame | None
    paid_by: str
    last: Any
    notes: tuple[str, ...]

    @cached_property
    def totals(self) -> Mapping[str, int | None]:
        """Every metric over all rows; None where it is unknown."""
        return {metric: self._total(metric) for metric in METRICS}

    def _total(self, metric: str) -> int | None:
        """Nothing used is 0 only where a source that counts it said so: rows that leave the metric
        out say nothing about it."""
        if self.failed(metric):
            return None
        if metric in self.usage and (known := total(self._counted(metric))) is not None:
            return int(known)
        counting = self._counting(metric)
        left_out = self.usage["endpoint_type"].isin(counting).any()
        return 0 if self._any_is(counting, "ok", "partial") and not left_out else None

    def failed(self, metric: str) -> list[str]:
        """The endpoints that count a metric and failed."""
        return [name for name in self._counting(metric) if self._any_is([name], "failed")]

    def doubts(self, metric: str) -> bool:
        """Whether an endpoint that counts a metric failed or answered in part."""
        return self._any_is(self._counting(metric), "failed", "partial")

    def answered(self, endpoint: str) -> bool:
        """Whether an endpoint answered in full, or is not offered."""
        return self._any_is([endpoint], "ok", "skipped")

    def doubts_costs(self, column: str = "") -> bool:
        """Whether the costs, or those told apart by a column, failed or came in part."""
        by_user = column == "user_id" and self.costs_by_user is not None
        return self._any_is([COSTS_BY_USER if by_user else self.paid_by], "failed", "partial")

    @cached_property
    def untold(self) -> Mapping[str, frozenset[str]]:
        """The endpoints of rows that leave a column empty, for all columns of the usage."""
        codes, endpoints = pd.factorize(self.usage["endpoint_type"])
        return {
            str(key): frozenset(endpoints[np.unique(codes[cells.isna().to_numpy()])])
            for key, cells in self.usage.items()
        }

    @cached_property
    def endpoints(self) -> frozenset[str]:
        """The endpoints of rows."""
        return frozenset(self.usage["endpoint_type"].unique())

    def _counting(self, metric: str) -> list[str]:
        return [
            row.name for row in ENDPOINTS.values() if metric in row.metrics and self.query.sees(row)
        ]

    def _any_is(self, parts: Iterable[str], *states: str) -> bool:
        """Whether one of the endpoints is in one of the states."""
        names = {*parts}
        return any(
            status.source == NAME and status.part in names and status.status in states
            for status in self.statuses
        )

    def _counted(self, metric: str) -> "pd.Series[Any]":
        """The values that a total adds up: all of a flow, the last bucket's of a level."""
        values = self.usage[metric]
        if METRICS[metric].nature == "level":
            return values.where(self.usage["start_time"] == self.last)
        return values

    def sums_by(self, column: str, metrics: Collection[str]) -> Mapping[str, Sums]:
        """These metrics by the ids of a column; empty where the total of one is unknown."""
        usage = self.usage
        codes, ids = (
            _coded(usage[column]) if column in usage else (np.zeros(len(usage), int), [None])
        )
        sums: dict[str, Sums] = {metric: {} for metric in metrics}
        for metric in metrics:
            if metric not in usage or self.failed(metric):
                continue
            counted = self._counted(metric)
            known = counted.notna().to_numpy()
            by_code = _sums_of(codes[known], counted[known])
            by_id = {ids[code]: int(value) for code, value in by_code}
            sums[metric] = dict(sorted(by_id.items(), key=lambda of: (of[0] is None, of[0])))
        return sums

    def count(self, column: str) -> int | None:
        """Distinct ids with usage in the period; storage that merely lies there is no activity.

        None where an endpoint that tells them apart failed, or none has answered.
        """
        telling = [
            row.name
            for row in ENDPOINTS.values()
            if column in row.group_by
            and self.query.sees(row)
            and any(METRICS[key].nature == "flow" for key in row.metrics)
        ]
        if self._any_is(telling, "failed") or not self._any_is(telling, "ok", "partial"):
            return None
        if column not in self.usage:
            return 0
        flows = [key for key, row in METRICS.items() if key in self.usage and row.nature == "flow"]
        return int(self.usage.loc[self.usage[flows].notna().any(axis=1), column].nunique())

    @cached_property
    def cost(self) -> Decimal | None:
        """The exact sum; unknown when costs are, or when they are in several currencies."""
        if self.costs is None:
            return None
        if self.costs.empty:
            return Decimal(0)
        return sum_money(self.costs["amount"]) if self.currency else None

    @cached_property
    def currencies(self) -> list[str | None]:
        """The currencies of the known amounts; None stands for an amount without one."""
        return _currencies(self.costs)

    @property
    def currency(self) -> str | None:
        """The one currency of the costs; None when unknown or more than one."""
        return self.currencies[0] if len(self.currencies) == 1 else None

    def currency_by(self, column: str) -> str | None:
        """The one currency of the costs that can be told apart by a column."""
        costs = self._costs_by(column)
        currencies = self.currencies if costs is self.costs else _currencies(costs)
        return currencies[0] if len(currencies) == 1 else None

    @property
    def asked_apart(self) -> bool:
        """Whether OpenAI refused to split costs by user and project at once."""
        return self._any_is([COSTS_BY_USER], "ok", "partial", "failed")

    def splits_costs(self, column: str) -> bool:
        """Whether the costs can be told apart by a column."""
        if self.paid_by == COSTS_BY_USER:
            return column == "user_id"
        return column != "user_id" or not self.asked_apart or self.costs_by_user is not None

    def money_by(self, column: str) -> Sums:
        """Costs by the ids of a column; empty where they are unknown, or cannot be told apart by it."""
        costs = self._costs_by(column)
        if costs is None or self.currency_by(column) is None:
            return {}
        known = costs[costs["amount"].notna()]
        codes, ids = _coded(known[column])
        return {ids[code]: Decimal(amount) for code, amount in _sums_of(codes, known["amount"])}

    def by_both(
        self, column: str, part: str, measure: str
    ) -> Iterator[tuple[str | None, str | None, Exact]]:
        """The ids of two columns and an amount, a flow or ``cost``; each pair once."""
        frame, amount = self.usage, measure
        if measure == "cost":
            costs = self._costs_by(column)
            if costs is None or costs is self.costs_by_user or not self.splits_costs(part):
                return
            frame, amount = costs, "amount"
        if not {column, part, amount} <= {*frame.columns}:
            return
        frame = frame[frame[amount].notna()]
        codes, ids = _coded(frame[column])
        part_codes, parts = _coded(frame[part])
        for pair, value in _sums_of(codes * len(parts) + part_codes, frame[amount]):
            of, of_part = divmod(pair, len(parts))
            yield ids[of], parts[of_part], value

    def name_of(self, column: str, identity: object) -> str | None:
        """The name of an id, where it has one."""
        kind = _KINDS.get(column)
        return self.names.get((kind, str(identity))) if kind else None

    def _costs_by(self, column: str) -> pd.DataFrame | None:
        if column == "user_id" and self.costs_by_user is not None:
            return self.costs_by_user
        return self.costs if self.splits_costs(column) else None


def select(answer: OpenAIAnswer, query: OpenAIQuery) -> OpenAISelection:
    """The rows that pass the filters. Costs that cannot be filtered alike become unknown."""
    usage, costs, by_user = answer.usage, answer.costs, answer.costs_by_user
    last, paid_by = _last_level(usage), COSTS
    notes: list[str] = []
    if costs is not None:
        costs = costs.assign(model=_cost_model(costs))
    if by_user is not None:
        by_user = by_user.assign(model=None)
    apart = any(status.part == COSTS_BY_USER for status in answer.statuses)
    if apart and query.filtered_dimensions() == ("user_id",):
        costs, by_user, paid_by = by_user, None, COSTS_BY_USER
        notes.append("Costs by user are not split further: cost by anything else is unknown.")
    everything = (usage, costs, by_user)
    for name, column in FILTERS.items():
        wanted: tuple[str, ...] = getattr(query, name)
        if not wanted:
            continue
        ids = _resolve(wanted, column, answer.names)
        label = DIMENSIONS[column].label.lower()
        notes += [
            f"The {label} filter {value} matches nothing in this period."
            for value in wanted
            if not _occurs(_resolve([value], column, answer.names), column, everything)
        ]
        usage = usage[usage[column].isin(ids)] if column in usage else usage.iloc[:0]
        if costs is not None and not (costs.empty or costs[column].notna().any()):
            notes.append(f"Costs cannot be filtered by {label}: unknown.")
            costs = None
        if costs is not None:
            costs = costs[costs[column].isin(ids)]
        by_user = None
    return OpenAISelection(
        query,
        answer.statuses,
        answer.names,
        usage.reset_index(drop=True),
        costs,
        by_user,
        paid_by,
        last,
        tuple(notes),
    )


def sum_money(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The exact sum of the known amounts; None when there is none among them."""
    known = [amount for amount in amounts if amount is not None]
    with exactly():
        return sum(known, Decimal(0)) if known else None


def _currencies(costs: pd.DataFrame | None) -> list[str | None]:
    if costs is None:
        return []
    known = costs.loc[costs["amount"].notna(), "currency"]
    return [code if isinstance(code, str) else None for code in known.unique()]


def _sums_of(
    groups: "np.ndarray[Any, Any]", known: "pd.Series[Any]"
) -> Iterator[tuple[int, Exact]]:
    """Each group with the exact sum of its values."""
    if not len(groups):
        return
    cells = addable(known)
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    if pd.api.types.is_integer_dtype(cells.dtype):
        sums = np.add.reduceat(cells.to_numpy("int64")[order], starts)
        yield from zip(ordered[starts].tolist(), sums.tolist(), strict=True)
        return
    values = cells.to_numpy(object)[order].tolist()
    for start, end in pairwise([*starts.tolist(), len(values)]):
        yield int(ordered[start]), exact_sum(values[start:end])


def _coded(cells: "pd.Series[Any]") -> tuple["np.ndarray[Any, Any]", list[str | None]]:
    """Each row's place among the ids of a column, the first of which is nobody's."""
    codes, ids = pd.factorize(cells)
    return codes + 1, [None, *ids.tolist()]  # names that are read one by one take long


def _last_level(usage: pd.DataFrame) -> Any:
    """The start of the last bucket that has any level; None when none has. To be taken before
    filters: what is gone from the last bucket must not come back with an older value."""
    levels = [key for key in usage.columns if key in METRICS and METRICS[key].nature == "level"]
    starts = usage.loc[usage[levels].notna().any(axis=1), "start_time"]
    return None if starts.empty else starts.max()


def _cost_model(costs: pd.DataFrame) -> "pd.Series[Any]":
    """The model that a line item names: ``gpt-5-mini, input_tokens`` is ``gpt-5-mini``."""
    items = costs["line_item"].astype("str")
    return items.map(lambda item: item.partition(", ")[0], na_action="ignore").astype("str")


def _occurs(ids: set[str], column: str, frames: Iterable[pd.DataFrame | None]) -> bool:
    return any(
        frame is not None and column in frame and bool(frame[column].isin(ids).any())
        for frame in frames
    )


def _resolve(wanted: Iterable[str], column: str, names: Names) -> set[str]:
    """Ids for a filter's values, each an id or a name. A value that matches nothing stands for itself."""
    kind = _KINDS.get(column)
    named = (ids_named(value, kind, names) for value in wanted) if kind else ()
    return {*wanted, *(identity for ids in named for identity in ids)}
