"""PDF: the Report's numbers on paper, whole, marked, and undisturbed by names."""

import gc
import io
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from lib.exports import formats
from lib.exports.pdf import to_pdf
from lib.exports.pdf_paper import Paper
from lib.exports.pdf_table import MAX_ROWS
from lib.reports.report import Column, Figure, Table
from tests.support.profiles import examples
from tests.support.report_strategies import (
    FAILED,
    HOSTILE,
    NOW,
    OK,
    chart,
    report,
    reports,
    row,
    table,
)

pytestmark = pytest.mark.dear  # fonts are read, and pages are read back

# Shrinking would render hundreds of documents; the report that failed is printed as it is
quick = settings(examples(25), phases=[Phase.explicit, Phase.generate])


def document(made, *, detail=False) -> PdfReader:
    return PdfReader(io.BytesIO(to_pdf(made, detail=detail)))


def text_of(made, *, detail=False) -> str:
    return "\n".join(page.extract_text() for page in document(made, detail=detail).pages)


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


@quick
@given(reports, st.booleans())
def test_the_pdf_carries_the_numbers_of_the_report_and_each_page_says_what_it_is(made, detail):
    pages = [page.extract_text() for page in document(made, detail=detail).pages]
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
        assert ("DEMO DATA" in page) == made.demo
        assert ("INCOMPLETE" in re.sub("INCOMPLETE; failed", "", page)) == (not made.complete)
    text = without_space("".join(pages))
    frame = made.tables[0].frame
    for value in frame["requests"].dropna():
        assert f"{value:,}" in text
    for value in frame["cost"].dropna():
        if abs(value) >= 1:
            # The second one for half cents, which round up
            amounts = (abs(value), abs(value) + Decimal("0.001"))
            left_out = not detail and "morecolumn" in text  # a summary says what does not fit
            assert left_out or any(f"{amount:,.2f}" in text for amount in amounts)
    for value in frame["day"].dropna():
        assert value.isoformat() in text or "morecolumn" in text, "what does not fit is said"
    for figure in made.figures:
        assert without_space(formats.figure(figure)) in text


def test_the_mark_is_on_every_page_of_a_long_report():
    long = report(tables=(table([row()] * 100),), demo=True)
    pages = document(long, detail=True).pages
    assert len(pages) > 2
    assert all("DEMO DATA" in page.extract_text() for page in pages)


def test_no_font_file_stays_open_when_drawing_fails():
    odd = Table("odd", "Odd", pd.DataFrame({"a": [1]}), (Column("a", "A", "no kind"),))  # type: ignore[arg-type]
    with pytest.raises(KeyError):
        to_pdf(report(tables=(odd,)))
    gc.collect()  # an open file would warn now, and a warning is an error


def test_every_hostile_name_leaves_a_trace_and_its_own_row():
    named = [name for name in HOSTILE if name.strip()]
    made = report(tables=(table([row(name, 7_000_000 + at) for at, name in enumerate(named)]),))
    text = text_of(made, detail=True)
    for at in range(len(named)):
        assert f"{7_000_000 + at:,}" in text
    for trace in ("=HYPERLINK", "<script>", "**bold** [red]x[/red]", "🚀 rocket", "?gnp.exe"):
        assert trace in text
    assert "?[31mred?[0m?" in text
    assert re.search("x{10,}…", text)
    assert "م" in text or "ﻡ" in text


def test_names_in_many_scripts_are_drawn_as_they_are():
    names = [
        "東京プロジェクト",
        "上海 Prod",
        "한국",
        "हिन्दी",
        "שלום",
        "مشروع",
        "🚀😀 ❤\ufe0f",
        "{nb}東",
    ]
    for text in (
        text_of(report(tables=(table([row(name) for name in names]),))),
        text_of(report(title=" · ".join(names))),
    ):
        plain = unicodedata.normalize("NFKC", without_space(text))
        for trace in ("東京プロジェクト", "上海Prod", "한국", "🚀😀❤", "{nb}", "न"):
            assert trace in plain
        for name in ("שלום", "مشروع"):
            assert name in plain or name[::-1] in plain
        assert not re.search(r"\[[0-9A-F]{4}", plain)
        assert "??" not in plain


def test_names_in_scripts_without_a_glyph_stay_apart():
    names = ["ไทย", "ลาว", "தமிழ்"]
    made = report(tables=(table([row(name) for name in names]),))
    text = without_space(text_of(made, detail=True))
    for name in names:
        assert "".join(f"[{ord(sign):04X}]" for sign in name)[:24] in text
    assert "??" not in text


def test_a_name_in_another_script_is_as_wide_as_it_is_drawn_and_is_cut_where_room_ends():
    paper = Paper()
    paper.begin(report())
    for name in (
        "東京プロジェクト" * 3,
        "हिन्दी परियोजना " * 3,
        "مشروع الإنتاج (Prod) " * 3,
        "🚀" * 30,
    ):
        whole = paper.measure(name, size=8)
        assert paper.measure(name, size=16) == pytest.approx(2 * whole)
        cut = paper.cut(name, whole / 2, size=8)
        assert cut.endswith("…")
        assert whole * 0.35 < paper.measure(cut, size=8) <= whole / 2 + 0.01
        lines = paper.lines(name, whole / 2, size=8)
        assert all(paper.measure(line, size=8) <= whole / 2 + 0.01 for line in lines)
        assert without_space("".join(lines)) == without_space(name)
    paper.close_fonts()


def test_a_dash_stands_for_what_is_missing():
    made = report(tables=(table([row(), row(None, None, None)], totals=None),), figures=())
    assert text_of(made).count("—") == 3


def test_a_long_table_stops_at_the_limit_and_says_where_the_rest_is():
    many = [row(f"name {at}", at) for at in range(MAX_ROWS + 7)]
    made = report(tables=(table(many, brief=("name", "requests")),))
    text = text_of(made, detail=True)
    assert len(re.findall(r"name \d+", text)) == MAX_ROWS
    assert "7 more rows: see the CSV. TOTAL covers all rows." in text
    assert "7 more columns: see the CSV." in text


def test_headings_are_repeated_on_every_page_of_a_table():
    pages = document(report(tables=(table([row()] * 100),)), detail=True).pages
    assert len(pages) > 2
    assert all("Billed cost" in page.extract_text() for page in pages)


@pytest.mark.parametrize("rows", range(24, 33))
def test_the_last_rows_of_a_table_stay_with_its_totals_above_the_footer(rows):
    heights = {}
    pages = document(report(tables=(table([row()] * rows),)), detail=True).pages
    text = pages[-1].extract_text(
        visitor_text=lambda text, _, at, *__: heights.setdefault(text.strip(), at[5])
    )
    assert text.count("alpha") >= 3
    assert heights["TOTAL"] > 15 / 25.4 * 72
    assert sum(page.extract_text().count("alpha") for page in pages) == rows


@pytest.mark.parametrize("rows", range(12, 24))
def test_what_a_table_leaves_out_is_said_on_the_page_of_its_end(rows):
    short = table(
        [row("short", 7_654_321)], title="Last", note="A note. " * 200, brief=("name", "requests")
    )
    made = report(tables=(table([row()] * rows), short))
    (page,) = [
        text
        for text in (page.extract_text() for page in document(made, detail=True).pages)
        if "7,654,321" in text
    ]
    assert page.index("Last") < page.index("7 more columns: see the CSV.")


def test_columns_that_do_not_fit_are_counted_and_numbers_go_first():
    keys = [f"text_{place}" for place in range(30)]
    frame = pd.DataFrame({key: ["some rather long name here"] for key in keys} | {"n": [1234567]})
    columns = (*(Column(key, key) for key in keys), Column("n", "Tokens", "int"))
    text = text_of(report(tables=(Table("t", "T", frame, columns),)), detail=True)
    assert "1,234,567" in text
    fitted = len(set(re.findall(r"text_\d+", text)))
    assert 5 < fitted < 30
    assert f"{30 - fitted} more columns: see the CSV." in text


def test_columns_without_any_value_are_not_drawn_and_not_missed():
    made = report(tables=(table([row(size=None, run_time=None)]),))
    text = text_of(made)
    assert "Run time" not in text
    assert "more column" not in text


def test_provenance_figures_notes_and_failures_are_on_the_first_page():
    made = report(sources=(OK, FAILED), notes=("Cached tokens lie inside input tokens.",))
    first = document(made).pages[0].extract_text()
    for label, text in formats.provenance(made):
        assert label in first
        assert text in first
    assert "+234 (+23.4 %) vs September" in first
    assert "OpenAI images (failed): It answered 503. Try again." in first
    assert "Cached tokens lie inside input tokens." in first


def test_charts_come_with_title_and_sentence():
    made = report(charts=(chart("Cost per day"), chart("Cost per week"), chart("Cost per month")))
    reader = document(made, detail=True)
    text = "\n".join(page.extract_text() for page in reader.pages)
    assert text.count("Cost fell, then rose.") == 3
    for title in ("Cost per day", "Cost per week", "Cost per month"):
        assert title in text


def test_the_same_report_gives_the_same_bytes():
    made = report(charts=(chart(),))
    assert to_pdf(made) == to_pdf(made)


def test_the_metadata_name_the_report_and_its_time():
    meta = document(report()).metadata
    assert meta.title == "OpenAI usage"
    assert meta.creation_date == NOW


def test_a_time_in_another_zone_is_written_in_utc():
    east = datetime.fromisoformat("2026-11-21T03:40:00+02:00")
    made = report(generated_at=east)
    assert document(made).metadata.creation_date == east.astimezone(UTC)
    assert "Generated 2026-11-21 01:40 UTC" in text_of(made)


def test_importing_the_exports_loads_neither_the_slow_nor_the_forbidden():
    code = (
        "import sys; from lib.exports import csv, formats, json, pdf, terminal; "
        "print({'fpdf', 'altair', 'httpx', 'redis', 'psycopg', 'cachetools', 'streamlit'}"
        " & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_bare_report_is_one_page():
    bare = report(figures=(), tables=(), period=None, filters={}, host="", sources=())
    assert len(document(bare).pages) == 1


def test_a_huge_figure_and_a_long_label_stay_within_their_card():
    huge = Figure("cost", "A label " * 20, Decimal("1E+40"), "USD")
    assert "$10" + ",000" * 13 + ".00" in text_of(report(figures=(huge,)))
