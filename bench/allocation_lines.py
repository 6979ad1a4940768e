"""Allocates a month of many lines, and tells how long it took and how much memory: a process of its own."""

import json
import random
import time
from datetime import date
from decimal import Decimal

import pandas as pd

from bench.peak import highest
from lib.allocation.allocate import LINE, allocate
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share

LINES, PROJECTS, USERS, MODELS = 300_000, 400, 300, 40
DAY = date(2026, 10, 1)


def _allocated() -> dict[str, float]:
    lines, rule_set = month_of(LINES), rules()
    began = time.perf_counter()
    owed = allocate(lines, rule_set).lines
    seconds = time.perf_counter() - began
    return {"lines": LINES, "seconds": seconds, "owed": len(owed), "megabytes": highest() / 1e6}


def month_of(count: int) -> pd.DataFrame:
    """Lines of money, of projects, users and models as one organisation has them."""
    chance = random.Random(1)
    ids = {
        "sub_account": [f"proj_{number}" for number in range(PROJECTS)],
        "principal": [f"user-{number}" for number in range(USERS)],
        "sku": [f"model-{number}" for number in range(MODELS)],
    }
    constant = {"day": DAY, "platform": "openai", "account": "api", "metric": "billed_cost"}
    columns = {name: [value] * count for name, value in constant.items()}
    columns |= {name: [chance.choice(among) for _ in range(count)] for name, among in ids.items()}
    columns |= {"resource": [None] * count, "unit": ["USD"] * count}
    columns["quantity"] = [Decimal(chance.randrange(10**9)).scaleb(-7) for _ in range(count)]
    return pd.DataFrame({name: columns[name] for name in (*LINE, "unit", "quantity")}, dtype=object)


def rules() -> RuleSet:
    """Nine cost centres, a rule for most projects, one with a star, and a share."""
    return RuleSet(
        tuple(CostCentre(str(number)) for number in range(9)),
        (
            *(
                Rule(number, "openai", "sub_account", f"proj_{number}", "", str(number % 9))
                for number in range(300)
            ),
            Rule(900, "", "sub_account", "proj_3*", "", "8"),
        ),
        (Share("8", "even"),),
    )


if __name__ == "__main__":
    print(json.dumps(_allocated()))
