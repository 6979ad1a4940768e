"""What a rule set says that cannot be: every contradiction, with its table, row and cell."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar

from lib.allocation.read import Problem, told
from lib.allocation.rule_set import (
    EVERY,
    UNALLOCATED,
    CostCentre,
    Rate,
    Rule,
    RuleSet,
    Share,
    overlap,
)
from lib.usage.exact import exact_sum
from lib.usage.metrics import Metric

Metrics = Mapping[str, Mapping[str, Metric]]
"""Platform to its metrics."""

_R = TypeVar("_R", bound=CostCentre | Rule | Share)

_LONGEST_PATTERN, _MOST_STARS = 300, 20
_FOCUS = "focus:"
_HUNDRED = Decimal(100)
_ADDRESS = re.compile(r"""[^\s@,;:<>()\[\]"\\]+@[\w-]+(\.[\w-]+)+""")


def check(rule_set: RuleSet, metrics: Metrics) -> list[Problem]:
    """All that is wrong, in the order of tables and rows; nothing when it can be published.

    Args:
        metrics: what there is to price and to share by.
    """
    return told(
        [
            *_cost_centres(rule_set),
            *_rules(rule_set, metrics),
            *_shares(rule_set, metrics),
            *_rates(rule_set, metrics),
            *_exchange_rates(rule_set),
        ]
    )


def _cost_centres(rule_set: RuleSet) -> Iterator[Problem]:
    table, centres = "cost_centres", rule_set.cost_centres
    yield from _spans(table, centres)
    for centre in centres:
        if centre.id.lower() in (UNALLOCATED, EVERY):
            yield Problem(table, centre.row, "id", f"{centre.id!r} is the name of something else.")
        if (centre.budget is None) != (not centre.currency):
            missing = "budget" if centre.budget is None else "currency"
            yield Problem(table, centre.row, missing, "budget and currency need each other.")
        if centre.budget is not None and centre.budget < 0:
            yield Problem(table, centre.row, "budget", "it is negative.")
        if centre.email and not _is_address(centre.email):
            yield Problem(
                table,
                centre.row,
                "email",
                f"{centre.email[:60]!r} is no address such as ann@company.com.",
            )
        for owner in centre.owners:
            if not owner.removeprefix("group:") or not (
                owner.startswith("group:") or _is_address(owner)
            ):
                what = (
                    f"{owner[:60]!r} is neither an address such as ann@company.com nor group:NAME."
                )
                yield Problem(table, centre.row, "owner", what)
    yield from _twice(table, "id", centres, lambda centre: (centre.id,))


def _rules(rule_set: RuleSet, metrics: Metrics) -> Iterator[Problem]:
    table, ids = "rules", {centre.id for centre in rule_set.cost_centres}
    yield from _spans(table, rule_set.rules)
    for rule in rule_set.rules:
        if rule.cost_centre not in ids:
            yield Problem(table, rule.row, "cost_centre", _no_centre(rule.cost_centre))
        if rule.platform and not _is_platform(rule.platform, metrics):
            yield Problem(table, rule.row, "platform", _no_platform(rule.platform, metrics))
        if not rule.pattern and not rule.name:
            yield Problem(table, rule.row, "pattern", "give an id, or a name to look up.")
        if len(rule.pattern) > _LONGEST_PATTERN or rule.pattern.count("*") > _MOST_STARS:
            what = f"at most {_LONGEST_PATTERN} characters and {_MOST_STARS} stars."
            yield Problem(table, rule.row, "pattern", what)
    yield from _twice(table, "pattern", rule_set.rules, _what_it_matches)


def _what_it_matches(rule: Rule) -> tuple[object, ...]:
    return rule.priority, rule.platform, rule.field, rule.pattern or rule.name


def _shares(rule_set: RuleSet, metrics: Metrics) -> Iterator[Problem]:
    table, shares = "shares", rule_set.shares
    ids = {centre.id for centre in rule_set.cost_centres}
    sources = {share.source for share in shares}
    yield from _spans(table, shares)
    for share in shares:
        if share.source not in (ids | {UNALLOCATED}):
            yield Problem(table, share.row, "source", _no_centre(share.source))
        if share.target in sources:
            what = f"{share.target[:40]!r} is split itself: what is split is never a target; name those who pay in the end."
            yield Problem(table, share.row, "target", what)
        elif share.target not in (ids | {EVERY}):
            yield Problem(table, share.row, "target", _no_centre(share.target))
        yield from _how_it_is_split(share, metrics)
    yield from _twice(table, "target", shares, lambda share: (share.source, share.target))
    by_source: dict[str, list[Share]] = defaultdict(list)
    for share in shares:
        by_source[share.source].append(share)
    for group in by_source.values():
        yield from _one_split(group)


def _how_it_is_split(share: Share, metrics: Metrics) -> Iterator[Problem]:
    table = "shares"
    if (share.method == "fixed") != (share.weight is not None):
        what = "fixed needs a weight." if share.weight is None else f"{share.method} has none."
        yield Problem(table, share.row, "weight", what)
    if share.weight is not None and share.weight < 0:
        yield Problem(table, share.row, "weight", "it is negative.")
    if share.method == "fixed" and share.target == EVERY:
        yield Problem(table, share.row, "target", "fixed names each target.")
    if share.method == "proportional":
        yield from _metric(table, share.row, share.platform, share.metric, metrics)
        known = metrics.get(share.platform, {}).get(share.metric)
        if known is not None and known.nature in ("counter", "moment"):
            what = (
                f"{share.metric} never adds up to a month; share by what is used or what there is."
            )
            yield Problem(table, share.row, "metric", what)
    elif share.platform or share.metric:
        yield Problem(table, share.row, "metric", f"{share.method} goes by none.")


def _one_split(shares: list[Share]) -> Iterator[Problem]:
    """Rows of one source: alike at any time, and of fixed weights exactly 100."""
    for one, other in _overlapping(shares):
        if (one.valid_from, one.valid_to) != (other.valid_from, other.valid_to):
            what = f"its days overlap those of row {one.row}, and are others."
            yield Problem("shares", other.row, "valid_from", what)
        for column in ("method", "platform", "metric"):
            if getattr(one, column) != getattr(other, column):
                what = f"row {one.row} splits the same by {getattr(one, column)!r}."
                yield Problem("shares", other.row, column, what)
        if (one.target == EVERY) != (other.target == EVERY):
            what = f"row {min(one, other, key=lambda row: row.target != EVERY).row} means them all."
            yield Problem("shares", other.row, "target", what)
    spans: dict[tuple[date | None, date | None], list[Share]] = defaultdict(list)
    for share in shares:
        if share.method == "fixed" and share.weight is not None:
            spans[share.valid_from, share.valid_to].append(share)
    for group in spans.values():
        weights = exact_sum(share.weight for share in group if share.weight is not None)
        if weights != _HUNDRED:
            what = f"the weights of {group[0].source[:40]!r} are {weights:f} in all, not 100."
            yield Problem("shares", group[0].row, "weight", what)


def _rates(rule_set: RuleSet, metrics: Metrics) -> Iterator[Problem]:
    table = "rates"
    for rate in rule_set.rates:
        yield from _metric(table, rate.row, rate.platform, rate.metric, metrics)
        known = metrics.get(rate.platform, {}).get(rate.metric)
        if known is not None and known.nature in ("counter", "moment"):
            what = f"{rate.metric} never adds up to a month; price what is used or what there is."
            yield Problem(table, rate.row, "metric", what)
        if known is not None and (_is_money(rate.metric) or _is_money(known.inside)):
            yield Problem(table, rate.row, "metric", f"{rate.metric} is money already.")
        if rate.price < 0:
            yield Problem(table, rate.row, "price", "it is negative.")
        if rate.per <= 0:
            yield Problem(table, rate.row, "per", "it must be above 0.")
    begun: dict[tuple[str, str, date | None], Rate] = {}
    for rate in rule_set.rates:
        first = begun.setdefault((rate.platform, rate.metric, rate.valid_from), rate)
        if first is not rate:
            what = f"row {first.row} prices the same from the same day."
            yield Problem(table, rate.row, "valid_from", what)


def _exchange_rates(rule_set: RuleSet) -> Iterator[Problem]:
    table, rates = "exchange_rates", rule_set.exchange_rates
    quotes: dict[str, tuple[str, int]] = {}
    there: dict[tuple[str, str], int] = {}
    for rate in rates:
        if rate.rate <= 0:
            yield Problem(table, rate.row, "rate", "it must be above 0.")
        if rate.base == rate.quote:
            yield Problem(table, rate.row, "to", "both currencies are the same.")
        quote, first = quotes.setdefault(rate.month, (rate.quote, rate.row))
        if quote != rate.quote:
            what = f"row {first} goes to {quote}: all of one month go to one currency."
            yield Problem(table, rate.row, "to", what)
        before = there.setdefault((rate.month, rate.base), rate.row)
        if before != rate.row:
            yield Problem(
                table, rate.row, "from", f"row {before} says it already: keep one of them."
            )


def _spans(table: str, rows: Iterable[object]) -> Iterator[Problem]:
    for row in rows:
        first, last = getattr(row, "valid_from", None), getattr(row, "valid_to", None)
        if first and last and first > last:
            what = f"it ends on {last}, before it begins on {first}."
            yield Problem(table, getattr(row, "row", 0), "valid_to", what)


def _twice(
    table: str, column: str, rows: Iterable[_R], key: Callable[[_R], tuple[object, ...]]
) -> Iterator[Problem]:
    """Rows that say the same of overlapping days."""
    by_key: dict[tuple[object, ...], list[_R]] = defaultdict(list)
    for row in rows:
        by_key[key(row)].append(row)
    for alike in by_key.values():
        for before, row in _overlapping(alike):
            yield Problem(
                table,
                row.row,
                column,
                f"row {before.row} says it of the same days: keep one of them.",
            )


def _overlapping(rows: Iterable[_R]) -> Iterator[tuple[_R, _R]]:
    """Each row that shares a day with one that begins no later, with the one of these that ends last.

    No pair is looked for twice, so that none takes long; of a pair the first stands above the other.
    """
    last, *others = sorted(rows, key=lambda row: row.valid_from or date.min)
    for row in others:
        if overlap(last, row):
            yield (last, row) if last.row <= row.row else (row, last)
        if (row.valid_to or date.max) > (last.valid_to or date.max):
            last = row


def _metric(
    table: str, row: int, platform: str, metric: str, metrics: Metrics
) -> Iterator[Problem]:
    if not _is_platform(platform, metrics):
        yield Problem(table, row, "platform", _no_platform(platform, metrics))
    elif not metric:
        yield Problem(table, row, "metric", "it is empty.")
    elif platform in metrics and metric not in metrics[platform]:
        what = f"{platform} has no {metric[:60]!r}; it has {', '.join(sorted(metrics[platform]))}."
        yield Problem(table, row, "metric", what)


def _is_money(metric: str) -> bool:
    return metric.endswith("_cost")


def _is_platform(platform: str, metrics: Metrics) -> bool:
    return platform in metrics or platform.startswith(_FOCUS)


def _no_platform(platform: str, metrics: Metrics) -> str:
    return f"{platform[:40]!r} is none of {', '.join(metrics)}."


def _no_centre(name: str) -> str:
    return f"there is no cost centre {name[:40]!r}."


def _is_address(text: str) -> bool:
    """Whether a text is one address, such as ``ann@company.com``."""
    return text.isprintable() and _ADDRESS.fullmatch(text) is not None
