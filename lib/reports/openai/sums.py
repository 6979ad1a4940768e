"""Totals of OpenAI usage that tell nothing used from nothing known."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from lib.reports.openai.tables import sum_metric
from lib.sources.openai import NAME
from lib.sources.openai.query import OpenAIQuery
from lib.sources.openai.tables import ENDPOINTS, METRICS
from lib.status import SourceStatus


def sum_or_zero(
    usage: pd.DataFrame,
    metric: str,
    statuses: Iterable[SourceStatus],
    last: Any,
    query: OpenAIQuery,
) -> int | None:
    """A metric over all rows; None where a source that counts it failed. Nothing used is 0 only
    where a source that counts it said so: rows that leave the metric out say nothing about it.

    Args:
        last: the bucket that levels are taken from; see ``last_level``.
    """
    counting = [row.name for row in ENDPOINTS.values() if metric in row.metrics and query.sees(row)]
    if _any_is(counting, statuses, "failed"):
        return None
    known = sum_metric(usage, metric, last)
    if known is not None:
        return known
    left_out = usage["endpoint_type"].isin(counting).any()
    return 0 if _any_is(counting, statuses, "ok", "partial") and not left_out else None


def _any_is(endpoints: Iterable[str], statuses: Iterable[SourceStatus], *states: str) -> bool:
    """Whether one of the endpoints is in one of the states."""
    names = {*endpoints}
    return any(
        status.source == NAME and status.part in names and status.status in states
        for status in statuses
    )


def sources_of(metric: str) -> list[str]:
    """The names of the sources that count a metric."""
    return [f"{NAME}:{row.name}" for row in ENDPOINTS.values() if metric in row.metrics]


def count_ids(
    usage: pd.DataFrame, column: str, statuses: Iterable[SourceStatus], query: OpenAIQuery
) -> int | None:
    """Distinct ids with usage in the period; storage that merely lies there is no activity.

    None where no endpoint that tells them apart has answered.
    """
    telling = [
        row.name
        for row in ENDPOINTS.values()
        if column in row.group_by
        and query.sees(row)
        and any(METRICS[key].nature == "flow" for key in row.metrics)
    ]
    if _any_is(telling, statuses, "failed") or not _any_is(telling, statuses, "ok", "partial"):
        return None
    flows = [key for key in usage.columns if key in METRICS and METRICS[key].nature == "flow"]
    if column not in usage:
        return 0
    return int(usage.loc[usage[flows].notna().any(axis=1), column].nunique())
