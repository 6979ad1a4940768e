"""A Report on the screen: figures, charts, tables, notes and what is missing."""

from copy import deepcopy
from functools import lru_cache
from itertools import groupby

import pyarrow as pa
import streamlit as st

from lib.exports import formats
from lib.reports.report import ChartSpec, Report
from lib.status import SourceStatus
from lib.ui.altair_charts import CLICKED, LABELS_IN, drawing
from lib.ui.drill import Chosen, Drill
from lib.ui.figures import show_all_figures, show_figures
from lib.ui.links import VIEW, Controls
from lib.ui.look import chart_labels
from lib.ui.page import opened
from lib.ui.period_controls import offer_other_days
from lib.ui.tables import show_tables
from lib.ui.text import literal

_NOWHERE = (
    "This bar leads nowhere: it stands for several or for nobody, or it is shown alone already."
)

_CHARTS_ABOVE = 2
"""Groups of charts that stand above the tables; the others follow below."""


def show_report(report: Report, prefix: str, controls: Controls) -> None:
    """Everything of a report but its files.

    Args:
        prefix: starts the names of the page's parameters in the URL.
        controls: of the page, which a click on a row or a bar narrows.
    """
    drill = Drill(prefix, controls, people=opened().visitor.may("personal"))
    _show_standing(report)
    empty = all(table.frame.empty for table in report.tables)
    if empty or report.is_unused:
        filtered = any(control.narrows and control.is_set() for control in controls)
        takes_days = any(control.key.endswith("_period") for control in controls)
        has_days = takes_days or any(control.key.endswith("_month") for control in controls)
        remedy = "Choose other days" if has_days else "Choose another one"
        remedy += ", or remove a filter." if filtered else "."
        st.info(f"No usage in this selection. {remedy}", icon=":material/inbox:")
        if report.period is not None and takes_days:
            offer_other_days(prefix, report.period, report.nearest)
    has_figures = not empty or any(figure.value for figure in report.figures)
    if has_figures:  # a budget of which nothing is spent
        show_figures(report.figures, report.cautions)
    if not empty:
        groups = _chart_groups(report.charts)
        _show_charts(groups[:_CHARTS_ABOVE], drill)
        show_tables(report, prefix, drill)
        show_all_figures(report.figures)
        _show_charts(groups[_CHARTS_ABOVE:], drill)
    _show_notes(report, report.cautions if has_figures else ())
    _show_sources(report.sources)


def _show_standing(report: Report) -> None:
    """Period, source, as-of and completeness: beside every total, in every rendering."""
    wanted = ("Period", "State at", "Source", "Data as of", "Completeness")
    lines = [
        f"**{label}** {literal(text)}"
        for label, text in formats.provenance(report)
        if label in wanted
    ]
    st.caption(" · ".join(lines))
    troubles = formats.failures(report)
    if troubles:
        marked = any(figure.is_least for figure in report.figures)
        unknown = any(figure.value is None and figure.incomplete for figure in report.figures)
        st.warning(
            "**This report is incomplete.** What did answer is shown"
            + ("; totals marked ≥ lack a part" if marked else "")
            + ("; figures that need what is missing show —" if unknown else "")
            + ".\n\n"
            + "\n".join(f"* {literal(trouble)}" for trouble in troubles),
            icon=":material/warning:",
        )


_Group = tuple[str, tuple[ChartSpec, ...]]
"""What is drawn, and the charts that draw it, one for each choice."""


def _chart_groups(charts: tuple[ChartSpec, ...]) -> list[_Group]:
    shown = [chart for chart in charts if chart.place != "paper"]
    return [(name, tuple(specs)) for name, specs in groupby(shown, key=lambda chart: chart.group)]


def _show_charts(groups: list[_Group], drill: Drill) -> None:
    for row in range(0, len(groups), 2):
        columns = st.columns(2) if len(groups) > row + 1 else st.columns(1)
        for column, (name, specs) in zip(columns, groups[row : row + 2], strict=False):
            with column, st.container(border=True):
                _show_chart_group(name, specs, drill)


def _show_chart_group(name: str, specs: tuple[ChartSpec, ...], drill: Drill) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        several = len(specs) > 1
        st.markdown(f"## {literal(name)}{' by' if several else ''}", width="content")
        chosen = _choose(name, [spec.by for spec in specs], drill.prefix) if several else ""
    spec = next((spec for spec in specs if spec.by == chosen), specs[0])
    _draw(spec, drill)
    st.caption(literal(spec.sentence))


def _draw(spec: ChartSpec, drill: Drill) -> None:
    leads = _leads(spec, drill)
    data, drawn = drawing(spec.chart, frozenset(leads))
    own = {**deepcopy(drawn), "config": chart_labels()}  # Streamlit changes what it gets
    if not leads:
        st.vega_lite_chart(data, own, width="stretch", alt=spec.sentence)
        return
    key = f"{drill.prefix}_chart_{spec.key}_{drill.clicks}"

    def clicked() -> None:
        for mark in st.session_state[key]["selection"][CLICKED]:
            chosen = leads.get(next(iter(mark.values())), {})
            if not chosen:
                st.toast(_NOWHERE, icon=":material/info:")
            drill.follow(chosen)

    st.vega_lite_chart(
        data,
        own,
        width="stretch",
        alt=spec.sentence,
        key=key,
        on_select=clicked,
        selection_mode=CLICKED,
    )


def _leads(spec: ChartSpec, drill: Drill) -> dict[str, Chosen]:
    """What a click on each label chooses; labels that lead nowhere are left out."""
    if spec.stands_for is None or type(spec.chart) not in LABELS_IN:
        return {}
    rows = spec.stands_for.to_dict("records")
    leads = {str(ids["label"]): drill.to(ids) for ids in rows}
    return {label: chosen for label, chosen in leads.items() if chosen}


def _choose(name: str, options: list[str], prefix: str) -> str | None:
    key = f"{prefix}{VIEW}{name.split(maxsplit=1)[0].lower()}"
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)  # of a split that this report has not
    return st.segmented_control(
        f"{name} by",
        options,
        default=options[0],
        required=True,
        key=key,
        label_visibility="collapsed",
        bind="query-params",
    )


def _show_notes(report: Report, told: tuple[str, ...]) -> None:
    notes = [note for note in report.notes if note not in told]
    if notes:
        st.markdown(
            "## About these numbers\n\n" + "\n".join(f"* {literal(note)}" for note in notes)
        )


def _show_sources(sources: tuple[SourceStatus, ...]) -> None:
    with st.expander(f"Sources ({len(sources)})", icon=":material/database:"):
        st.dataframe(_answers(sources), hide_index=True, alt="How each source answered")


@lru_cache(maxsize=100)
def _answers(sources: tuple[SourceStatus, ...]) -> pa.Table:
    """A row for each source, made once for all who look at a report."""
    columns = ("Source", "Status", "As of (UTC)", "Rows", "Detail")
    rows = [
        (
            source.label,
            source.status,
            formats.moment(source.as_of),
            source.rows,
            " ".join(filter(None, (source.detail, source.remedy))) or None,
        )
        for source in sources
    ]
    types = {"Rows": pa.int64()}
    return pa.table(
        {
            name: pa.array([row[place] for row in rows], types.get(name, pa.string()))
            for place, name in enumerate(columns)
        }
    )
