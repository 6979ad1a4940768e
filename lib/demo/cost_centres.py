"""Who pays in the demo: a company of nine cost centres, with shared costs and budgets that are kept and broken."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from lib.allocation.rule_set import CostCentre, ExchangeRate, Rate, Rule, RuleSet, Share
from lib.periods import months_before

REASON = "The company of the demo"

_EUROS = ("1.0712", "1.0745", "1.0801", "1.0790", "1.0833")
"""Dollars for one, month after month."""

_CENTRES = (
    ("4100", "Customer Care", "carla@demo.example", "1100"),
    ("4200", "Marketing", "mara@demo.example", "700"),
    ("4300", "Risk", "group:risk", "1250"),
    ("4400", "Engineering", "emil@demo.example", "1800"),
    ("4500", "Research", "rita@demo.example", "1300"),
    ("4600", "Data Science", "group:data-science", "1500"),
    ("4700", "Localisation", "toshi@demo.example", "650"),
    ("9000", "AI platform (shared)", "ada@demo.example", ""),
    ("9100", "Office tools (shared)", "ada@demo.example", ""),
)

_PROJECTS = (
    ("Customer Support Copilot", "4100"),
    ("Altes Chatbot*", "4100"),
    ("Marketing Studio*", "4200"),
    ("Risikoanalyse*", "4300"),
    ("Coding Assistants", "4400"),
    ("Data Science Sandbox", "4600"),
    ("* Localisation", "4700"),
    ("Search & Retrieval", "9000"),
    ("Meeting Notes", "9100"),
)
"""Names of projects; those that are left out are newcomers that nobody has mapped."""

_TENANTS = (("acme-*", "4100"), ("borealis-*", "4300"), ("cobalt-*", "4400"), ("*", "4600"))
_WORKSPACES = (
    ("vision", "4500"),
    ("robotics", "4500"),
    ("forecasting", "4300"),
    ("recommender", "4200"),
    ("language", "4700"),
    ("Zürich-Lab", "4600"),
)


def demo_rule_set(today: date) -> RuleSet:
    """Nine cost centres; a project that changed hands two months ago; licences in euros."""
    moved = months_before(today, 2)
    day_before = date.fromordinal(moved.toordinal() - 1)
    rules = [
        *_rules(10, "openai", _PROJECTS, named=True),
        Rule(10, "openai", "sub_account", "", "Research Agents", "4400", valid_to=day_before),
        Rule(10, "openai", "sub_account", "", "Research Agents", "4500", valid_from=moved),
        *_rules(20, "tenants", _TENANTS),
        *_rules(30, "comet-usage", _WORKSPACES),
        *_rules(30, "comet-chargeback", _WORKSPACES),
        Rule(90, "comet-chargeback", "principal", "*", "", "9000"),
    ]
    return RuleSet(
        tuple(
            CostCentre(
                identity,
                name,
                owner,
                f"finance-{identity}@demo.example",
                Decimal(budget) if budget else None,
                "USD" if budget else "",
            )
            for identity, name, owner, budget in _CENTRES
        ),
        tuple(rules),
        (
            Share("9000", "proportional", platform="tenants", metric="input_tokens"),
            Share("9100", "even"),
        ),
        (
            Rate("comet-usage", "gpu_seconds", Decimal("2.10"), Decimal(3_600), "USD"),
            Rate("comet-chargeback", "storage_mb", Decimal("0.023"), Decimal(1_000), "USD"),
            Rate("comet-chargeback", "licensed_users", Decimal(29), Decimal(1), "EUR"),
            Rate("tenants", "input_tokens", Decimal("0.40"), Decimal(1_000_000), "USD"),
        ),
        tuple(_exchange_rates(today)),
    )


def _rules(
    priority: int, platform: str, pairs: Iterable[tuple[str, str]], *, named: bool = False
) -> Iterable[Rule]:
    for what, centre in pairs:
        pattern, name = ("", what) if named else (what, "")
        yield Rule(priority, platform, "sub_account", pattern, name, centre)


def _exchange_rates(today: date) -> Iterable[ExchangeRate]:
    for back in range(14):
        month = months_before(today, back)
        rate = _EUROS[(month.year * 12 + month.month) % len(_EUROS)]
        yield ExchangeRate(f"{month:%Y-%m}", "EUR", "USD", Decimal(rate), "Treasury")
