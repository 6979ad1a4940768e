"""Whoever may not know people sees numbers, ids and pseudonyms: on screen, in charts and in files."""

import zipfile
from io import BytesIO

import pytest
from pypdf import PdfReader

from lib.exports.csv import to_zip
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.reports.personal import hide_people, holds_address, pseudonym
from lib.reports.report import Report
from lib.ui.altair_charts import altair_chart
from tests.support.personal_report import LONG, make_report

NAMES = ("ann@company.com", "Bob Miller", LONG, LONG[:20], "company.com")


def renderings(report: Report) -> dict[str, str]:
    """Everything that anybody could get to see of a report."""
    with zipfile.ZipFile(BytesIO(to_zip(report, "machine"))) as archive:
        tables = "\n".join(archive.read(name).decode() for name in archive.namelist())
    return {
        "csv": tables,
        "json": to_json(report).decode(),
        "pdf": "\n".join(
            page.extract_text() for page in PdfReader(BytesIO(to_pdf(report, detail=True))).pages
        ),
        "terminal": to_terminal(report, width=400, colour=False),
        "charts": "\n".join(altair_chart(spec.chart).to_json() for spec in report.charts),
        "sentences": repr(
            (
                report.notes,
                report.filters,
                [spec.alt for spec in report.charts],
                report.figures,
                report.sources,
                [table.note for table in report.tables],
            )
        ),
    }


@pytest.mark.dear
@pytest.mark.parametrize("name", NAMES)
def test_no_rendering_names_anybody(name: str) -> None:
    shown = renderings(make_report())
    assert any(name in text for text in shown.values()), "else nothing would be proven"
    hidden = renderings(hide_people(make_report()))
    assert [place for place, text in hidden.items() if name in text] == []


def test_numbers_ids_order_and_what_belongs_to_nobody_stay() -> None:
    before, after = make_report(), hide_people(make_report())
    for key in ("id", "cost"):
        assert after.table("people").frame[key].equals(before.table("people").frame[key])
    assert after.totals == before.totals
    assert after.table("people").frame["person"].tolist() == [
        pseudonym("ann@company.com"),
        pseudonym("Bob Miller"),
        "Unallocated",
    ]
    assert after.table("people").columns == before.table("people").columns


def test_one_person_has_one_pseudonym_everywhere() -> None:
    hidden = hide_people(make_report())
    ann, bob, long = (pseudonym(name) for name in ("ann@company.com", "Bob Miller", LONG))
    frame = hidden.table("people").frame
    assert frame["members"].tolist()[:2] == [f"{ann}, {bob}", bob]
    assert frame["key"].tolist() == [f"key of {ann}", "key-2", long]
    assert f"{ann} (user-1)" in altair_chart(hidden.charts[0].chart).to_json()
    assert hidden.charts[1].alt == f"Of {long}"
    assert hidden.notes == (f"{bob} and {ann} left; Bobby stays.",)
    assert len({ann, bob, long}) == 3


@pytest.mark.dear
def test_the_report_itself_is_left_as_it_was() -> None:
    report = make_report()
    before = renderings(report)
    hide_people(report)
    assert renderings(report) == before


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("ann@company.com", True),
        ("x ann@compa…", True),
        ("a@", True),
        ("@b", False),
        ("gpt-5", False),
    ],
)
def test_an_address_is_found_even_when_it_was_cut_off(text: str, held: bool) -> None:
    assert holds_address(text) is held
