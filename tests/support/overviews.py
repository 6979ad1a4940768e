"""Overviews of an October, told in one line each, and what stands in them."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from lib.allocation.rule_set import CostCentre, Rule, RuleSet
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.overview import build_overview
from lib.reports.allocation.select import OverviewAnswer
from lib.reports.report import Figure, Report
from tests.support.rule_sets import bill
from tests.support.spending import NOW, answered

CARE = CostCentre("4711", "Customer Care", "ann@company.com", "", Decimal(100), "USD")
RULES = RuleSet((CARE,), (Rule(10, "openai", "sub_account", "alpha*", "", "4711"),))
RUNNING: dict[str, Any] = {"until": date(2026, 10, 10), "settled_until": date(2026, 10, 7)}


def on(day: date, amount: Any, sub_account: str = "alpha", **more: Any) -> tuple[Any, ...]:
    return bill(amount, sub_account, day=day, **more)


def october(day: int) -> date:
    return date(2026, 10, day)


def september(day: int) -> date:
    return date(2026, 9, day)


def daily(first: date, last: date, amount: Any) -> list[tuple[Any, ...]]:
    days = (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))
    return [on(day, amount) for day in days]


def overview(lines: Iterable[Any], before: Any = None, **facts: Any) -> Report:
    rules = facts.pop("rule_set", RULES)
    return build_overview(answered(lines, rules, before, **facts), now=NOW)


def figure(report: Report, key: str) -> Figure:
    return next(figure for figure in report.figures if figure.key == key)


def keys(report: Report) -> list[str]:
    return [figure.key for figure in report.figures]


def row(report: Report, centre: str | None) -> dict[str, Any]:
    frame = report.table("by_cost_centre").frame
    chosen = frame["cost_centre"].isna() if centre is None else frame["cost_centre"] == centre
    (found,) = frame[chosen].to_dict("records")
    return {str(key): value for key, value in found.items()}


def chart(report: Report, key: str) -> Any:
    return next(chart for chart in report.charts if chart.key == key)


def sentence(report: Report, key: str) -> str:
    return str(chart(report, key).sentence)


BEFORE = [on(september(3), 5), on(september(20), 100)]


def of_centre(answer: OverviewAnswer, identity: str) -> Report:
    return build_cost_centre(answer, identity, now=NOW)
