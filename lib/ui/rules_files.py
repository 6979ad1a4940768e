"""A draft of the rules as CSV files: out for a spreadsheet, and in again."""

from collections.abc import Iterable
from hashlib import sha256
from io import BytesIO
from pathlib import PurePath
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import streamlit as st

from lib.access.files import file_owners
from lib.allocation.read import LARGEST, Problem, Record, read_file, read_records, write_tables
from lib.allocation.rule_set import COLUMNS, RuleSet
from lib.quantities import counted
from lib.ui.page import Page
from lib.ui.rules_draft import Draft
from lib.ui.text import literal

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

_ARCHIVE = "rules.zip"
_TOLD = 20


def offer_files(page: Page, draft: Draft, readable: RuleSet | None) -> None:
    """The tables to download, and a place for edited ones, which replace those of the draft.

    Args:
        readable: the draft; None while some of its cells cannot be read.
    """
    with st.popover("Files", icon=":material/folder_open:"):
        if page.visitor.may("download"):
            st.download_button(
                "Download the draft (CSV in a ZIP)",
                lambda: _archive(page, readable or RuleSet()),
                _ARCHIVE,
                "application/zip",
                key="ccs_rules_zip",
                on_click="ignore",
                disabled=readable is None,
                help="One file per table. Waits until every cell can be read.",
                width="stretch",
            )
        uploads = st.file_uploader(
            "Upload tables (CSV)",
            type="csv",
            accept_multiple_files=True,
            max_upload_size=LARGEST // 1_000_000,
            key=f"ccs_files_{draft.turn}",
            help=f"{', '.join(f'{table}.csv' for table in COLUMNS)}: each replaces that table of the "
            "draft, and nothing counts before it is published.",
        )
        if uploads:
            _take(draft, uploads)


def _take(draft: Draft, uploads: "Iterable[UploadedFile]") -> None:
    """Puts the tables into the draft; all of them, or none where one is no such table."""
    taken: dict[str, list[Record]] = {}
    problems: list[Problem] = []
    for upload in uploads:
        table = PurePath(upload.name).stem
        if table not in COLUMNS or table in taken:
            what = "is there twice." if table in taken else f"is none of {', '.join(COLUMNS)}."
            problems.append(Problem(table[:60], 0, "", what))
            continue
        records, faults = read_file(table, upload.getvalue())
        taken[table] = [_as_written(table, record) for record in records]
        problems += faults
    if problems:
        more = f"\n* … and {len(problems) - _TOLD:,} more" if len(problems) > _TOLD else ""
        listed = "\n".join(f"* {literal(problem)}" for problem in problems[:_TOLD])
        st.error(f"**Nothing was taken.**\n\n{listed}{more}")
        return
    draft.rows |= taken
    draft.begin_editors()
    st.toast(f"{counted(len(taken), 'tables')} of the draft replaced.", icon=":material/upload:")
    st.rerun()


def _as_written(table: str, record: Record) -> Record:
    """A row as the editor writes it; as it came where a cell cannot be read."""
    rule_set, unread = read_records({table: [record]})
    rows = rule_set.rows(table)
    if rows and not unread:
        return Record(record.row, rows[0])
    cells = {cell.key: record.cells.get(cell.key, "") for cell in COLUMNS[table]}
    return record._replace(cells=cells)


def _archive(page: Page, rule_set: RuleSet) -> bytes:
    """Asks again who is there: it runs when clicked."""
    visitor = page.sign_in.require("download", page.entry.name)
    target = BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for table, content in write_tables(rule_set).items():
            archive.writestr(f"{table}.csv", content)
    made = target.getvalue()
    page.sign_in.trail(page.settings).note(
        "download",
        user=visitor.email or "local",
        page=page.entry.name,
        report="rules",
        name=_ARCHIVE,
        bytes=len(made),
        sha256=sha256(made).hexdigest(),
    )
    file_owners.add(made, visitor.email)
    return made
