"""A Report as files: built when clicked, from the very object on the screen."""

from collections.abc import Callable
from functools import partial

import streamlit as st
from streamlit.runtime import memory_media_file_storage

from lib.access.files import file_owners
from lib.exports import Profile
from lib.exports.csv import to_csv, to_zip
from lib.exports.json import to_json
from lib.exports.printer import printer
from lib.reports.report import Report, Table
from lib.ui.page import Page, opened

# Streamlit tells large files apart by samples, and would serve an earlier one that differs elsewhere.
memory_media_file_storage._PARTIAL_HASH_THRESHOLD = 1 << 62  # type: ignore[misc]

_PROFILES: dict[str, Profile] = {
    "Excel": "excel",
    "Machine": "machine",
}


def show_downloads(report: Report, prefix: str) -> None:
    """Buttons for CSV, JSON, a summary and all tables as PDF; an incomplete report asks for an explicit choice first."""
    page = opened()
    if not page.visitor.may("download"):
        return
    with st.popover("Download", icon=":material/download:"):
        profile = _PROFILES[
            st.segmented_control(
                "CSV for",
                list(_PROFILES),
                default="Excel",
                required=True,
                key=f"{prefix}_profile",
                help="Excel: UTF-8 with BOM, formulas made harmless. Machine: raw values, no BOM.",
            )
            or "Excel"
        ]
        agreed = report.complete or st.checkbox(
            "Download although the report is incomplete", key=f"{prefix}_incomplete"
        )
        if not agreed:
            st.caption("The files wait for that: numbers are missing in them.")
        first = dict.fromkeys(filter(None, (report.money_table, report.main_table)))
        rows: tuple[tuple[str, str, str, Callable[[], bytes]], ...] = (
            *(
                (
                    f"CSV: {key} table",
                    report.file_name("csv", key),
                    "text/csv",
                    partial(to_csv, report, key, profile),
                )
                for key in first
            ),
            (
                "CSV: all tables (zip)",
                report.file_name("zip"),
                "application/zip",
                lambda: to_zip(report, profile),
            ),
            ("JSON", report.file_name("json"), "application/json", lambda: to_json(report)),
            (
                "PDF summary",
                report.file_name("pdf"),
                "application/pdf",
                lambda: printer.print(report),
            ),
            (
                "PDF with all tables",
                report.file_name("pdf", "detail"),
                "application/pdf",
                lambda: printer.print(report, detail=True),
            ),
        )
        for label, name, mime, build in rows:
            st.download_button(
                label,
                _checked(page, report, name, build),
                name,
                mime,
                key=f"{prefix}_download_{label.replace(' ', '_').lower()}",
                on_click="ignore",
                disabled=not agreed,
                width="stretch",
            )


def show_table_csv(report: Report, table: Table, prefix: str) -> None:
    """A button for one table as CSV, of the kind and under the condition that the menu has chosen."""
    page = opened()
    if not page.visitor.may("download"):
        return
    profile = _PROFILES[st.session_state.get(f"{prefix}_profile") or "Excel"]
    agreed = report.complete or st.session_state.get(f"{prefix}_incomplete", False)
    name = report.file_name("csv", table.key)
    st.download_button(
        "CSV of this table",
        _checked(page, report, name, lambda: to_csv(report, table.key, profile)),
        name,
        "text/csv",
        key=f"{prefix}_csv_{table.key}",
        on_click="ignore",
        disabled=not agreed,
        icon=":material/csv:",
    )
    if not agreed:  # as text: nobody hovers over what is grey
        st.caption("The report is incomplete: agree under Download first.", width="content")


def _checked(
    page: Page, report: Report, name: str, build: Callable[[], bytes]
) -> Callable[[], bytes]:
    """A builder that asks again who is there: it runs when clicked, long after the page was drawn."""

    def data() -> bytes:
        visitor = page.sign_in.require("download", page.entry.name)
        made = build()
        lines = page.sign_in.trail(page.settings)
        user = visitor.email or "local"
        lines.note_download(report, made, user=user, page=page.entry.name, name=name)
        file_owners.add(made, visitor.email)
        return made

    return data
