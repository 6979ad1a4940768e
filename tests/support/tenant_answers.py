"""Answers of tenant counters to build reports from, and reports as rows."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pandas as pd

from lib.exports.values import plain_columns
from lib.periods import Period
from lib.reports.report import Report
from lib.reports.tenants.build import build_tenant_usage
from lib.sources.tenants.answer import ANOMALY_COLUMNS, COUNTER_COLUMNS, TenantAnswer
from lib.sources.tenants.query import TenantQuery
from lib.status import SourceStatus
from tests.support.replies import NOW

Counters = Mapping[tuple[str, str, str], int]
Row = dict[str, Any]

TOKENS = ("input_tokens", "output_tokens", "embedding_tokens")
METRICS = ("requests", *TOKENS)
SUMS = (*METRICS, "total_tokens")
MONTHS = ("2026-08", "2026-09", "2026-10", "2026-11")
ALL = Period(date(2026, 8, 5), date(2026, 11, 21))
TENANTS = (
    *("abc123", "a:b:requests", "", " ", "=cmd()", "a, b", "line\nbreak", "nan", "None", "<NA>"),
    *("TOTAL", "*[x](y)*", "\u202eevil", "名前", "Ä", "😀", "0", "00"),
)


def answer_of(
    counters: Counters,
    *,
    listed: Iterable[str] | Mapping[str, bool | None] | None = (),
    bad: Iterable[Row] = (),
    notes: tuple[str, ...] = (),
) -> TenantAnswer:
    rows = [(*key, value) for key, value in counters.items()]
    frame = pd.DataFrame(rows, columns=[*COUNTER_COLUMNS]).astype({"value": "int64"})
    for key in COUNTER_COLUMNS[:3]:
        frame[key] = frame[key].astype("category")
    tenants = None
    if listed is not None:
        dormant = listed if isinstance(listed, Mapping) else dict.fromkeys(listed, False)
        tenants = pd.DataFrame({"tenant_id": [*dormant], "dormant": [*dormant.values()]})
        tenants = tenants.astype({"tenant_id": "str", "dormant": "boolean"})
    anomalies = pd.DataFrame([*bad], columns=[*ANOMALY_COLUMNS], dtype=object)
    status = SourceStatus("redis", "", "ok", NOW, len(frame))
    return TenantAnswer(frame, anomalies, tenants, (status,), notes, "redis.example:6379")


def build(answer: TenantAnswer, period: Period = ALL, **asked: Any) -> Report:
    return build_tenant_usage(answer, TenantQuery(period, **asked), now=NOW)


def rows_of(report: Report, table: str = "tenants") -> list[Row]:
    found = report.table(table)
    keys = [column.key for column in found.columns]
    return [dict(zip(keys, row, strict=True)) for row in zip(*plain_columns(found), strict=True)]


def row_of(report: Report, tenant: str) -> Row:
    return next(row for row in rows_of(report) if row["tenant_id"] == tenant)


def noted(report: Report, words: str) -> bool:
    return any(words in note for note in report.notes)


def bad_counter(tenant: str | None = "t1", period: str | None = "2026-09", **other: Any) -> Row:
    key = f"usage:{tenant}:requests:{period}"
    row = {"key": key, "tenant_id": tenant, "metric": "requests", "period": period}
    return row | {"problem": "not an integer", "value": "5.5"} | other
