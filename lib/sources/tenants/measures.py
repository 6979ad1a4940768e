"""The tenants' answer as measures and facts, and the answer that they are of."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.tenants.answer import ANOMALY_COLUMNS, TenantAnswer
from lib.sources.tenants.keys import READABLE_MONTH, Unreadable, month_of, read_period
from lib.sources.tenants.tables import METRICS
from lib.status import plain_status, status_of
from lib.usage.exact import values_of
from lib.usage.measure import Counted, Name, measures, packed, unpacked
from lib.usage.measured import coded, in_form
from lib.usage.metrics import Metric

PLATFORM = "tenants"

LEDGER_METRICS: Mapping[str, Metric] = METRICS
"""All that has a name of its own in the ledger."""

_COUNTERS, _UNREADABLE = "counters", "unreadable"

_OWN = "own_period"
"""The dimension of counters whose period is the tenant's own, not a month of the calendar."""

_COUNTED = Counted("value", unit_column="unit", nulls=True, metric_column="metric")


def measures_of(answer: TenantAnswer) -> pa.Table:
    """One measure per counter; one that is null per counter that cannot be read, where its key says
    whose it is, of what and of when."""
    unreadable = answer.anomalies[_is_placed(answer.anomalies)].assign(value=None)
    return pa.concat_tables(
        [
            measures(PLATFORM, answer.host, _rows(frame, part), [_COUNTED])
            for frame, part in ((answer.counters, _COUNTERS), (unreadable, _UNREADABLE))
        ]
    )


def names_of(answer: TenantAnswer) -> list[Name]:  # noqa: ARG001  # the same for all platforms
    """None: a tenant is called by its id."""
    return []


def facts_of(answer: TenantAnswer, month: str) -> dict[str, Any]:
    """What else makes a month's answer, as a JSON object: how each source answered, notes, the
    tenants that are listed, and what cannot be read of the month or of nobody knows which."""
    months = _months(answer.anomalies)
    anomalies = answer.anomalies[months.isna() | (months == month)]
    return {
        "host": answer.host,
        "statuses": [plain_status(status) for status in answer.statuses],
        "notes": [*answer.notes],
        "anomalies": _plain(anomalies),
        "tenants": None if answer.tenants is None else _plain(answer.tenants),
    }


def answer_of(
    measures: pa.Table,
    names: Iterable[Name],  # noqa: ARG001  # the same for all platforms
    facts: Mapping[str, Any],
) -> TenantAnswer:
    """The answer of a month, from its measures and facts."""
    own = in_form(measures)
    counters = _counters(own.filter(pc.equal(own["part"], _COUNTERS)))
    tenants = facts["tenants"]
    return TenantAnswer(
        counters,
        pd.DataFrame(facts["anomalies"], columns=[*ANOMALY_COLUMNS], dtype="str"),
        None
        if tenants is None
        else pd.DataFrame(tenants).astype({"tenant_id": "str", "dormant": "boolean"}),
        tuple(map(status_of, facts["statuses"])),
        tuple(facts["notes"]),
        facts["host"],
        frozenset(map(month_of, counters["period"].cat.categories)),
    )


def unknown_metrics(answer: TenantAnswer) -> frozenset[str]:
    """The metrics of which nothing is known, while a counter that cannot be read may be one of them,
    or no counter could be had."""
    failed = any(
        status.source == "redis" and status.status == "failed" for status in answer.statuses
    )
    known = {*answer.counters["metric"].unique()}
    doubtful = {metric or None for metric in values_of(answer.anomalies["metric"])}
    return frozenset(
        key for key in METRICS if failed or (key not in known and doubtful & {key, None})
    )


def _rows(frame: pd.DataFrame, part: str) -> pd.DataFrame:
    """What is written: each text is made once, however many rows it stands in."""
    metric, period = (frame[key].astype("category").cat for key in ("metric", "period"))
    texts = [str(text) for text in period.categories]
    starts, ends = _spans(texts)
    own = [len(text) > 7 or None for text in texts]
    units = [METRICS[key].unit if key in METRICS else "" for key in metric.categories]
    when, what = period.codes.to_numpy(), metric.codes.to_numpy()
    return pd.DataFrame(
        {
            "start": pd.Series(starts[when], frame.index).dt.tz_localize("UTC"),
            "end": pd.Series(ends[when], frame.index).dt.tz_localize("UTC"),
            "part": part,
            "sub_account": frame["tenant_id"],
            "dimensions": packed(pd.DataFrame({_OWN: own}, dtype=object)).to_numpy()[when],
            "metric": frame["metric"],
            "unit": np.array(units, dtype=object)[what],
            "value": frame["value"],
        }
    )


def _spans(periods: Iterable[str]) -> Any:
    """First moments of periods, and the same days a month later: the last of a shorter month."""
    starts = np.array([*periods], dtype="datetime64[D]")
    months = starts.astype("datetime64[M]")
    following = (months + 1).astype("datetime64[D]") + (starts - months.astype("datetime64[D]"))
    last = (months + 2).astype("datetime64[D]") - 1
    return starts.astype("datetime64[us]"), np.minimum(following, last).astype("datetime64[us]")


def _counters(counters: pa.Table) -> pd.DataFrame:
    """The counters that were written."""
    start, starts = coded(counters["start"])
    kind, kinds = coded(counters["dimensions"])
    period, pairs = pd.factorize(start * len(kinds) + kind)
    own = [row.get(_OWN, False) for row in unpacked(kinds)]
    days = [moment.date().isoformat() for moment in starts]
    periods = [
        days[day] if own[of] else days[day][:7]
        for day, of in (divmod(pair, len(kinds)) for pair in pairs.tolist())
    ]
    texts = {
        "tenant_id": coded(counters["sub_account"]),
        "metric": coded(counters["metric"]),
        "period": (period, periods),
    }
    frame = pd.DataFrame(
        {
            key: pd.Categorical.from_codes(codes, pd.Index(names, dtype="str"))
            for key, (codes, names) in texts.items()
        }
    )
    return frame.assign(value=counters["quantity"].cast(pa.int64()).to_numpy())


def _is_placed(anomalies: pd.DataFrame) -> "pd.Series[bool]":
    """Whether a key says whose counter it is, of what and of when."""
    named = (anomalies[["tenant_id", "metric"]].fillna("") != "").all(axis=1)
    period = anomalies["period"].astype("category").cat
    readable = np.array([*map(_is_period, period.categories), False])  # the last is of null
    return named & readable[period.codes]


def _is_period(text: str) -> bool:
    try:
        read_period(text.encode())
    except Unreadable:
        return False
    return True


def _months(anomalies: pd.DataFrame) -> "pd.Series[Any]":
    """The month of each, null where it cannot be read."""
    return anomalies["period"].astype("str").str.extract(READABLE_MONTH, expand=False)


def _plain(frame: pd.DataFrame) -> dict[str, list[Any]]:
    return {str(key): values_of(cells) for key, cells in frame.items()}
