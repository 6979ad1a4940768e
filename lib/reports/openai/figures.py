"""The control totals of the OpenAI report, and the figures that show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from lib.periods import Period
from lib.reports.openai.efficiency import efficiency, efficiency_figures
from lib.reports.openai.select import OpenAISelection
from lib.reports.report import Delta, Figure, Number
from lib.sources.openai import NAME
from lib.sources.openai.tables import COSTS, ENDPOINTS
from lib.usage.exact import exact_sum, percent_change

Totals = Mapping[str, Number | str | None]


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


def openai_totals(chosen: OpenAISelection) -> Totals:
    """The control totals of the JSON form; None where one is unknown or was not asked for."""
    totals: dict[str, Number | str | None] = {}
    for row in _TOTALS:
        if row.key == "cost":
            totals |= {"cost": chosen.cost, "currency": chosen.currency}
        elif row.metric:
            totals[row.key] = chosen.totals[row.metric]
        else:
            split = row.column in chosen.query.dimensions
            totals[row.key] = chosen.count(row.column) if split else None
    return totals | efficiency(chosen)


def openai_figures(
    totals: Totals, chosen: OpenAISelection, previous: OpenAISelection | None
) -> Iterable[Figure]:
    """One figure per total that was asked for, money first, then what requests and tokens cost.

    Args:
        previous: the period compared with, when asked for.
    """
    query = chosen.query
    before = openai_totals(previous) if previous else {}
    for row in sorted(_TOTALS, key=lambda row: row.key != "cost"):
        value = totals[row.key]
        sources = _behind(row, chosen)
        asked = {*query.endpoints, chosen.paid_by} if COSTS in query.endpoints else query.endpoints
        if sources.isdisjoint(asked) or (row.column and row.column not in query.dimensions):
            continue  # not asked for: no figure says it better than a dash
        incomplete = _troubled(sources, chosen)
        comparable = previous is not None and not incomplete and not _troubled(sources, previous)
        if row.key == "cost":
            # A period without costs has no currency, and nothing to be confused with
            comparable = (
                comparable and len({before.get("currency"), totals["currency"]} - {None}) < 2
            )
        delta = _delta(value, before.get(row.key), query.before) if comparable else None
        number = None if isinstance(value, str) else value
        label, unit = row.label, row.unit
        if row.key == "cost":
            unit = chosen.currency or str(before.get("currency") or "")
            label += " (all endpoints)" if len(query.endpoints) <= len(ENDPOINTS) else ""
        yield Figure(row.key, label, number, unit, row.help, delta, incomplete)
    yield from efficiency_figures(chosen, previous)


def _behind(row: _Total, chosen: OpenAISelection) -> set[str]:
    """The parts of OpenAI that a total rests on."""
    if row.key == "cost":
        return {chosen.paid_by}
    if row.metric:
        return {name for name, endpoint in ENDPOINTS.items() if row.metric in endpoint.metrics}
    return {name for name in chosen.query.endpoints if name != COSTS}


def _troubled(parts: set[str], chosen: OpenAISelection) -> bool:
    return any(
        status.source == NAME and status.part in parts and status.status in ("failed", "partial")
        for status in chosen.statuses
    )


def _delta(value: object, previous: object, days: Period | None) -> Delta | None:
    if not isinstance(value, int | Decimal) or not isinstance(previous, int | Decimal):
        return None
    change = exact_sum([value, -previous])
    return Delta(previous, change, percent_change(value, previous), str(days))
