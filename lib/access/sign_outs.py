"""Sign-ins that were signed out: all replicas learn of them from a folder, without one only this process."""

import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

from cachetools import TTLCache
from loguru import logger

from lib.errors import SettingsError

KEPT_SECONDS = 169 * 3_600
"""An hour more than the longest sign-in lasts, because clocks differ."""

_MOST = 100_000
_NAME = re.compile(r"[0-9a-f]{64}")


class Ended:
    """Identities of sign-ins that were signed out; in the folder each is the name of an empty file.

    Args:
        place: folder that the replicas share and that outlives them; empty: memory of the process.
    """

    def __init__(self, place: str) -> None:
        self._folder = Path(place) if place else None
        self._told: TTLCache[object, bool] = TTLCache(_MOST, KEPT_SECONDS)
        self._lock = Lock()

    def __contains__(self, identity: object) -> bool:
        """Whether this sign-in was signed out, here or at another replica.

        Raises:
            SettingsError: the folder cannot be asked; whoever signed out shall not get in meanwhile.
        """
        with self._lock:
            if identity in self._told:
                return True
        if self._folder is None:
            return False
        try:
            with suppress(FileNotFoundError):
                (self._folder / str(identity)).stat()
                return True
            self._folder.stat()  # nothing is in a folder that is gone
        except OSError as error:
            raise _unusable(error) from None
        return False

    def add(self, identity: str) -> None:
        """Ends a sign-in; that others could not be told is logged."""
        with self._lock:
            self._told[identity] = True
        if self._folder is None:
            return
        try:
            (self._folder / identity).touch(mode=0o600)
        except OSError as error:
            logger.error(
                "A sign-out could not be written to DASHBOARD_STATE_DIR ({}): until that sign-in is "
                "over, copies of its cookie work at other replicas and after a restart.",
                _reason(error),
            )
            return
        self._forget_old(self._folder)

    def check(self) -> None:
        """Whether sign-outs can be kept.

        Raises:
            SettingsError: not in this folder.
        """
        if self._folder is None:
            return
        try:
            TemporaryFile(dir=self._folder).close()
        except OSError as error:
            raise _unusable(error) from None

    def _forget_old(self, folder: Path) -> None:
        """Removes our files of sign-ins that are over anyway."""
        oldest = time.time() - KEPT_SECONDS
        try:
            for path in folder.iterdir():
                if not _NAME.fullmatch(path.name):
                    continue
                with suppress(FileNotFoundError):  # another replica was faster
                    if path.lstat().st_mtime < oldest:
                        path.unlink()
        except OSError as error:
            logger.warning("Old files stay in DASHBOARD_STATE_DIR ({}).", _reason(error))


@cache
def ended_in(place: str) -> Ended:
    """The ended sign-ins of one place, the same for the whole process."""
    return Ended(place)


def _unusable(error: OSError) -> SettingsError:
    return SettingsError(
        "DASHBOARD_STATE_DIR",
        f"names a folder that this process cannot use ({_reason(error)}): "
        "nobody could tell who has signed out.",
        "Make the folder, and let the dashboard's user write there.",
    )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
