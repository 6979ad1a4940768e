"""Which marks of a month's budget are reached, by what is spent and by what is projected."""

from decimal import Decimal
from typing import Literal, NamedTuple

from lib.usage.exact import exactly, percent_of

Kind = Literal["spent", "projected"]


class Threshold(NamedTuple):
    """A mark in percent of a budget: reached by what is ``spent``, or passed by what is ``projected``."""

    kind: Kind
    percent: int


THRESHOLDS = (
    Threshold("spent", 50),
    Threshold("spent", 80),
    Threshold("spent", 100),
    Threshold("projected", 100),
)
"""In the order in which a month meets them, were it not for its projection."""


def fired(
    budget: Decimal | None, spent: Decimal | None, projected: Decimal | None
) -> tuple[Threshold, ...]:
    """All thresholds that hold, of ``THRESHOLDS`` in their order; whoever was told before is not known here.

    What is spent reaches a mark when it is as much; a projection passes it when it is more: a month that
    is to end on its budget is within it, and a budget that is passed already needs no projection. Nothing
    spent, or a credit, reaches no mark, not even of 0.

    Args:
        budget: of the month, not negative, in the currency of the others; None: there is none, so nothing fires.
        spent: None where it is not known.
        projected: None where there is no projection.
    """
    if budget is None:
        return ()
    is_passed = spent is not None and spent > budget
    amounts = {"spent": spent, "projected": None if is_passed else projected}
    return tuple(mark for mark in THRESHOLDS if _holds(mark, amounts[mark.kind], budget))


def share(spent: Decimal | None, budget: Decimal | None) -> float | None:
    """What is spent in percent of a budget, 12.5 for 12.5 %; None where either is not known, or the budget is 0."""
    if spent is None or budget is None:
        return None
    return percent_of(spent, budget)


def _holds(mark: Threshold, amount: Decimal | None, budget: Decimal) -> bool:
    if amount is None or amount <= 0:
        return False
    with exactly():
        part, limit = amount * 100, budget * mark.percent
    return part >= limit if mark.kind == "spent" else part > limit
