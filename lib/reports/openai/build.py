"""OpenAI usage and costs as one report."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from lib.comparisons import days_compared
from lib.presets import nearest
from lib.reports.openai.charts import openai_charts
from lib.reports.openai.comparison import changes, compared_breakdowns
from lib.reports.openai.figures import openai_figures, openai_totals
from lib.reports.openai.notes import openai_cautions, openai_notes
from lib.reports.openai.pivots import openai_pivots
from lib.reports.openai.select import OpenAISelection, select
from lib.reports.openai.tables import BREAKDOWNS, breakdown_table, costs_table, usage_table
from lib.reports.openai.words import FILTER_WORDS
from lib.reports.report import Report, SourceStatus, Table
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import OpenAIQuery
from lib.sources.openai.tables import COSTS, COSTS_BY_USER, ENDPOINTS

KIND = "openai-usage"
TITLE = "OpenAI usage and billed cost (showback)"


def build_openai_usage(
    answer: OpenAIAnswer, query: OpenAIQuery, *, now: datetime, demo: bool = False
) -> Report:
    """Everything a person sees or downloads about a period of OpenAI usage.

    Args:
        answer: what the loader brought.
        query: what was asked.
        now: the moment of building, UTC.
        demo: the data is made up.
    """
    chosen = select(answer, query)
    previous = None if answer.previous is None else select(answer.previous, query)
    totals = openai_totals(chosen)
    costs = tuple(costs_table(chosen))
    before = query.before
    if previous is None or before is None:
        breakdowns = tuple(breakdown_table(row, chosen) for row in BREAKDOWNS)
        moved: tuple[Table, ...] = ()
    else:
        breakdowns = compared_breakdowns(chosen, previous)
        against = days_compared(query.period, before)
        moved = tuple(changes(breakdowns, chosen, previous, against))
    by_column = {row.dimension: table for row, table in zip(BREAKDOWNS, breakdowns, strict=True)}
    pivots = (*openai_pivots(chosen, by_column),)
    cautions = tuple(openai_cautions(chosen, now))
    unused = not _has_data(chosen) and not _failed(chosen)
    heat_maps = (spec for crossed in pivots for spec in crossed.heat_map())
    return Report(
        kind=KIND,
        title=TITLE,
        period=query.period,
        filters=query.described(),
        filter_words=FILTER_WORDS,
        generated_at=now,
        sources=(*answer.statuses, *_compared_trouble(answer)),
        totals=totals,
        figures=tuple(openai_figures(totals, chosen, previous)),
        charts=(*openai_charts(chosen, breakdowns, previous, before), *heat_maps),
        tables=(
            *breakdowns,
            *moved,
            *(crossed.table for crossed in pivots),
            *costs,
            usage_table(chosen),
        ),
        notes=(*cautions, *openai_notes(chosen, now), *chosen.notes, *answer.notes),
        cautions=cautions,
        host=answer.host,
        demo=demo,
        main_table="usage",
        money_table=costs[0].key if costs else "",
        is_unused=unused,
        nearest=nearest(query.period, answer.days_nearby, now.date()) if unused else None,
    )


def _has_data(chosen: OpenAISelection) -> bool:
    return not chosen.usage.empty or (chosen.costs is not None and not chosen.costs.empty)


def _failed(chosen: OpenAISelection) -> bool:
    return any(status.status in ("failed", "partial") for status in chosen.statuses)


def _compared_trouble(answer: OpenAIAnswer) -> Iterable[SourceStatus]:
    """Sources that failed for the period compared with only: without them there is no change to show."""
    if answer.previous is None:
        return
    for status in answer.previous.statuses:
        counted = status.part in (*ENDPOINTS, COSTS, COSTS_BY_USER)
        if status.status in ("failed", "partial") and counted:
            yield replace(status, part=f"{status.part} (compared period)")
