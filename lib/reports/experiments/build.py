"""Experiments, users, run time and GPU use of a Comet server as one report."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd

from lib.comparisons import NONE, days_compared
from lib.periods import EARLIEST, Period, epoch, from_epoch
from lib.presets import nearest
from lib.reports.experiments.charts import usage_charts
from lib.reports.experiments.comparison import changes, compared_tables, doubts
from lib.reports.experiments.figures import (
    Earlier,
    Sums,
    days_of,
    usage_figures,
    usage_sums,
    usage_totals,
)
from lib.reports.experiments.notes import usage_notes
from lib.reports.experiments.pivots import usage_pivots
from lib.reports.experiments.select import ChosenRows, buckets_of, select
from lib.reports.experiments.tables import (
    by_bucket_table,
    by_project_table,
    by_user_table,
    by_workspace_table,
)
from lib.reports.experiments.words import FILTER_WORDS
from lib.reports.report import Report, Table
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.tables import PROJECTS

KIND = "comet-usage"
TITLE = "Comet usage"


def build_comet_usage(
    answer: CometUsageAnswer, query: CometUsageQuery, *, now: datetime, demo: bool = False
) -> Report:
    """Everything a person sees or downloads about experiments over time.

    Args:
        answer: what the loader brought, of all time; experiments outside the question are left out.
        query: what was asked.
        now: the moment of building, UTC.
        demo: the data is made up.

    Raises:
        InputError: the range has too many buckets; it names a unit that fits.
    """
    now = now.astimezone(UTC)
    read = _read(answer, query, now)
    rows, tables, earlier = read.rows, read.tables, None
    if query.period is not None and query.before is not None:
        before = _read(answer, replace(query, period=query.before, compare=NONE), now)
        against = days_compared(query.period, query.before)
        unclear = doubts(answer, rows, before.rows)
        tables = compared_tables(tables, before.tables, unclear)
        tables = (*changes(tables, rows, before.rows, against), *tables)
        earlier = Earlier(
            before.rows,
            before.query,
            before.sums,
            against,
            doubtful=unclear.amounts,
            whole=not unclear.projects,
        )
    charts, coarser = usage_charts(rows, query, earlier)
    pivots = (*usage_pivots(rows, query),)
    filters = query.described()
    if query.period is None:
        filters = {"range": "all time", **filters}
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period or days_of(rows),
        filters=filters,
        filter_words=FILTER_WORDS,
        generated_at=now,
        sources=answer.statuses,
        totals=usage_totals(read.sums, rows),
        figures=tuple(usage_figures(read.sums, rows, query, read.buckets, answer, earlier=earlier)),
        charts=(*charts, *(spec for crossed in pivots for spec in crossed.heat_map())),
        tables=(*tables, *(crossed.table for crossed in pivots)),
        notes=tuple(
            usage_notes(
                rows,
                answer,
                query,
                coarser,
                running_day=query.period is not None and query.period.end == now.date(),
                against=earlier.against if earlier else "",
            )
        ),
        host=answer.host,
        demo=demo,
        main_table="by_bucket",
        is_unused=not len(rows) and not _failed(answer),
        nearest=_nearest(answer, query, now.date()),
    )


def _nearest(answer: CometUsageAnswer, query: CometUsageQuery, today: date) -> Period | None:
    """Of a period without experiments: stepped to the nearest that started before or after it."""
    if query.period is None or _failed(answer):
        return None
    experiments = answer.experiments
    counted = experiments if query.archived else experiments[~experiments["archived"]]
    starts = counted["start_ms"].dropna()
    tomorrow = today + timedelta(days=1)
    starts = starts[starts.between(epoch(EARLIEST) * 1_000, epoch(tomorrow) * 1_000 - 1)]
    first, end = query.period.start_epoch * 1_000, query.period.end_epoch * 1_000
    if starts.between(first, end - 1).any():
        return None
    known = (starts[starts < first].max(), starts[starts >= end].min())
    days = [from_epoch(int(start) // 1_000).date() for start in known if not pd.isna(start)]
    return nearest(query.period, days, today)


@dataclass(frozen=True)
class _Read:
    """What one period holds."""

    query: CometUsageQuery
    rows: ChosenRows
    buckets: range
    sums: Sums
    tables: tuple[Table, ...]


def _read(answer: CometUsageAnswer, query: CometUsageQuery, now: datetime) -> _Read:
    rows = select(answer, query, now)
    buckets = buckets_of(rows, query)
    failed = _failed(answer)
    unknown = not len(rows) and not _answered(answer)
    whole = all(status.status in ("ok", "skipped") for status in answer.statuses)
    sums = usage_sums(rows, unknown=unknown, whole=whole)
    tables = (
        by_bucket_table(rows, query, buckets, sums, unknown=unknown),
        by_project_table(rows, query, sums, failed),
        by_workspace_table(rows, query, sums, failed),
        by_user_table(rows, query, sums),
    )
    return _Read(query, rows, buckets, sums, tables)


def _failed(answer: CometUsageAnswer) -> list[tuple[str, str]]:
    """Workspace and project of those that did not answer."""
    lost = {status.part for status in answer.statuses if status.status == "failed"}
    pairs = zip(answer.projects["workspace"], answer.projects["project"], strict=True)
    return [pair for pair in pairs if f"{pair[0]}/{pair[1]}" in lost]


def _answered(answer: CometUsageAnswer) -> bool:
    """Whether no experiments means that there are none."""
    said = [status for status in answer.statuses if status.status in ("ok", "partial")]
    failed = any(status.status == "failed" for status in answer.statuses)
    return not failed or any(status.part != PROJECTS for status in said)
