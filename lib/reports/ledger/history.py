"""What the ledger keeps of every platform over all time, as a Report."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from lib.charts import STEPS, OverTime, choose_step, fold
from lib.periods import Period, month_before, months_before, span
from lib.quantities import counted, decimal_of, is_currency
from lib.reports.ledger.months import months_table
from lib.reports.ledger.platforms import (
    GROUPS,
    in_order,
    is_whole,
    metric_label,
    platform_label,
)
from lib.reports.ledger.words import FILTER_WORDS
from lib.reports.report import ChartSpec, Column, Figure, Report, SourceStatus, Table
from lib.usage.exact import exact_sum, exactly

KIND = "usage-history"

_GROWING = ("level", "counter")
_GROUP = ["platform", "account", "metric", "unit"]


@dataclass(frozen=True)
class HistoryQuery:
    """A question about what is kept.

    Args:
        platform: only this one; empty means all.
    """

    platform: str = ""

    def described(self) -> dict[str, object]:
        """The filters as they stand in every rendering of the report."""
        return {"platform": self.platform or None}


AMOUNTS = ("platform", "account", "metric", "unit", "nature", "month", "quantity", "complete")
"""Columns of the amounts of a history: text, quantity Decimal or None, complete bool."""


CUMULATIVE = (*AMOUNTS, "part", "sub_account", "resource", "principal")
"""Columns of the amounts of counters, one by one."""


def build_history(
    amounts: pd.DataFrame,
    cumulative: pd.DataFrame,
    months: Iterable[Mapping[str, Any]],
    query: HistoryQuery,
    *,
    sources: Iterable[SourceStatus],
    now: datetime,
    demo: bool = False,
) -> Report:
    """Months and amounts of what was captured, with the growth of what is cumulative.

    Args:
        amounts: with ``AMOUNTS``; one row per platform, account, metric, unit and month.
        cumulative: with ``CUMULATIVE``; of counters, one row per month and whatever has one of its own.
        months: a record per capture that counts, as ``build_months`` takes them.
        sources: one per platform and account.
    """
    states = months_table(months)
    with_growth = _grown(amounts, cumulative)
    period = _period(states.frame["month"])
    resets = with_growth[with_growth["reset"]]
    return Report(
        kind=KIND,
        title="History of usage (ledger)",
        period=period,
        filters=query.described(),
        filter_words=FILTER_WORDS,
        generated_at=now,
        sources=tuple(sources),
        totals=_totals(states.frame),
        figures=tuple(_figures(states.frame)),
        charts=tuple(_charts(with_growth, period)) if period else (),
        tables=(_amounts_table(with_growth), states),
        notes=(*_reset_notes(resets),),
        demo=demo,
        main_table="amounts",
        is_unused=states.frame.empty,
    )


def _grown(amounts: pd.DataFrame, cumulative: pd.DataFrame) -> pd.DataFrame:
    """The amounts with ``growth``, by how much what is cumulative rose since the month before, and
    ``resets``, how many of its counters began anew: then nobody knows the growth.

    Months without a capture in between leave it unknown, too.
    """
    order = [in_order(*pair) for pair in zip(amounts["platform"], amounts["metric"], strict=True)]
    frame = (
        amounts.assign(order=pd.Series(order, amounts.index, dtype=object))
        .sort_values(["order", "account", "unit", "month"], ignore_index=True)
        .drop(columns="order")
    )
    used = _used(cumulative)
    growth: list[Any] = [None] * len(frame)
    resets = [0] * len(frame)
    before: dict[tuple[Any, ...], tuple[str, Any]] = {}
    for place, row in enumerate(frame.to_dict("records")):
        key, quantity = tuple(row[name] for name in _GROUP), row["quantity"]
        month, earlier = before.get(key, ("", None))
        before[key] = row["month"], quantity
        follows = month == month_before(row["month"]) and row["nature"] in _GROWING
        if not follows or None in (quantity, earlier):
            continue
        if row["nature"] == "counter":
            growth[place], resets[place] = used.get((*key, row["month"]), (None, 0))
            continue
        with exactly():
            growth[place] = quantity - earlier
    return frame.assign(
        growth=pd.Series(growth, frame.index, dtype=object),
        resets=resets,
        reset=[count > 0 for count in resets],
    )


def _used(cumulative: pd.DataFrame) -> dict[tuple[Any, ...], tuple[Any, int]]:
    """Group and month to what its counters rose by, None where one began anew, and how many did.

    One that is new counts whole; one that is gone counts no more.
    """
    each = [*_GROUP, *(name for name in CUMULATIVE if name not in AMOUNTS)]
    values: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in cumulative.to_dict("records"):
        values.setdefault(tuple(row[name] for name in each), {})[row["month"]] = row["quantity"]
    used: dict[tuple[Any, ...], tuple[Any, int]] = {}
    with exactly():
        for key, months in values.items():
            for month, quantity in months.items():
                earlier = months.get(month_before(month), 0)
                group = (*key[: len(_GROUP)], month)
                sums, resets = used.get(group, (0, 0))
                known = None not in (sums, quantity, earlier)
                fell = None not in (quantity, earlier) and quantity < earlier
                used[group] = (
                    sums + quantity - earlier if known and not fell else None,
                    resets + fell,
                )
    return used


def _period(months: "pd.Series[Any]") -> Period | None:
    """From the first day of the first month to the last of the last."""
    if months.empty:
        return None
    first = date.fromisoformat(f"{months.min()}-01")
    after = months_before(date.fromisoformat(f"{months.max()}-01"), -1)
    return Period(first, after - timedelta(days=1))


def _totals(states: pd.DataFrame) -> dict[str, int]:
    return {
        "months": int(states["month"].nunique()),
        "platforms": int(states["platform"].nunique()),
        "rows": int(states["rows"].sum()),
        "incomplete": int((~states["complete"].astype(bool)).sum()),
    }


def _figures(states: pd.DataFrame) -> Iterator[Figure]:
    totals = _totals(states)
    known = states["month"].dropna()
    label = f"Months, {span(known.min(), known.max())}" if len(known) else "Months"
    yield Figure("months", label, totals["months"], "months")
    yield Figure("platforms", "Platforms", totals["platforms"], "platforms")
    yield Figure("rows", "Measures kept", totals["rows"], "measures")
    yield Figure(
        "incomplete",
        "Incomplete captures",
        totals["incomplete"],
        "captures",
        "Of a platform and month; what is missing stands in the table Months.",
    )


def _charts(amounts: pd.DataFrame, period: Period) -> Iterator[ChartSpec]:
    """A chart per platform and headline metric, by month."""
    step = choose_step(STEPS[-1].seconds, max(period.days, 400))
    by_metric = {
        (str(platform), str(metric), str(unit)): rows[rows["quantity"].notna()]
        for (platform, metric, unit), rows in amounts.groupby(["platform", "metric", "unit"])
    }
    for key in sorted(by_metric, key=lambda key: (*in_order(*key[:2]), key[2])):
        (platform, metric, unit), known = key, by_metric[key]
        if len(known) and is_whole(platform, metric):
            label = metric_label(platform, metric)
            by = f"{label} ({unit})" if is_currency(unit) else label
            tidy = pd.DataFrame(
                {
                    "time": pd.to_datetime(known["month"], format="%Y-%m", utc=True),
                    "series": label,
                    "value": known["quantity"].astype("float64"),
                }
            )
            yield ChartSpec(
                f"{platform}_{metric}_{unit}".replace("-", "_").lower().strip("_"),
                f"{platform_label(platform)}: {by}",
                OverTime(fold(tidy, step, period), step, unit),
                _sentence(f"{platform_label(platform)}, {by}", amounts, key),
                group=GROUPS.get(platform, platform_label(platform)),
                by=by,
            )


def _sentence(title: str, amounts: pd.DataFrame, key: tuple[str, str, str]) -> str:
    """From which month to which it went from how much to how much; and which months are not whole."""
    platform, metric, unit = key
    rows = amounts[
        (amounts["platform"] == platform)
        & (amounts["metric"] == metric)
        & (amounts["unit"] == unit)
    ]
    by_month: dict[str, list[Any]] = {}
    for month, quantity in zip(rows["month"], rows["quantity"], strict=True):
        by_month.setdefault(month, []).append(quantity)
    known = {
        month: counted(exact_sum(map(decimal_of, parts)), unit)
        for month, parts in sorted(by_month.items())
        if None not in parts
    }
    when = "per month" if set(rows["nature"]) == {"flow"} else "at the end of each month"
    told = [f"{known[month]} in {month}" for month in dict.fromkeys([min(known), max(known)])]
    partial = sorted({*rows.loc[~rows["complete"].astype(bool), "month"]})
    lacking = f" Not whole: {', '.join(partial)}." if partial else ""
    return f"{title} {when}: {', '.join(told)}.{lacking}"


def _amounts_table(amounts: pd.DataFrame) -> Table:
    shown = amounts.assign(
        platform_label=[platform_label(name) for name in amounts["platform"]],
        metric_label=[
            metric_label(platform, metric)
            for platform, metric in zip(amounts["platform"], amounts["metric"], strict=True)
        ],
    )
    columns = (
        Column("platform_label", "Platform"),
        Column("metric_label", "Metric"),
        Column("month", "Month"),
        Column("quantity", "Quantity", "decimal", counts=True),
        Column("unit", "Unit"),
        Column(
            "growth",
            "Growth",
            "decimal",
            counts=True,
            help="Of levels and counters, since the month before.",
        ),
        Column("complete", "Complete", "bool"),
        Column("reset", "Began anew", "bool"),
        Column(
            "nature", "Nature", help="Flows add up; of levels and counters the last value counts."
        ),
        Column("account", "Account"),
        Column("platform", "Platform id", told_by="platform_label"),
        Column("metric", "Metric id", told_by="metric_label"),
    )
    frame = shown[[column.key for column in columns]].reset_index(drop=True)
    brief = ("platform_label", "metric_label", "month", "quantity", "unit", "growth")
    return Table("amounts", "Amounts per month", frame, columns, brief=brief)


def _reset_notes(resets: pd.DataFrame) -> Iterator[str]:
    for row in resets.itertuples(index=False):
        count = int(row.resets)  # type: ignore[arg-type]  # a whole number
        yield (
            f"{platform_label(str(row.platform))}, {metric_label(str(row.platform), str(row.metric))}: in "
            f"{row.month} {counted(count, 'counters')} began anew, smaller than in the month before, so its "
            "growth is unknown."
        )
