"""The history of what is kept: growth of what is cumulative, months, and what is missing."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.exports.json import to_json
from lib.reports.ledger.history import AMOUNTS, CUMULATIVE, HistoryQuery, build_history
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


def build(
    *amounts: tuple[Any, ...], months: Any = None, of_people: dict[str, list[Any]] | None = None
) -> Report:
    """Of people: what each one's counter was, month by month; else there is one counter."""
    names = sorted({row[AMOUNTS.index("month")] for row in amounts})
    states = [month(name) for name in names] if months is None else months
    frame = pd.DataFrame([*amounts], columns=[*AMOUNTS], dtype=object)
    status = SourceStatus("ledger", "comet", "ok", NOW, 3)
    each = frame[frame["nature"] == "counter"]
    parts = [
        each.assign(part="users", sub_account=None, resource=None, principal=person).assign(
            **({"quantity": pd.Series(values, each.index, dtype=object)} if values else {})
        )
        for person, values in (of_people or {"ann": []}).items()
    ]
    counters = pd.concat(parts)[[*CUMULATIVE]]
    return build_history(frame, counters, states, HistoryQuery(), sources=[status], now=NOW)


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


def test_a_counter_that_began_anew_is_not_hidden_by_others_that_rose() -> None:
    counter = {"metric": "sdk_usage", "nature": "counter", "unit": "interactions"}
    months = amount("2026-08", 200, **counter), amount("2026-09", 305, **counter)
    report = build(*months, of_people={"ann": [100, 5], "bob": [100, 300]})
    assert growth_of(report)["2026-09"] is None
    assert any("1 counter began anew" in note for note in report.notes)
    assert (
        growth_of(build(*months, of_people={"ann": [100, 105], "bob": [100, 200]}))["2026-09"]
        == 105
    )


def test_of_who_is_gone_nothing_is_taken_off_what_others_used() -> None:
    counter = {"metric": "sdk_usage", "nature": "counter", "unit": "interactions"}
    months = [amount("2026-08", 110, **counter), amount("2026-09", 30, **counter)]
    frame = pd.DataFrame(months, columns=[*AMOUNTS], dtype=object)
    who = {"part": "users", "sub_account": None, "resource": None}
    each = pd.DataFrame(
        [
            dict(zip(AMOUNTS, amount(name, value, **counter), strict=True))
            | who
            | {"principal": by}
            for name, value, by in [
                ("2026-08", 100, "ann"),
                ("2026-08", 10, "bob"),
                ("2026-09", 30, "bob"),
            ]
        ],
        dtype=object,
    )
    states = [month("2026-08"), month("2026-09")]
    report = build_history(frame, each, states, HistoryQuery(), sources=[], now=NOW)
    assert growth_of(report)["2026-09"] == 20


def test_a_charts_sentence_is_of_all_accounts_in_the_order_of_time() -> None:
    flows = {
        "platform": OPENAI,
        "metric": "num_model_requests",
        "nature": "flow",
        "unit": "requests",
    }
    report = build(
        *(
            amount(name, value, account="old.example", **flows)
            for name, value in [("2026-08", 1), ("2026-09", 2)]
        ),
        *(
            amount(name, value, account="a.example", **flows)
            for name, value in [("2026-09", 30), ("2026-10", 40)]
        ),
        amount("2026-11", 5, account="a.example", **flows | {"complete": False}),
    )
    (chart,) = report.charts
    assert "per month: 1 request in 2026-08, 5 requests in 2026-11." in chart.alt
    assert "Not whole: 2026-11." in chart.alt
    assert (
        build(amount("2026-08", 7))
        .charts[0]
        .alt.endswith("at the end of each month: 7 experiments in 2026-08.")
    )


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
