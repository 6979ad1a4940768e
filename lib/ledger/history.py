"""All that is kept, month by month, in frames."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from lib.ledger.query import Amount, LedgerQuery, ask
from lib.ledger.store import Capture, Ledger
from lib.periods import EARLIEST, Period
from lib.status import SourceStatus

SHOWN = (
    *("platform", "account", "month", "rows", "complete"),
    *("captured_at", "confirmed_at", "provisional_until", "lost"),
)

_BY = ("platform", "account", "metric", "month")
_WHO = ("part", "sub_account", "resource", "principal")


@dataclass(frozen=True)
class HistoryAnswer:
    """What is kept.

    Args:
        amounts: ``platform``, ``account``, ``metric``, ``unit``, ``nature``, ``month`` text,
            ``quantity`` Decimal or None, ``complete`` bool.
        cumulative: the same of counters only, with ``part``, ``sub_account``, ``resource`` and
            ``principal``: who may have begun anew.
        months: a record per capture that counts, see ``month_records``.
        sources: one per platform and account.
    """

    amounts: pd.DataFrame
    cumulative: pd.DataFrame
    months: list[dict[str, Any]]
    sources: tuple[SourceStatus, ...]


def load_history(ledger: Ledger, platform: str, today: date) -> HistoryAnswer:
    """Everything of one platform, or of all.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    query = LedgerQuery(
        Period(EARLIEST, today), _BY, platforms=(platform,) if platform else (), so_far=True
    )
    answer = ask(ledger, query)
    counters = {amount.metric for amount in answer.amounts if amount.nature == "counter"}
    each = replace(query, by=(*_BY, *_WHO), metrics=tuple(sorted(counters)))
    return HistoryAnswer(
        _frame(answer.amounts, _BY),
        _frame(ask(ledger, each).amounts if counters else (), each.by),
        month_records(answer.captures, answer.at),
        tuple(capture_statuses(answer.captures, answer.gaps, answer.at)),
    )


def _frame(amounts: Iterable[Amount], by: Sequence[str]) -> pd.DataFrame:
    rows = [
        (*amount.group, amount.unit, amount.nature, amount.quantity, amount.complete)
        for amount in amounts
    ]
    columns = [*by, "unit", "nature", "quantity", "complete"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def month_records(captures: Iterable[Capture], now: datetime) -> list[dict[str, Any]]:
    """A record per capture: the fields of ``SHOWN``, and ``lacks``: parts without an answer, and days."""
    return [
        {
            **{name: getattr(capture, name) for name in SHOWN},
            "complete": capture.complete and not capture.lacks_days(now),
            "lacks": ", ".join([*sorted(capture.failed), *_days_lacking(capture, now)]) or None,
        }
        for capture in captures
    ]


def _days_lacking(capture: Capture, now: datetime) -> list[str]:
    early = capture.lacks_days(now)
    return [f"what came after {capture.confirmed_at:%Y-%m-%d %H:%M} UTC"] if early else []


def capture_statuses(
    captures: Iterable[Capture],
    gaps: Iterable[tuple[str, str, str]],
    now: datetime,
    until: date | None = None,
) -> list[SourceStatus]:
    """How complete what is kept of each platform and account is.

    Args:
        until: the last day that must have been captured; None for whole months.
    """
    missing = [*gaps]
    by_account: dict[tuple[str, str], list[Capture]] = {}
    for capture in captures:
        by_account.setdefault((capture.platform, capture.account), []).append(capture)
    for platform, account, _ in missing:
        by_account.setdefault((platform, account), [])
    statuses = []
    for (platform, account), months in by_account.items():
        without = [month for *key, month in missing if (*key,) == (platform, account)]
        lacking = [capture.month for capture in months if not capture.complete]
        early = [capture.month for capture in months if capture.lacks_days(now, until)]
        said = [
            *([f"Nothing was captured of {', '.join(without)}."] if without else []),
            *([f"Incomplete: {', '.join(lacking)}."] if lacking else []),
            *([f"Captured before its end: {', '.join(early)}."] if early else []),
        ]
        statuses.append(
            SourceStatus(
                "ledger",
                f"{platform} {account}",
                "failed" if not months else "partial" if said else "ok",
                min((capture.confirmed_at for capture in months), default=None),
                sum(capture.rows for capture in months) if months else None,
                " ".join(said) or _ended(platform, months, by_account),
                "Run ai-usage ledger capture." if said else None,
                moves=any(not capture.is_final() for capture in months),
            )
        )
    return statuses


def _ended(
    platform: str, months: Sequence[Capture], by_account: Mapping[tuple[str, str], list[Capture]]
) -> str | None:
    """That another account of the platform goes on after this one, so that its levels count no more."""
    last = max(capture.month for capture in months)
    of_platform = (each for (name, _), each in by_account.items() if name == platform)
    newest = max((capture.month for each in of_platform for capture in each), default=last)
    return (
        f"Ends with {last}: what it had then is in no sum of later months."
        if last < newest
        else None
    )
