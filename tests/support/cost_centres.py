"""Two months and rules of three cost centres in a ledger that pages read, and who looks at them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from lib.access.visitors import Role, Visitor
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share
from lib.ledger.store import Ledger
from lib.usage.measure import Name
from tests.support.kept import in_folder
from tests.support.spending import Spent, let_count, put_spent

RULES = RuleSet(
    (
        CostCentre("4711", "Customer Care", "Ann@Company.com", "", Decimal(40), "USD"),
        CostCentre("4712", "Risk", "group:RiskTeam", "", Decimal(1000), "USD"),
        CostCentre("4713", "Marketing", "bob@company.com"),
        CostCentre("pool", "Platform team", "eve@company.com"),
    ),
    (
        Rule(10, "openai", "sub_account", "alpha", "", "4711"),
        Rule(10, "openai", "sub_account", "beta", "", "4712"),
        Rule(10, "openai", "sub_account", "gamma", "", "4713"),
        Rule(20, "openai", "sub_account", "pool", "", "pool"),
    ),
    (Share("pool", "even"),),
)
OCTOBER = (
    Spent(date(2026, 10, 3), 41, "alpha", "user_eve"),
    Spent(date(2026, 10, 4), 22, "beta"),
    Spent(date(2026, 10, 5), 17, "gamma"),
    Spent(date(2026, 10, 6), 9, "pool"),
    Spent(date(2026, 10, 7), 5, "newcomer"),
)
SEPTEMBER = tuple(one._replace(day=one.day.replace(month=9)) for one in OCTOBER[:2])


def fill(ledger: Ledger, rules: RuleSet | None = RULES) -> None:
    """Two months, and a first version of the rules."""
    put_spent(ledger, [*OCTOBER, *SEPTEMBER], names=[Name("user", "user_eve", "Eve Example")])
    if rules is not None:
        let_count(ledger, rules)


def with_owner(owner: str) -> RuleSet:
    """The rules with another owner of the first cost centre."""
    first, *others = RULES.cost_centres
    return replace(RULES, cost_centres=(replace(first, owner=owner), *others))


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """An empty ledger that the settings name; nothing else is configured but an OpenAI that refuses."""
    ledger = in_folder(folder)
    settings: Mapping[str, str] = {
        "LEDGER_URL": f"sqlite:///{ledger.database.file}",
        "LEDGER_WAREHOUSE": ledger.warehouse.place,
        "OPENAI_ADMIN_KEY": "sk-admin-nobody",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return ledger


def come_as(monkeypatch: pytest.MonkeyPatch, role: Role, email: str = "", *groups: str) -> None:
    """Whoever looks from now on."""
    monkeypatch.setattr("lib.access.sign_in.LOCAL", Visitor(role, email, groups=frozenset(groups)))
