"""A summary on paper: short, and what it cuts it says; totals are over all rows."""

import io
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from lib.exports.pdf import to_pdf
from lib.exports.pdf_facts import HEADLINE_FIGURES, notes_block
from lib.exports.pdf_flow import BELOW, Block, block_width, draw_blocks, pages_with
from lib.exports.pdf_forms import PAGES, ROWS
from lib.exports.pdf_paper import Paper
from lib.exports.pdf_table import table_block
from lib.reports.report import Delta, Figure
from tests.support.profiles import examples
from tests.support.report_strategies import HOSTILE, chart, report, row, table, tables

pytestmark = pytest.mark.dear  # fonts are read, and pages are read back

quick = settings(examples(20), phases=[Phase.explicit, Phase.generate])

BRIEF = ("name", "requests")


@pytest.fixture(scope="module")
def paper():
    page = Paper()
    page.begin(report())
    yield page
    page.close_fonts()


def pages_of(made) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(to_pdf(made))).pages]


def long_table(key: int, rows: int):
    """A table whose rows and total are found by no other's number."""
    cells = [row(f"name {key}/{at}", 1_000_000 * (key + 1) + at) for at in range(rows)]
    return table(cells, f"t{key}", title=f"Table {key}", brief=BRIEF)


@quick
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
def test_totals_are_over_all_rows_and_every_row_is_shown_or_counted(counts):
    made = report(tables=tuple(long_table(key, rows) for key, rows in enumerate(counts)))
    text = "\n".join(pages_of(made))
    said = [int(number) for number in re.findall(r"(\d+) more rows?: see the CSV, or the", text)]
    shown = []
    for key, rows in enumerate(counts):
        shown.append(len(set(re.findall(rf"name {key}/\d+", text))))
        if rows:
            assert f"{made.tables[key].totals['requests']:,}" in text
    assert sorted(said) == sorted(
        rows - there for rows, there in zip(counts, shown, strict=True) if rows > there
    )
    assert len({there for there, rows in zip(shown, counts, strict=True) if there < rows}) <= 1
    assert max(shown) <= ROWS[0]


@pytest.mark.parametrize(("tables", "rows"), [(9, 15), (12, 10), (18, 5)])
def test_a_summary_has_few_pages_and_more_tables_have_fewer_rows(tables, rows):
    made = report(tables=tuple(long_table(key, 40) for key in range(tables)))
    pages = pages_of(made)
    assert len(pages) <= PAGES
    assert f"{40 - rows} more rows: see the CSV, or the detailed PDF." in "".join(pages)


def test_records_are_counted_not_listed_and_their_note_is_kept():
    records = replace(long_table(0, 30), records=True, note="Days may still change.")
    text = "".join(pages_of(report(tables=(records, long_table(1, 3)))))
    assert "Table 0 (30 rows): see the CSV, or the detailed PDF." in text
    assert "name 0/" not in text
    assert "name 1/2" in text
    assert "Table 0: Days may still change." in text


def test_of_each_group_one_chart_is_drawn_as_on_the_screen_and_the_others_are_counted():
    cost, tokens = (replace(chart(name), group=name) for name in ("Cost", "Tokens"))
    made = report(
        charts=(
            replace(cost, key="a", title="Cost by project"),
            replace(cost, key="b", title="Cost by model"),
            replace(tokens, key="c", title="All tokens, part 1", place="paper"),
            replace(tokens, key="d", title="All tokens, part 2", place="paper"),
            replace(tokens, key="e", title="Largest tokens", place="screen"),
        )
    )
    text = "".join(pages_of(made))
    assert [
        title
        for title in ("Cost by project", "Cost by model", "All tokens", "Largest tokens")
        if title in text
    ] == ["Cost by project", "Largest tokens"]
    assert "3 more charts: see the detailed PDF." in text


def test_every_figure_stands_on_the_first_page_with_its_change_and_mark():
    figures = tuple(
        Figure(
            f"f{at}",
            f"Figure {at}",
            7_000 + at,
            delta=Delta(1, 50 + at, None, "before"),
            incomplete=True,
        )
        for at in range(HEADLINE_FIGURES + 5)
    )
    first = pages_of(report(figures=figures))[0]
    for at in range(len(figures)):
        assert f"Figure {at}" in first
        assert f"{7_000 + at:,}" in first
        assert f"+{50 + at} (no base)" in first
    assert first.count("vs before") == HEADLINE_FIGURES + 1
    assert first.count("incomplete") == len(figures)


def test_no_figure_is_cut_however_long_its_words():
    against = "2026-10, which is whole; 2026-11 has run 27 of 30 days and is not yet over"
    label = "Cost per request of all endpoints that count"
    change = Delta(Decimal("0.009"), Decimal("0.000456"), 4.5, against)
    figures = tuple(
        Figure(f"f{at}", label, Decimal("0.009456"), "USD/request", delta=change, incomplete=True)
        for at in range(HEADLINE_FIGURES + 4)
    )
    first = " ".join(pages_of(report(figures=figures))[0].split())
    assert first.count(label) == len(figures)
    assert first.count(against) == HEADLINE_FIGURES + 1


@quick
@given(tables, st.integers(1, 6), st.sampled_from(["", "A note. " * 40]))
def test_a_table_takes_the_height_it_says(paper, made, most, note):
    block = table_block(paper, replace(made, note=note), block_width(paper), most)
    assert drawn_height(paper, block) == pytest.approx(block.height)


@quick
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5))
def test_notes_take_the_height_they_say(paper, notes):
    block = notes_block(paper, notes, block_width(paper))
    assert drawn_height(paper, block) == pytest.approx(block.height)


def drawn_height(paper, block) -> float:
    paper.y = paper.t_margin
    block.draw(paper.l_margin)
    return paper.y - paper.t_margin


@quick
@given(st.lists(st.floats(1, 170), max_size=12), st.floats(0, 150))
def test_blocks_stand_on_a_page_each_without_overlap(paper, heights, begun):
    places = []

    def block(height):
        def draw(left):
            places.append((paper.page_no(), left, paper.y, paper.y + height))

        return Block(height, draw)

    paper.y = paper.t_margin + begun
    blocks = [block(height) for height in heights]
    expected = pages_with(paper, blocks)
    draw_blocks(paper, blocks)
    assert paper.page_no() == expected
    for number, (page, left, top, bottom) in enumerate(places):
        assert bottom <= paper.h - paper.b_margin + 0.001
        for other_page, other_left, other_top, other_bottom in places[:number]:
            if (page, left) == (other_page, other_left):
                assert top >= other_bottom + BELOW - 0.001 or bottom <= other_top
