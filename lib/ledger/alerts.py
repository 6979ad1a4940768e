"""Which alerts have been told: each one once."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import insert, select

from lib.ledger.store import Ledger
from lib.ledger.tables import ALERTS
from lib.reports.allocation.alerts import Alert


def tell_once(ledger: Ledger, alerts: Iterable[Alert], now: datetime) -> list[Alert]:
    """Those that were never told before; from now on they were.

    Raises:
        SourceUnavailable: the ledger cannot be written.
    """
    ledger.database.bring_up_to_date()
    with ledger.database.writing() as connection, connection.begin():
        keys = [column for column in ALERTS.c if column.primary_key]
        told = {tuple(row) for row in connection.execute(select(*keys))}
        fresh = list({alert.key: alert for alert in alerts if alert.key not in told}.values())
        names = [column.name for column in keys]
        rows = [dict(zip(names, alert.key, strict=True)) | {"told_at": now} for alert in fresh]
        if rows:
            connection.execute(insert(ALERTS), rows)
    return fresh
