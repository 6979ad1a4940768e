"""Names in rules become ids when a set is published, and people still read what the ids are called."""

from dataclasses import replace

import pytest

from lib.allocation.names import FIELD_OF, Named, resolve
from lib.allocation.read import LONGEST_CELL
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share
from lib.ledger.allocated import checked

NAMES = [
    Named("openai", "project", "proj_1", "Chat"),
    Named("openai", "project", "proj_2", "Chat"),
    Named("openai", "project", "proj_3", "Chat search"),
    Named("openai", "api_key", "key_1", "Chat"),
    Named("openai", "user", "user-1", "Ann Straße"),
    Named("tenants", "tenant", "acme", "Acme"),
    Named("comet-usage", "workspace", "chat", "Chat"),
    Named("openai", "invoice", "inv_1", "Chat"),
]


def by_name(name: str, platform: str = "", field: str = "sub_account") -> Rule:
    return Rule(10, platform, field, "", name, "4711", row=7)


def places(*rules: Rule) -> list[tuple[str, str, str]]:
    """Platform, id and name of every rule that comes of some."""
    resolved, problems = resolve(RuleSet(rules=rules), NAMES)
    assert problems == []
    return [(rule.platform, rule.pattern, rule.name) for rule in resolved.rules]


def test_a_name_becomes_its_id_and_the_rule_stays_otherwise_as_it_was() -> None:
    rule = by_name("Acme", "tenants")
    (resolved,) = resolve(RuleSet(rules=(rule,)), NAMES)[0].rules
    assert resolved == Rule(10, "tenants", "sub_account", "acme", "Acme", "4711")
    assert resolved.row == 7


def test_several_ids_of_one_name_are_as_many_rules() -> None:
    assert places(by_name("Chat", "openai")) == [
        ("openai", "proj_1", "Chat"),
        ("openai", "proj_2", "Chat"),
    ]


def test_a_name_of_any_platform_is_looked_up_on_all_and_each_rule_says_whose_it_is() -> None:
    assert places(by_name("Chat")) == [
        ("comet-usage", "chat", "Chat"),
        ("openai", "proj_1", "Chat"),
        ("openai", "proj_2", "Chat"),
    ]


def test_only_what_stands_in_the_field_of_the_rule_is_meant() -> None:
    assert places(by_name("Chat", "openai", "resource")) == [("openai", "key_1", "Chat")]


@pytest.mark.parametrize("name", ["acme", "ACME", "aCmE"])
def test_people_write_names_in_any_case(name: str) -> None:
    assert places(by_name(name)) == [("tenants", "acme", "Acme")]


def test_sharp_s_and_double_s_are_one_letter() -> None:
    found = places(by_name("ANN STRASSE", field="principal"))
    assert found == [("openai", "user-1", "")], (
        "versions stay for good, and a person's name must not"
    )


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("chat*", ["proj_1", "proj_2", "proj_3"]),
        ("* SEARCH", ["proj_3"]),
        ("c*t*h", ["proj_3"]),
        ("*", ["proj_1", "proj_2", "proj_3"]),
    ],
)
def test_a_star_in_a_name_stands_for_anything(name: str, ids: list[str]) -> None:
    assert [identity for _, identity, _ in places(by_name(name, "openai"))] == ids


@pytest.mark.parametrize("name", ["Nobody", "no*", "cha", "Chat search "])
def test_a_name_that_nothing_has_is_named_with_its_row_and_is_in_no_rule(name: str) -> None:
    resolved, (problem,) = resolve(RuleSet(rules=(by_name(name, "openai"),)), NAMES)
    assert str(problem) == (
        f"rules, row 7, name: nothing is called {name!r}; name the id in pattern."
    )
    assert resolved.rules == ()


def test_every_name_that_nothing_has_is_named_and_the_others_are_looked_up() -> None:
    rules = by_name("One"), by_name("Acme"), by_name("Two")
    resolved, problems = resolve(RuleSet(rules=rules), NAMES)
    assert [problem.what.split(";")[0] for problem in problems] == [
        "nothing is called 'One'",
        "nothing is called 'Two'",
    ]
    assert [rule.pattern for rule in resolved.rules] == ["acme"]


@pytest.mark.parametrize("old", ["", "Chat 2025"])
def test_beside_an_id_stands_what_it_is_called_now(old: str) -> None:
    assert places(Rule(1, "openai", "sub_account", "proj_3", old, "4711")) == [
        ("openai", "proj_3", "Chat search")
    ]


def test_a_name_that_vanished_stays_beside_its_id_which_still_counts() -> None:
    rule = Rule(1, "openai", "sub_account", "proj_gone", "Long ago", "4711")
    assert resolve(RuleSet(rules=(rule,)), []) == (RuleSet(rules=(rule,)), [])


def test_an_id_that_platforms_call_differently_gets_no_name() -> None:
    names = [Named("openai", "project", "x", "One"), Named("tenants", "tenant", "x", "Two")]
    rule = Rule(1, "", "sub_account", "x", "", "4711")
    assert resolve(RuleSet(rules=(rule,)), names)[0].rules == (rule,)
    of_one = Rule(1, "tenants", "sub_account", "x", "", "4711")
    assert resolve(RuleSet(rules=(of_one,)), names)[0].rules[0].name == "Two"


def test_a_pattern_with_a_star_stays_as_it_is() -> None:
    rule = Rule(1, "openai", "sub_account", "proj_*", "All of them", "4711")
    assert resolve(RuleSet(rules=(rule,)), NAMES) == (RuleSet(rules=(rule,)), [])


@pytest.mark.parametrize("identity", ["proj_*", " proj", "proj\n", "\u00a0"])
def test_an_id_that_would_not_come_back_as_itself_is_named(identity: str) -> None:
    names = [Named("openai", "project", identity, "Odd")]
    _, (problem,) = resolve(RuleSet(rules=(by_name("Odd"),)), names)
    assert problem[:3] == ("rules", 7, "name")
    assert repr(identity) in problem.what


def test_a_name_is_known_without_the_blanks_around_it_and_fits_a_cell() -> None:
    names = [
        Named("openai", "project", "proj_1", "  Chat\n"),
        Named("openai", "project", "proj_2", "x" * (LONGEST_CELL + 1)),
    ]
    rules = by_name("chat"), Rule(1, "openai", "sub_account", "proj_2", "", "4711")
    resolved, problems = resolve(RuleSet(rules=rules), names)
    assert problems == []
    assert [rule.name for rule in resolved.rules] == ["Chat", "x" * LONGEST_CELL]


def test_everything_but_the_rules_stays() -> None:
    rule_set = RuleSet((CostCentre("4711"),), (by_name("Acme"),), (Share("4711", "even"),))
    resolved, _ = resolve(rule_set, NAMES)
    assert (resolved.cost_centres, resolved.shares) == (rule_set.cost_centres, rule_set.shares)


def test_every_kind_of_name_stands_for_ids_of_its_field() -> None:
    for kind, field in FIELD_OF.items():
        names = [Named("openai", kind, "x", "Some")]
        (rule,) = resolve(RuleSet(rules=(by_name("some", field=field),)), names)[0].rules
        assert rule.pattern == "x"


def test_two_names_of_one_id_are_a_contradiction_once_they_are_looked_up() -> None:
    rules = by_name("acme"), replace(by_name("ac*", "tenants"), row=8)
    centres = (CostCentre("4711"),)
    assert checked(RuleSet(centres, rules[:1]), [], NAMES)[1] == []
    _, (problem,) = checked(RuleSet(centres, rules), [], NAMES)
    assert (
        str(problem) == "rules, row 8, pattern: row 7 says it of the same days: keep one of them."
    )


def test_what_cannot_be_read_looked_up_or_meant_is_told_in_one_list() -> None:
    unreadable, nobody, nowhere = (
        replace(by_name(name), row=row)
        for row, name in enumerate(("unreadable", "Nobody", "Nowhere"), 2)
    )
    _, unread = resolve(RuleSet(rules=(unreadable,)), [])
    rule_set = RuleSet((CostCentre("4711", email="x"),), (nobody, nowhere))
    _, problems = checked(rule_set, unread, NAMES)
    assert [(problem.table, problem.column) for problem in problems] == [
        ("cost_centres", "email"),
        *[("rules", "name")] * 3,
    ]
