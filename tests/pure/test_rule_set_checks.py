"""What a rule set says that cannot be: each contradiction with its table, row and cell, all at once."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

import pytest

from lib.allocation.check import check
from lib.allocation.match import match, matches
from lib.allocation.read import Problem, read_tables, told
from lib.allocation.rule_set import CostCentre, Rate, Rule, RuleSet, Share
from lib.reports.ledger.platforms import METRICS
from lib.usage.metrics import Metric
from tests.support.rule_sets import bill, frame_of

KNOWN = {
    "openai": {
        "billed_cost": Metric("billed_cost", "Billed", "USD"),
        "billed_by_user": Metric("billed_by_user", "By user", inside="billed_cost", unit=""),
    },
    "tenants": {
        "tokens": Metric("tokens", "Tokens", "tokens"),
        "storage": Metric("storage", "Storage", "MB", "level"),
        "seen": Metric("seen", "Seen", "requests", "counter"),
        "load": Metric("load", "Load", "%", "moment"),
    },
}

CENTRES = """id,name,owner,email,budget,currency,valid_from,valid_to
sales,Sales,ann@x.example; group:sales GROUP:Heads,s@x.example,100,EUR,,
tools,Tools,,,,,,
labs,Labs,,,0,USD,2026-01-01,2026-12-31
ops,Ops,,,,,,
"""
RULES = """priority,platform,field,pattern,name,cost_centre,valid_from,valid_to
10,openai,sub_account,proj_a,,sales,,2026-10-15
10,openai,sub_account,proj_a,,labs,2026-10-16,
10,,sku,*mini*,,tools,,
20,focus:aws,account,1234,,ops,,
30,tenants,sub_account,,Acme,labs,,
"""
SHARES = """source,method,target,weight,platform,metric,valid_from,valid_to
tools,fixed,sales,99.9,,,,2026-10-15
tools,fixed,labs,0.1,,,,2026-10-15
tools,fixed,labs,100,,,2026-10-16,
unallocated,proportional,*,,tenants,storage,,
"""
RATES = """platform,metric,price,per,currency,valid_from
tenants,tokens,2.50,1000000,USD,
tenants,tokens,0,1000000,USD,2026-10-01
focus:gcp,gpu_hours,3,,EUR,
"""
EXCHANGE = """month,from,to,rate,source
2026-10,EUR,USD,1.08,ECB
2026-10,GBP,USD,1.25,ECB
2026-11,USD,EUR,0.93,ECB
"""
GOOD = {
    "cost_centres": CENTRES,
    "rules": RULES,
    "shares": SHARES,
    "rates": RATES,
    "exchange_rates": EXCHANGE,
}


class Added(NamedTuple):
    """Rows put below those of a table, the row and cell that is wrong, and words that name it."""

    table: str
    rows: str
    row: int
    column: str
    what: str


CONTRADICTIONS = [
    Added("cost_centres", "sales,Again,,,,,,", 6, "id", "row 2 says it of the same days"),
    Added("cost_centres", "labs,,,,,,2026-12-31,", 6, "id", "row 4 says it of the same days"),
    Added("cost_centres", "a,,,,,,2027-01-01,\na,,,,,,,", 7, "id", "row 6 says it of the same"),
    Added("cost_centres", "Unallocated,,,,,,,", 6, "id", "the name of something else"),
    Added("cost_centres", "*,,,,,,,", 6, "id", "the name of something else"),
    Added("cost_centres", "new,,,,5,,,", 6, "currency", "budget and currency need each other"),
    Added("cost_centres", "new,,,,,EUR,,", 6, "budget", "budget and currency need each other"),
    Added("cost_centres", "new,,,,-1,EUR,,", 6, "budget", "negative"),
    Added("cost_centres", "new,,ann,,,,,", 6, "owner", "'ann' is neither"),
    Added("cost_centres", "new,,ann@x.example group:,,,,,", 6, "owner", "'group:' is neither"),
    Added("cost_centres", "new,,a@b@c,,,,,", 6, "owner", "'a@b@c' is neither"),
    Added("cost_centres", "new,,ann@localhost,,,,,", 6, "owner", "'ann@localhost' is neither"),
    Added("cost_centres", "new,,<ann@x.example>,,,,,", 6, "owner", "'<ann@x.example>' is neither"),
    Added("cost_centres", "new,,@x.example,,,,,", 6, "owner", "'@x.example' is neither"),
    Added("cost_centres", "new,,ann@x..example,,,,,", 6, "owner", "is neither"),
    Added("cost_centres", "new,,,nobody,,,,", 6, "email", "'nobody' is no address"),
    Added("cost_centres", "new,,,a@x.example b@x.example,,,,", 6, "email", "is no address"),
    Added("cost_centres", "new,,,,,,2026-10-02,2026-10-01", 6, "valid_to", "before it begins"),
    Added("rules", "9,,sku,a,,sails,,", 7, "cost_centre", "no cost centre 'sails'"),
    Added("rules", "9,azure,sku,a,,sales,,", 7, "platform", "'azure' is none of openai, tenants"),
    Added("rules", "9,OpenAI,sku,a,,sales,,", 7, "platform", "'OpenAI' is none of"),
    Added("rules", "9,,sku,,,sales,,", 7, "pattern", "an id, or a name"),
    Added("rules", f"9,,sku,{'x' * 301},,sales,,", 7, "pattern", "at most 300 characters"),
    Added("rules", f"9,,sku,{'*a' * 21},,sales,,", 7, "pattern", "20 stars"),
    Added("rules", "9,,sku,a,,sales,2026-10-02,2026-10-01", 7, "valid_to", "ends on 2026-10-01"),
    Added("rules", "10,,sku,*mini*,,sales,2030-01-01,", 7, "pattern", "row 4 says it of the same"),
    Added("rules", "30,tenants,sub_account,,Acme,sales,,", 7, "pattern", "row 6 says it of"),
    Added("shares", "ops,even,tools,,,,,", 6, "target", "'tools' is split itself"),
    Added("shares", "ops,even,ops,,,,,", 6, "target", "'ops' is split itself"),
    Added("shares", "ops,even,unallocated,,,,,", 6, "target", "'unallocated' is split itself"),
    Added("shares", "op,even,sales,,,,,", 6, "source", "no cost centre 'op'"),
    Added("shares", "ops,even,sails,,,,,", 6, "target", "no cost centre 'sails'"),
    Added("shares", "ops,fixed,sales,,,,,", 6, "weight", "fixed needs a weight"),
    Added("shares", "ops,even,sales,50,,,,", 6, "weight", "even has none"),
    Added("shares", "ops,fixed,sales,99.9,,,,", 6, "weight", "are 99.9 in all, not 100"),
    Added("shares", "ops,fixed,sales,100.000000000000000001,,,,", 6, "weight", "not 100"),
    Added("shares", "ops,fixed,sales,60,,,,\nops,fixed,labs,30,,,,", 6, "weight", "are 90 in all"),
    Added("shares", "ops,fixed,sales,150,,,,\nops,fixed,labs,-50,,,,", 7, "weight", "negative"),
    Added("shares", "ops,fixed,*,100,,,,", 6, "target", "fixed names each target"),
    Added("shares", "ops,proportional,sales,,azure,tokens,,", 6, "platform", "'azure' is none"),
    Added("shares", "ops,proportional,sales,,tenants,,,", 6, "metric", "it is empty"),
    Added(
        "shares", "ops,proportional,sales,,tenants,x,,", 6, "metric", "tenants has no 'x'; it has"
    ),
    Added("shares", "ops,even,sales,,tenants,tokens,,", 6, "metric", "even goes by none"),
    Added("shares", "ops,even,sales,,,,2026-10-02,2026-10-01", 6, "valid_to", "before it begins"),
    Added("shares", "ops,even,labs,,,,,\nops,even,labs,,,,,", 7, "target", "row 6 says it of"),
    Added("shares", "ops,even,labs,,,,,\nops,even,*,,,,,", 7, "target", "row 7 means them all"),
    Added(
        *("shares", "ops,even,labs,,,,,\nops,even,sales,,,,2026-10-01,", 7, "valid_from"),
        "its days overlap those of row 6",
    ),
    Added(
        *("shares", "ops,even,labs,,,,,\nops,proportional,sales,,tenants,tokens,,", 7, "method"),
        "row 6 splits the same by 'even'",
    ),
    Added("rates", "azure,tokens,1,,USD,", 5, "platform", "'azure' is none of"),
    Added("rates", "tenants,token,1,,USD,", 5, "metric", "tenants has no 'token'"),
    Added("rates", "tenants,seen,1,,USD,", 5, "metric", "seen never adds up to a month"),
    Added("rates", "tenants,load,1,,USD,", 5, "metric", "load never adds up to a month"),
    Added("rates", "openai,billed_cost,1,,USD,", 5, "metric", "money already"),
    Added("rates", "openai,billed_by_user,1,,USD,", 5, "metric", "money already"),
    Added("rates", "tenants,storage,-1,,USD,", 5, "price", "negative"),
    Added("rates", "tenants,storage,1,0,USD,", 5, "per", "above 0"),
    Added("rates", "tenants,storage,1,-5,USD,", 5, "per", "above 0"),
    Added("rates", "tenants,tokens,9,1,USD,2026-10-01", 5, "valid_from", "row 3 prices the same"),
    Added("rates", "tenants,tokens,9,1,EUR,", 5, "valid_from", "row 2 prices the same"),
    Added("exchange_rates", "2026-10,JPY,EUR,1,", 5, "to", "row 2 goes to USD"),
    Added("exchange_rates", "2026-12,JPY,JPY,1,", 5, "to", "both currencies are the same"),
    Added("exchange_rates", "2026-10,EUR,USD,1.1,", 5, "from", "row 2 says it already"),
    Added("exchange_rates", "2026-12,JPY,EUR,0,", 5, "rate", "above 0"),
    Added("exchange_rates", "2026-12,JPY,EUR,-1,", 5, "rate", "above 0"),
]


def found(**more: str) -> list[Problem]:
    """What is wrong with the good tables and some more rows."""
    files = {table: (text + more.get(table, "")).encode() for table, text in GOOD.items()}
    rule_set, unread = read_tables(files)
    assert unread == []
    return check(rule_set, KNOWN)


def test_nothing_is_wrong_with_a_rule_set_that_uses_everything() -> None:
    assert found() == []


def test_cells_that_cannot_be_read_hide_nothing_else_and_nothing_follows_from_them() -> None:
    files = {
        "cost_centres": b"id,budget,currency,owner,valid_from,valid_to\n"
        b"4300,abc,USD,,,\n4200,1,USD,,,\n4200,x,USD,mara,2026-10-02,2026-10-01\n",
        "rules": b"priority,platform,field,pattern,cost_centre\n1,,sub_account,a,4300\nx,openia,sub_account,b,4711\n",
        "shares": b"source,method,target,weight\n4300,fixed,4200,a\n",
        "rates": b"platform,metric,price\ntenants,nothing,-1\n",
    }
    rule_set, unread = read_tables(files)
    problems = told(check(rule_set, KNOWN), unread)
    assert [(problem.table, problem.row, problem.column) for problem in problems] == [
        ("cost_centres", 2, "budget"),
        ("cost_centres", 4, "budget"),
        ("cost_centres", 4, "owner"),
        ("cost_centres", 4, "valid_to"),
        ("rules", 3, "cost_centre"),
        ("rules", 3, "platform"),
        ("rules", 3, "priority"),
        ("shares", 2, "weight"),
        ("rates", 1, "currency"),
        ("rates", 2, "metric"),
        ("rates", 2, "price"),
    ]


def test_nothing_is_wrong_with_no_rules_at_all() -> None:
    assert check(RuleSet(), METRICS) == []


@pytest.mark.parametrize("added", CONTRADICTIONS, ids=lambda added: f"{added[0]}: {added[4]}")
def test_a_contradiction_is_named_with_its_table_row_and_cell(added: Added) -> None:
    problems = found(**{added.table: added.rows + "\n"})
    places = {problem[:3] for problem in problems if added.what in problem.what}
    assert places == {(added.table, added.row, added.column)}
    assert {problem.table for problem in problems} == {added.table}


def test_all_contradictions_are_named_at_once_in_the_order_of_tables_and_rows() -> None:
    problems = found(
        exchange_rates="2026-12,JPY,JPY,0,\n",
        shares="ops,fixed,sales,99.9,,,,\n",
        cost_centres="sales,,ann,nobody,,,,\nnew,,,,-1,EUR,,\n",
        rules="9,azure,sku,a,,sails,,\n",
    )
    assert [problem[:3] for problem in problems] == [
        ("cost_centres", 6, "email"),
        ("cost_centres", 6, "id"),
        ("cost_centres", 6, "owner"),
        ("cost_centres", 7, "budget"),
        ("rules", 7, "cost_centre"),
        ("rules", 7, "platform"),
        ("shares", 6, "weight"),
        ("exchange_rates", 5, "rate"),
        ("exchange_rates", 5, "to"),
    ]


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("cost_centres", "labs,After,,,,,2027-01-01,\n"),
        ("cost_centres", "labs,Before,,,,,,2025-12-31\n"),
        ("rules", "11,openai,sub_account,proj_a,,sales,,\n"),
        ("rules", "10,tenants,sub_account,proj_a,,sales,,\n"),
        ("rules", "10,openai,resource,proj_a,,sales,,\n"),
        ("rules", f"9,,sku,{'*a' * 20},,sales,,\n"),
        ("rules", f"9,,sku,{'x' * 300},,sales,,\n"),
        ("rules", "9,focus:anything,sku,x,,sales,2026-10-01,2026-10-01\n"),
        ("shares", "ops,fixed,sales,33.3,,,,\nops,fixed,labs,66.7,,,,\n"),
        ("shares", "ops,even,sales,,,,,2026-10-01\nops,fixed,sales,100,,,2026-10-02,\n"),
        ("shares", "ops,proportional,sales,,focus:aws,billed_cost,,\n"),
        ("exchange_rates", "2026-12,JPY,EUR,0.006,\n2026-12,USD,EUR,0.9,\n"),
    ],
)
def test_what_only_looks_like_a_contradiction_is_none(table: str, rows: str) -> None:
    assert found(**{table: rows}) == []


def test_weights_are_100_on_every_day_for_itself() -> None:
    rows = "ops,fixed,sales,50,,,,2026-10-15\nops,fixed,labs,50,,,2026-10-16,\n"
    problems = found(shares=rows)
    assert [problem[:3] for problem in problems] == [
        ("shares", 6, "weight"),
        ("shares", 7, "weight"),
    ]
    assert all("are 50 in all" in problem.what for problem in problems)


def test_a_circle_of_shares_is_named_at_both_of_its_ends() -> None:
    problems = found(shares="ops,even,labs,,,,,\nlabs,even,ops,,,,,\n")
    assert {("shares", 6, "target"), ("shares", 7, "target")} <= {p[:3] for p in problems}


def test_very_many_rows_that_say_the_same_are_checked_without_comparing_each_with_each() -> None:
    following = [date.fromordinal(700_000 + n) for n in range(30_000)]
    rule_set = RuleSet(
        (
            CostCentre("labs"),
            *(CostCentre("old", "", "", "", None, "", day, day) for day in following),
        ),
        tuple(Rule(1, "", "sku", "x", "", "labs", day, day) for day in following),
        tuple(Share("old", "even", f"{n}", row=n) for n in range(30_000)),
        tuple(Rate("tenants", "tokens", Decimal(1), Decimal(1), "USD", day) for day in following),
    )
    problems = check(rule_set, KNOWN)  # pair by pair it would take a quarter of an hour
    assert {problem.table for problem in problems} == {"shares"}
    assert len(problems) == 30_000  # there is no such cost centre, and nothing else


def test_of_many_rows_on_the_same_days_each_but_one_is_named_and_those_beside_them_are_not() -> (
    None
):
    spans = [
        "2026-01-01,2026-12-31",
        "2026-02-01,2026-02-28",
        "2026-06-01,2026-06-30",
        "2027-01-01,",
    ]
    problems = found(rules="".join(f"9,,sku,a,,ops,{span}\n" for span in spans))
    assert [problem[:3] for problem in problems] == [
        ("rules", 8, "pattern"),
        ("rules", 9, "pattern"),
    ]


class Counted(str):
    """A text that counts the characters through which it was looked for something."""

    __slots__ = ("looked",)

    def __init__(self, _text: str) -> None:
        self.looked = 0

    def find(self, sub: str, start: int = 0, end: int = -1, /) -> int:  # type: ignore[override]
        place = super().find(sub, start, end)
        self.looked += (end if place < 0 else place + len(sub)) - start
        return place


@pytest.mark.parametrize(
    ("pattern", "is_match"),
    [("*a" * 20 + "*b*", False), ("a*" * 20, True), ("*a" * 20 + "c", False)],
)
def test_a_pattern_of_many_stars_goes_through_a_long_id_once(pattern: str, is_match: bool) -> None:
    identity = Counted("a" * 100_000)  # with backtracking it would never end
    assert matches(identity, pattern.split("*")) is is_match
    assert identity.looked <= len(identity)


@pytest.mark.parametrize(
    ("pattern", "value", "is_match"),
    [
        ("*", "", True),
        ("a*", "a", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("*ab*ab*", "abab", True),
        ("*ab*ba*", "aba", False),
        ("a*b", "a\nb", True),
        ("proj_*", "Proj_a", False),
        ("a?c", "abc", False),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_does(
    pattern: str, value: str, is_match: bool
) -> None:
    rule_set = RuleSet((CostCentre("labs"),), (Rule(1, "", "sub_account", pattern, "", "labs"),))
    found = match(frame_of([bill(1, value)]), rule_set).cost_centres
    assert found == ["labs" if is_match else None]
