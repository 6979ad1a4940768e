"""Two periods of OpenAI usage side by side: the breakdowns, and what moved most."""

from collections.abc import Iterator, Sequence
from functools import partial

from lib.reports.compared import Amount, Parts, parts_of, side_by_side
from lib.reports.movers import Dimension, changes_table
from lib.reports.openai.select import OpenAISelection
from lib.reports.openai.tables import (
    BREAKDOWNS,
    NAMED,
    UNALLOCATED,
    Breakdown,
    breakdown_table,
)
from lib.reports.report import Column, Table
from lib.sources.openai.tables import BREAKDOWN_METRICS

_MEASURES = ("cost", "num_model_requests")
"""What movers are told by: money where it is known."""

_PARTS = {"project_id": "model", "user_id": "model", "api_key_id": "model", "model": "project_id"}
"""What the change of a dimension is told to be made of."""

_LABELS = {
    "project_id": ("Project", "projects"),
    "user_id": ("User", "users"),
    "api_key_id": ("API key", "API keys"),
    "model": ("Model", "models"),
}


def compared_breakdowns(now: OpenAISelection, before: OpenAISelection) -> tuple[Table, ...]:
    """The breakdowns with previous, change and percent beside each amount."""
    return tuple(_beside(breakdown, now, before) for breakdown in BREAKDOWNS)


def changes(
    breakdowns: Sequence[Table], now: OpenAISelection, before: OpenAISelection, against: str
) -> Iterator[Table]:
    """The biggest movers of what was asked for; no table where no change is known.

    Args:
        breakdowns: as ``compared_breakdowns`` returns them.
        against: the other period, in words.
    """
    dimensions = [
        _dimension(breakdown, table, now, before)
        for breakdown, table in zip(BREAKDOWNS, breakdowns, strict=True)
        if breakdown.dimension in now.query.dimensions
    ]
    table = changes_table(
        dimensions, _MEASURES, (Column("name", "Name"),), against, ids=(Column("id", "ID"),)
    )
    if table is not None:
        yield table


def _beside(breakdown: Breakdown, now: OpenAISelection, before: OpenAISelection) -> Table:
    sides = (now, before)
    doubtful = [key for key in BREAKDOWN_METRICS if any(side.doubts(key) for side in sides)]
    column = breakdown.cost_column
    currencies = {side.currency_by(column) or side.currency for side in sides} - {None}
    if len(currencies) > 1 or any(side.doubts_costs(column) for side in sides):
        doubtful.append("cost")
    names = [name for name, _, _ in NAMED.values()]
    return side_by_side(
        breakdown_table(breakdown, now),
        breakdown_table(breakdown, before),
        [breakdown.dimension],
        [Amount(key) for key in ("cost", *BREAKDOWN_METRICS)],
        names=["currency", *names],
        doubtful=doubtful,
    )


def _dimension(
    breakdown: Breakdown, table: Table, now: OpenAISelection, before: OpenAISelection
) -> Dimension:
    key, part = breakdown.dimension, _PARTS[breakdown.dimension]
    label, others = _LABELS[key]
    name = NAMED[key][0] if key in NAMED else key
    told = part in now.query.dimensions
    return Dimension(
        label,
        others,
        table,
        [key],
        {"name": [name, key], "id": [key]},
        UNALLOCATED,
        {key: key},
        _LABELS[part][0],
        partial(_parts, now, before, key, part) if told else lambda _: {},
        lambda of: now.name_of(part, of) or before.name_of(part, of) or str(of or UNALLOCATED),
    )


def _parts(
    now: OpenAISelection, before: OpenAISelection, column: str, part: str, measure: str
) -> Parts:
    return parts_of(
        *(
            (((key,), of, amount) for key, of, amount in side.by_both(column, part, measure))
            for side in (now, before)
        )
    )
