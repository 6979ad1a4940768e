"""What a Comet server lists: projects, and pages of experiments."""

from dataclasses import dataclass, field


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
    def target(self) -> str:
        """As a person asks for it, and as statuses name it."""
        return f"{self.workspace}/{self.name}"


@dataclass
class ExperimentPage:
    """A page of experiments, in lists of equal length; 0 stands for a moment that is not known, None
    for not knowing whether it still runs.

    Args:
        listed: entries of the page, whether usable or not.
        fresh: those with a key that no page had before.
        more: whether the server says that another page follows; None if it does not say.
        unread: entries without a key.
    """

    listed: int = 0
    fresh: int = 0
    more: bool | None = None
    unread: int = 0
    keys: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    running: list[bool | None] = field(default_factory=list)

    def runs(self) -> dict[str, int | None]:
        """How long each experiment ran, milliseconds; None where that is not known."""
        return {
            key: (end - start if start and end > start else duration) or None
            for key, start, end, duration in zip(
                self.keys, self.starts, self.ends, self.durations, strict=True
            )
        }
