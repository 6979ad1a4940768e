"""What came back from a Comet server, or was read from files: frames, and how each part answered."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pandas as pd

from lib.sources.comet.chargeback.tables import Table
from lib.sources.comet.server.moments import MILLISECONDS
from lib.status import SourceStatus

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Chargeback:
    """One chargeback report, as the server gave it: nothing corrected, nothing added up.

    Frames keep the server's field names and order. Numbers are Int64 (counts, epoch milliseconds) or
    objects of Decimal (megabytes), text is text, ``suspended`` boolean; missing is null. A documented
    field that no record carried is a column of nulls. Fields that are not documented follow as columns
    under their own names: Int64 where all are whole numbers, text otherwise.

    Args:
        users: ``username``, ``email``, ``created_at`` (whichever spelling came), ``deletedAt``,
            ``suspended``, ``uiUsageCount``, ``uiUsageUpdateTs``, ``sdkUsageCount``,
            ``sdkUsageUpdateTs`` (0 means never), ``lastUsedAt``, ``emLastUsedAt``, ``opikLastUsedAt``,
            ``experimentCount``, ``dataLoggedMb``, ``opikSpanCount``.
        workspaces: ``name``, ``numberOfMembers``, ``numberOfExperiments``, ``totalSizeInMb``,
            ``numberOfProjects`` (of the list, or the bare number some servers send).
        members: ``workspace``, ``userName``, ``email``, ``numberOfExperiments``, ``totalSizeInMb``.
        projects: ``workspace``, ``name``, ``numberOfExperiments``, ``totalSizeInMb``.
        lists: which of users and workspaces the server listed, be the list empty; others are unknown.
        label: tells two reports apart: the file's name, or the month, or ``current``.
        month: the month it is of, ``2024-09``: as the report says, else as asked for; None if neither.
        asked: the month that was asked for, which an old server may not give.
        created_at: when the server made it, epoch milliseconds.
        number_of_users: as the server says, beside the list.
        notes: what a reader must know: which shape it had, fields of unexpected kinds.
        raw: the bytes of the reply or file, unchanged.
        unread: values and entries that were there and could not be read; the notes say which.
        unread_fields: table and field of such values, ``users.suspended``; of entries the table, ``users``.
    """

    users: pd.DataFrame
    workspaces: pd.DataFrame
    members: pd.DataFrame
    projects: pd.DataFrame
    lists: frozenset[Table]
    label: str
    month: str | None = None
    asked: str | None = None
    organization_id: str | None = None
    created_at: int | None = None
    number_of_users: int | None = None
    notes: tuple[str, ...] = ()
    raw: bytes = field(default=b"", repr=False)
    unread: int = 0
    unread_fields: frozenset[str] = frozenset()

    @property
    def is_of_another_month(self) -> bool:
        """Whether the server answered with the report of another month than asked for."""
        return None not in (self.asked, self.month) and self.asked != self.month

    def made_at(self, now: datetime) -> datetime | None:
        """When the server made it, UTC; None where it does not say, or nothing that can be."""
        made = self.created_at
        if made is None or made not in MILLISECONDS:
            return None
        moment = EPOCH + timedelta(milliseconds=made)
        return moment if moment <= now else None


@dataclass(frozen=True)
class ChargebackAnswer:
    """The report asked for, and what stands beside it.

    Args:
        report: the one all figures are of.
        earlier: the one it is compared with, when there are two.
        service_accounts: names or e-mail addresses as the server lists them; None when it did not
            say, and only names can tell.
        statuses: one per source: ``comet:chargeback``, ``comet:service-accounts``, or a file each.
        host: where it came from, host name only; empty for files.
    """

    report: Chargeback
    earlier: Chargeback | None
    service_accounts: frozenset[str] | None
    statuses: tuple[SourceStatus, ...]
    notes: tuple[str, ...] = ()
    host: str = ""
