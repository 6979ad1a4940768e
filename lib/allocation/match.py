"""Which rule a line belongs to: the first that matches."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.allocation.rule_set import FIELDS, Rule, RuleSet, is_valid

_NONE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Matches:
    """Which rule each line belongs to.

    Args:
        rules: in the order in which they are tried.
        places: of the rule of each line in ``rules``; -1 where none matches.
        touched: places of the rules that match a line, be it that another one comes first.
    """

    rules: tuple[Rule, ...]
    places: npt.NDArray[np.int64]
    touched: frozenset[int]

    @property
    def cost_centres(self) -> list[str | None]:
        """Of each line; None where no rule matches."""
        by_place = [*(rule.cost_centre for rule in self.rules), None]
        return [by_place[place] for place in self.places.tolist()]


def match(lines: pd.DataFrame, rule_set: RuleSet) -> Matches:
    """The rule of each line. A rule counts while both it and its cost centre do.

    Args:
        lines: ``day`` date, ``platform``, and ``FIELDS`` text or None; what is None matches nothing.
    """
    rules = tuple(sorted(rule_set.rules, key=lambda rule: rule.order))
    best = np.full(len(lines), _NONE, np.int64)
    touched: set[int] = set()
    groups: dict[Any, Any] = lines.groupby(["day", "platform"], sort=False, observed=True).indices
    for (day, platform), where in groups.items():
        there = rule_set.centres_on(day)
        tried = [
            (place, rule)
            for place, rule in enumerate(rules)
            if rule.platform in ("", platform) and rule.cost_centre in there and is_valid(rule, day)
        ]
        best[where] = _first(lines.iloc[where], tried, touched)
    best[best == _NONE] = -1
    return Matches(rules, best, frozenset(touched))


def _first(
    lines: pd.DataFrame, rules: Sequence[tuple[int, Rule]], touched: set[int]
) -> npt.NDArray[np.int64]:
    """The smallest place of all that match each line."""
    best = np.full(len(lines), _NONE, np.int64)
    for field in FIELDS:
        of_field = [(place, rule.pattern) for place, rule in rules if rule.field == field]
        if of_field:
            codes, values = pd.factorize(lines[field])
            firsts = [*_places(values.tolist(), of_field, touched), _NONE]  # code -1: nothing there
            best = np.minimum(best, np.array(firsts, np.int64)[codes])
    return best


def _places(
    values: Iterable[Any], patterns: Sequence[tuple[int, str]], touched: set[int]
) -> Iterator[int]:
    exact: dict[str, list[int]] = {}
    starred: list[tuple[int, list[str]]] = []
    for place, pattern in patterns:
        if "*" in pattern:
            starred.append((place, pattern.split("*")))
        else:
            exact.setdefault(pattern, []).append(place)
    for value in values:
        places = [
            *exact.get(value, ()),
            *(place for place, pieces in starred if matches(value, pieces)),
        ]
        touched.update(places)
        yield min(places, default=_NONE)


def matches(value: str, pieces: Sequence[str]) -> bool:
    """Whether a text has all pieces of a pattern that was split at its stars, in their order.

    Takes each piece where it first comes: no pattern goes back, so none takes long.
    """
    first, *middle, last = pieces
    if len(value) < len(first) + len(last) or not value.startswith(first):
        return False
    if not value.endswith(last):
        return False
    start, end = len(first), len(value) - len(last)
    for piece in middle:
        there = value.find(piece, start, end)
        if there < 0:
            return False
        start = there + len(piece)
    return True
