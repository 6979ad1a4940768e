"""One cost centre's month: what it owes, for what and by which rule, against budget and last month, as a Report."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from lib.allocation.allocate import Note, Owed
from lib.allocation.budgets import share
from lib.allocation.projection import NotEnough, Projection
from lib.allocation.rule_set import EVERY
from lib.allocation.rule_set import UNALLOCATED as UNALLOCATED_ID
from lib.charts import Ranking, distinct_labels
from lib.errors import InputError
from lib.quantities import counted
from lib.reports.allocation.figures import amount_figure, projection_figure
from lib.reports.allocation.lines import lines_table
from lib.reports.allocation.money import totals
from lib.reports.allocation.notes import cautions, notes
from lib.reports.allocation.select import Amounts, OverviewAnswer, Selection
from lib.reports.allocation.tables import by_id, by_platform, nothing
from lib.reports.allocation.words import UNALLOCATED, told_share
from lib.reports.report import ChartSpec, Figure, Report
from lib.usage.exact import exact_sum

KIND = "cost-centre"
_MOST_BARS = 12


def check_centre(answer: OverviewAnswer, identity: str) -> str | None:
    """The cost centre of an id, None for what is unallocated.

    Raises:
        InputError: there is none in this month.
    """
    if identity == UNALLOCATED_ID:
        return None
    there = answer.rule_set.centres_between(answer.period.start, answer.period.end)
    if identity not in there:
        known = ", ".join([*sorted(there)[:20], UNALLOCATED_ID])
        raise InputError(
            "cost centre", f"there is no {identity[:40]!r} in {answer.month}.", f"Use {known}."
        )
    return identity


def build_cost_centre(
    answer: OverviewAnswer, identity: str, *, now: datetime, demo: bool = False
) -> Report:
    """What one cost centre owes.

    Raises:
        InputError: there is no such cost centre in this month.
    """
    centre = check_centre(answer, identity)
    selection = Selection(_of(answer, centre), Selection(answer).currency)
    amounts = _whole(selection)
    names = answer.rule_set.names
    named = names.get(centre, centre) if centre else UNALLOCATED
    projected = selection.projected()
    budget = selection.budgets().get(centre or "")
    limit = budget[0] if budget and budget[1] == selection.currency else None
    return Report(
        kind=KIND,
        title=f"{named}: AI spend of {answer.month}",
        period=answer.period,
        filters={"month": answer.month, "cost_centre": identity, "rules_version": answer.version},
        filter_words={
            "month": ("Month", {}),
            "cost_centre": ("Cost centre", {}),
            "rules_version": ("Rules", {"0": "None"}),
        },
        generated_at=now,
        sources=answer.sources,
        totals=_totals(selection, amounts, limit, projected),
        figures=tuple(_figures(selection, amounts, limit, projected)),
        charts=tuple(_charts(selection, names)),
        tables=(
            by_id(selection, "by_sub_account", "By project, tenant and workspace", "sub_account"),
            by_platform(selection, selection.by(lambda line: line.platform)),
            by_id(selection, "by_person", "By person", "principal"),
            lines_table(selection.lines),
        ),
        notes=(*cautions(selection), *notes(selection, projected)),
        cautions=tuple(cautions(selection)),
        demo=demo,
        main_table="by_sub_account",
        money_table="lines",
        is_unused=not selection.lines,
    )


def _of(answer: OverviewAnswer, centre: str | None) -> OverviewAnswer:
    """What of an answer is about one cost centre, and tells of no other."""

    def of(lines: Iterable[Owed]) -> tuple[Owed, ...]:
        return tuple(line for line in lines if line.cost_centre == centre)

    before, rule_set, lines = answer.before, answer.rule_set, of(answer.lines)
    nobodys = answer.unknown - sum(line.is_unknown for line in answer.lines)
    return replace(
        answer,
        lines=lines,
        before=before and replace(before, lines=of(before.lines), days=of(before.days)),
        days=of(answer.days),
        rule_set=replace(
            rule_set,
            cost_centres=tuple(each for each in rule_set.cost_centres if each.id == centre),
        ),
        notes=tuple(_notes_for(answer, centre or UNALLOCATED_ID)),
        unknown=nobodys + sum(line.is_unknown for line in lines),
    )


def _notes_for(answer: OverviewAnswer, centre: str) -> Iterator[Note]:
    """Whoever would get a part of what is not split is told that, and not why: it may be about others."""
    names = answer.rule_set.names
    for note in answer.notes:
        targets = {share.target for share in answer.rule_set.shares if share.source == note.source}
        if note.source in ("", centre):
            yield note
        elif targets & {centre, EVERY}:
            what = told_share(f"share of {note.source}", names)
            yield note._replace(sentence=f"The {what} is not in it: it could not be split.")


def _whole(selection: Selection) -> dict[str, Amounts]:
    """Currency to what it has of it; who was charged nothing owes 0."""
    amounts = {currency: each for (_, currency), each in selection.by(lambda _: None).items()}
    return amounts or {selection.currency: nothing(selection)}


def _totals(
    selection: Selection,
    amounts: dict[str, Amounts],
    limit: Decimal | None,
    projected: Projection | NotEnough | None,
) -> dict[str, Any]:
    kinds = ("billed", "shared", "allocated", "rated")
    figures: dict[str, dict[str, Decimal]] = {
        kind: {currency: getattr(each, kind) for currency, each in amounts.items()}
        for kind in kinds
    }
    amount = projected.amount if isinstance(projected, Projection) else None
    figures |= {
        "budget": {} if limit is None else {selection.currency: limit},
        "projection": {} if amount is None else {selection.currency: amount},
    }
    return totals(figures, selection.currency)


def _figures(
    selection: Selection,
    amounts: dict[str, Amounts],
    limit: Decimal | None,
    projected: Projection | NotEnough | None,
) -> Iterator[Figure]:
    for currency, each in sorted(amounts.items(), key=lambda item: item[0] != selection.currency):
        of = f" ({currency})" if len(amounts) > 1 else ""
        label = "Owed so far" if selection.is_running else "Owed"
        yield amount_figure(
            selection, f"allocated_{currency.lower()}", f"{label}{of}", each, currency
        )
        if each.shared:
            yield Figure(
                f"shared_{currency.lower()}",
                f"Of it shared{of}",
                each.shared,
                currency,
                "What shares move in, or out below 0.",
            )
    if limit is not None:
        spent = (
            amounts[selection.currency].allocated if selection.currency in amounts else Decimal(0)
        )
        part = share(spent, limit)
        used = f"{part:.1f} % of it is spent." if part is not None else ""
        yield Figure("budget", "Budget", limit, selection.currency, used)
    yield from projection_figure(selection, projected)
    for currency, each in amounts.items():
        if each.rated:
            yield Figure(
                f"rated_{currency.lower()}",
                f"Rated ({currency})",
                each.rated,
                currency,
                "Showback: what nobody bills, at prices of finance. In no sum with what is billed.",
            )


def _charts(selection: Selection, names: Mapping[str, str]) -> Iterator[ChartSpec]:
    """What it owes, largest first; what shares bring stands under the share's name.

    Args:
        names: of all cost centres.
    """
    currency = selection.currency
    sums: dict[tuple[str, str, str], list[Decimal]] = {}
    for line in selection.lines:
        if line.allocated is not None and line.currency == currency:
            share_of = (line.rule or "") if line.shared is not None else ""
            what = line.sub_account or line.sku or line.account
            key = ("", "", share_of) if share_of else (line.platform, what, "")
            sums.setdefault(key, []).append(line.allocated)
    totals = ((key, Decimal(exact_sum(each))) for key, each in sums.items())
    owed = sorted((pair for pair in totals if pair[1]), key=lambda pair: (-pair[1], pair[0]))
    if not owed:
        return
    known = selection.answer.names
    labels = distinct_labels(
        {
            "/".join(filter(None, key)): told_share(key[2], names)
            if key[2]
            else known.get(key[:2], key[1])
            for key, _ in owed
        }
    )
    bars = [(labels["/".join(filter(None, key))], amount) for key, amount in owed]
    shown, rest = bars[:_MOST_BARS], bars[_MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} others", Decimal(exact_sum(amount for _, amount in rest))))
    frame = pd.DataFrame(
        {
            "label": [label for label, _ in shown],
            "value": [float(amount) for _, amount in shown],
        }
    )
    yield ChartSpec(
        "by_what",
        f"What it owes ({currency})",
        Ranking(frame, currency),
        f"{counted(len(bars), 'items')}; the largest is {bars[0][0]} with {counted(bars[0][1], currency)}.",
        group="Spend",
        by="project, tenant, workspace and share",
    )
