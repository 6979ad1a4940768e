"""The look of all pages where the theme has no setting for it."""

import streamlit as st

ON_PRIMARY = {"light": "#FFFFFF", "dark": "#12161C"}
"""Text on the primary colour; Streamlit writes white on every one."""

CHART_LABELS = {"light": "#5A606C", "dark": "#A9B0BB"}
"""Of axes and legends; Streamlit's are too pale to be read on white."""

_STYLE = """
.stMainBlockContainer { padding: 3.75rem 3rem 3rem; }
.stMainBlockContainer > .stVerticalBlock { gap: 0.6rem; }
.stMainBlockContainer h1 { padding: 0.25rem 0; }
.stMainBlockContainer .stMarkdown h2 { padding: 0.35rem 0; font-size: 1.05rem; }
.stMainBlockContainer [data-testid="stColumn"] { min-width: min(22rem, 100%); }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.75rem 1rem 2rem; } }
[class*="_stepped"] { flex-wrap: nowrap; }
[class*="_stepped"] > :first-child { flex: 1 1 0; min-width: 0; }
[class*="_stepped"] .stButton button { padding: 0; width: 2.25rem; }
[class*="_stepped"] .stButton [data-testid="stMarkdownContainer"] { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (min-width: 1200px) {
  [class*="_control_row"] > [data-testid="stLayoutWrapper"]:has(> .stVerticalBlock) { flex: 1 1 8.5rem; max-width: 15.5rem; }
  [class*="_control_row"] > [data-testid="stLayoutWrapper"]:has(> [class*="_stepped"]) { flex: 1 1 14rem; max-width: 21rem; }
  [class*="_control_row"] > [data-testid="stLayoutWrapper"]:has(> .stVerticalBlock .stMultiSelect) { max-width: 22rem; }
  [class*="_control_row"] > [data-testid="stLayoutWrapper"]:has(> .stVerticalBlock .stDateInput) { flex-basis: 15rem; }
}
[data-testid="stMultiSelectTagsContainer"] input { min-width: 45px; }
[data-testid="stMetric"] { padding: 0; }
[data-testid="stMetric"] > div { padding: 0.6rem 0.75rem; }
[data-testid="stMetric"] .stMarkdownEllipsis, [data-testid="stMetric"] p { white-space: normal !important; }
[data-testid="stElementToolbarButton"]:has([aria-label="Search"]) { display: none; }
[data-testid="stDataFrameColumnMenu"] { display: none; }
[data-testid="stStatusWidget"] button { display: none; }
"""
"""Less room around a page and in a card, whose words wrap instead of ending in dots. Inputs of a row give
way to each other before it breaks; a choice and its arrows never break, and of these only icons are seen. The room for typing beside what is
chosen stays when the pointer goes elsewhere: else what is below would move away from under it. What Streamlit
offers beside our own gives way: a table's search, which only jumps and knows one page, its menu of a
heading, which sorts numbers as text and sums among rows, and a second Stop, which leaves a dead page."""


def chart_labels() -> dict[str, dict[str, str]]:
    """For the configuration of a chart on this page."""
    colour = {"labelColor": CHART_LABELS[st.context.theme.type or "light"]}
    return {"axis": colour, "legend": colour}


def style_page() -> None:
    """Once on every page."""
    colour = ON_PRIMARY[st.context.theme.type or "light"]
    on_primary = (
        '[data-testid^="stBaseButton-primary"] *, [data-testid="stMultiSelect"] [data-tag] *'
    )
    st.html(f"<style>{_STYLE}{on_primary} {{ color: {colour}; }}</style>")
