"""Report to CSV: one table per file, or all of them in a zip with a side file that says what they hold."""

import csv
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping

from lib.exports import Profile
from lib.exports.formats import utc
from lib.exports.values import (
    Plain,
    plain,
    plain_columns,
    plain_filters,
    plain_period,
    positional,
    stamp,
)
from lib.reports.report import Column, Report, Table

_SIGNS = "=+@|＝＋－＠﹢﹣﹦﹫-"
_BLANKS = (
    r"\s\x00-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
FORMULA = re.compile(rf"[\t\r\n]|[{_BLANKS}]*[{_SIGNS}]")
"""How a cell begins that a spreadsheet may run or swallow (OWASP, CSV injection): it strips blanks,
and some invisible characters, before it looks for the sign."""

LINE_END: Mapping[Profile, str] = {"excel": "\r\n", "machine": "\n"}
ENCODING: Mapping[Profile, str] = {"excel": "utf-8-sig", "machine": "utf-8"}


def to_csv(report: Report, table_key: str, profile: Profile = "excel") -> bytes:
    """One table, with the column keys as its header row and no row of totals.

    Decimals and floats are never written with an exponent, integers never with a fraction, missing
    values are empty, times end in ``Z``. Milliseconds since 1970 are times in the Excel profile and
    stay numbers in the machine profile, as in JSON. In the Excel profile a text cell or header that
    begins as ``FORMULA`` says gets a ``'`` in front; numbers never do.

    Raises:
        KeyError: the report has no table of that key.
    """
    return _table_csv(report.table(table_key), profile)


def to_zip(report: Report, profile: Profile = "excel") -> bytes:
    """All tables as ``<table>.csv`` and ``report.meta.json``, the same bytes for the same report."""
    files = {f"{table.key}.csv": _table_csv(table, profile) for table in report.tables}
    meta = json.dumps(_meta(report, profile, files), indent=2, ensure_ascii=False, allow_nan=False)
    files["report.meta.json"] = meta.encode("utf-8", "replace")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(_entry(name, report), content)
    return packed.getvalue()


def _entry(name: str, report: Report) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, utc(report.generated_at).timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = 3  # else the bytes would depend on the operating system
    entry.external_attr = 0o644 << 16
    return entry


def _table_csv(table: Table, profile: Profile) -> bytes:
    header = [_header(column, profile) for column in table.columns]
    columns: list[list[Plain]] = []
    for column, values in zip(
        table.columns, plain_columns(table, times=profile == "excel"), strict=True
    ):
        if column.kind in ("text", "list") and profile == "excel":
            columns.append([_disarmed(value) for value in values])
        elif any(isinstance(value, float | bool) for value in values):
            columns.append([_written(value) for value in values])
        else:
            columns.append(values)
    lines = _Lines()
    # Only a line end of CRLF makes the writer quote a bare CR or LF inside a cell
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([_disarmed(key) for key in header] if profile == "excel" else header)
    writer.writerows(zip(*columns, strict=True))
    end = LINE_END[profile]
    text = end.join(line[:-2] for line in lines) + end
    return text.encode(ENCODING[profile], "replace")


def _header(column: Column, profile: Profile) -> str:
    """A column's key; where a time stands for milliseconds, its name does not say them. In the Excel
    profile the name of what a column is of, not its id."""
    if column.names and profile == "excel":
        return column.label
    as_time = column.kind == "epoch_ms" and profile == "excel"
    return column.key.removesuffix("_ms") if as_time else column.key


class _Lines(list[str]):
    """A file that keeps each row as an item."""

    write = list.append


def _disarmed(value: Plain) -> Plain:
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def _written(value: Plain) -> Plain:
    if isinstance(value, bool):
        return "true" if value else "false"
    return positional(value) if isinstance(value, float) else value


def _meta(report: Report, profile: Profile, files: Mapping[str, bytes]) -> dict[str, object]:
    return {
        "schema": "usage-report-meta/1",
        "report": report.kind,
        "title": report.title,
        "host": report.host,
        "generated_at": stamp(report.generated_at),
        "as_of": stamp(report.as_of) if report.as_of else None,
        "demo": report.demo,
        "complete": report.complete,
        "profile": profile,
        "period": plain_period(report),
        "state_at": stamp(report.state_at) if report.state_at else None,
        "filters": plain_filters(report.filters),
        "sources": [
            {
                "name": source.name,
                "status": source.status,
                "as_of": stamp(source.as_of) if source.as_of else None,
                "rows": source.rows,
                "detail": source.detail,
                "remedy": source.remedy,
            }
            for source in report.sources
        ],
        "totals": {key: plain(value) for key, value in report.totals.items()},
        "notes": list(report.notes),
        "files": [_file_meta(table, profile, files[f"{table.key}.csv"]) for table in report.tables],
    }


def _file_meta(table: Table, profile: Profile, content: bytes) -> dict[str, object]:
    return {
        "name": f"{table.key}.csv",
        "title": table.title,
        "rows": len(table.frame),
        "sha256": hashlib.sha256(content).hexdigest(),
        "totals": {key: plain(value) for key, value in (table.totals or {}).items()},
        "columns": [
            {
                "key": _header(column, profile),
                "label": column.label,
                "kind": column.kind,
                "unit": column.unit,
            }
            for column in table.columns
        ],
    }
