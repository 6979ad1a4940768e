"""What OpenAI itself alerts at and limits, beside what it billed: read there, never set."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from lib.allocation.budgets import share
from lib.reports.cells import typed_frame
from lib.reports.report import Column, Table
from lib.sources.openai import NAME
from lib.sources.openai.limits import SpendLimit

KEY = "openai_limits"


class Reached(NamedTuple):
    """One limit of a month.

    Args:
        account: as the ledger calls it.
        as_of: when OpenAI last told it, UTC.
        billed: what of its own currency OpenAI billed in the month; None where not all of it is known, or
            the limit is of another interval.
    """

    account: str
    limit: SpendLimit
    as_of: datetime
    billed: Decimal | None


COLUMNS = (
    Column("project", "Project", missing="Whole organisation"),
    Column("project_id", "Project id", told_by="project"),
    Column("kind", "Kind", help="An alert sends mail; a limit is hard."),
    Column("amount", "Amount", "decimal"),
    Column("interval", "Per"),
    Column(
        "billed", "Billed", "decimal", help="By OpenAI in this month, as far as it is captured."
    ),
    Column("share", "Reached", "percent", help="Billed, in percent of the amount."),
    Column("enforcement", "Enforcement", help="Of a limit, in OpenAI's word."),
    Column(
        "recipients",
        "Recipients",
        "int",
        help="How many get the mail; their addresses are not kept.",
    ),
    Column("as_of", "As of", "datetime", help="When OpenAI last told it, UTC."),
    Column("account", "Account"),
    Column("currency", "Currency"),
)
_BRIEF = ("project", "kind", "amount", "billed", "share", "enforcement", "as_of")


def limits_table(limits: Iterable[Reached], names: Mapping[tuple[str, str], str]) -> Table:
    """A row per alert and limit, those of the whole organisation first.

    Args:
        limits: at least one.
        names: platform and id to what it is called.
    """

    def called(one: Reached) -> str | None:
        project = one.limit.project
        return None if project is None else names.get((NAME, project), project)

    def order(one: Reached) -> tuple[Any, ...]:
        limit = one.limit
        place = (one.account, limit.project is not None, called(one) or "", limit.project or "")
        return (*place, limit.kind, limit.amount or 0, limit.currency)

    rows = sorted(limits, key=order)
    cells: dict[str, list[Any]] = {
        "project": [called(one) for one in rows],
        "project_id": [one.limit.project for one in rows],
        "kind": [one.limit.kind.title() for one in rows],
        "share": [share(one.billed, one.limit.amount) for one in rows],
        **{name: [getattr(one, name) for one in rows] for name in ("billed", "as_of", "account")},
        **{
            name: [getattr(one.limit, name) or None for one in rows]
            for name in ("interval", "enforcement", "currency")
        },
        **{name: [getattr(one.limit, name) for one in rows] for name in ("amount", "recipients")},
    }
    return Table(
        KEY,
        "Limits set at OpenAI",
        typed_frame(cells, COLUMNS),
        COLUMNS,
        brief=_BRIEF,
        note=f"As of {min(one.as_of for one in rows):%Y-%m-%d %H:%M} UTC. Read at OpenAI, where alone they are set; "
        "budgets of cost centres are finance's own.",
    )
