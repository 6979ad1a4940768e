"""How much one person's uploads may hold of the server's memory."""

from collections.abc import Callable
from threading import Lock

MOST_FILES = 24
"""Two years, month by month."""

MOST_BYTES = 600_000_000

REFUSAL = (
    f"Your uploads would hold more than {MOST_FILES} files or {MOST_BYTES // 1_000_000} MB: "
    "remove some on the page, or close other tabs of it, and upload again."
)

Place = tuple[str, str]
"""A session and a file in it."""


class UploadBudgets:
    """What each person has uploaded and not yet given back.

    Args:
        is_held: whether the server still holds the file of a place.
    """

    def __init__(self, is_held: Callable[[Place], bool]) -> None:
        self._is_held = is_held
        self._kept: dict[str, dict[Place, int]] = {}
        self._arriving: dict[str, dict[Place, int]] = {}
        self._lock = Lock()

    def begin(self, person: str, place: Place, size: int) -> bool:
        """Reserves room for an upload that begins; False when there is none.

        Whoever gets room says ``finish`` once the upload is over.

        Args:
            size: bytes announced, or the most that can come.
        """
        with self._lock:
            kept = {
                file: bytes_kept
                for file, bytes_kept in self._kept.get(person, {}).items()
                if self._is_held(file)
            }
            arriving = self._arriving.get(person, {})
            if place in arriving:  # the same file twice at once
                return False
            self._set(self._kept, person, kept)
            others = [*(kept | {place: 0}).values(), *arriving.values()]
            if len(others) > MOST_FILES or sum(others) + size > MOST_BYTES:
                return False
            self._arriving.setdefault(person, {})[place] = size
            return True

    def finish(self, person: str, place: Place) -> None:
        """An upload is over, whether it came through or not."""
        with self._lock:
            arriving = self._arriving.get(person, {})
            size = arriving.pop(place, None)
            self._set(self._arriving, person, arriving)
            if size is not None and self._is_held(place):
                self._kept.setdefault(person, {})[place] = size

    @staticmethod
    def _set(sizes: dict[str, dict[Place, int]], person: str, of_person: dict[Place, int]) -> None:
        """Keeps no entry of people who have nothing."""
        if of_person:
            sizes[person] = of_person
        else:
            sizes.pop(person, None)
