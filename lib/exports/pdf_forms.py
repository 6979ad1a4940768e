"""The two forms of a report on paper: what stands in each, and in which order."""

from collections.abc import Iterator, Sequence

from lib.exports.pdf_chart import charts_in_detail, draw_charts, main_charts
from lib.exports.pdf_facts import (
    draw_failures,
    draw_figures,
    draw_headline,
    draw_notes,
    draw_title,
    notes_block,
)
from lib.exports.pdf_flow import Block, block_width, draw_blocks, pages_with
from lib.exports.pdf_paper import Paper
from lib.exports.pdf_table import IN_DETAIL, draw_table, table_block
from lib.reports.report import ChartSpec, Report, Table

PAGES = 3
"""Of a summary, at most: where tables would take more, they get shorter."""

ROWS = (15, 12, 10, 8, 6, 5)
"""Rows of each table in a summary: the first of these with which it has so many pages, else the last."""


def draw_summary(page: Paper, report: Report) -> None:
    """What one reads: headline figures, main charts, the first rows of each table that adds up."""
    draw_title(page, report)
    draw_failures(page, report)
    draw_headline(page, report.figures)
    charts = main_charts(report.charts)
    draw_charts(page, charts, min((3, 2), key=lambda beside: -len(charts) % beside))
    absent = " ".join(_absent(report, charts))
    if absent:
        page.paragraph(absent, size=7.5, colour=page.FAINT)
        page.y += 4
    candidates = (list(_blocks(page, report, most)) for most in ROWS)
    blocks = next((blocks for blocks in candidates if pages_with(page, blocks) <= PAGES), None)
    draw_blocks(page, blocks or list(_blocks(page, report, ROWS[-1])))


def _blocks(page: Paper, report: Report, most: int) -> Iterator[Block]:
    width = block_width(page)
    of_records = [f"{table.title}: {table.note}" for table in report.tables if _noted(table)]
    notes = [*report.notes, *of_records]
    if notes:
        yield notes_block(page, notes, width)
    for table in report.tables:
        if not (table.records or table.crossed):
            yield table_block(page, table, width, most)


def _noted(table: Table) -> bool:
    return table.records and bool(table.note)


def _absent(report: Report, charts: Sequence[ChartSpec]) -> Iterator[str]:
    """What a summary leaves out altogether, and where it is."""
    drawn = {chart.key for chart in charts}
    more = sum(chart.key not in drawn for chart in charts_in_detail(report.charts))
    if more:
        yield f"{more} more chart{'s' if more > 1 else ''}: see the detailed PDF."
    records = [
        f"{table.title} ({len(table.frame):,} row{'s' if len(table.frame) != 1 else ''})"
        for table in report.tables
        if table.records or table.crossed
    ]
    if records:
        yield f"{', '.join(records)}: {IN_DETAIL}."


def draw_detail(page: Paper, report: Report) -> None:
    """What one looks things up in: all figures, charts and tables."""
    draw_title(page, report)
    draw_failures(page, report)
    draw_figures(page, report.figures)
    draw_notes(page, report.notes)
    draw_charts(page, charts_in_detail(report.charts), 2)
    for table in report.tables:
        draw_table(page, table)
