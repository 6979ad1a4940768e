"""The terminal: the Report's numbers in a table that no name can break."""

import re
from dataclasses import replace
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given
from rich.cells import cell_len

from lib.exports.terminal import MAX_ROWS, to_terminal
from lib.reports.report import Column, Table
from tests.support.profiles import examples
from tests.support.report_strategies import (
    EMPTY_ROW,
    FAILED,
    HOSTILE,
    OK,
    report,
    reports,
    row,
    table,
)

quick = examples(30)


def grid(text: str) -> list[list[str]]:
    """The cells of all lines that belong to a table."""
    lines = [line for line in text.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in re.split(" │ |^│ | │$", line)[1:-1]] for line in lines]


def number(text: str) -> Decimal | None:
    """A number as a reader understands it; None for a dash."""
    return None if text == "—" else Decimal(re.sub("[$,%]", "", text))


@quick
@given(reports)
def test_the_terminal_carries_the_same_numbers_as_the_report(made):
    frame = made.tables[0].frame
    header, *lines = grid(to_terminal(made, width=None, colour=False)) or [[]]
    if not lines:
        assert frame.empty
        return
    for label, key in (("Requests", "requests"), ("Billed cost", "cost")):
        if label not in header:
            assert frame[key].isna().all()
            continue
        at = header.index(label)
        # Names may hold a bar themselves, so numbers are counted from the right
        shown = [line[at - len(header)] for line in lines[: len(frame)]]
        for text, value in zip(shown, frame[key].astype(object), strict=True):
            if pd.isna(value):
                assert text == "—"
            elif text[0] in "<>":
                assert 0 < abs(value) < Decimal("0.01")
            else:
                assert abs(number(text) - value) <= Decimal("0.005")


@quick
@given(reports)
def test_no_line_is_wider_than_the_terminal_and_nothing_acts(made):
    text = to_terminal(made, width=100, colour=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    tables = [line for line in text.splitlines() if line and line[0] in "┌│├└"]
    assert len({cell_len(line) for line in tables}) <= 1
    assert all(cell_len(line) <= 100 for line in tables)
    text.encode()


def test_every_hostile_name_leaves_a_trace_and_its_own_row():
    named = [name for name in HOSTILE if name.strip()]
    made = report(tables=(table([row(name) for name in named]),))
    rows = grid(to_terminal(made, width=None, colour=False))[1:-1]
    assert len(rows) == len(named)
    assert all(cells[0] for cells in rows)


def test_names_are_cut_before_any_number_or_date_is():
    made = report(tables=(table([row("x" * 300)]),))
    cells = grid(to_terminal(made, width=104, colour=False))[2]
    assert cells[0].endswith("xxx…")
    for whole in ("1,234", "$56.78", "2026-10-01", "2026-11-21 01:40 UTC", "3.2 GB"):
        assert whole in cells


def test_a_table_whose_cells_are_all_missing_shows_them_so():
    rows = grid(to_terminal(report(tables=(table([EMPTY_ROW]),)), width=None, colour=False))
    assert set(rows[1]) == {"—"}


def test_rich_markup_in_names_is_text():
    made = report(tables=(table([row("[red]x[/red] :rocket: [link=http://x]y[/link]")]),))
    text = to_terminal(made, width=None, colour=True)
    assert "[red]x[/red] :rocket: [link=http://x]y[/link]" in text


def test_a_complete_report_reads():
    brief = ("name", "requests", "cost")
    made = report(tables=(table([row(), row("beta", None)], title="By name", brief=brief),))
    assert (
        to_terminal(made, width=80, colour=False)
        == """\
OpenAI usage
Period        2026-10-01 to 2026-10-31 (UTC), 31 days
Source        api.openai.com
Generated     2026-11-21 01:40 UTC
Data as of    2026-11-21 01:40 UTC
Completeness  Complete (1 source)
Filters       endpoints: completions

By name
┌───────┬──────────┬─────────────┐
│ Name  │ Requests │ Billed cost │
├───────┼──────────┼─────────────┤
│ alpha │    1,234 │      $56.78 │
│ beta  │        — │      $56.78 │
├───────┼──────────┼─────────────┤
│ TOTAL │    1,234 │           — │
└───────┴──────────┴─────────────┘
6 more columns (Share, Day, Seen at, Size, Run time, Batch): use --format zip.

Statistics:
• Requests: 1,234; +234 (+23.4 %) vs September
"""
    )


def test_the_row_of_totals_shows_unknown_totals_as_a_dash():
    total = grid(to_terminal(report(), width=None, colour=False))[-1]
    assert total[:4] == ["TOTAL", "1,234", "—", ""]


def test_a_terminal_gets_few_rows_and_is_told_where_the_rest_is():
    made = report(tables=(table([row()] * (MAX_ROWS + 5)),))
    text = to_terminal(made, width=100, colour=False)
    assert sum(line[0] == "alpha" for line in grid(text)) == MAX_ROWS
    assert "5 more rows: use --format zip. TOTAL covers all rows." in text


def test_a_pipe_gets_all_rows_on_one_line_each():
    made = report(tables=(table([row("x" * 300)] * (MAX_ROWS + 5)),))
    text = to_terminal(made, width=None, colour=False)
    assert text.count("x" * 300) == MAX_ROWS + 5
    assert "more row" not in text


def test_a_narrow_terminal_keeps_the_numbers_and_says_what_is_missing():
    keys = [f"text_{place}" for place in range(6)]
    frame = pd.DataFrame({key: ["some long name here"] for key in keys} | {"tokens": [1_234_567]})
    columns = (*(Column(key, key) for key in keys), Column("tokens", "Tokens", "int"))
    made = report(tables=(Table("t", "T", frame, columns),))
    text = to_terminal(made, width=40, colour=False)
    assert "1,234,567" in text
    said = "5 more columns (text_1, text_2, text_3, text_4, text_5): use --format zip."
    assert said in " ".join(text.split())


def test_columns_that_tell_rows_apart_stay_beside_numbers_and_percentages_go_first():
    frame = pd.DataFrame(
        {
            "place": ["vision", "vision"],
            "name": ["a project", "another"],
            "share": [12.5, 87.5],
            "runs": [1_234, 2_345],
            "hours": [7.5, 8.5],
            "owner": ["somebody", "else"],
        }
    )
    columns = (
        Column("place", "Workspace"),
        Column("name", "Project"),
        Column("share", "Share of everything", "percent"),
        Column("runs", "Runs", "int"),
        Column("hours", "Hours", "float"),
        Column("owner", "Owner"),
    )
    made = report(tables=(Table("t", "T", frame, columns),), figures=())
    text = to_terminal(made, width=50, colour=False)
    (heading,) = [line for line in text.splitlines() if "Workspace" in line and "│" in line]
    assert [word.strip() for word in heading.strip("│").split("│")] == [
        "Workspace",
        "Project",
        "Runs",
        "Hours",
    ]
    assert "2 more columns (Share of everything, Owner)" in text


def test_of_many_columns_without_room_some_are_named_and_the_others_counted():
    keys = [f"t{place:02}" for place in range(30)]
    frame = pd.DataFrame({key: ["some long name here"] for key in keys})
    columns = tuple(Column(key, key) for key in keys)
    text = to_terminal(report(tables=(Table("t", "T", frame, columns),)), width=200, colour=False)
    (said,) = [line for line in text.splitlines() if "more columns" in line]
    shown = len(set(re.findall(r"t\d\d", text.split("more columns")[0])))
    assert said.startswith(f"{30 - shown} more columns (")
    named = re.findall(r"t\d\d", said)
    assert f"{30 - shown - len(named)} others)" in said


def test_brief_columns_are_for_terminals_only():
    made = report(tables=(table([row()], brief=("name", "requests")),))
    assert grid(to_terminal(made, width=200, colour=False))[0] == ["Name", "Requests"]
    assert len(grid(to_terminal(made, width=None, colour=False))[0]) == 9


def test_statistics_notes_and_failures_follow_the_tables():
    made = report(sources=(OK, FAILED), notes=("Cached tokens lie inside input tokens.",))
    text = to_terminal(made, width=None, colour=False)
    parts = ["TOTAL", "Statistics:", "Notes:", "Sources that did not answer in full:"]
    assert sorted(parts, key=text.index) == parts
    assert "• Requests: 1,234; +234 (+23.4 %) vs September" in text
    assert "• OpenAI images (failed): It answered 503. Try again." in text
    assert "INCOMPLETE; failed: OpenAI images" in text


def test_an_incomplete_figure_is_marked():
    figure = replace(report().figures[0], incomplete=True, value=None, delta=None)
    text = to_terminal(report(figures=(figure,)), width=None, colour=False)
    assert "• Requests: — [incomplete]" in text


@pytest.mark.parametrize("width", [None, 80])
def test_without_colour_there_is_no_escape_and_with_it_only_style(width):
    plain = to_terminal(report(), width=width, colour=False)
    coloured = to_terminal(report(), width=width, colour=True)
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain
    assert "\x1b[1m" in coloured


def test_a_table_without_rows_says_so():
    assert "No rows." in to_terminal(report(tables=(table([]),)), width=80, colour=False)


@pytest.mark.parametrize("width", [1, 10, 30])
def test_an_absurdly_narrow_terminal_does_not_fail(width):
    assert "Requests" in to_terminal(report(), width=width, colour=False)
