"""What a rule set would do to a month, before anybody publishes it."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NamedTuple

from lib.allocation.allocate import Allocation, Owed
from lib.allocation.match import Matches
from lib.allocation.names import FIELD_OF, Named
from lib.allocation.rule_set import Rule, RuleSet
from lib.usage.exact import exact_sum, exactly

_BY_ID = ("sub_account", "principal", "resource", "sku", "account")
"""By what an unallocated line is named: the first that it has."""

_SHORT = 2
"""So many characters of a name are too few to speak for anything."""

_PIECE = 3
"""Letters in a row that similar names share."""

_LIKELIEST = 50
"""So many of the names that share most pieces are compared letter by letter."""

Place = tuple[str, str, str]
"""Platform, field and id."""


class Newcomer(NamedTuple):
    """An id that no rule assigns, with all of its money in one currency.

    Args:
        suggestion: a cost centre that it may belong to; empty where nothing speaks for one.
        because: what speaks for it.
        rated: showback, beside what was billed.
    """

    platform: str
    field: str
    id: str
    name: str
    billed: Decimal
    currency: str
    suggestion: str
    because: str
    rated: Decimal = Decimal(0)


class IdleRule(NamedTuple):
    """A rule that decides nothing. ``shadowed``: others that come first take all that it matches."""

    rule: Rule
    shadowed: bool


Kind = Literal["allocated", "rated"]


class Moved(NamedTuple):
    """What a cost centre owes under two rule sets; ``cost_centre`` None: unallocated."""

    cost_centre: str | None
    currency: str
    before: Decimal
    after: Decimal
    kind: Kind = "allocated"

    @property
    def change(self) -> Decimal:
        with exactly():
            return self.after - self.before


@dataclass(frozen=True)
class Preview:
    """What a draft would do; newcomers with the most money first, moves with the largest first."""

    newcomers: tuple[Newcomer, ...]
    idle: tuple[IdleRule, ...]
    moved: tuple[Moved, ...]


def preview(
    draft: Allocation,
    published: Allocation,
    rule_set: RuleSet,
    names: Iterable[Named],
    earlier: Allocation | None = None,
) -> Preview:
    """Compares what a draft makes of a month with what the published set makes of it.

    Args:
        draft, published: of the same lines.
        rule_set: the draft.
        names: what ids are called.
        earlier: the month before, by the published set, for suggestions.
    """
    called = {
        (name.platform, FIELD_OF[name.kind], name.id): name.name
        for name in names
        if name.kind in FIELD_OF
    }
    before = _homes(earlier, rule_set) if earlier else {}
    homes = {place: home.centre for place, home in (before | _homes(draft, rule_set)).items()}
    return Preview(
        tuple(_newcomers(draft.lines, _Known(rule_set, called, before, homes))),
        tuple(idle_rules(draft.matches)),
        (
            *_moved(published.lines, draft.lines, "allocated"),
            *_moved(published.lines, draft.lines, "rated"),
        ),
    )


def idle_rules(matches: Matches) -> list[IdleRule]:
    """Rules that decide about no line, in their order."""
    winners = {*matches.places.tolist()}
    return [
        IdleRule(rule, place in matches.touched)
        for place, rule in enumerate(matches.rules)
        if place not in winners
    ]


def owed_by_centre(
    lines: Iterable[Owed], kind: Kind = "allocated"
) -> dict[tuple[str | None, str], Decimal]:
    """Cost centre and currency to what is allocated, or rated."""
    amounts: dict[tuple[str | None, str], list[Decimal]] = defaultdict(list)
    for line in lines:
        amount: Decimal | None = getattr(line, kind)
        if amount is not None:
            amounts[line.cost_centre, line.currency].append(amount)
    return {key: Decimal(exact_sum(parts)) for key, parts in amounts.items()}


def _moved(before: Iterable[Owed], after: Iterable[Owed], kind: Kind) -> list[Moved]:
    was, will_be = owed_by_centre(before, kind), owed_by_centre(after, kind)
    nothing = Decimal(0)
    moves = [
        Moved(*key, was.get(key, nothing), will_be.get(key, nothing), kind) for key in was | will_be
    ]
    changed = [move for move in moves if move.change]
    return sorted(changed, key=lambda move: (-abs(move.change), str(move.cost_centre)))


def place_of(line: Owed) -> Place:
    """By what a line is named: the first of ``_BY_ID`` that it has."""
    field = next(field for field in _BY_ID if getattr(line, field) is not None)
    return line.platform, field, getattr(line, field)


class _Home(NamedTuple):
    """The cost centre with most money of an id; ``alone`` where there is no other."""

    centre: str
    alone: bool


def _homes(allocation: Allocation, rule_set: RuleSet) -> dict[Place, _Home]:
    """Where ids went that rules assigned, and could still go."""
    amounts: dict[Place, dict[str, Decimal]] = defaultdict(dict)
    with exactly():
        for line in allocation.lines:
            centre = line.cost_centre or ""
            if centre not in rule_set.names or line.shared is not None:
                continue
            for field in ("sub_account", "principal"):
                value = getattr(line, field)
                if value is not None:
                    by_centre = amounts[line.platform, field, value]
                    money = abs(line.billed or line.rated or Decimal(0))
                    by_centre[centre] = by_centre.get(centre, Decimal(0)) + money
    return {
        place: _Home(max(money, key=lambda centre: (money[centre], centre)), len(money) == 1)
        for place, money in amounts.items()
    }


def _letters(word: str) -> str:
    """A word without its digits: of people, staff009 is no more like staff003 than like any other."""
    return re.sub("[0-9]", "", word)


@dataclass(frozen=True)
class _Known:
    """What may tell where a newcomer belongs.

    Args:
        called: what ids are called.
        before: where ids went the month before.
        homes: the same, with where the draft lets ids go.
    """

    rule_set: RuleSet
    called: Mapping[Place, str]
    before: Mapping[Place, _Home]
    homes: Mapping[Place, str]

    def suggested(self, place: Place, people: Iterable[str]) -> tuple[str, str]:
        """A cost centre for an id, and why it may be the one; two empty texts where nothing tells."""
        if place in self.before:
            was = self.before[place]
            return was.centre, f"{'it' if was.alone else 'most of it'} was there the month before"
        if place in self.homes:
            return self.homes[place], "other lines of it are there"
        word = self._word(place)
        for text, identity in self._centres:
            if text in word:
                return identity, f"its name has {text!r}"
        other = self._alike(place, word)
        if other is not None:
            return self.homes[other], f"{self.called.get(other) or other[2]} has a similar name"
        of_people = {self.homes.get((place[0], "principal", person), "") for person in people}
        home = of_people.pop() if len(of_people) == 1 else ""
        return home, "its people are there" if home else ""

    def _alike(self, place: Place, word: str) -> Place | None:
        """Whose name is most similar, of those with a home on the same platform."""
        shared = Counter(
            other
            for piece in sorted(_pieces(word))
            for other in self._by_piece.get((*place[:2], piece), ())
        )
        likely = {
            self._word(other): other
            for other, _ in shared.most_common(_LIKELIEST)
            if place[1] != "principal" or _letters(self._word(other)) != _letters(word)
        }
        near = get_close_matches(word, [*likely], 1, 0.75)
        return likely[near[0]] if near else None

    @cached_property
    def _by_piece(self) -> Mapping[Place, list[Place]]:
        """Platform, field and a piece of names to who is called so: comparing each with each takes seconds."""
        found: dict[Place, list[Place]] = defaultdict(list)
        for home in sorted(self.homes):
            for piece in _pieces(self._word(home)):
                found[(*home[:2], piece)].append(home)
        return found

    def _word(self, place: Place) -> str:
        return (self.called.get(place) or place[2]).casefold()

    @cached_property
    def _centres(self) -> list[tuple[str, str]]:
        """What cost centres are called, the longest first: a short one lies in many a name."""
        texts = [
            (text.casefold(), centre.id)
            for centre in self.rule_set.cost_centres
            for text in (centre.id, centre.name)
            if len(text) > _SHORT
        ]
        return sorted(texts, key=lambda pair: (-len(pair[0]), pair))


def _pieces(word: str) -> set[str]:
    """All runs of ``_PIECE`` letters; a shorter word is its own only one."""
    return {word[start : start + _PIECE] for start in range(max(1, len(word) - _PIECE + 1))}


def _newcomers(lines: Iterable[Owed], known: _Known) -> list[Newcomer]:
    billed: dict[tuple[Place, str], list[Decimal]] = defaultdict(list)
    rated: dict[tuple[Place, str], list[Decimal]] = defaultdict(list)
    people: dict[Place, set[str]] = defaultdict(set)
    for line in lines:
        if line.cost_centre is not None or line.shared is not None:
            continue
        place = place_of(line)
        for kind, amount in ((billed, line.billed), (rated, line.rated)):
            if amount is not None:
                kind[place, line.currency].append(amount)
        if line.principal is not None:
            people[place].add(line.principal)
    newcomers = [
        Newcomer(
            *place,
            known.called.get(place, ""),
            Decimal(exact_sum(billed.get((place, currency), ()))),
            currency,
            *known.suggested(place, people[place]),
            Decimal(exact_sum(rated.get((place, currency), ()))),
        )
        for place, currency in dict.fromkeys((*billed, *rated))
    ]
    return sorted(
        newcomers, key=lambda newcomer: (-abs(newcomer.billed), -abs(newcomer.rated), newcomer[:3])
    )
