"""What OpenAI itself limits, beside what it billed."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from lib.allocation.allocate import BILLED
from lib.ledger.limits import parts_of, troubles
from lib.ledger.lines import MonthLines
from lib.reports.allocation.limits import Reached
from lib.reports.ledger.platforms import platform_label
from lib.sources.openai import NAME as OPENAI
from lib.sources.openai.limits import MONTH, SpendLimit, limit_of
from lib.usage.exact import exact_sum


def limits_reached(lines: MonthLines) -> Iterator[Reached]:
    """What OpenAI limits, as it was last told in the month, beside what it billed."""
    for capture in lines.captures:
        if capture.platform != OPENAI:
            continue
        bill = _bill(lines, capture.account)
        for part in parts_of(capture.facts).values():
            for limit in map(limit_of, part["limits"]):
                as_of = datetime.fromisoformat(part["as_of"])
                yield Reached(capture.account, limit, as_of, _billed(bill, limit))


def limit_troubles(lines: MonthLines) -> Iterator[str]:
    """Why not all of that is known."""
    for capture in lines.captures:
        for trouble in troubles(parts_of(capture.facts)):
            yield f"{platform_label(capture.platform)}: {trouble}"


class _Bill(NamedTuple):
    project: str | None
    currency: str
    amount: Decimal | None


def _bill(lines: MonthLines, account: str) -> list[_Bill]:
    frame = lines.lines
    own = (
        (frame["platform"] == OPENAI) & (frame["account"] == account) & (frame["metric"] == BILLED)
    )
    columns = ("sub_account", "unit", "quantity")
    return [*map(_Bill._make, zip(*(frame.loc[own, name] for name in columns), strict=True))]


def _billed(bill: Iterable[_Bill], limit: SpendLimit) -> Decimal | None:
    """What counts towards a limit; None where not all of it is known in its interval and currency.

    An amount that nobody knows, of no project, may be any project's.
    """
    if limit.interval != MONTH:
        return None
    amounts = []
    for line in bill:
        is_own = limit.project in (None, line.project)
        if line.amount is None and (is_own or line.project is None):
            return None
        if is_own and line.amount and line.currency != limit.currency:
            return None
        if is_own and line.amount:
            amounts.append(line.amount)
    return Decimal(exact_sum(amounts))
