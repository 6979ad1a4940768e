"""Who owes what of a month that is kept, by rules that were published or that somebody drafts."""

from collections.abc import Iterable
from dataclasses import dataclass

from lib.allocation.allocate import Allocation, allocate
from lib.allocation.check import check
from lib.allocation.names import Named, resolve
from lib.allocation.preview import Preview, preview
from lib.allocation.read import Problem, told
from lib.allocation.rule_set import RuleSet
from lib.errors import SourceUnavailable
from lib.ledger.lines import MonthLines, month_lines
from lib.ledger.rule_sets import known_names, published
from lib.ledger.store import Ledger
from lib.periods import month_before
from lib.reports.ledger.platforms import METRICS


@dataclass(frozen=True)
class AllocatedMonth:
    """A month's lines, and who owes them."""

    lines: MonthLines
    allocation: Allocation
    rule_set: RuleSet


@dataclass(frozen=True)
class PreviewAnswer:
    """What a draft makes of a month.

    Args:
        over: the published version that it would follow.
    """

    month: AllocatedMonth
    preview: Preview
    over: int


def allocated(ledger: Ledger, month: str, rule_set: RuleSet) -> AllocatedMonth:
    """Who owes what of a month.

    Raises:
        SourceUnavailable: nothing was captured of it, or the ledger cannot be read.
    """
    lines = month_lines(ledger, month, rule_set)
    return AllocatedMonth(lines, allocate(lines.lines, rule_set), rule_set)


def checked(
    rule_set: RuleSet, unread: Iterable[Problem], names: Iterable[Named]
) -> tuple[RuleSet, list[Problem]]:
    """A draft with ids for its names, and everything that is wrong with it.

    Args:
        unread: what could not be read of it.
        names: what ids are called.
    """
    resolved, unknown = resolve(rule_set, names)
    contradictions = check(rule_set, METRICS)
    clashes = [] if contradictions or unknown else check(resolved, METRICS)
    return resolved, told([*unknown, *contradictions, *clashes], [*unread])


def previewed(ledger: Ledger, month: str, draft: RuleSet) -> PreviewAnswer:
    """What a draft makes of a month, against what counts now.

    Args:
        draft: without problems.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    newest = published(ledger)
    drafted = allocated(ledger, month, draft)
    now = allocated(ledger, month, newest.rule_set)
    try:
        earlier = allocated(ledger, month_before(month), newest.rule_set).allocation
    except SourceUnavailable:
        earlier = None  # it only suggests
    shown = preview(drafted.allocation, now.allocation, draft, known_names(ledger), earlier)
    return PreviewAnswer(drafted, shown, newest.version)
