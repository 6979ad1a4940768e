"""Figures that an overview and a cost centre have in common."""

from collections.abc import Iterator

from lib.allocation.projection import NotEnough, Projection
from lib.quantities import counted
from lib.reports.allocation.select import Amounts, Selection
from lib.reports.allocation.words import against
from lib.reports.report import Delta, Figure
from lib.usage.exact import exactly, percent_change


def amount_figure(
    selection: Selection, key: str, label: str, amounts: Amounts, currency: str
) -> Figure:
    """What is owed, against the same days of the month before."""
    delta = None
    if amounts.before is not None:
        with exactly():
            change = amounts.compared - amounts.before
        percent = percent_change(amounts.compared, amounts.before)
        delta = Delta(amounts.before, change, percent, against(selection))
    incomplete = selection.answer.unknown > 0 or any(
        source.status not in ("ok", "skipped") for source in selection.answer.sources
    )
    what = "What the platforms billed, and what shares move."
    if delta is not None:
        days, before = selection.compared_days
        what += (
            f" Its change is of {days.start} to {days.end}, against {before.start} to {before.end}."
        )
    return Figure(key, label, amounts.allocated, currency, what, delta, incomplete=incomplete)


def projection_figure(
    selection: Selection, projected: Projection | NotEnough | None
) -> Iterator[Figure]:
    """What the month will have cost, with its range; that it is not known, and why."""
    if projected is None:
        return
    if isinstance(projected, NotEnough):
        yield Figure("projection", "Projection", None, selection.currency, projected.why)
        return
    between = projected.between
    spread = (
        f"Between {counted(between.low, selection.currency)} and "
        f"{counted(between.high, selection.currency)}, as the last four weeks went. "
        if between
        else ""
    )
    yield Figure(
        "projection",
        "Projection to the month's end",
        projected.amount,
        selection.currency,
        f"{spread}Settled until {projected.until} (UTC), then the median of each weekday. No cost yet.",
        incomplete=bool(projected.unknown),
        is_sum=False,
    )
