"""One round: what is configured is asked for what is due, and each month is entered when it has come."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from lib.capture.months import due_months
from lib.errors import DashboardError, InputError, SettingsError, SourceError
from lib.ledger.keeping import Outcome, keep_all
from lib.ledger.store import Capture, Ledger
from lib.loader.progress import Progress
from lib.settings import Settings

if TYPE_CHECKING:
    from lib.capture.platforms import Platform

NAMES = ("openai", "tenants", "comet-chargeback", "comet-usage")
"""Of the platforms, in the order in which they are captured."""


@dataclass(frozen=True)
class MonthResult:
    """What became of one month of a platform.

    Args:
        outcome: None where there was no answer, or the ledger could not be written.
        error: why.
        beyond_reach: the source never gives it, and nobody has named it.
    """

    platform: str
    month: str
    outcome: Outcome | None = None
    error: DashboardError | None = None
    beyond_reach: bool = False

    @property
    def complete(self) -> bool:
        """Whether what stands of it now is complete, or is all that can be had."""
        return self.beyond_reach or (self.outcome is not None and self.outcome.capture.complete)


def chosen_platforms(settings: Settings, names: Iterable[str]) -> "list[Platform]":
    """The platforms that are named, else all that are configured; the demo has all.

    Raises:
        InputError: one is unknown.
        SettingsError: one is not configured, or none is.
    """
    from lib.capture.platforms import PLATFORMS  # noqa: PLC0415  # all platforms: a second

    named = [*dict.fromkeys(names)]
    for name in named:
        if name not in PLATFORMS:
            raise InputError(
                "platform", f"{name[:40]!r} is unknown.", f"Use {', '.join(PLATFORMS)}."
            )
    configured = [
        platform
        for platform in PLATFORMS.values()
        if settings.demo or platform.is_configured(settings)
    ]
    if not configured:
        raise SettingsError("No platform", "is configured.", "Set its variables in devenv.sh.")
    if not named:
        return configured
    for name in named:
        if PLATFORMS[name] not in configured:
            raise SettingsError(name, "is not configured.", "Set its variables in devenv.sh.")
    return [PLATFORMS[name] for name in named]


async def capture_round(
    settings: Settings,
    ledger: Ledger,
    platforms: "Sequence[Platform]",
    months: Sequence[str],
    *,
    now: datetime,
    progress: Progress | None = None,
) -> AsyncIterator[MonthResult]:
    """Asks each platform for months and enters the answers, one after the other.

    A platform that fails costs its own months only. Who leaves early keeps what was entered.

    Args:
        months: to ask for, of each of which there is one result; none means those that are due, and of
            those that are beyond reach the first is told.
    """
    from lib.capture.platforms import Asking, BeyondReach  # noqa: PLC0415

    standing = await asyncio.to_thread(ledger.captures)
    for platform in platforms:
        try:
            wanted = [*months] or due_months(_of(platform, settings, standing), now.date())
            asking = Asking(settings, wanted, now, progress=progress or Progress())
            told = False
            async for said in platform.ask(asking):
                if isinstance(said, tuple):
                    month, error = said
                    beyond = not months and isinstance(error, BeyondReach)
                    if not (beyond and told):
                        yield MonthResult(platform.name, month, error=error, beyond_reach=beyond)
                    told = told or beyond
                    continue
                try:
                    outcomes = await asyncio.to_thread(keep_all, ledger, said)
                except SourceError as error:
                    for answer in said:
                        yield MonthResult(platform.name, answer.key.month, error=error)
                    continue
                for outcome in outcomes:
                    yield MonthResult(platform.name, outcome.capture.month, outcome)
        except DashboardError as error:
            yield MonthResult(platform.name, "", error=error)


def _of(platform: "Platform", settings: Settings, standing: Iterable[Capture]) -> list[Capture]:
    account = platform.account(settings)
    return [
        capture
        for capture in standing
        if (capture.platform, capture.account) == (platform.name, account)
    ]
