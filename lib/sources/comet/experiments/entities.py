"""What a Comet server lists: projects, and pages of experiments."""

from dataclasses import dataclass, field
from typing import NamedTuple

CLOCK_SKEW_MS = 86_400_000
"""Clocks of clients may run ahead of ours; a moment further in the future is none."""

_LEEWAY_MS = 3_600_000
"""A client's samples may be stamped that long before its start, and after its end."""


@dataclass(frozen=True)
class CometProject:
    """A project as the server lists it.

    Args:
        listed: ``numberOfExperiments``, with or without archived ones, as the server counts.
        updated: ``lastUpdated``, epoch milliseconds. Both None where the server does not say.
    """

    workspace: str
    name: str
    listed: int | None = None
    updated: int | None = None

    @property
    def steady(self) -> bool:
        """Whether the list tells when the project changes."""
        return self.listed is not None and self.updated is not None

    @property
    def target(self) -> str:
        """As a person asks for it, and as statuses name it."""
        return f"{self.workspace}/{self.name}"


class Life(NamedTuple):
    """When an experiment can have logged anything, epoch milliseconds, with some leeway.

    Args:
        run_ms: how long it ran; None where that is not known.
    """

    first_ms: int
    last_ms: int
    run_ms: int | None = None


def life_of(start: int, end: int, duration: int, now_ms: int, *, runs: bool) -> Life:
    """The life of an experiment with these moments; 0 for one that is not known.

    Args:
        runs: it has not ended, whatever its end says.
    """
    ran = end - start if start and end > start and not runs else duration
    told = start + ran
    if not ran or told >= now_ms + CLOCK_SKEW_MS:
        ran = told = 0
    last = told if start and ran and not runs else now_ms
    return Life(max(1, start - _LEEWAY_MS), last + _LEEWAY_MS, ran or None)


@dataclass
class ExperimentPage:
    """A page of experiments, in lists of equal length; 0 stands for a moment that is not known, None
    for not knowing whether it still runs.

    Args:
        listed: entries of the page, whether usable or not.
        fresh: those with a key that no page had before.
        more: whether the server says that another page follows; None if it does not say.
        unread: entries without a key.
        in_seconds: starts and ends that came as seconds.
    """

    listed: int = 0
    fresh: int = 0
    more: bool | None = None
    unread: int = 0
    in_seconds: int = 0
    keys: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    running: list[bool | None] = field(default_factory=list)

    def lives(self, now_ms: int) -> dict[str, Life]:
        """When each experiment can have logged.

        Args:
            now_ms: epoch milliseconds; what still runs, or says nothing usable of its end, ends now.
        """
        facts = zip(self.keys, self.starts, self.ends, self.durations, self.running, strict=True)
        return {
            key: life_of(start, end, duration, now_ms, runs=bool(running))
            for key, start, end, duration, running in facts
        }
