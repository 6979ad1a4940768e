"""Users, workspaces and sizes of a Comet server as one report, beside an earlier one when there is one."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches

from lib.allocation.rule_set import Rate
from lib.errors import InputError
from lib.reports.chargeback.beside import beside
from lib.reports.chargeback.charts import chargeback_charts
from lib.reports.chargeback.comparison import changes_table, compare
from lib.reports.chargeback.figures import control_totals, figures
from lib.reports.chargeback.notes import chargeback_notes
from lib.reports.chargeback.pivots import chargeback_pivots
from lib.reports.chargeback.price import (
    price_on,
    priced_figures,
    priced_table,
    priced_totals,
)
from lib.reports.chargeback.reclaim import reclaim_tables
from lib.reports.chargeback.select import Side, as_of, select
from lib.reports.chargeback.tables import (
    members_table,
    projects_table,
    users_table,
    workspaces_table,
)
from lib.reports.chargeback.words import FILTER_WORDS
from lib.reports.report import Report, Table
from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.query import ChargebackQuery

KIND = "comet-chargeback"
TITLE = "Comet chargeback report (usage list)"

_ALIKE = 3
_LONGEST = 80


def build_comet_chargeback(
    answer: ChargebackAnswer,
    query: ChargebackQuery,
    *,
    now: datetime,
    demo: bool = False,
    rates: Sequence[Rate] = (),
) -> Report:
    """Everything a person sees or downloads about who uses a Comet server, and how much of it.

    Args:
        answer: what the loader brought.
        query: what was asked; its filters apply to both reports.
        now: the moment of building, UTC.
        demo: the data is made up.
        rates: that finance has published; given for those only who may see money.

    Raises:
        InputError: a workspace was chosen that neither report has.
    """
    now = now.astimezone(UTC)
    _check_workspaces(answer, query.workspaces)
    side = _side(answer, answer.report, query, now, live=bool(answer.host))
    earlier = comparison = None
    tables = _tables(side, query)
    apart: tuple[str, ...] = ()
    if answer.earlier is not None:
        earlier = _side(answer, answer.earlier, query, now, live=False)
        comparison = compare(earlier, side)
        tables, apart = beside(tables, _tables(earlier, query), side, earlier)
        tables = (changes_table(comparison, earlier.report.label), *tables)
    shown, totals = (*figures(side, earlier, query, answer.statuses),), control_totals(side)
    if price := price_on(rates, side.at.date()):
        tables = tuple(priced_table(table, price) for table in tables)
        shown = (*priced_figures(shown, price),)
        totals |= priced_totals(totals["inactive_users"], price)
    charts, undrawn = chargeback_charts(side, query, earlier)
    pivots = (*chargeback_pivots(side),)
    return Report(
        kind=KIND,
        title=TITLE,
        period=None,
        filters={key: value or None for key, value in query.described().items()},
        filter_words=FILTER_WORDS,
        generated_at=now,
        sources=answer.statuses,
        totals=totals,
        figures=shown,
        charts=(*charts, *(spec for crossed in pivots for spec in crossed.heat_map())),
        tables=(
            *tables,
            *(crossed.table for crossed in pivots),
        ),
        notes=(
            *chargeback_notes(
                answer,
                query,
                side,
                earlier=earlier,
                comparison=comparison,
                undrawn=undrawn,
                apart=apart,
            ),
        ),
        host=answer.host,
        demo=demo,
        main_table="users",
        state_at=side.at,
    )


def _side(
    answer: ChargebackAnswer,
    report: Chargeback,
    query: ChargebackQuery,
    now: datetime,
    *,
    live: bool,
) -> Side:
    at, at_words = as_of(report, live=live, now=now)
    return select(report, query, answer.service_accounts, at=at, at_words=at_words)


def _tables(side: Side, query: ChargebackQuery) -> tuple[Table, ...]:
    return (
        users_table(side),
        *reclaim_tables(side, query),
        workspaces_table(side),
        members_table(side),
        projects_table(side),
    )


def _check_workspaces(answer: ChargebackAnswer, chosen: Iterable[str]) -> None:
    reports = [report for report in (answer.report, answer.earlier) if report is not None]
    names = [
        str(name) for report in reports for name in report.workspaces["name"].dropna().unique()
    ]
    missing = next((name for name in chosen if name not in {*names}), None)
    if missing is None:
        return
    folded = {name.casefold(): name for name in names}
    near = [folded[name] for name in get_close_matches(missing.casefold(), folded, _ALIKE)]
    raise InputError(
        "workspace",
        f"{missing[:_LONGEST]!r} is not in the report.",
        f"Did you mean {', '.join(repr(name[:_LONGEST]) for name in near)}?"
        if near
        else "Choose one that it lists; upper and lower case matter.",
    )
