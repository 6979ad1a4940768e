"""Names in rules: looked up once, when a rule set is published, and kept beside the ids they stood for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from lib.allocation.match import matches
from lib.allocation.read import LONGEST_CELL, Problem
from lib.allocation.rule_set import Rule, RuleSet

FIELD_OF: Mapping[str, str] = {
    "project": "sub_account",
    "tenant": "sub_account",
    "workspace": "sub_account",
    "api_key": "resource",
    "user": "principal",
    "email": "principal",
}
"""Which field the ids of a kind of name stand in."""


class Named(NamedTuple):
    """An id and what it was last called."""

    platform: str
    kind: str
    id: str
    name: str


def resolve(rule_set: RuleSet, names: Iterable[Named]) -> tuple[RuleSet, list[Problem]]:
    """The same set with an id in every rule: one for each that a name stands for.

    Args:
        names: the last known one of every id.

    Returns:
        The set, and a problem for each name that nothing has. Rules with a pattern stay as they are,
        but for the name beside an id that is one.
    """
    by_place: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for platform, kind, identity, name in names:
        if kind in FIELD_OF:
            by_place[platform, FIELD_OF[kind]][identity] = name.strip()[:LONGEST_CELL].strip()
    problems: list[Problem] = []
    rules = [known for rule in rule_set.rules for known in _resolved(rule, by_place, problems)]
    return replace(rule_set, rules=tuple(rules)), problems


def _resolved(
    rule: Rule, by_place: Mapping[tuple[str, str], Mapping[str, str]], problems: list[Problem]
) -> Iterator[Rule]:
    places = [
        (platform, names)
        for (platform, field), names in sorted(by_place.items())
        if field == rule.field and rule.platform in ("", platform)
    ]
    if rule.pattern and rule.field == "principal":
        yield replace(rule, name="")  # see below
        return
    if rule.pattern:
        called = {names[rule.pattern] for _, names in places if rule.pattern in names}
        yield replace(rule, name=called.pop()) if len(called) == 1 else rule
        return
    wanted = rule.name.casefold()  # people write names, and ids are exact
    pieces = wanted.split("*")
    there = [
        (platform, identity, name)
        for platform, names in places
        for identity, name in sorted(names.items())
        if (matches(name.casefold(), pieces) if len(pieces) > 1 else name.casefold() == wanted)
    ]
    if not there:
        what = f"nothing is called {rule.name[:60]!r}; name the id in pattern."
        problems.append(Problem("rules", rule.row, "name", what))
    for platform, identity, name in there:
        if "*" in identity or identity != identity.strip():
            what = f"the id {identity[:60]!r} of {name[:40]!r} has a star, or a blank at an end; "
            what += "name it in pattern, with stars there."
            problems.append(Problem("rules", rule.row, "name", what))
        # Versions stay for good, and a person's name must not: it can be erased in the names of the ledger
        kept = "" if rule.field == "principal" else name
        yield replace(rule, platform=platform, pattern=identity, name=kept)
