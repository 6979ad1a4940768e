"""What must be known to read a month of money right."""

from collections.abc import Iterator

from lib.allocation.projection import NotEnough, Projection
from lib.periods import month_before
from lib.quantities import counted
from lib.reports.allocation.select import Selection
from lib.reports.ledger.platforms import platform_label


def cautions(selection: Selection) -> Iterator[str]:
    """What is in no sum, and what the month before lacks."""
    answer, before = selection.answer, selection.answer.before
    yield from unknown_amounts(answer.unknown)
    if before is None:
        return
    month, (_, compared) = month_before(answer.month), selection.compared_days
    if selection.is_compared:
        if before.missing:
            labels = ", ".join(map(platform_label, sorted(before.missing)))
            yield f"Nothing was captured of {labels} in {month}: changes are against the others."
        unknown = sum(line.is_bill and line.billed is None for line in before.lines)
        if unknown:
            yield (
                f"{counted(unknown, 'lines')} of {month}: nobody knows the amount, so changes are against "
                "less than was billed."
            )
    elif before.until is not None and before.until < compared.end:
        yield f"Nothing is compared: {month} was captured until {before.until} (UTC) only."
    elif compared.start <= compared.end:
        yield f"Nothing is compared: of {month} single days are not known."


def unknown_amounts(lines: int) -> Iterator[str]:
    """That so many lines are in no sum, where there are any."""
    if lines:
        yield (
            f"{counted(lines, 'lines')} of money or of what is priced: nobody knows the amount, and it is in no sum."
        )


def notes(selection: Selection, projected: Projection | NotEnough | None) -> Iterator[str]:
    """How figures came about, and what could not be done."""
    answer = selection.answer
    if not answer.version:
        yield "No rules are published, so nothing is allocated: ai-usage cost-centres export begins."
    yield from selection.notes
    if selection.is_compared and selection.is_running:
        now, then = selection.compared_days
        yield (
            f"Changes set what is allocated in {now.start} to {now.end} (UTC) against {then.start} to {then.end}: what "
            "came later is in no change."
        )
    if selection.is_running and answer.by_month:
        labels = ", ".join(map(platform_label, sorted(answer.by_month)))
        yield f"{labels}: billed by the month, so compared with the whole month before."
    if isinstance(projected, NotEnough):
        yield f"No projection: {projected.why}"
    for identity, (_, currency, centre) in selection.budgets().items():
        if currency != selection.currency:
            yield (
                f"The budget of {centre.name or identity} is in {currency}; without an exchange rate of "
                f"{answer.month} it is compared with nothing in {selection.currency}."
            )
