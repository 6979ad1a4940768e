"""The rules of who pays, edited in place: a draft, what it would do to a month, and its publication."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from lib.allocation.changes import changes
from lib.allocation.read import Problem, read_records
from lib.allocation.rule_set import COLUMNS, RuleSet
from lib.quantities import counted
from lib.ui.ledger_source import LedgerSource
from lib.ui.page import Page
from lib.ui.rules_draft import DELETE, FREE_ROWS, Draft, current_draft, forget_draft, touched_last
from lib.ui.rules_files import offer_files
from lib.ui.rules_preview import show_preview
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
_PROBLEM = "problem"


def edit_rules(page: Page, source: LedgerSource) -> None:
    """Draws the editor. Nothing counts before it is published with a reason.

    What is there only at times stands in a container of its own: whatever shifts the others makes them
    anew under the hands of whoever types.
    """
    from lib.ledger.allocated import checked  # noqa: PLC0415  # SQLAlchemy
    from lib.ledger.rule_sets import known_names, published, versions  # noqa: PLC0415

    newest = published(source.ledger)
    draft = current_draft(newest)
    base = published(source.ledger, draft.base)
    readable, unread = read_records(draft.rows)
    resolved, problems = checked(readable, unread, known_names(source.ledger))
    told = changes(base.rule_set, resolved) if not problems else []
    with st.container():
        _say_overtaken(base, newest)
        _say_where_it_stands(base, draft, problems)
    _show_tables(draft, problems)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _publishing(page, source, base, resolved, ready=not problems and bool(told))
        offer_files(page, draft, None if unread else readable)
    with st.container():
        if told:
            with st.expander(f"{counted(len(told), 'rows')} of difference"):
                st.code("\n".join(map(str, told)), language="diff")
    with st.container():
        show_preview(page, source, newest, None if problems else resolved)
    with st.expander("Versions"):
        _show_versions(versions(source.ledger))


def _say_where_it_stands(base: "Published", draft: Draft, problems: Sequence[Problem]) -> None:
    changed = draft.changed(base.rule_set)
    what = (
        f"**Draft: {counted(changed, 'rows')} changed, not published.** Other pages keep it; a reload loses it."
        if changed
        else f"Version {base.version} counts; nothing is drafted."
        if base.version
        else "Nothing is published yet, and nothing is drafted."
    )
    if not problems:
        st.info(what, icon=":material/edit_note:")
        return
    counts = {table: sum(one.table == table for one in problems) for table in _TITLES}
    where = ", ".join(f"{_TITLES[table]} {count}" for table, count in counts.items() if count)
    st.warning(
        f"{what} **{counted(len(problems), 'problems')}** to mend first: {where}.",
        icon=":material/rule:",
    )


def _show_tables(draft: Draft, problems: Sequence[Problem]) -> None:
    """An editor for each table, with what is wrong beside each row."""
    wrong: dict[str, dict[int, list[str]]] = {table: defaultdict(list) for table in COLUMNS}
    for table, row, column, what in problems:
        wrong[table][row].append(f"{column.replace('_', ' ')}: {what}")
    counts = {table: sum(map(len, wrong[table].values())) for table in COLUMNS}
    labels = {
        table: f"{title} ({counts[table]})" if counts[table] else title
        for table, title in _TITLES.items()
    }
    # An open tab whose label is another one now gives way to the default
    tabs = st.tabs([*labels.values()], default=labels[touched_last()], key="ccs_tables")
    for tab, table in zip(tabs, labels, strict=True):
        with tab:
            _show_table(draft, table, wrong[table])


def _show_table(draft: Draft, table: str, wrong: Mapping[int, Sequence[str]]) -> None:
    given, now = draft.given[table], draft.rows[table]
    cells = {
        cell.key: [row.cells[cell.key] or (None if cell.choices else "") for row in given]
        for cell in COLUMNS[table]
    }
    frame = pd.DataFrame(cells, pd.RangeIndex(1, len(given) + 1), dtype="str")
    frame.insert(0, DELETE, value=False)
    said = ["Deleted" if not row.cells else " ".join(wrong.get(row.row, ())) for row in now]
    frame.insert(0, _PROBLEM, pd.Series(said, frame.index, dtype="str"))
    st.data_editor(
        frame,
        num_rows="fixed",
        hide_index=False,
        disabled=["_index", _PROBLEM],
        placeholder="",
        key=draft.editor(table),
        column_config=_columns(table, frame),
        alt=f"{_TITLES[table]}, to be edited",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("More free rows", icon=":material/add:", key=f"ccs_more_{table}"):
            draft.begin_editors()
            st.rerun()
        if draft.is_full(table):
            st.warning(
                "No row is free any more: of what was pasted, rows may be missing at the end. "
                "Ask for more free rows, or upload a file.",
                icon=":material/content_paste_off:",
            )
        else:
            st.caption(
                f"New rows go into the free ones at the end; {FREE_ROWS} more come at a click."
            )


def _columns(table: str, frame: pd.DataFrame) -> Mapping[str, Any]:
    """How cells are typed: as texts, so that whatever was typed or uploaded can be shown and mended."""
    made: dict[str, Any] = {
        "_index": st.column_config.NumberColumn("Row"),
        _PROBLEM: st.column_config.TextColumn(
            "Problem",
            width=220,
            pinned=True,
            help="What is wrong with the row; empty: nothing. A double click shows all of it.",
        ),
        DELETE: st.column_config.CheckboxColumn(
            "Delete", width="small", help="Ticked: the row is no part of the draft."
        ),
    }
    for cell in COLUMNS[table]:
        label, told = cell.key.replace("_", " "), cell.help or None
        if cell.choices:
            odd = [text for text in frame[cell.key].dropna().unique() if text not in cell.choices]
            options = [*cell.choices, *odd]
            made[cell.key] = st.column_config.SelectboxColumn(label, options=options, help=told)
        else:
            made[cell.key] = st.column_config.TextColumn(label, help=told)
    return made


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
        _begin_anew()
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
    _begin_anew()


def _begin_anew() -> None:
    forget_draft()
    st.rerun()


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
