"""All platforms in one month: what was spent, who owes it, against last month and budgets, as a Report."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from lib.allocation.exchange import in_currency
from lib.allocation.projection import NotEnough, Projection
from lib.allocation.rule_set import UNALLOCATED as UNALLOCATED_ID
from lib.charts import STEPS, OverTime, Ranking, distinct_labels, fold, ids_behind
from lib.periods import Period, month_before, months_before
from lib.quantities import counted
from lib.reports.allocation.alerts import alerts_table
from lib.reports.allocation.figures import amount_figure, projection_figure
from lib.reports.allocation.limits import limits_table
from lib.reports.allocation.lines import lines_table
from lib.reports.allocation.money import added, totals
from lib.reports.allocation.notes import cautions, notes
from lib.reports.allocation.select import Amounts, OverviewAnswer, Selection, Spend
from lib.reports.allocation.tables import by_cost_centre, by_platform, movers
from lib.reports.allocation.words import UNALLOCATED
from lib.reports.ledger.platforms import platform_label
from lib.reports.report import ChartSpec, Figure, Report
from lib.usage.exact import exact_sum, percent_of

KIND = "overview"
MONTHS = 13
_OVER = "Over budget"


def build_overview(answer: OverviewAnswer, *, now: datetime, demo: bool = False) -> Report:
    """One month over all platforms; every breakdown sums to the same totals."""
    selection = Selection(answer)
    centres = selection.by(lambda line: line.cost_centre)
    platforms = selection.by(lambda line: line.platform)
    projected = selection.projected()
    return Report(
        kind=KIND,
        title=f"AI spend of {answer.month}",
        period=answer.period,
        filters={"month": answer.month, "rules_version": answer.version},
        filter_words={"month": ("Month", {}), "rules_version": ("Rules", {"0": "None"})},
        generated_at=now,
        sources=answer.sources,
        totals=_totals(selection, centres, projected),
        figures=tuple(_figures(selection, centres, projected)),
        charts=tuple(_charts(selection, centres)),
        tables=(
            by_cost_centre(selection, centres),
            by_platform(selection, platforms),
            movers(selection),
            alerts_table(selection),
            *([limits_table(answer.limits, answer.names)] if answer.limits else []),
            lines_table(selection.lines),
        ),
        notes=(*cautions(selection), *notes(selection, projected), *answer.limit_troubles),
        cautions=tuple(cautions(selection)),
        demo=demo,
        main_table="by_cost_centre",
        money_table="lines",
        is_unused=not centres,
    )


def _sums(amounts: Mapping[tuple[Any, str], Amounts], kind: str) -> dict[str, Decimal]:
    return added((currency, getattr(each, kind)) for (_, currency), each in amounts.items())


def _totals(
    selection: Selection,
    centres: Mapping[tuple[str | None, str], Amounts],
    projected: Projection | NotEnough | None,
) -> dict[str, Any]:
    billed = _sums(centres, "billed")
    nobodys = {place: each for place, each in centres.items() if place[0] is None}
    unallocated = dict.fromkeys(billed, Decimal(0)) | _sums(nobodys, "allocated")
    budget = added((currency, amount) for amount, currency, _ in selection.budgets().values())
    amount = projected.amount if isinstance(projected, Projection) else None
    return totals(
        {
            "billed": billed,
            "allocated": _sums(centres, "allocated"),
            "rated": _sums(centres, "rated"),
            "unallocated": unallocated,
            "budget": budget,
            "projection": {} if amount is None else {selection.currency: amount},
        },
        selection.currency,
    )


def _figures(
    selection: Selection,
    centres: Mapping[tuple[str | None, str], Amounts],
    projected: Projection | NotEnough | None,
) -> Iterator[Figure]:
    currency = selection.currency
    billed = _sums(centres, "billed")
    for code in sorted(billed, key=lambda code: code != currency):
        if billed[code] or code == currency:
            of = f" ({code})" if len(billed) > 1 else ""
            label = f"{'Spend so far' if selection.is_running else 'Spend'}{of}"
            whole = _whole(each for (_, its), each in centres.items() if its == code)
            yield amount_figure(selection, f"billed_{code.lower()}", label, whole, code)
    yield from _budget(selection, centres)
    yield from projection_figure(selection, projected)
    yield from _unallocated(billed, centres, currency)
    for code, amount in _sums(centres, "rated").items():
        if amount:
            yield Figure(
                f"rated_{code.lower()}",
                f"Rated ({code})",
                amount,
                code,
                "Showback: what nobody bills, at prices of finance. In no sum with what is billed.",
            )


def _unallocated(
    billed: Mapping[str, Decimal],
    centres: Mapping[tuple[str | None, str], Amounts],
    currency: str,
) -> Iterator[Figure]:
    """What belongs to no cost centre: of the main currency always, of others where there is any."""
    for code in sorted({*billed, currency}, key=lambda code: (code != currency, code)):
        nobodys = centres.get((None, code))
        rest = nobodys.allocated if nobodys else Decimal(0)
        share = percent_of(rest, billed[code]) if billed.get(code) else None
        told = "belongs to no cost centre."
        if rest or code == currency:
            yield Figure(
                "unallocated" if code == currency else f"unallocated_{code.lower()}",
                UNALLOCATED if code == currency else f"{UNALLOCATED} ({code})",
                rest,
                code,
                f"{share:.1f} % of what was billed {told}" if share is not None else "",
            )


def _budget(
    selection: Selection, centres: Mapping[tuple[str | None, str], Amounts]
) -> Iterator[Figure]:
    """All budgets together, and what of them is spent by those who have one."""
    currency = selection.currency
    limits = {
        centre: limit
        for centre, (limit, code, _) in selection.budgets().items()
        if code == currency
    }
    if not limits:
        return
    owed = [
        each.allocated
        for (centre, code), each in centres.items()
        if code == currency and centre in limits
    ]
    budget = Decimal(exact_sum(limits.values()))
    share = percent_of(exact_sum(owed), budget)
    told = f" They owe {share:.1f} % of it." if share is not None else ""
    yield Figure(
        "budget", "Budget", budget, currency, f"Of {counted(len(limits), 'cost centres')}.{told}"
    )


def _whole(parts: Iterable[Amounts]) -> Amounts:
    """Parts of one currency as one."""
    each = [*parts]
    before = [part.before for part in each if part.before is not None]
    kinds = [
        Decimal(exact_sum(getattr(part, kind) for part in each))
        for kind in ("billed", "shared", "rated", "compared")
    ]
    return Amounts(
        kinds[0], kinds[1], kinds[2], kinds[3], Decimal(exact_sum(before)) if before else None
    )


def _charts(
    selection: Selection, centres: Mapping[tuple[str | None, str], Amounts]
) -> Iterator[ChartSpec]:
    currency = selection.currency
    owed = [
        (centre, each.allocated)
        for (centre, code), each in centres.items()
        if code == currency and each.allocated
    ]
    owed.sort(key=lambda pair: (-pair[1], str(pair[0])))
    if owed:
        yield _against_budgets(selection, owed)
    yield from _trend(selection)


def _against_budgets(selection: Selection, owed: list[tuple[str | None, Decimal]]) -> ChartSpec:
    """What each owes, in parts: within its budget, over it, and what is left."""
    currency, budgets = selection.currency, selection.budgets()
    names = selection.answer.rule_set.names
    called = {centre: names.get(centre or "", centre) or UNALLOCATED for centre, _ in owed}
    labels = distinct_labels({centre or "": name for centre, name in called.items()})
    rows: list[tuple[str, str, float]] = []
    over = []
    for place, (centre, amount) in enumerate(owed):
        limit, code, _ = budgets.get(centre or "", (None, "", None))
        parts = _parts(amount, limit if code == currency else None)
        if parts[_OVER]:
            over.append(called[centre])
        # The first bar has all parts, so that each has the same colour in every month
        rows += [
            (labels[centre or ""], part, float(value))
            for part, value in parts.items()
            if value or not place
        ]
    told = f" Over budget: {', '.join(over)}." if over else ""
    return ChartSpec(
        "by_cost_centre",
        f"Allocated by cost centre, against budget ({currency})",
        Ranking(pd.DataFrame(rows, columns=["label", "series", "value"]), currency),
        f"{called[owed[0][0]]} owes most, {counted(owed[0][1], currency)}.{told}",
        group="Cost centres against budget",
        stands_for=ids_behind(
            {centre or UNALLOCATED_ID: labels[centre or ""] for centre, _ in owed}, "cost_centre"
        ),
    )


def _parts(amount: Decimal, limit: Decimal | None) -> dict[str, Decimal]:
    """What is owed, as parts of a bar beside its budget."""
    zero = Decimal(0)
    if limit is None:
        return {
            "Within budget": zero,
            "Left of budget": zero,
            _OVER: zero,
            "Without budget": amount,
        }
    return {
        "Within budget": min(amount, limit),
        "Left of budget": max(limit - amount, zero),
        _OVER: max(amount - limit, zero),
        "Without budget": zero,
    }


def _trend(selection: Selection) -> Iterator[ChartSpec]:
    answer, currency = selection.answer, selection.currency
    spends, apart = _in_one(selection)
    if not spends:
        return
    first = months_before(answer.period.start, MONTHS - 1)
    period = Period(first, answer.period.end)
    tidy = pd.DataFrame(
        {
            "time": pd.to_datetime([spend.month for spend in spends], format="%Y-%m", utc=True),
            "series": [platform_label(spend.platform) for spend in spends],
            "value": [float(spend.amount or 0) for spend in spends],
        }
    )
    by_month = added((spend.month, spend.amount) for spend in spends)
    partial = sorted({spend.month for spend in answer.trend if not spend.complete})
    last = max(by_month)
    lacking = f" Not whole: {', '.join(partial)}." if partial else ""
    lacking += f" Partly in other currencies, not in it: {', '.join(apart)}." if apart else ""
    before = by_month.get(month_before(last))
    earlier = f", {counted(before, currency)} in the month before" if before is not None else ""
    yield ChartSpec(
        "trend",
        f"Billed per month by platform ({currency})",
        OverTime(fold(tidy, STEPS[-1], period), STEPS[-1], currency),
        f"{counted(by_month[last], currency)} in {last}{earlier}.{lacking}",
        group="Trend of 13 months",
        by="platform",
    )


def _in_one(selection: Selection) -> tuple[list[Spend], list[str]]:
    """The trend in the main currency, each month at its own rate; and months with money that has none."""
    answer, currency = selection.answer, selection.currency
    spends, apart = [], set()
    for spend in answer.trend:
        amount = in_currency(spend.amount, spend.currency, currency, answer.rule_set, spend.month)
        if amount is not None:
            spends.append(spend._replace(amount=amount, currency=currency))
        elif spend.amount is not None:
            apart.add(spend.month)
    return spends, sorted(apart)
