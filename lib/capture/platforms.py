"""Each platform's way from months to what it said of them: a row a platform."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from lib.cache import FINAL_AFTER, Caches
from lib.capture.months import end_of, first_day, last_day
from lib.errors import SourceError, SourceRefused, SourceReplyError
from lib.ledger.keeping import Said
from lib.ledger.warehouse import Month
from lib.loader.chargeback import load_chargeback, same_content
from lib.loader.experiments import load_comet_usage, load_workspaces
from lib.loader.openai import load_openai
from lib.loader.openai_limits import LimitsAnswer, load_limits
from lib.loader.progress import Progress
from lib.loader.tenants import load_tenants
from lib.periods import Period
from lib.settings import Settings
from lib.sources.comet.chargeback import measures as chargeback_measures
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.sources.comet.experiments import measures as experiments_measures
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.openai import measures as openai_measures
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.query import OpenAIQuery
from lib.sources.openai.tables import AMOUNTS, COSTS, COSTS_BY_USER, DIMENSIONS, ENDPOINTS
from lib.sources.tenants import measures as tenants_measures
from lib.sources.tenants.query import TenantQuery
from lib.status import SourceStatus
from lib.upstreams import comet_upstream, openai_upstream, tenant_upstream

OWN_PERIOD = timedelta(days=31)
"""How long a tenant's own billing period, begun on a month's last day, runs on."""

RUNS = timedelta(days=31)
"""How long an experiment is waited for: its run time is known when it has ended."""


@dataclass
class Asking:
    """One round of questions to one platform.

    Args:
        months: to ask for, in order.
        now: when it is; no answer is older.
    """

    settings: Settings
    months: Sequence[str]
    now: datetime
    caches: Caches = field(default_factory=Caches)
    progress: Progress = field(default_factory=Progress)

    @property
    def today(self) -> date:
        return self.now.date()


class BeyondReach(SourceReplyError):
    """The source does not give this month, nor will it ever: no fault, unless the month was named."""


Answers = AsyncIterator[list[Said] | tuple[str, SourceError]]
"""What was said of months, as it comes; a month with its error where there was no answer."""


@dataclass(frozen=True)
class Platform:
    """One platform that can be captured.

    Args:
        name: as the commands call it, and the measures.
        account: whose data the settings give.
        is_configured: whether the settings name it.
        ask: gives the answers to a round of questions.
    """

    name: str
    account: Callable[[Settings], str]
    is_configured: Callable[[Settings], bool]
    ask: Callable[[Asking], Answers]


async def _openai(asking: Asking) -> Answers:
    source = openai_upstream(asking.settings)
    async with aclosing(source.connect()) as client:
        for place, month in enumerate(asking.months):
            query = OpenAIQuery(_days(month, asking.today), group_by=tuple(DIMENSIONS))
            try:
                answer = await load_openai(
                    client, asking.caches, query, now=asking.now, progress=asking.progress
                )
            except SourceError as error:  # of all endpoints: the other months would fare no better
                for unasked in asking.months[place:]:
                    yield unasked, error
                return
            limits = None
            if month == f"{asking.today:%Y-%m}":  # what is limited now was not so in other months
                limits = await load_limits(
                    client, asking.caches, now=asking.now, progress=asking.progress
                )
            yield [openai_said(answer, month, asking.now, limits)]


def openai_said(
    answer: OpenAIAnswer, month: str, now: datetime, limits: LimitsAnswer | None = None
) -> Said:
    """What OpenAI said of a month, by every dimension it knows.

    Args:
        limits: what it limits, where the month is the one that runs.
    """
    limits = limits or LimitsAnswer({}, (), ())
    answer = replace(answer, statuses=(*answer.statuses, *limits.statuses))
    return Said(
        Month(openai_measures.PLATFORM, answer.account, month),
        now,
        end_of(month) + FINAL_AFTER,
        openai_measures.measures_of(answer),
        (*openai_measures.names_of(answer), *limits.names),
        _failed(answer.statuses, {*ENDPOINTS, COSTS, COSTS_BY_USER}),
        frozenset(status.part for status in answer.statuses if status.lacks == AMOUNTS),
        unknown_metrics=openai_measures.unknown_metrics(answer),
        facts=openai_measures.facts_of(answer, month),
        limits=limits.parts,
        projects=answer.projects,
    )


async def _tenants(asking: Asking) -> Answers:
    """All months in one look: Redis is asked for keys, not for months."""
    source = replace(tenant_upstream(asking.settings), ledger=None)  # its own memory is no news
    first, last = asking.months[0], asking.months[-1]
    query = TenantQuery(Period(first_day(first), min(last_day(last), asking.today)))
    try:
        async with aclosing(await source.connect(4)) as client:
            answer = await load_tenants(
                source, client, query, caches=asking.caches, progress=asking.progress
            )
    except SourceError as error:
        for month in asking.months:
            yield month, error
        return
    every = tenants_measures.measures_of(answer)
    yield [
        Said(
            Month(tenants_measures.PLATFORM, answer.host, month),
            asking.now,
            end_of(month) + OWN_PERIOD + FINAL_AFTER,
            _of_month(every, month),
            (),
            _failed(answer.statuses, {""}),
            unknown_metrics=tenants_measures.unknown_metrics(answer),
            facts=tenants_measures.facts_of(answer, month),
            loses_rows=True,
        )
        for month in asking.months
    ]


async def _chargeback(asking: Asking) -> Answers:
    """This month's report, and earlier ones from servers that keep them: newest first, until one does not."""
    source = replace(comet_upstream(asking.settings), ledger=None)  # its own memory is no news
    this_month = f"{asking.today:%Y-%m}"
    async with aclosing(source.connect()) as client:

        async def load(month: str | None) -> ChargebackAnswer:
            return await load_chargeback(
                source,
                client,
                ChargebackQuery(month),
                caches=asking.caches,
                progress=asking.progress,
                now=asking.now,
            )

        for month in reversed(asking.months):
            is_current = month == this_month
            try:
                answer = await load(None if is_current else month)
                if not is_current:
                    _check_kept(answer, await load(None), month)
            except SourceError as error:
                if is_current:
                    yield month, error
                    continue
                # A month that is refused is one from before the server's own history, as are those before it
                refused = isinstance(error, SourceRefused | BeyondReach)
                for unasked in [one for one in reversed(asking.months) if one <= month]:
                    yield unasked, _beyond_reach(unasked) if refused else error
                return
            yield [chargeback_said(answer, month, asking.now)]


def chargeback_said(answer: ChargebackAnswer, month: str, now: datetime) -> Said:
    """What a Comet server's report says of a month."""
    return Said(
        Month(chargeback_measures.PLATFORM, answer.host, month),
        now,
        end_of(month) + FINAL_AFTER,
        chargeback_measures.measures_of(answer, month),
        tuple(chargeback_measures.names_of(answer)),
        _failed(answer.statuses, {"chargeback"}),
        unknown_metrics=chargeback_measures.unknown_metrics(answer),
        facts=chargeback_measures.facts_of(answer),
        is_state=True,
    )


def _check_kept(answer: ChargebackAnswer, current: ChargebackAnswer, month: str) -> None:
    """Refuses what a server gives for any month that it is asked for.

    Raises:
        BeyondReach: it is another month's report, or the current one under another name.
    """
    if answer.report.month != month or same_content(answer.report, current.report):
        raise _beyond_reach(month)


def _beyond_reach(month: str) -> BeyondReach:
    return BeyondReach(
        "comet:chargeback",
        f"the server keeps no report of {month}.",
        "It can be captured in its own month only.",
    )


async def _experiments(asking: Asking) -> Answers:
    """All months in one look: a server gives experiments whole, of all time."""
    source = comet_upstream(asking.settings)
    try:
        async with aclosing(source.connect()) as client:
            targets = await load_workspaces(source, client, caches=asking.caches)
            answer = await load_comet_usage(
                source,
                client,
                CometUsageQuery(targets, archived=True),
                caches=asking.caches,
                progress=asking.progress,
                now=asking.now,
            )
    except SourceError as error:
        for month in asking.months:
            yield month, error
        return
    yield experiments_said(answer, asking.months, asking.now)


def experiments_said(answer: CometUsageAnswer, months: Iterable[str], now: datetime) -> list[Said]:
    """What a Comet server's experiments say of months; what it deleted since stays as it was captured."""
    every = experiments_measures.measures_of(answer, now)
    facts = experiments_measures.facts_of(answer, now)
    return [
        Said(
            Month(experiments_measures.PLATFORM, answer.host, month),
            now,
            end_of(month) + RUNS,
            _of_month(every, month),
            tuple(experiments_measures.names_of(answer)),
            _failed(answer.statuses, None),
            unknown_metrics=experiments_measures.unknown_metrics(answer),
            facts=facts,
            loses_rows=True,
            counts=experiments_measures.COUNTS,
        )
        for month in months
    ]


def _days(month: str, today: date) -> Period:
    """The days of a month that have begun."""
    return Period(first_day(month), min(last_day(month), today))


def _of_month(measures: pa.Table, month: str) -> pa.Table:
    return measures.filter(pc.equal(measures["month"], month))


def _failed(statuses: Iterable[SourceStatus], parts: set[str] | None) -> frozenset[str]:
    """The parts with amounts that gave no answer, or not all of it.

    Args:
        parts: those with amounts; None means all.
    """
    return frozenset(
        status.part or status.source
        for status in statuses
        if status.status in ("failed", "partial") and (parts is None or status.part in parts)
    )


PLATFORMS: Mapping[str, Platform] = {
    platform.name: platform
    for platform in (
        Platform(
            openai_measures.PLATFORM,
            lambda settings: openai_upstream(settings).kept_as,
            lambda settings: settings.openai_admin_key is not None,
            _openai,
        ),
        Platform(
            tenants_measures.PLATFORM,
            lambda settings: tenant_upstream(settings).host,
            lambda settings: settings.redis_primary_endpoint is not None,
            _tenants,
        ),
        Platform(
            chargeback_measures.PLATFORM,
            lambda settings: comet_upstream(settings).host,
            lambda settings: settings.comet_api_key is not None,
            _chargeback,
        ),
        Platform(
            experiments_measures.PLATFORM,
            lambda settings: comet_upstream(settings).host,
            lambda settings: settings.comet_api_key is not None,
            _experiments,
        ),
    )
}
"""In the order in which they are captured."""
