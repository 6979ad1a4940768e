"""Finance's published rates, for reports that show what nobody bills at a price."""

from typing import TYPE_CHECKING

from loguru import logger

from lib.allocation.rule_set import Rate
from lib.errors import SourceError

if TYPE_CHECKING:
    from lib.ledger.store import Ledger


def published_rates(ledger: "Ledger | None") -> tuple[Rate, ...]:
    """The rates of the newest rule set; none without a ledger, or where it cannot be read, which is logged."""
    if ledger is None:
        return ()
    from lib.ledger.rule_sets import published  # noqa: PLC0415  # where there is one

    try:
        return published(ledger).rule_set.rates
    except SourceError as error:
        logger.warning("No prices of licences: {}", error.message)
        return ()
