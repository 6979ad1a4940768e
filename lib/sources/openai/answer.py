"""What came back from OpenAI: frames, names and how each source answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from lib.settings.keys import account_of
from lib.sources.openai.tables import Kind
from lib.status import SourceStatus


@dataclass(frozen=True)
class OpenAIAnswer:
    """Frames of one period.

    Args:
        usage: one row per bucket and grouping. ``endpoint_type`` text, ``date`` datetime.date,
            ``start_time`` datetime64 UTC, dimensions as text (``batch`` boolean), metrics Int64;
            a column that no reply carried is absent; missing is null.
        costs: one row per day and grouping: ``date``, dimensions of ``COSTS_GROUP_BY``, ``amount``
            Decimal, ``currency`` text, ``quantity`` Decimal, ``quantity_unit`` text.
            None when costs were not asked for or failed altogether.
        costs_by_user: the same days by user only, where OpenAI refuses user and project at once.
        names: kind and id to name, for every id in the frames that has one.
        statuses: one per source.
        notes: sentences a reader must know to read the numbers right.
        host: where the data came from.
        previous: the period compared with, when asked for.
        organisation: its id, where the settings tell it: a host has many.
        projects: ids of all that are listed, used or not; none where they may not be asked for.
        days_nearby: the last day before a period without data and the first after it that cost
            anything, where that was asked for.
    """

    usage: pd.DataFrame
    costs: pd.DataFrame | None
    costs_by_user: pd.DataFrame | None
    names: Mapping[tuple[Kind, str], str]
    statuses: tuple[SourceStatus, ...]
    notes: tuple[str, ...] = ()
    host: str = ""
    previous: "OpenAIAnswer | None" = field(default=None)
    days_nearby: tuple[date, ...] = ()
    organisation: str = ""
    projects: frozenset[str] = frozenset()

    @property
    def account(self) -> str:
        """As the ledger calls it."""
        return account_of(self.host, self.organisation)

    @property
    def is_empty(self) -> bool:
        """Whether there is neither usage nor a cost."""
        return self.usage.empty and (self.costs is None or self.costs.empty)
