"""How far a load is: written on the event loop, read by whoever draws it."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass
class Progress:
    """How far a load is, written on the event loop and read by whoever draws it.

    Args:
        done: requests answered; total: requests known so far.
    """

    done: int = 0
    total: int = 0

    def told(self, counted: str) -> str:
        """``3 of 9 requests answered``; before anything is known to come, that it begins."""
        return f"{self.done:,} of {self.total:,} {counted}" if self.total else "Asking …"

    async def count(self, work: Awaitable[T]) -> T:
        """Awaits one request's worth of work and counts it."""
        self.total += 1
        try:
            return await work
        finally:
            self.done += 1
