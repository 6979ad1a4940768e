"""What a request or a token costs, and which share is cached or in batches: ratios of sums."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from lib.reports.compared import change_of
from lib.reports.openai.select import OpenAISelection, Sums
from lib.reports.report import Column, Delta, Figure, Number
from lib.sources.openai.tables import COSTS, ENDPOINTS
from lib.usage.exact import Exact, exact_sum, percent_of, rate, total

_COST = "cost"
_REQUESTS, _INPUT, _OUTPUT = "num_model_requests", "input_tokens", "output_tokens"
_CACHED, _CACHEABLE = "input_cached_tokens", "input_tokens_where_cached_are_told"
_BATCH, _BATCHED, _BATCHABLE = "batch", "requests_in_batches", "requests_where_batches_are_told"


@dataclass(frozen=True)
class Ratio:
    """One sum as a share of another.

    Args:
        base: sums that are added up.
        within: metrics and dimensions whose endpoints are those that count, all of them.
        told: what each of their rows must tell, if its endpoint can.
        per: so many of the base; 100 % where the part is no money.
        by: the dimension that must have been asked for.
    """

    key: str
    label: str
    part: str
    base: tuple[str, ...]
    within: tuple[str, ...]
    told: tuple[str, ...]
    help: str
    per: int = 1
    unit: str = "percent"
    by: str = ""

    @property
    def endpoints(self) -> set[str]:
        """The endpoints that the ratio is of."""
        return {name for key in self.within for name in _offering(key)}

    @property
    def is_money(self) -> bool:
        return self.part == _COST


RATIOS = (
    Ratio(
        "cost_per_request",
        "Cost per request",
        _COST,
        (_REQUESTS,),
        (_REQUESTS,),
        (_REQUESTS,),
        "Billed cost ÷ requests. Cost is of everything, storage and tools too; "
        "unknown unless costs and all endpoints are asked and answer in full.",
        unit="{currency}/request",
    ),
    Ratio(
        "cost_per_million_tokens",
        "Cost per million tokens",
        _COST,
        (_INPUT, _OUTPUT),
        (_INPUT, _OUTPUT),
        (_INPUT, _OUTPUT),
        "Billed cost ÷ (input tokens + output tokens) × 1,000,000. Cost is of everything, also of what "
        "is not billed by tokens; unknown unless costs and all endpoints are asked and answer in full.",
        per=1_000_000,
        unit="{currency}/million tokens",
    ),
    Ratio(
        "cached_input_percent",
        "Cached share of input",
        _CACHED,
        (_CACHEABLE,),
        (_CACHED,),
        (_CACHED, _INPUT),
        "Cached input tokens ÷ input tokens, of the endpoints that tell cached tokens: completions and "
        "decisions.",
    ),
    Ratio(
        "batch_requests_percent",
        "Batch share of requests",
        _BATCHED,
        (_BATCHABLE,),
        (_BATCH,),
        (_BATCH, _REQUESTS),
        "Requests in batches ÷ requests, of the endpoints that tell batches: completions and decisions. "
        "Unknown unless grouped by batch.",
        by=_BATCH,
    ),
)


def efficiency(chosen: OpenAISelection) -> dict[str, Number | None]:
    """Every ratio of all that was asked for; None where it is unknown."""
    sums = dict(chosen.totals) | {_COST: chosen.cost} | _special_sums(chosen)
    return {row.key: _value(row, sums) if _is_whole(row, chosen) else None for row in RATIOS}


def efficiency_by(
    column: str, chosen: OpenAISelection, sums: Mapping[str, Sums], money: Sums
) -> Mapping[str, Mapping[str | None, Number | None]]:
    """The ratios that breakdowns show, by the ids of a column.

    What belongs to nobody has none where others are told apart: its cost and its usage need not
    come from the same things.

    Args:
        sums: of each metric by id; money: cost by id.
    """
    told = _of_endpoints(chosen, _offering(_CACHED)).sums_by(column, [_INPUT])[_INPUT]
    known = {**sums, _COST: money, _CACHEABLE: told}
    split = column in chosen.query.dimensions
    ids = [key for key in {**money, **sums[_REQUESTS], **sums[_INPUT]} if key or not split]
    return {
        row.key: {
            key: _value(row, {name: of.get(key, _nothing(name)) for name, of in known.items()})
            for key in (ids if _is_whole(row, chosen) else ())
        }
        for row in _SHOWN
    }


def efficiency_columns(currency: str | None) -> Iterable[Column]:
    """The columns of the ratios that breakdowns show."""
    for row in _SHOWN:
        if row.is_money:
            yield Column(row.key, row.label, "decimal", _unit(row, currency), row.help)
        else:
            yield Column(row.key, row.label, "percent", help=row.help)


def efficiency_figures(
    chosen: OpenAISelection, previous: OpenAISelection | None
) -> Iterable[Figure]:
    """The ratios of what was asked for.

    Args:
        previous: the period compared with, when asked for.
    """
    values, query = efficiency(chosen), chosen.query
    before = efficiency(previous) if previous else {}
    for row in RATIOS:
        if row.endpoints.isdisjoint(query.endpoints) or row.by not in ("", *query.dimensions):
            continue
        if row.is_money and COSTS not in query.endpoints:
            continue
        doubtful = not _answered(row, chosen) or (row.is_money and chosen.doubts_costs())
        unit = _unit(row, chosen.currency)
        alike = previous is not None and (not row.is_money or previous.currency == chosen.currency)
        delta = _delta(values[row.key], before.get(row.key), str(query.before)) if alike else None
        yield Figure(row.key, row.label, values[row.key], unit, row.help, delta, doubtful)


_SHOWN = tuple(row for row in RATIOS if not row.by)


def _delta(now: Number | None, before: Number | None, against: str) -> Delta | None:
    """The change; that of a percentage is its points, without another percentage."""
    change = change_of(now, before)
    if change is None or before is None:
        return None
    is_rate = isinstance(before, Decimal) and isinstance(change, Decimal)
    return Delta(before, change, percent_of(change, before) if is_rate else None, against)


def _unit(row: Ratio, currency: str | None) -> str:
    return row.unit.format(currency=currency) if currency or not row.is_money else ""


def _nothing(name: str) -> int | None:
    """Whole sums leave out nobody: no row of an id is no usage; no cost may be under another id."""
    return None if name == _COST else 0


def _value(row: Ratio, sums: Mapping[str, Any]) -> Number | None:
    part, bases = sums[row.part], [sums[name] for name in row.base]
    if part is None or None in bases:
        return None
    base = exact_sum(bases)
    return rate(part, base, row.per) if row.is_money else percent_of(part, base)


def _offering(key: str) -> set[str]:
    """The endpoints that count a metric, or tell a dimension."""
    return {row.name for row in ENDPOINTS.values() if key in (*row.metrics, *row.group_by)}


def _answered(row: Ratio, chosen: OpenAISelection) -> bool:
    return all(map(chosen.answered, row.endpoints & {*chosen.query.endpoints}))


def _is_whole(row: Ratio, chosen: OpenAISelection) -> bool:
    """Whether both sides are of the same things: asked for, answered in full, told by every row."""
    if row.is_money and (chosen.doubts_costs() or not row.endpoints <= {*chosen.query.endpoints}):
        return False
    if not _answered(row, chosen):
        return False
    return all(_lacking(key, chosen).isdisjoint(row.endpoints & _offering(key)) for key in row.told)


def _lacking(key: str, chosen: OpenAISelection) -> frozenset[str]:
    """The endpoints of rows that do not tell a metric or dimension."""
    return chosen.untold.get(key, chosen.endpoints)


def _of_endpoints(chosen: OpenAISelection, names: Collection[str]) -> OpenAISelection:
    rows = chosen.usage["endpoint_type"].isin(names)
    return replace(chosen, usage=chosen.usage[rows].reset_index(drop=True))


def _special_sums(chosen: OpenAISelection) -> dict[str, Exact]:
    """The sums over some endpoints only."""
    usage = chosen.usage
    cached, batch = (usage["endpoint_type"].isin(_offering(key)) for key in (_CACHED, _BATCH))
    batched = batch & usage[_BATCH].fillna(False) if _BATCH in usage else batch & False
    return {
        name: total(usage[key][rows]) or 0 if key in usage else 0
        for name, key, rows in (
            (_CACHEABLE, _INPUT, cached),
            (_BATCHABLE, _REQUESTS, batch),
            (_BATCHED, _REQUESTS, batched),
        )
    }
