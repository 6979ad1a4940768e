"""What of a month calls for somebody's eyes: marks of budgets that are reached, and days that stand out."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from lib.allocation.budgets import fired
from lib.allocation.projection import Projection, spikes
from lib.allocation.rule_set import UNALLOCATED as UNALLOCATED_ID
from lib.quantities import counted
from lib.reports.allocation.select import OverviewAnswer, Selection
from lib.reports.allocation.words import UNALLOCATED
from lib.reports.cells import typed_frame
from lib.reports.ledger.platforms import platform_label
from lib.reports.report import Column, Table


class Alert(NamedTuple):
    """One thing to look at.

    Args:
        time: a month, or the day of a spike.
        cost_centre: empty: unallocated.
        platform: of a spike; empty for marks of budgets.
        kind: ``spent``, ``projected`` or ``spike``.
        percent: of the budget; 0 for a spike.
        sentence: what happened, for people.
    """

    time: str
    cost_centre: str
    platform: str
    kind: str
    percent: int
    sentence: str

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """Equal for what is told once."""
        return self.time, self.cost_centre, self.platform, self.kind, self.percent


_COLUMNS = (
    Column("time", "When (UTC)"),
    Column(
        "cost_centre", "Cost centre id", told_by="name", of="cost_centre", blank_of=UNALLOCATED_ID
    ),
    Column("name", "Cost centre"),
    Column("platform", "Platform id", told_by="platform_label"),
    Column("platform_label", "Platform"),
    Column(
        "kind", "Kind", help="What is spent, what is projected, or a day far above what is usual."
    ),
    Column("percent", "Of budget", "percent"),
    Column("sentence", "What happened"),
)


def alerts_of(answer: OverviewAnswer) -> list[Alert]:
    """All that hold in a month, cost centre by cost centre."""
    return alerts_in(Selection(answer))


def alerts_in(selection: Selection) -> list[Alert]:
    """All that hold in what is selected."""
    return [*_budgets(selection), *_spikes(selection)]


def alerts_table(selection: Selection) -> Table:
    """What calls for somebody's eyes, of marks of a budget the highest; told here as often as somebody looks."""
    names = selection.answer.rule_set.names
    highest = {alert[:4]: alert for alert in alerts_in(selection)}  # marks rise
    alerts = [*highest.values()]
    cells: dict[str, list[object]] = {
        "time": [alert.time for alert in alerts],
        "cost_centre": [alert.cost_centre or None for alert in alerts],
        "name": [
            names.get(alert.cost_centre, alert.cost_centre) or UNALLOCATED for alert in alerts
        ],
        "platform": [alert.platform or None for alert in alerts],
        "platform_label": [
            platform_label(alert.platform) if alert.platform else None for alert in alerts
        ],
        "kind": [alert.kind for alert in alerts],
        "percent": [alert.percent or None for alert in alerts],
        "sentence": [alert.sentence for alert in alerts],
    }
    brief = ("time", "sentence")
    return Table("alerts", "Alerts", typed_frame(cells, _COLUMNS), _COLUMNS, brief=brief)


def _budgets(selection: Selection) -> Iterator[Alert]:
    owed = selection.by(lambda line: line.cost_centre)
    for identity, (limit, currency, centre) in sorted(selection.budgets().items()):
        if currency != selection.currency:
            continue
        amounts = owed.get((identity, currency))
        spent = amounts.allocated if amounts else Decimal(0)
        projected = selection.projected(identity)
        amount = projected.amount if isinstance(projected, Projection) else None
        for mark in fired(limit, spent, amount):
            told = spent if mark.kind == "spent" or amount is None else amount
            what = "is spent" if mark.kind == "spent" else "is projected to the month's end"
            yield Alert(
                selection.answer.month,
                identity,
                "",
                mark.kind,
                mark.percent,
                f"{centre.name or identity}: {mark.percent} % of the budget of {counted(limit, currency)} "
                f"{'is reached' if mark.kind == 'spent' else 'will be passed'}; {counted(told, currency)} {what}.",
            )


def _spikes(selection: Selection) -> Iterator[Alert]:
    """Settled days of the month on which a cost centre paid a platform far more than usual."""
    answer, names = selection.answer, selection.answer.rule_set.names
    in_turn = sorted(selection.daily.items(), key=lambda item: str(item[0]))
    for (centre, platform), of_days in in_turn:
        if platform in answer.by_month:
            continue
        sums = {day: of_days.get(day, Decimal(0)) for day in selection.settled_days}
        for spike in spikes(sums, answer.settled_until):
            if spike.day >= answer.period.start:
                usual = (
                    f"; {counted(spike.usual, selection.currency)} is usual" if spike.usual else ""
                )
                yield Alert(
                    f"{spike.day}",
                    centre or "",
                    platform,
                    "spike",
                    0,
                    f"{names.get(centre or '', centre) or 'Unallocated'}: "
                    f"{counted(spike.amount, selection.currency)} of {platform_label(platform)} on "
                    f"{spike.day} (UTC){usual}.",
                )
