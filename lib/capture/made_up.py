"""Fills the demo's ledger, so that it has a history."""

from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta

from lib.cache import FINAL_AFTER, Caches
from lib.capture.months import end_of, month_of, months_since
from lib.capture.rounds import MonthResult, capture_round
from lib.errors import InputError
from lib.ledger.allocated import checked
from lib.ledger.keeping import Said, keep_all
from lib.ledger.limits import Parts
from lib.ledger.rule_sets import known_names, publish, published
from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from lib.loader.openai_limits import load_limits
from lib.loader.progress import Progress
from lib.periods import months_before
from lib.settings import Settings
from lib.sources.openai.measures import PLATFORM as OPENAI
from lib.upstreams import ledger_upstream, made_up_months, made_up_rules, openai_upstream

MONTHS = 13
"""This one and those before it."""

_A_MINUTE = timedelta(minutes=1)


def is_filled(ledger: Ledger, now: datetime) -> bool:
    """Whether every platform has all months, and there are rules of who pays."""
    from lib.capture.platforms import PLATFORMS  # noqa: PLC0415  # all platforms: a second

    there = {(capture.platform, capture.month) for capture in ledger.captures()}
    if not published(ledger).version:
        return False
    return all((platform, month) in there for platform in PLATFORMS for month in _months(now))


async def fill(
    settings: Settings, ledger: Ledger, now: datetime, progress: Progress
) -> AsyncIterator[MonthResult]:
    """Captures the stand-ins; OpenAI's months are made at once."""
    from lib.capture.platforms import PLATFORMS  # noqa: PLC0415  # all platforms: a second

    others = [platform for name, platform in PLATFORMS.items() if name != OPENAI]
    async for result in capture_round(
        settings, ledger, others, _months(now), now=now, progress=progress
    ):
        yield result
    source = openai_upstream(settings)
    account = source.host
    made_up = made_up_months(account)
    names = tuple(made_up.names())
    async with aclosing(source.connect()) as client:
        limits = await load_limits(client, Caches(), now=now)
    answers = [
        Said(
            Month(OPENAI, account, month),
            now,
            end_of(month) + FINAL_AFTER,
            made_up.measures(month, now.date()),
            names,
            facts={"host": account, "statuses": [], "notes": [], "marks": [], "columns": {}},
            limits=_as_of(limits.parts, min(now, end_of(month) - _A_MINUTE)),
        )
        for month in _months(now)
    ]
    for outcome in keep_all(ledger, answers):
        yield MonthResult(OPENAI, outcome.capture.month, outcome)
    if not published(ledger).version:
        rules, reason = made_up_rules(now.date())
        resolved, problems = checked(rules, (), known_names(ledger))
        assert not problems, problems  # they are ours
        with suppress(InputError):  # another process has just done it
            publish(ledger, resolved, over=0, by="demo", reason=reason, now=now)


def _as_of(parts: Parts, moment: datetime) -> Parts:
    """The same limits, as if the month had been captured while it ran."""
    at = {"asked_at": moment.isoformat(), "as_of": moment.isoformat()}
    return {part: {**said, **at} for part, said in parts.items()}


def _months(now: datetime) -> list[str]:
    return months_since(month_of(months_before(now.date(), MONTHS - 1)), now.date())


async def fill_what_is_missing(settings: Settings) -> None:
    """Does nothing where every platform has all months."""
    ledger, now = ledger_upstream(settings), datetime.now(UTC)
    if not is_filled(ledger, now):
        async for _ in fill(settings, ledger, now, Progress()):
            pass
