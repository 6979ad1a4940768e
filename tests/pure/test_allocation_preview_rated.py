"""What a draft would do to showback: it moves and stays unallocated beside what is billed, in no sum with it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from lib.allocation.allocate import allocate
from lib.allocation.preview import preview
from lib.allocation.rule_set import CostCentre, Rate, Rule, RuleSet
from lib.ledger.lines import days_of
from lib.reports.allocation.preview import build_preview
from tests.support.rule_sets import bill, counted, frame_of

RULES = RuleSet(
    (CostCentre("labs"), CostCentre("risk")),
    (Rule(10, "tenants", "sub_account", "acme", "", "labs"),),
    rates=(Rate("tenants", "tokens", Decimal(2), Decimal(1), "USD"),),
)
MOVED = replace(RULES, rules=(replace(RULES.rules[0], cost_centre="risk"),))
LINES = [bill(7, "proj_new"), counted(5, "acme"), counted(3, "zeta")]


def test_what_is_rated_moves_and_stays_unallocated_in_rows_and_figures_of_its_own() -> None:
    draft, published = (allocate(frame_of(LINES), rules) for rules in (MOVED, RULES))
    shown = preview(draft, published, MOVED, ())
    assert [(move.cost_centre, move.change, move.kind) for move in shown.moved] == [
        ("labs", -10, "rated"),
        ("risk", 10, "rated"),
    ]
    assert [(one.id, one.billed, one.rated) for one in shown.newcomers] == [
        ("proj_new", 7, 0),
        ("zeta", 0, 6),
    ]
    report = build_preview(
        draft,
        shown,
        {},
        month="2026-10",
        period=days_of("2026-10"),
        over=1,
        sources=(),
        now=datetime(2026, 11, 21, tzinfo=UTC),
    )
    figures = {figure.key: figure.value for figure in report.figures}
    assert (figures["unallocated_usd"], figures["unallocated_rated_usd"]) == (7, 6)
    assert report.totals["unallocated"] == 7
