"""The rules of who pays, edited in place: a draft, what it would do to a month, and its publication."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from lib.allocation.changes import changes
from lib.allocation.read import Problem, Record, read_records
from lib.allocation.rule_set import COLUMNS, RuleSet
from lib.quantities import counted
from lib.reports.allocation.preview import build_preview
from lib.ui.ledger_source import LedgerSource
from lib.ui.overview_controls import kept_months, month_title
from lib.ui.page import Page
from lib.ui.show import show_report
from lib.ui.text import literal

if TYPE_CHECKING:
    from lib.ledger.rule_sets import Published

_TITLES = {
    "cost_centres": "Cost centres",
    "rules": "Rules",
    "shares": "Shares",
    "rates": "Rates",
    "exchange_rates": "Exchange rates",
}
_BASE, _PREVIEW = "ccs_draft_base", "ccs_draft_month"


def edit_rules(page: Page, source: LedgerSource) -> None:
    """Draws the editor. Nothing counts before it is published with a reason."""
    from lib.ledger.allocated import checked  # noqa: PLC0415  # SQLAlchemy
    from lib.ledger.rule_sets import known_names, published, versions  # noqa: PLC0415

    newest = published(source.ledger)
    base = published(source.ledger, st.session_state.setdefault(_BASE, newest.version))
    _say_overtaken(base, newest)
    draft, unread = read_records(_edited(base))
    resolved, problems = checked(draft, unread, known_names(source.ledger))
    told = changes(base.rule_set, resolved) if not problems else []
    _show_problems(problems)
    _publishing(page, source, base, resolved, ready=not problems and bool(told))
    if told:
        with st.expander(f"{counted(len(told), 'rows')} changed"):
            st.code("\n".join(map(str, told)), language="diff")
    if not problems:
        _preview(source, resolved)
    with st.expander("Versions"):
        _show_versions(versions(source.ledger))


def _edited(base: "Published") -> dict[str, list[Record]]:
    """The rows of each table as they stand in the editor."""
    tables: dict[str, list[Record]] = {}
    tabs = st.tabs([*_TITLES.values()])
    for tab, (table, title) in zip(tabs, _TITLES.items(), strict=True):
        keys = [cell.key for cell in COLUMNS[table]]
        rows = base.rule_set.rows(table)
        frame = pd.DataFrame(rows, columns=keys, dtype="str")
        with tab:
            edited = st.data_editor(
                frame,
                num_rows="dynamic",
                hide_index=True,
                key=f"ccs_edit_{table}_{base.version}",
                column_config=_columns(table),
                alt=f"{title}, to be edited",
            )
        records = edited.fillna("").astype(str).to_dict("records")
        tables[table] = [
            Record(place, {str(key): text for key, text in record.items()})
            for place, record in enumerate(records, 1)
        ]
    return tables


def _columns(table: str) -> Mapping[str, Any]:
    """How cells are typed. None is required: a row that lacks one would be no part of the draft, without a word."""
    return {
        cell.key: st.column_config.SelectboxColumn(
            cell.key.replace("_", " "), options=[*cell.choices], help=cell.help or None
        )
        if cell.choices
        else st.column_config.TextColumn(cell.key.replace("_", " "), help=cell.help or None)
        for cell in COLUMNS[table]
    }


def _show_problems(problems: Sequence[Problem]) -> None:
    if not problems:
        return
    st.warning(
        f"**{counted(len(problems), 'problems')}**: nothing can be published before they are mended.",
        icon=":material/rule:",
    )
    frame = pd.DataFrame(
        [
            (_TITLES.get(one.table, one.table), one.row or None, one.column, one.what)
            for one in problems
        ],
        columns=["Table", "Row", "Column", "What is wrong"],
    )
    st.dataframe(frame, hide_index=True, alt="Problems of the draft")


def _say_overtaken(base: "Published", newest: "Published") -> None:
    if base.version == newest.version:
        return
    told = [literal(str(change)) for change in changes(base.rule_set, newest.rule_set)[:10]]
    st.warning(
        f"**{literal(newest.published_by)} has published version {newest.version}** since this draft "
        f"was begun from version {base.version}.\n\n" + "\n".join(f"* {one}" for one in told),
        icon=":material/sync_problem:",
    )


def _publishing(
    page: Page, source: LedgerSource, base: "Published", draft: RuleSet, *, ready: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason = st.text_input(
            "Reason",
            key=f"ccs_reason_{base.version}",
            placeholder="Why the rules change",
            width=420,
        )
        publish_it = st.button(
            "Publish",
            key="ccs_publish",  # the same button, whether there is something to publish or not
            type="primary" if ready else "secondary",
            icon=":material/publish:",
            disabled=not ready,
            help="Counts from now on, for every month that is not closed.",
        )
        if st.button("Discard draft", icon=":material/undo:"):
            _begin_anew(base)
    if publish_it:
        _publish(page, source, base, draft, reason or "")


def _publish(
    page: Page, source: LedgerSource, base: "Published", draft: RuleSet, reason: str
) -> None:
    from lib.ledger.rule_sets import publish  # noqa: PLC0415  # SQLAlchemy

    page.sign_in.require("rules", page.entry.name)
    who = page.visitor.email or "local"
    made = publish(
        source.ledger, draft, over=base.version, by=who, reason=reason, now=datetime.now(UTC)
    )
    page.sign_in.trail(page.settings).note(
        "rules",
        user=who,
        page=page.entry.name,
        version=made.version,
        reason=made.reason,
        changes=[str(change) for change in changes(base.rule_set, draft)],
    )
    st.toast(f"Version {made.version} counts from now on.", icon=":material/check:")
    _begin_anew(base)


def _begin_anew(base: "Published") -> None:
    """From what counts now; the editors forget what was typed."""
    for key in [*st.session_state]:
        if str(key).startswith("ccs_edit_") or key in (_BASE, f"ccs_reason_{base.version}"):
            del st.session_state[key]
    st.rerun()


def _preview(source: LedgerSource, draft: RuleSet) -> None:
    """What the draft would do to a month."""
    months = kept_months(source)
    if not months:
        return
    from lib.ledger.allocated import previewed  # noqa: PLC0415  # DuckDB
    from lib.ledger.lines import days_of  # noqa: PLC0415

    with st.container(horizontal=True, vertical_alignment="bottom"):
        month = st.selectbox(
            "Preview of",
            months,
            index=min(1, len(months) - 1),
            format_func=month_title,
            key=_PREVIEW,
            width=200,
        )
    answer = previewed(source.ledger, month, draft)
    report = build_preview(
        answer.month.allocation,
        answer.preview,
        draft.names,
        month=month,
        period=days_of(month),
        over=answer.over,
        sources=answer.month.lines.sources,
        now=datetime.now(UTC),
        demo=source.demo,
    )
    show_report(report, "ccs", ())


def _show_versions(made: Sequence["Published"]) -> None:
    if not made:
        st.caption("None yet.")
        return
    rows = [
        (one.version, one.published_at, one.published_by, one.reason, one.sha256[:12])
        for one in reversed(made)
    ]
    columns = ["Version", "Published (UTC)", "By", "Reason", "SHA-256"]
    st.dataframe(pd.DataFrame(rows, columns=columns), hide_index=True, alt="Versions of the rules")
