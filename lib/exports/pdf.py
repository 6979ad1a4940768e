"""Report to PDF, A4 landscape: a summary, or all of it; each page is marked with what it is."""

from typing import TYPE_CHECKING

from lib.reports.report import Report

if TYPE_CHECKING:
    from lib.exports.pdf_paper import Paper


def to_pdf(report: Report, page: "Paper | None" = None, *, detail: bool = False) -> bytes:
    """The report on paper; the same bytes for the same report.

    A summary has the headline figures as cards and the others in lines, the first chart of each
    group, the first rows of each table, and the names of the tables of records.
    In detail there are all charts, and tables of at most ``MAX_ROWS`` rows. Columns are those that
    fit. What is left out is said, with the place where it is found; totals are over all rows.
    Names are drawn as they are: no markup is interpreted, and a character that no font here has
    becomes its number, ``[0E44]``.

    Args:
        page: an empty document made ready before; it is used up.
    """
    # fpdf takes most of a second to import, and few readers ask for paper
    from lib.exports.pdf_forms import draw_detail, draw_summary  # noqa: PLC0415
    from lib.exports.pdf_paper import Paper  # noqa: PLC0415

    page = page or Paper()
    try:
        page.begin(report)
        (draw_detail if detail else draw_summary)(page, report)
        return bytes(page.output())
    finally:
        page.close_fonts()
