"""Whose a file is: what was built for one person is nobody else's, whoever learns of its address."""

from hashlib import sha256
from threading import Lock

from cachetools import TTLCache

from lib.settings.sign_in import LONGEST_HOURS

_MOST = 100_000


class FileOwners:
    """For whom files were built; equal files of two people are both's."""

    def __init__(self) -> None:
        self._owned: TTLCache[tuple[bytes, str], bool] = TTLCache(_MOST, LONGEST_HOURS * 3_600)
        self._lock = Lock()

    def add(self, data: bytes, person: str) -> None:
        """A file was built for a person."""
        with self._lock:
            self._owned[sha256(data).digest(), person] = True

    def owns(self, person: str, data: bytes) -> bool:
        """Whether it was built for this person."""
        with self._lock:
            return (sha256(data).digest(), person) in self._owned


file_owners = FileOwners()
"""Of this process, in whose memory the files lie."""
