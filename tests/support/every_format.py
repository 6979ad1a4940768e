"""A report in every format that people download or read."""

from io import BytesIO

from pypdf import PdfReader

from lib.exports.csv import to_csv, to_zip
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.reports.report import Report


def every_format(report: Report) -> dict[str, str]:
    """The text of each format; a format that cannot be made, or is no UTF-8, raises."""
    csv = "\n".join(
        to_csv(report, table.key, profile).decode("utf-8-sig")
        for table in report.tables
        for profile in ("excel", "machine")
    )
    assert to_zip(report)
    pages = PdfReader(BytesIO(to_pdf(report, detail=True))).pages
    terminal = to_terminal(report, width=None, colour=False)
    return {
        "csv": csv,
        "json": to_json(report).decode(),
        "pdf": "\n".join(page.extract_text() for page in pages),
        "terminal": terminal.encode().decode(),
    }
