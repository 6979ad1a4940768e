"""The charts of the chargeback report, each with a sentence that says what it shows."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lib.charts import (
    OTHER,
    STEPS,
    OverTime,
    Ranking,
    distinct_labels,
    fold,
    ids_behind,
)
from lib.periods import Period, span
from lib.quantities import counted, quantity
from lib.reports.chargeback.select import Side, epoch_ms, month_period, sum_by
from lib.reports.report import ChartSpec
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.usage.exact import Exact, exact_sum, may_share, percent_of, values_of

_RANKED = 10
_NAMELESS = "(no name)"
_MOST_MONTHS = 60
_MONTH = STEPS[-1]

Draw = Callable[[Side, ChargebackQuery], Iterator[ChartSpec]]


@dataclass(frozen=True)
class _Drawing:
    """One or more charts of one finding; ``name`` completes "not drawn: …"."""

    name: str
    draw: Draw


def chargeback_charts(
    side: Side, query: ChargebackQuery, earlier: Side | None = None
) -> tuple[tuple[ChartSpec, ...], tuple[str, ...]]:
    """All charts that there is data for, and the names of those without any.

    Args:
        earlier: the report compared with; sizes have a mark where they were in it.
    """
    drawn = [
        ("size by workspace", [*_sizes(side, earlier)]),
        *((drawing.name, [*drawing.draw(side, query)]) for drawing in _DRAWINGS),
    ]
    specs = [spec for _, made in drawn for spec in made]
    return (*specs,), tuple(name for name, made in drawn if not made)


def _sizes_of(side: Side) -> dict[str, Exact]:
    """Size of each workspace that says one."""
    known = side.workspaces[side.workspaces["totalSizeInMb"].notna()]
    return sum_by(known["name"].fillna(_NAMELESS).astype("str"), known["totalSizeInMb"])


def _sizes(side: Side, earlier: Side | None) -> Iterator[ChartSpec]:
    sizes = _sizes_of(side)
    drawn = sorted(
        ((name, size) for name, size in sizes.items() if size > 0), key=lambda pair: -pair[1]
    )
    if not drawn:
        return
    top, rest = drawn[:_RANKED], drawn[_RANKED:]
    labels = distinct_labels({name: name for name, _ in top}, reserved=(OTHER,))
    bars = [(labels[name], size) for name, size in top]
    if rest:
        bars.append(
            (f"{OTHER} ({counted(len(rest), 'workspaces')})", exact_sum(size for _, size in rest))
        )
    frame = pd.DataFrame(
        {"label": [label for label, _ in bars], "value": [float(size) for _, size in bars]}
    )
    title = "Size by workspace"
    sentence = f"{title}: {'; '.join(_largest(bars, [*sizes.values()]))}."
    named = {name: label for name, label in labels.items() if name != _NAMELESS}
    before = None
    if earlier is not None:
        was = _sizes_of(earlier)
        marks = [(label, float(was[name])) for name, label in labels.items() if name in was]
        if marks:
            before = pd.DataFrame(marks, columns=["label", "value"])
            sentence += f" The grey marks are {earlier.report.label}."
    yield ChartSpec(
        "size_by_workspace",
        title,
        Ranking(frame, "MB", before),
        sentence,
        "Size",
        "workspace",
        stands_for=ids_behind(named, "workspace"),
    )


def _largest(bars: list[tuple[str, Exact]], sizes: list[Exact]) -> Iterator[str]:
    """The largest workspace, and how much of all the largest ones hold, where parts make a whole."""
    whole, shared = exact_sum(sizes), len(sizes) > 1 and may_share(sizes)
    label, most = bars[0]
    share = f", {_share(most, whole)} of {quantity(whole, 'MB')} in all" if shared else ""
    yield f"{label} is largest with {quantity(most, 'MB')}{share}"
    if len(bars) > _RANKED and shared:
        held = exact_sum(size for _, size in bars[:_RANKED])
        number = sum(size > 0 for size in sizes)
        yield f"the largest {_RANKED} of {number:,} hold {_share(held, whole)}"


def _share(part: Exact, whole: Exact) -> str:
    percent = percent_of(part, whole)
    return "an unknown part" if percent is None else f"{percent:.0f} %"


def _months(side: Side, _: ChargebackQuery) -> Iterator[ChartSpec]:
    created = side.marks["created"]
    deleted = side.users["deletedAt"].astype("Int64").where(side.marks["deleted"])
    last = pd.Period(side.at.replace(tzinfo=None), freq="M")
    known = pd.concat([created, deleted]).dropna()
    known = known[known.between(epoch_ms_of(last - (_MOST_MONTHS - 1)), epoch_ms(side.at))]
    if known.empty:
        return
    first = _month_of(int(known.min()))
    start, end = month_period(str(first)), month_period(str(last))
    if start is None or end is None:
        return
    period = Period(start.start, end.end)
    counts = {
        "created": _per_month(created, first, last),
        "deleted": _per_month(deleted, first, last),
    }
    tidy = pd.concat([_signed(name, found) for name, found in counts.items()])
    folded = fold(tidy[tidy["value"] != 0], _MONTH, period)
    title = "Users created and deleted per month"
    yield ChartSpec(
        "users_per_month",
        title,
        OverTime(folded, _MONTH, "users"),
        f"{title}, {span(first, last)} (UTC): {_came_and_went(counts, created, deleted)}.",
        "Users per month",
        "created and deleted",
    )


def _signed(name: str, counts: "pd.Series[Any]") -> pd.DataFrame:
    """Those who went stand below the line."""
    sign = -1.0 if name == "deleted" else 1.0
    times = pd.DatetimeIndex(counts.index).tz_localize("UTC")
    return pd.DataFrame({"time": times, "series": name, "value": counts.to_numpy("float64") * sign})


def _came_and_went(
    counts: Mapping[str, "pd.Series[Any]"], created: "pd.Series[Any]", deleted: "pd.Series[Any]"
) -> str:
    made, gone = (int(times.sum()) for times in counts.values())
    parts = [f"{made:,} created and {gone:,} deleted"]
    for name, times in counts.items():
        if times.any():
            # pandas has no idea that its index holds times
            peak = pd.Timestamp(times.idxmax())  # type: ignore[arg-type]
            parts.append(f"most {name} in {peak:%Y-%m} ({int(times.max()):,})")
    outside = int(created.notna().sum() + deleted.notna().sum()) - made - gone
    if outside:
        parts.append(f"{outside:,} lie outside these months")
    return "; ".join(parts)


def epoch_ms_of(month: pd.Period) -> int:
    """The first millisecond of a month, UTC."""
    return int(month.start_time.timestamp()) * 1_000


def _month_of(milliseconds: int) -> pd.Period:
    return pd.Period(pd.Timestamp(milliseconds, unit="ms"), freq="M")


def _per_month(times: "pd.Series[Any]", first: pd.Period, last: pd.Period) -> "pd.Series[Any]":
    months = pd.period_range(first, last, freq="M").start_time
    edges = [epoch_ms_of(pd.Period(month, freq="M")) for month in months]
    edges.append(epoch_ms_of(last + 1))
    known = times.dropna().to_numpy("int64")
    # The last edge belongs to the next month
    counted, _ = np.histogram(known[known < edges[-1]], bins=np.array(edges))
    return pd.Series(counted, months)


def _interactions(side: Side, _: ChargebackQuery) -> Iterator[ChartSpec]:
    ui, sdk = (values_of(side.users[key]) for key in ("uiUsageCount", "sdkUsageCount"))
    uses = [exact_sum((of_ui or 0, of_sdk or 0)) for of_ui, of_sdk in zip(ui, sdk, strict=True)]
    rows = sorted(
        (row for row, number in enumerate(uses) if number > 0), key=lambda row: -uses[row]
    )
    if not rows:
        return
    names = values_of(side.users["username"].fillna(side.users["email"]).fillna(_NAMELESS))
    labels = distinct_labels({str(row): str(names[row]) for row in rows[:_RANKED]})
    bars = [
        (labels[str(row)], series, float(number))
        for row in rows[:_RANKED]
        for series, number in (("UI", ui[row]), ("SDK", sdk[row]))
        if number is not None and number > 0
    ]
    frame = pd.DataFrame(bars, columns=["label", "series", "value"])
    first, whole = rows[0], exact_sum(uses)
    of_sdk = exact_sum(number for number in sdk if number is not None)
    share = ""
    if may_share([*ui, *sdk]):
        share = f"of the {whole:,} of all users, {_share(of_sdk, whole)} came through the SDK. "
    title = "UI and SDK usage of the busiest users"
    sentence = (
        f"{title}: {labels[str(first)]} leads with {uses[first]:,} interactions "
        f"({_shown(ui[first])} UI, {_shown(sdk[first])} SDK); {share}"
        "Counts are over the users' lives."
    )
    chart = Ranking(frame, "interactions")
    yield ChartSpec("ui_and_sdk_usage", title, chart, sentence, "UI and SDK usage", "users")


def _shown(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _active(side: Side, query: ChargebackQuery) -> Iterator[ChartSpec]:
    if side.seen_by is None:
        return
    marks, active = side.marks, f"Active ({counted(query.active_days, 'days')})"
    users = {
        "Listed": len(marks),
        "Licensed": int(marks["licensed"].sum()),
        active: int(marks["active"].sum()),
    }
    if len(marks):
        yield _bars("active_users", "Active users against all", users, "users", side)
    places = side.places
    workspaces = {
        "Listed": len(places),
        active: int((places["active_members"] > 0).sum()),
    }
    if len(places):
        yield _bars(
            "active_workspaces", "Active workspaces against all", workspaces, "workspaces", side
        )


def _bars(key: str, title: str, counts: dict[str, int], unit: str, side: Side) -> ChartSpec:
    frame = pd.DataFrame({"label": [*counts], "value": [*map(float, counts.values())]})
    *_, base, active = counts.items()
    share = f", {active[1] / base[1] * 100:.0f} % of the {base[0].lower()}" if base[1] else ""
    by = side.seen_by.label if side.seen_by else ""
    numbers = ", ".join(f"{label.lower()} {value:,}" for label, value in counts.items())
    sentence = f"{title}: {numbers} {unit}{share}, by {by}."
    return ChartSpec(key, title, Ranking(frame, unit), sentence, "Active against total", unit)


_PLATFORMS = ("EM only", "Opik only", "both", "neither")


def _platforms(side: Side, _: ChargebackQuery) -> Iterator[ChartSpec]:
    if not any(side.has("users", key) for key in ("opikSpanCount", "opikLastUsedAt")):
        return
    for unit, marks in (("users", side.marks), ("workspaces", side.places)):
        if marks.empty:
            continue
        em, opik = marks["em"].to_numpy(), marks["opik"].to_numpy()
        parts = (em & ~opik, ~em & opik, em & opik, ~em & ~opik)
        counts = {name: int(part.sum()) for name, part in zip(_PLATFORMS, parts, strict=True)}
        frame = pd.DataFrame({"label": [*counts], "value": [*map(float, counts.values())]})
        top = max(counts, key=lambda name: counts[name])
        title = f"Platforms that {unit} use"
        numbers = ", ".join(f"{name} {value:,}" for name, value in counts.items())
        sentence = (
            f"{title}: {numbers}; {top} is most common, {counts[top] / len(marks) * 100:.0f} %."
        )
        yield ChartSpec(
            f"platforms_of_{unit}", title, Ranking(frame, unit), sentence, "Platforms", unit
        )


_DRAWINGS = (
    _Drawing("users created and deleted per month", _months),
    _Drawing("UI against SDK usage", _interactions),
    _Drawing("active against total", _active),
    _Drawing("platform mix (no user has an Opik field)", _platforms),
)
