"""OpenAI usage and cost by two dimensions at once."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial

from lib.reports.openai.select import OpenAISelection
from lib.reports.openai.tables import NAMED, UNALLOCATED
from lib.reports.pivots import Amount, Heads, Pivot, Rows, pivot
from lib.reports.report import Column, Table
from lib.sources.openai.tables import METRICS

_PAIRS = (("project_id", "model"), ("user_id", "project_id"))
"""Columns whose ids have a row each, and a column each."""

_MEASURES = ("cost", "num_model_requests")
"""What is crossed: the first of these that is known of both, as of the biggest movers."""


def openai_pivots(chosen: OpenAISelection, breakdowns: Mapping[str, Table]) -> Iterator[Pivot]:
    """Pairs of dimensions that were asked for, where an amount can be told apart by both.

    Args:
        breakdowns: by the column that they split by; rows are headed as theirs are.
    """
    for of_row, of_head in _PAIRS:
        if not {of_row, of_head} <= {*chosen.query.dimensions}:
            continue
        for measure in _MEASURES:
            amount = _amount(measure, chosen)
            cells = [*chosen.by_both(of_row, of_head, measure)]
            if amount is not None and cells:
                rows = _rows(of_row, breakdowns[of_row], chosen)
                heads = Heads(
                    _word(of_head),
                    of_head,
                    _names(of_head, chosen),
                    UNALLOCATED,
                    behind=partial(_behind, of_head),
                )
                yield pivot(f"{rows.of}_by_{heads.of}", rows, heads, amount, cells)
                break


def _amount(measure: str, chosen: OpenAISelection) -> Amount | None:
    """None where the whole of it is unknown."""
    if measure == "cost":
        currency = chosen.currency
        nothing = None if chosen.doubts_costs() else Decimal(0)
        return Amount("Cost", "decimal", currency, currency, empty=nothing) if currency else None
    if chosen.failed(measure):
        return None
    metric, none = METRICS[measure], None if chosen.doubts(measure) else 0
    return Amount(metric.label, "int", metric.unit, empty=none)


def _rows(column: str, breakdown: Table, chosen: OpenAISelection) -> Rows:
    columns: dict[str, Column] = {heading.key: heading for heading in breakdown.columns}
    name = columns[NAMED[column][0]]
    return Rows(_word(column), columns[column], _names(column, chosen), UNALLOCATED, name)


def _behind(column: str, identity: str) -> tuple[tuple[str, str]]:
    return ((column, identity),)


def _word(column: str) -> str:
    return column.removesuffix("_id")


def _names(column: str, chosen: OpenAISelection) -> Mapping[str, str]:
    if column not in NAMED:
        return {}
    kind = NAMED[column][1]
    return {key: name for (of, key), name in chosen.names.items() if of == kind}
