"""Chargeback reports that the ledger keeps, of months that the server no longer gives."""

from dataclasses import replace
from datetime import datetime

from lib.ledger.store import Capture, Ledger
from lib.sources.comet.chargeback.answer import Chargeback
from lib.sources.comet.chargeback.measures import PLATFORM
from lib.sources.comet.chargeback.rebuilt import chargeback_of
from lib.status import SourceStatus
from lib.usage.measure import Name


def kept_report(
    ledger: Ledger, account: str, month: str, *, settled: datetime | None = None
) -> tuple[Chargeback, SourceStatus] | None:
    """What was captured of a month, and how complete that is; None where nothing was.

    Args:
        settled: only where the server, asked at this moment, would tell nothing else.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    key = (PLATFORM, account, month)
    capture = next((capture for capture in ledger.captures() if capture.key == key), None)
    if capture is None or (settled is not None and not capture.is_settled(settled)):
        return None
    names = [Name(*known, name) for known, name in ledger.names(PLATFORM, account).items()]
    report = chargeback_of(ledger.warehouse.rows(capture.files), names, capture.facts)
    named = replace(report, label=month, month=month, asked=month)
    return named, _status(capture, named)


MOST_ROWS = 200_000
"""Of a month that a page reads unasked, some seven thousand users: a second for it and its comparison."""


def newest_kept(ledger: Ledger, account: str, now: datetime) -> str | None:
    """The newest month before this one that is kept as it stays; None where none is, or reading it takes long.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    kept = {
        capture.month: capture
        for capture in ledger.captures()
        if (capture.platform, capture.account) == (PLATFORM, account)
        and capture.month < f"{now:%Y-%m}"
        and capture.is_settled(now)
    }
    newest = max(kept, default=None)
    return newest if newest and kept[newest].rows <= MOST_ROWS else None


def _status(capture: Capture, report: Chargeback) -> SourceStatus:
    rows = len(report.users) + len(report.workspaces)
    lacks = None if capture.complete else f"It lacks {', '.join(sorted(capture.failed))}."
    return SourceStatus(
        "ledger",
        f"chargeback {capture.month}",
        "ok" if capture.complete else "partial",
        capture.confirmed_at,
        rows,
        lacks,
        moves=False,
    )
