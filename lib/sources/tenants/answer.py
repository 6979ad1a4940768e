"""What came back from Redis and the control database: counters, anomalies, tenants, and how each answered."""

from dataclasses import dataclass

import pandas as pd

from lib.status import SourceStatus

COUNTER_COLUMNS = ("tenant_id", "metric", "period", "value")
ANOMALY_COLUMNS = ("key", "tenant_id", "metric", "period", "problem", "value")


@dataclass(frozen=True)
class TenantAnswer:
    """Counters of the months asked for, and of those compared with.

    Args:
        counters: one row per good counter. ``tenant_id``, ``metric``, ``period`` categorical text
            (``2025-09`` or ``2025-09-14``), ``value`` int64, never negative.
        anomalies: counters that are in no total, one row each, all text, ``value`` null where there
            is nothing to show: not an integer, negative, wrong type, unreadable key.
        tenants: ``tenant_id`` text, ``dormant`` boolean (null where unknown), as the control database
            lists them. None when it is not configured or did not answer.
        statuses: one per source: ``redis``, ``control-database``.
        notes: sentences a reader must know to read the numbers right.
        host: where the counters came from, without user or password.
        months: every month that has a counter of any tenant, asked for or not.
    """

    counters: pd.DataFrame
    anomalies: pd.DataFrame
    tenants: pd.DataFrame | None
    statuses: tuple[SourceStatus, ...]
    notes: tuple[str, ...] = ()
    host: str = ""
    months: frozenset[str] = frozenset()
