"""The history of what is kept: growth of what is cumulative, months, and what is missing."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.exports.json import to_json
from lib.reports.ledger.history import AMOUNTS, HistoryQuery, build_history
from lib.reports.report import Report
from lib.status import SourceStatus
from lib.usage.exact import exact_sum
from tests.support.every_format import every_format
from tests.support.profiles import examples
from tests.support.report_strategies import HOSTILE

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
COMET, OPENAI = "comet-chargeback", "openai"


def amount(
    month: str, quantity: Any, metric: str = "experiments", **changes: Any
) -> tuple[Any, ...]:
    facts = {
        "platform": COMET,
        "account": "comet.example",
        "metric": metric,
        "unit": "experiments",
        "nature": "level",
        "month": month,
        "quantity": None if quantity is None else Decimal(quantity),
        "complete": True,
    } | changes
    return tuple(facts[key] for key in AMOUNTS)


def month(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "platform": COMET,
        "account": "comet.example",
        "month": name,
        "rows": 3,
        "complete": True,
        "captured_at": NOW,
        "confirmed_at": NOW,
        "provisional_until": NOW,
        "lacks": None,
        "lost": None,
    } | changes


def build(*amounts: tuple[Any, ...], months: Any = None) -> Report:
    names = sorted({row[AMOUNTS.index("month")] for row in amounts})
    states = [month(name) for name in names] if months is None else months
    frame = pd.DataFrame([*amounts], columns=[*AMOUNTS], dtype=object)
    status = SourceStatus("ledger", "comet", "ok", NOW, 3)
    return build_history(frame, states, HistoryQuery(), sources=[status], now=NOW)


def growth_of(report: Report) -> dict[str, Any]:
    frame = report.table("amounts").frame
    return dict(zip(frame["month"], frame["growth"], strict=True))


def test_growth_is_the_difference_to_the_month_before() -> None:
    report = build(amount("2026-08", 10), amount("2026-09", 15), amount("2026-10", "14.5"))
    assert growth_of(report) == {"2026-08": None, "2026-09": 5, "2026-10": Decimal("-0.5")}


def test_a_counter_that_began_anew_is_named_and_has_no_growth() -> None:
    counter = {"metric": "sdk_usage", "nature": "counter", "unit": "interactions"}
    report = build(amount("2026-09", 900, **counter), amount("2026-10", 20, **counter))
    assert growth_of(report)["2026-10"] is None
    assert report.table("amounts").frame["reset"].tolist() == [False, True]
    assert any("2026-10" in note and "began anew" in note for note in report.notes)


@pytest.mark.parametrize("gone", [None, 5])
def test_growth_over_a_month_without_a_capture_or_a_value_is_unknown(gone: int | None) -> None:
    between = [amount("2026-09", None)] if gone is None else []
    report = build(amount("2026-08", 10), *between, amount("2026-10", 15))
    assert growth_of(report)["2026-10"] is None


def test_a_flow_has_no_growth() -> None:
    flows = {"platform": OPENAI, "metric": "num_model_requests", "nature": "flow"}
    report = build(amount("2026-09", 1, **flows), amount("2026-10", 2, **flows))
    assert growth_of(report) == {"2026-09": None, "2026-10": None}


def test_two_accounts_and_two_currencies_do_not_grow_into_each_other() -> None:
    report = build(
        amount("2026-09", 10),
        amount("2026-10", 1, account="other.example"),
        amount("2026-10", 12, unit="EUR"),
    )
    assert set(report.table("amounts").frame["growth"]) == {None}


@examples(50)
@given(
    st.lists(
        st.decimals(0, 10**20 - 1, places=18, allow_nan=False) | st.none(), min_size=2, max_size=9
    )
)
def test_growth_adds_up_to_the_whole_change_to_the_last_digit(values: list[Decimal | None]) -> None:
    names = [f"2026-{number:02}" for number in range(1, len(values) + 1)]
    report = build(*(amount(name, value) for name, value in zip(names, values, strict=True)))
    growth = growth_of(report)
    for before, after, name in zip(values, values[1:], names[1:], strict=False):
        if before is None or after is None:
            assert growth[name] is None
        else:
            assert exact_sum([before, growth[name]]) == after


def test_months_figures_and_period_are_those_of_the_captures() -> None:
    states = [month("2026-08"), month("2026-10", complete=False, lacks="embeddings")]
    report = build(amount("2026-08", 1), months=states)
    assert report.totals == {"months": 2, "platforms": 1, "rows": 6, "incomplete": 1}
    assert str(report.period) == "2026-08-01 to 2026-10-31 (UTC)"
    assert report.table("months").frame["month"].tolist() == ["2026-10", "2026-08"]


def test_parts_moments_and_sums_of_percent_are_in_the_table_and_in_no_chart() -> None:
    report = build(
        amount("2026-10", 1),
        amount("2026-10", 1, "member_experiments"),
        amount("2026-10", 1, "last_used_at", nature="moment"),
        amount("2026-10", 1, "gpu_utilisation_percent", platform="comet-usage", unit="%"),
    )
    assert [chart.by for chart in report.charts] == ["Experiments"]
    assert len(report.table("amounts").frame) == 4


def test_an_empty_ledger_is_an_empty_report() -> None:
    report = build(months=[])
    assert report.is_unused
    assert report.period is None
    assert to_json(report)


def test_hostile_names_are_text_in_every_format() -> None:
    rows = [
        amount("2026-10", 1, metric=f"metric {name}", account=name, unit="")
        for name in HOSTILE
        if "\ud83d" not in name
    ]
    assert every_format(build(*rows))
