"""Report to JSON: the stable, versioned form that other programs read."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from lib.exports.values import plain, plain_columns, plain_filters, plain_period, stamp
from lib.reports.report import Figure, Report, Table

SCHEMA = "usage-report/1"


def to_json(report: Report) -> bytes:
    """The whole report as strict JSON in UTF-8: one key per line, one table row per line.

    Money and other decimals are strings, unknown numbers null, days ``2026-10-31``, times
    ``2026-11-21T01:40:00Z``. ``figures``, ``host``, where the data came from, and ``state_at``,
    the moment that levels are of, are additions to the keys that the schema always has.
    """
    return _document(report).encode("utf-8", "replace")


def _document(report: Report) -> str:
    head = {
        "schema": SCHEMA,
        "report": report.kind,
        "title": report.title,
        "generated_at": stamp(report.generated_at),
        "demo": report.demo,
        "period": plain_period(report),
        "filters": plain_filters(report.filters),
        "complete": report.complete,
        "sources": [
            {
                "name": source.name,
                "status": source.status,
                "as_of": stamp(source.as_of) if source.as_of else None,
                "rows": source.rows,
                "detail": source.detail,
            }
            for source in report.sources
        ],
        "totals": {key: plain(value) for key, value in report.totals.items()},
        "notes": list(report.notes),
    }
    lines = [f" {_dumps(key)}: {_dumps(value)}" for key, value in head.items()]
    tables = ",\n".join(f"  {_dumps(table.key)}: {_rows(table)}" for table in report.tables)
    lines.append(f' "tables": {{\n{tables}\n }}' if tables else ' "tables": {}')
    lines.append(f' "figures": {_dumps([_figure(figure) for figure in report.figures])}')
    lines.append(f' "host": {_dumps(report.host or None)}')
    state_at = stamp(report.state_at) if report.state_at else None
    lines.append(f' "state_at": {_dumps(state_at)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _figure(figure: Figure) -> dict[str, object]:
    delta = figure.delta
    return {
        "key": figure.key,
        "label": figure.label,
        "value": plain(figure.value),
        "unit": figure.unit or None,
        "incomplete": figure.incomplete,
        "delta": delta
        and {
            "previous": plain(delta.previous),
            "change": plain(delta.change),
            "percent": plain(delta.percent),
        },
    }


def _rows(table: Table) -> str:
    rows = ",\n".join(_row_texts(table))
    return f"[\n{rows}\n  ]" if rows else "[]"


def _row_texts(table: Table) -> Iterator[str]:
    paths = [column.json_path or (column.key,) for column in table.columns]
    flat = all(len(path) == 1 for path in paths)
    for row in zip(*_cells(table), strict=True):
        record = (
            {path[0]: value for path, value in zip(paths, row, strict=True)}
            if flat
            else _nested(paths, row)
        )
        yield "   " + _dumps(record)


def _cells(table: Table) -> Iterator[list[Any]]:
    """The cells of each column; lists as lists."""
    for column, cells in zip(table.columns, plain_columns(table), strict=True):
        yield [str(c).split(", ") if c else [] for c in cells] if column.kind == "list" else cells


def _nested(paths: Sequence[tuple[str, ...]], row: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for path, value in zip(paths, row, strict=True):
        inner = record
        for step in path[:-1]:
            inner = inner.setdefault(step, {})
        inner[path[-1]] = value
    return record


_dumps = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
