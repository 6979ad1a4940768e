"""The charts of the OpenAI report, each with a sentence that says what it shows."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lib.charts import (
    OTHER,
    OverTime,
    Ranking,
    Step,
    choose_step,
    distinct_labels,
    fold,
    ghost,
    ids_behind,
)
from lib.periods import SECONDS, Period
from lib.quantities import counted
from lib.reports.openai.select import Names, OpenAISelection
from lib.reports.openai.tables import UNALLOCATED
from lib.reports.report import ChartSpec, Table
from lib.sources.openai.tables import COSTS_WIDTH, Kind
from lib.usage.exact import may_share

_RANKED = 10
_TOKENS = ("input_tokens", "output_tokens")


@dataclass(frozen=True)
class _OverTime:
    """One chart over time: what is stacked, from which frame.

    Args:
        needs: the dimension that must have been asked for.
    """

    key: str
    group: str
    by: str
    data: Literal["costs", "usage"]
    column: str
    needs: str = ""
    kind: Kind | None = None


_OVER_TIME = (
    _OverTime("cost_by_project", "Cost", "project", "costs", "project_id", "project_id", "project"),
    _OverTime("cost_by_model", "Cost", "model", "costs", "model", "model"),
    _OverTime("cost_by_line_item", "Cost", "line item", "costs", "line_item", "model"),
    _OverTime("cost_in_all", "Cost", "total", "costs", "currency"),
    _OverTime("tokens_by_model", "Tokens", "model", "usage", "model", "model"),
    _OverTime("tokens_by_endpoint", "Tokens", "endpoint", "usage", "endpoint_type"),
    _OverTime(
        "tokens_by_project", "Tokens", "project", "usage", "project_id", "project_id", "project"
    ),
)


@dataclass(frozen=True)
class _Ranking:
    """One chart of the largest rows of a breakdown table."""

    key: str
    by: str
    table: str
    column: str
    kind: Kind | None = None


_RANKINGS = (
    _Ranking("top_projects", "projects", "by_project", "project_id", "project"),
    _Ranking("top_users", "users", "by_user", "user_id", "user"),
    _Ranking("top_api_keys", "API keys", "by_api_key", "api_key_id", "api_key"),
    _Ranking("top_models", "models", "by_model", "model"),
)


def openai_charts(
    chosen: OpenAISelection,
    breakdowns: Iterable[Table],
    previous: OpenAISelection | None = None,
    before: Period | None = None,
) -> Iterator[ChartSpec]:
    """Cost and tokens over time, then the largest projects, users, keys and models.

    A chart whose data is missing is left out, not drawn empty.

    Args:
        previous: of the period ``before``, which is drawn as a line where nothing of it is missing.
    """
    query = chosen.query
    measured = {"costs": _money(chosen), "usage": _tokens(chosen)}
    earlier = {} if previous is None else {"costs": _money(previous), "usage": _tokens(previous)}
    for row in _OVER_TIME:
        values = measured[row.data]
        if values is None or (row.needs and row.needs not in query.dimensions):
            continue
        if row.data == "costs" and row.needs and not chosen.splits_costs(row.column):
            continue
        if _is_one(values.frame, row.column, chosen):
            continue
        was = earlier.get(row.data)
        if was is not None and (was.doubtful or values.doubtful or was.unit != values.unit):
            was = None
        yield from _over_time(row, values, chosen, was, before)
    tables = {table.key: table for table in breakdowns}
    for ranking in _RANKINGS:
        if _is_one(tables[ranking.table].frame, ranking.column, chosen):
            continue
        yield from _ranking(ranking, tables[ranking.table], chosen.currency, chosen.names)


def _is_one(frame: pd.DataFrame, column: str, chosen: OpenAISelection) -> bool:
    """Whether a filter leaves one thing, which other splits tell more about."""
    filtered = column in chosen.query.filtered_dimensions()
    return filtered and column in frame and frame[column].nunique() == 1


@dataclass(frozen=True)
class _Measured:
    """What a chart over time shows of one period.

    Args:
        values: one each row of ``frame``.
        doubtful: a source behind it failed or answered in part.
    """

    frame: pd.DataFrame
    values: "pd.Series[Any]"
    unit: str
    width: str
    doubtful: bool


def _money(chosen: OpenAISelection) -> _Measured | None:
    """Costs per row; None where none are known, or where they are in several currencies."""
    costs = chosen.costs
    if costs is None or costs.empty or not chosen.currency:
        return None
    values = costs["amount"].map(float, na_action="ignore").astype("float64")
    return _Measured(costs, values, chosen.currency, COSTS_WIDTH, chosen.doubts_costs())


def _tokens(chosen: OpenAISelection) -> _Measured | None:
    """Input and output tokens per row. Cached and audio tokens lie inside them.

    None where none are known, or where an endpoint that counts them failed.
    """
    usage = chosen.usage
    columns = [key for key in _TOKENS if key in usage]
    if any(map(chosen.failed, _TOKENS)) or not usage[columns].notna().any(axis=None):
        return None
    values = usage[columns].astype("float64").sum(axis=1, min_count=1)
    doubtful = any(map(chosen.doubts, _TOKENS))
    return _Measured(usage, values, "tokens", chosen.query.width, doubtful)


def _over_time(
    row: _OverTime,
    measured: _Measured,
    chosen: OpenAISelection,
    was: _Measured | None,
    before: Period | None,
) -> Iterator[ChartSpec]:
    frame, unit, period = measured.frame, measured.unit, chosen.query.period
    known = measured.values.notna()
    if row.column not in frame or not known.any():
        return
    labels = _labels(frame.loc[known, row.column], row.kind, chosen.names)
    step = choose_step(SECONDS[measured.width], period.days)
    tidy = pd.DataFrame(
        {
            "time": frame.loc[known, "start_time"],
            "series": frame.loc[known, row.column].map(labels).astype("str").fillna(UNALLOCATED),
            "value": measured.values[known],
        }
    )
    folded = fold(tidy, step, period)
    group = f"{row.group} per {step.name}"
    title = f"{group} by {row.by}"
    sentence = f"{title}, {period}: {_trend(folded, step, unit)}"
    line = None
    if was is not None and before is not None:
        values = pd.DataFrame({"time": was.frame["start_time"], "value": was.values})
        line = ghost(values, step, period, before)
        whole = counted(float(was.values.sum()), unit)
        beyond = before.days - period.days
        cut = f"; {counted(beyond, 'days')} at its end had no place here" if beyond > 0 else ""
        sentence += f" The grey line is {before}, {whole} in all{cut}."
    chart = OverTime(folded, step, unit, line)
    by_name = {*folded["series"].cat.categories}
    drawn = {key: label for key, label in labels.items() if label in by_name}
    yield ChartSpec(
        row.key,
        title,
        chart,
        sentence,
        group=group,
        by=row.by,
        stands_for=ids_behind(drawn, row.column),
    )


def _trend(folded: pd.DataFrame, step: Step, unit: str) -> str:
    by_time = folded.groupby("time")["value"].sum()
    by_series = folded.groupby("series", observed=True)["value"].sum()
    # fold puts the largest first, and "Other" last
    total = float(by_time.sum())
    peak = pd.Timestamp(by_time.idxmax())  # type: ignore[arg-type]
    largest_part = ""
    if len(by_series) > 1:
        share = by_series.iloc[0] / total if total > 0 and may_share(by_series) else None
        of_all = f", {100 * share:.0f} % of all" if share is not None else ""
        largest_part = f"; largest is {by_series.index[0]}{of_all}"
    when = peak.strftime("%Y-%m-%d" if step.seconds >= 86_400 else "%Y-%m-%d %H:%M")
    return (
        f"{counted(total, unit)} in all, most on {when} ({counted(float(by_time.max()), unit)})"
        f"{largest_part}."
    )


def _ranking(
    ranking: _Ranking, table: Table, currency: str | None, names: Names
) -> Iterator[ChartSpec]:
    frame = table.frame
    named = frame[ranking.column].notna()
    by_cost = currency is not None and frame.loc[named, "cost"].notna().any()
    if by_cost:
        values, unit, measure = frame["cost"].map(float, na_action="ignore"), str(currency), "cost"
    else:
        values = frame[[*_TOKENS]].astype("float64").sum(axis=1, min_count=1)
        unit = measure = "tokens"
    ranked = pd.DataFrame({"id": frame[ranking.column], "value": values.astype("float64")})
    ranked = ranked[ranked["value"] > 0]
    if not ranked["id"].notna().any():
        return
    ranked = ranked.sort_values("value", ascending=False, kind="stable").head(_RANKED)
    labels = _labels(ranked["id"], ranking.kind, names)
    ranked["label"] = ranked["id"].map(labels).astype("str").fillna(UNALLOCATED)
    title = f"Top {ranking.by} by {measure}"
    first = ranked.iloc[0]
    sentence = (
        f"{title}: {first['label']} leads with {counted(float(first['value']), unit)}, "
        f"{len(ranked)} shown."
    )
    chart = Ranking(ranked[["label", "value"]], unit)
    yield ChartSpec(
        ranking.key,
        title,
        chart,
        sentence,
        group="Largest",
        by=ranking.by,
        stands_for=ids_behind(labels, ranking.column),
    )


def _labels(ids: "pd.Series[Any]", kind: Kind | None, names: Names) -> dict[str, str]:
    """A label per id, none of which is the label of what belongs to nobody."""
    known = {str(key): str(key) for key in ids.dropna().unique()}
    if kind is not None:
        known = {key: names.get((kind, key), key) for key in known}
    return distinct_labels(known, reserved=(UNALLOCATED, OTHER))
