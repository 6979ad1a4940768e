"""A Report on the screen: figures, charts, tables, notes and what is missing."""

from copy import deepcopy
from itertools import groupby
from typing import Any

import pandas as pd
import streamlit as st

from lib.exports import formats
from lib.exports.formats import EPOCH_MS
from lib.reports.report import ChartSpec, Column, Figure, Report, Table
from lib.ui.altair_charts import drawing
from lib.ui.links import VIEW
from lib.ui.period_controls import offer_earlier
from lib.ui.text import literal
from lib.usage.exact import fits_int64

LAZY_ROWS = 10_000
"""Above this a table is sent as it is scrolled; it then has no search of its own."""

_CARD_PIXELS = 238
"""Wide enough for $1,234,567.89; four fit beside the sidebar of a laptop, fewer wrap."""

_WHOLE_ROWS = 25
"""A table up to this is shown whole, without a scroll bar of its own."""

_DELTA_COLOURS = {"cost": "inverse"}
"""More of a cost is not good news; of anything else, more is just more."""


def show_report(report: Report, prefix: str) -> None:
    """Everything of a report but its files.

    Args:
        prefix: starts the names of the page's parameters in the URL.
    """
    _show_standing(report)
    empty = all(table.frame.empty for table in report.tables)
    if empty or report.nearest is not None:
        st.info(
            "No usage in this selection. Choose other days, or remove a filter.",
            icon=":material/inbox:",
        )
        if report.period is not None:
            offer_earlier(prefix, report.period, report.nearest)
    if not empty:
        _show_figures(report.figures)
        _show_charts(report.charts, prefix)
        _show_tables(report.tables, prefix)
    _show_notes(report)
    _show_sources(report)


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
        st.warning(
            "**This report is incomplete.** What did answer is shown; totals marked ≥ lack a source.\n\n"
            + "\n".join(f"* {literal(trouble)}" for trouble in troubles),
            icon=":material/warning:",
        )


def _show_figures(figures: tuple[Figure, ...]) -> None:
    with st.container(horizontal=True):
        for figure in figures:
            _show_figure(figure)


def _show_figure(figure: Figure) -> None:
    known = figure.value is not None
    exact = f"Exactly {formats.digits(figure.value)} {figure.unit}." if known else "Not known."
    st.metric(
        literal(figure.label + (" (incomplete)" if figure.incomplete else "")),
        ("≥ " if figure.incomplete and known else "") + formats.compact(figure),
        formats.delta(figure.delta, figure.unit) if figure.delta else None,
        delta_color="inverse" if figure.key in _DELTA_COLOURS else "off",
        delta_arrow="auto" if figure.delta and figure.delta.change else "off",
        help=literal(f"{exact} {figure.help}".strip()),
        border=True,
        width=_CARD_PIXELS,
    )


def _show_charts(charts: tuple[ChartSpec, ...], prefix: str) -> None:
    shown = [chart for chart in charts if chart.place != "paper"]
    groups = [(name, tuple(specs)) for name, specs in groupby(shown, key=lambda chart: chart.group)]
    for row in range(0, len(groups), 2):
        columns = st.columns(2) if len(groups) > row + 1 else st.columns(1)
        for column, (name, specs) in zip(columns, groups[row : row + 2], strict=False):
            with column, st.container(border=True):
                _show_chart_group(name, specs, prefix)


def _show_chart_group(name: str, specs: tuple[ChartSpec, ...], prefix: str) -> None:
    st.markdown(f"##### {literal(name)}")
    chosen = _choose(name, [spec.by for spec in specs], prefix) if len(specs) > 1 else ""
    spec = next((spec for spec in specs if spec.by == chosen), specs[0])
    data, drawn = drawing(spec.chart)
    own = deepcopy(drawn)  # Streamlit changes what it gets
    st.vega_lite_chart(data, own, width="stretch", alt=spec.alt)
    st.caption(literal(spec.alt))


def _choose(name: str, options: list[str], prefix: str) -> str | None:
    return st.segmented_control(
        f"{name} by",
        options,
        default=options[0],
        required=True,
        key=f"{prefix}{VIEW}{name.split(maxsplit=1)[0].lower()}",
        label_visibility="collapsed",
        bind="query-params",
    )


def _show_tables(tables: tuple[Table, ...], prefix: str) -> None:
    filled = [table for table in tables if not table.frame.empty]
    tabs = st.tabs(
        [table.title for table in filled],
        key=f"{prefix}{VIEW}table",
        on_change="rerun",
        bind="query-params",
    )
    for tab, table in zip(tabs, filled, strict=True):
        if tab.open:
            with tab:
                _show_table(table)


def _show_table(table: Table) -> None:
    frame = _for_screen(table)
    rows = len(frame)
    st.caption(literal(f"{rows:,} row{'s' if rows > 1 else ''}. {table.note}".strip()))
    shown = [column for column in table.columns if frame[column.key].notna().any()]
    st.dataframe(
        frame,
        hide_index=True,
        column_order=[column.key for column in shown],
        column_config={
            column.key: _column_config(column, as_text=str(frame[column.key].dtype) == "str")
            for column in shown
        },
        lazy=rows > LAZY_ROWS,
        height="content" if rows <= _WHOLE_ROWS else "auto",
        placeholder=formats.MISSING,
        alt=f"{table.title}: {rows:,} rows of {', '.join(c.label for c in shown)}",
    )
    if table.totals:
        labels = {column.key: column for column in table.columns}
        parts = [
            f"{labels[key].label} **{literal(formats.cell(value, labels[key].kind, labels[key].unit))}**"
            for key, value in table.totals.items()
            if value is not None and key in labels
        ]
        st.markdown(f"TOTAL · {' · '.join(parts)}")


def _for_screen(table: Table) -> pd.DataFrame:
    """The frame with times for milliseconds since 1970, hours for seconds, text for endless numbers."""
    changes = {"epoch_ms": _times, "duration": _hours, "int": _digits}
    changed = {
        column.key: changes[column.kind](table.frame[column.key])
        for column in table.columns
        if column.kind in changes
    }
    named = {
        column.key: table.frame[column.key].fillna(column.missing)
        for column in table.columns
        if column.missing
    }
    return table.frame.assign(**changed, **named)


def _digits(numbers: "pd.Series[Any]") -> "pd.Series[Any]":
    """Whole numbers; as text where one is beyond the 64 bits that a browser's table gets."""
    if numbers.dtype != object or fits_int64(numbers):
        return numbers
    return numbers.map(lambda number: None if pd.isna(number) else f"{number:,}").astype("str")


def _hours(seconds: "pd.Series[Any]") -> "pd.Series[Any]":
    return seconds.astype("Float64") / 3_600


def _times(milliseconds: "pd.Series[Any]") -> "pd.Series[Any]":
    """Milliseconds since 1970 as times; 0 means never and becomes missing."""
    is_time = milliseconds.between(EPOCH_MS.start, EPOCH_MS.stop - 1) & (milliseconds != 0)
    known = milliseconds.where(is_time.fillna(False)).astype("Int64")
    values = known.to_numpy("int64", na_value=pd.NaT.value).astype("datetime64[ms]")
    return pd.Series(values, milliseconds.index).dt.tz_localize("UTC")


def _column_config(column: Column, *, as_text: bool = False) -> Any:
    unit = column.unit if column.kind in ("decimal", "float") else ""
    label = formats.heading(column.label, unit)
    hint = column.help or None
    time = "YYYY-MM-DD HH:mm"
    kinds = {
        "int": lambda: st.column_config.NumberColumn(label, help=hint, format="localized"),
        "bytes": lambda: st.column_config.NumberColumn(label, help=hint, format="bytes"),
        "decimal": lambda: st.column_config.NumberColumn(label, help=hint, format="localized"),
        "float": lambda: st.column_config.NumberColumn(label, help=hint, format="localized"),
        "duration": lambda: st.column_config.NumberColumn(
            formats.heading(column.label, "hours"), help=hint, format="localized"
        ),
        "percent": lambda: st.column_config.NumberColumn(label, help=hint, format="%.1f %%"),
        "date": lambda: st.column_config.DateColumn(label, help=hint, format="YYYY-MM-DD"),
        "datetime": lambda: st.column_config.DatetimeColumn(
            label, help=hint, format=time, timezone="UTC"
        ),
        "epoch_ms": lambda: st.column_config.DatetimeColumn(
            label, help=hint, format=time, timezone="UTC"
        ),
    }
    make = None if as_text else kinds.get(column.kind)
    return make() if make else st.column_config.Column(label, help=hint)


def _show_notes(report: Report) -> None:
    if report.notes:
        st.markdown("**Notes**\n\n" + "\n".join(f"* {literal(note)}" for note in report.notes))


def _show_sources(report: Report) -> None:
    rows = [
        {
            "Source": source.name,
            "Status": source.status,
            "As of (UTC)": formats.moment(source.as_of),
            "Rows": source.rows,
            "Detail": " ".join(filter(None, (source.detail, source.remedy))) or None,
        }
        for source in report.sources
    ]
    with st.expander(f"Sources ({len(rows)})", icon=":material/database:"):
        st.dataframe(
            pd.DataFrame(rows).astype({"Rows": "Int64"}),
            hide_index=True,
            alt="How each source answered",
        )
