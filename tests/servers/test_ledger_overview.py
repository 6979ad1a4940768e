"""What an overview reads of a month that runs: its days are those of its lines."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from lib.allocation.allocate import Owed
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share
from lib.ledger.overview import load_overview
from lib.ledger.store import Ledger
from lib.reports.allocation.overview import build_overview
from lib.usage.exact import exact_sum
from tests.support.spending import Spent, let_count, put_spent

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
SPENT = [
    Spent(date(2026, month, day), Decimal(day) / 7 * (2 if project == "beta" else 1), project, who)
    for month in (10, 11)
    for day in range(1, 21)
    for project in ("alpha", "beta", "gamma")
    for who in ("ann", "bob")
]
TOKENS = [
    Spent(date(2026, 11, day), Decimal(day), team, None, "tokens", "input_tokens", "tenants")
    for day in (3, 18)
    for team in ("alpha", "beta")
]
RULES = RuleSet(
    (CostCentre("a"), CostCentre("b"), CostCentre("shared")),
    (
        Rule(1, "", "principal", "bob", "", "b"),
        Rule(2, "", "sub_account", "alpha", "", "a"),
        Rule(3, "", "sub_account", "beta", "", "shared"),
        Rule(4, "tenants", "sub_account", "beta", "", "b"),
    ),
    (Share("shared", "proportional", "a", None, "tenants", "input_tokens"),
     Share("shared", "proportional", "b", None, "tenants", "input_tokens")),
)  # fmt: skip


def by_centre(lines: tuple[Owed, ...]) -> dict[str | None, Decimal]:
    sums: dict[str | None, list[Decimal]] = defaultdict(list)
    for line in lines:
        if line.allocated is not None:
            sums[line.cost_centre].append(line.allocated)
    return {centre: Decimal(exact_sum(amounts)) for centre, amounts in sums.items()}


def test_days_of_a_month_that_runs_add_up_to_its_lines(folder_ledger: Ledger) -> None:
    put_spent(folder_ledger, [*SPENT, *TOKENS], asked=NOW)
    let_count(folder_ledger, RULES)
    answer = load_overview(folder_ledger, "2026-11", NOW)
    assert answer.until == date(2026, 11, 20)
    assert answer.before is not None
    for days, lines in (
        (answer.days, answer.lines),
        (answer.before.days, answer.before.lines),
    ):
        assert {line.day.day for line in days} == {*range(1, 21)}
        in_days, in_month = by_centre(days), by_centre(lines)
        assert in_days.keys() == in_month.keys() == {"a", "b", "shared", None}
        assert exact_sum([*in_days.values()]) == exact_sum([*in_month.values()]) != 0
        for centre, amount in in_month.items():  # a share's last digit falls day by day
            assert abs(in_days[centre] - amount) < Decimal("1e-7")


def test_everybody_who_bills_was_asked_by_the_day_that_counts(folder_ledger: Ledger) -> None:
    late = Spent(date(2026, 11, 3), 5, platform="azure")
    put_spent(folder_ledger, SPENT, asked=NOW)
    put_spent(folder_ledger, [late], asked=NOW - timedelta(days=4))
    counters = Spent(date(2026, 11, 3), 5, "t", None, "tokens", "input_tokens", "tenants")
    put_spent(folder_ledger, [counters], asked=NOW - timedelta(days=9))
    answer = load_overview(folder_ledger, "2026-11", NOW)
    assert answer.until == date(2026, 11, 16)


def test_of_the_month_before_only_what_bills_is_missing(folder_ledger: Ledger) -> None:
    for platform, metric in (("azure", "billed_cost"), ("tenants", "input_tokens")):
        put_spent(
            folder_ledger,
            [
                Spent(date(2026, month, 3), 5, "t", None, "USD", metric, platform)
                for month in (9, 11)
            ],
            asked=NOW,
        )
    put_spent(folder_ledger, SPENT, asked=NOW)
    answer = load_overview(folder_ledger, "2026-11", NOW)
    assert answer.before is not None
    assert answer.before.missing == {"azure"}


def test_no_projection_is_less_than_what_its_row_owes_to_the_last_digit(
    folder_ledger: Ledger,
) -> None:
    put_spent(folder_ledger, [*SPENT, *TOKENS], asked=NOW)
    let_count(folder_ledger, RULES)
    report = build_overview(load_overview(folder_ledger, "2026-11", NOW), now=NOW)
    frame = report.table("by_cost_centre").frame
    rows = [*zip(frame["allocated"], frame["projection"], strict=True)]
    assert len(rows) == 4
    assert all(projected >= owed for owed, projected in rows)
