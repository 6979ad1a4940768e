"""Asks a Comet server for a chargeback report and for its service accounts."""

import asyncio
from dataclasses import replace
from typing import Any

from lib.api_client import ApiClient
from lib.errors import SourceDenied, SourceError, SourceRefused
from lib.sources.comet.chargeback.answer import Chargeback
from lib.sources.comet.chargeback.parse import parse_chargeback
from lib.sources.comet.chargeback.tables import CHARGEBACK_PATH, SERVICE_ACCOUNTS_PATH
from lib.sources.comet.server import NAME
from lib.sources.comet.server.rest import advised

__all__ = ["fetch_chargeback", "fetch_service_accounts", "parse_chargeback", "report_name"]

CURRENT = "current"
"""The label of a report that no month was asked for."""

WHO_MAY = (
    "Organization admins may read this report through the admin API. Whoever runs the server can add "
    "admins in its configuration, ADMIN_USER_LIST; then use the API key of one of them."
)
_KEY = "Copy the API key again from Comet's account settings; the key of a removed user no longer works."
_VERSION = (
    "Check the address. The report is there from backend version 3.7.46 on; an older server needs "
    "CHARGEBACK_USAGE_REPORT_ENABLED=True in its configuration "
    "(backend.chargebackUsageReportEnabled: true with Helm)."
)
_MONTHLY = "Choose a month: older servers report on one month at a time."
_FIELDS = ("name", "username", "email")


def report_name(month: str | None) -> str:
    """How errors and statuses name the report of a month, below ``comet:``."""
    return f"chargeback:{month}" if month else "chargeback"


async def fetch_chargeback(client: ApiClient, month: str | None = None) -> Chargeback:
    """One report, which covers the whole organization.

    Args:
        client: its base URL is an address's ``admin_root``.
        month: ``2024-09`` for servers that keep months; None for what the server gives without.

    Raises:
        SourceDenied: the key is refused, or is no admin's; the remedy says how to become one.
        SourceRefused: the server has no such report; the remedy names the version.
        SourceReplyError: not a report, such as a sign-in page.
        SourceUnavailable: no answer after all tries.
    """
    part = report_name(month)
    params = [("reportMonth", month)] if month else []
    try:
        with advised():
            raw = await client.get_bytes(CHARGEBACK_PATH, params, part=part)
    except SourceError as error:
        raise _explained(error, month) from error
    report = await asyncio.to_thread(parse_chargeback, raw, month or CURRENT, f"{NAME}:{part}")
    if month and report.month not in (month, None):
        # A label is a name to a reader: it must not say the month that did not come
        return replace(report, asked=month, label=f"{report.month} (asked for {month})")
    return replace(report, asked=month, month=report.month or month)


def _explained(error: SourceError, month: str | None) -> SourceError:
    """The same error with what to do about it at Comet."""
    if isinstance(error, SourceDenied):
        remedy = _KEY if error.status == 401 else WHO_MAY
        return SourceDenied(error.source, error.detail, remedy, status=error.status)
    if isinstance(error, SourceRefused) and error.status in (400, 404):
        # Older servers answer 400 where newer ones answer 404.
        other = f"The server may have no report of {month}: choose another month."
        remedy = f"{other if month else _MONTHLY} {_VERSION}"
        return SourceRefused(error.source, error.detail, remedy, status=error.status)
    return error


async def fetch_service_accounts(client: ApiClient) -> frozenset[str] | None:
    """Names or e-mail addresses of the programs' accounts; None when the reply cannot be understood.

    The reply is not documented: a list, or one under ``serviceAccounts`` or ``accounts``, of texts
    or of records with a name, user name or address, of which the first counts.

    Raises:
        SourceError: the server did not answer, or does not offer the list.
    """
    try:
        with advised():
            reply = await client.get_json(SERVICE_ACCOUNTS_PATH, part="service-accounts")
    except SourceDenied as error:
        raise _explained(error, None) from error
    if isinstance(reply, dict):
        reply = reply.get("serviceAccounts", reply.get("accounts"))
    if not isinstance(reply, list):
        return None
    names = frozenset(name for entry in reply if (name := _name(entry)))
    return names if names or not reply else None


def _name(entry: Any) -> str:
    if isinstance(entry, dict):
        entry = next((entry[field] for field in _FIELDS if entry.get(field)), "")
    return entry.strip() if isinstance(entry, str) else ""
