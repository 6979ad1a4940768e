"""Sign-ins that are over before their time: all replicas learn of them from a folder, without one only this process."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from hmac import new as keyed_hash
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock

from cachetools import TTLCache
from loguru import logger

from lib.errors import SettingsError
from lib.settings.sign_in import LONGEST_HOURS

KEPT_SECONDS = (LONGEST_HOURS + 1) * 3_600
"""An hour more than the longest sign-in lasts, because clocks differ."""

RETRY_SECONDS = 5

_JUMP_SECONDS = 3_600
"""A clock of the day that has gained or lost more than this on the monotonic one was set."""

_MOST = 100_000
_NAME = re.compile(r"[0-9a-f]{64}")


class SignOuts:
    """Sign-ins that were signed out, and people all of whose sign-ins were ended.

    In the folder each is an empty file: named by the identity of a sign-in, or by ``person_name``
    with the moment of ending as its time.

    Args:
        place: folder that the replicas share and that outlives them; empty: memory of the process.
        clock: seconds, for how often an unwritten sign-out is tried again.
        today: seconds since 1970, for which files are old. It may be set, the other one may not.
    """

    def __init__(
        self,
        place: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        today: Callable[[], float] = time.time,
    ) -> None:
        self._folder = Path(place) if place else None
        self._clock, self._today = clock, today
        self._clocks_apart = today() - clock()
        self._known_here: TTLCache[object, bool] = TTLCache(_MOST, KEPT_SECONDS)
        self._unwritten: TTLCache[str, bool] = TTLCache(_MOST, KEPT_SECONDS)
        self._next_try = 0.0
        self._lock = Lock()

    def __contains__(self, identity: object) -> bool:
        """Whether this sign-in was signed out, here or at another replica.

        Raises:
            SettingsError: the folder cannot be asked; whoever signed out shall not get in meanwhile.
        """
        self._write_again()
        with self._lock:
            if identity in self._known_here:
                return True
        return self._time_of(str(identity)) is not None

    def person_ended(self, email: str, secret: str) -> datetime | None:
        """When all sign-ins of a person were ended, UTC; None when they never were.

        Raises:
            SettingsError: the folder cannot be asked.
        """
        return self._time_of(person_name(email, secret))

    def add(self, identity: str) -> bool:
        """Ends a sign-in, here at least; whether all replicas learn of it.

        What could not be written is tried again whenever somebody comes, until it is.
        """
        with self._lock:
            self._known_here[identity] = True
        if self._folder is None:
            return True
        problem = self._write(self._folder, identity)
        if problem is not None:
            problem = self._write(self._folder, identity)  # what was interrupted works now
        if problem is None:
            self._forget_old(self._folder)
            return True
        with self._lock:
            self._unwritten[identity] = True
            self._next_try = self._clock() + RETRY_SECONDS
        logger.error(
            "A sign-out could not be written to DASHBOARD_STATE_DIR ({}) and is tried again: until "
            "then, copies of its cookie work at other replicas and after a restart.",
            _reason(problem),
        )
        return False

    def end_person(self, email: str, secret: str) -> datetime:
        """Ends every sign-in of a person up to now; the moment, UTC.

        Raises:
            SettingsError: there is no folder to write it to, or it cannot be written.
        """
        if self._folder is None:
            raise SettingsError(
                "DASHBOARD_STATE_DIR",
                "is not set, so no running dashboard would learn of it.",
                "Set it as the dashboard has it; or write a new cookie_secret and restart.",
            )
        name = person_name(email, secret)
        try:
            self._folder.stat()  # a folder that is gone is never made anew
            (self._folder / name).touch(mode=0o600)
        except OSError as error:
            raise _unusable(error) from None
        ended = self._time_of(name)
        assert ended is not None  # just written
        return ended

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

    def _time_of(self, name: str) -> datetime | None:
        """The time of a file in the folder; None without the file."""
        if self._folder is None:
            return None
        try:
            with suppress(FileNotFoundError):
                return datetime.fromtimestamp((self._folder / name).stat().st_mtime, UTC)
            self._folder.stat()  # nothing is in a folder that is gone
        except OSError as error:
            raise _unusable(error) from None
        return None

    def _write(self, folder: Path, identity: str) -> OSError | None:
        try:
            (folder / identity).touch(mode=0o600)
        except OSError as error:
            return error
        return None

    def _write_again(self) -> None:
        """Tries what could not be written, not more often than every few seconds."""
        with self._lock:
            if self._folder is None or not self._unwritten or self._clock() < self._next_try:
                return
            self._next_try = self._clock() + RETRY_SECONDS
            waiting = [*self._unwritten]
        written = [identity for identity in waiting if self._write(self._folder, identity) is None]
        with self._lock:
            for identity in written:
                self._unwritten.pop(identity, None)
        if written:
            logger.info("Sign-outs written late to DASHBOARD_STATE_DIR: {}.", len(written))

    def _forget_old(self, folder: Path) -> None:
        """Removes our files of sign-ins that are over anyway; none while the clock of the day may be wrong.

        A sign-in that is over by a clock put forward lives again once that is put right.
        """
        if abs(self._today() - self._clock() - self._clocks_apart) > _JUMP_SECONDS:
            return
        oldest = self._today() - KEPT_SECONDS
        try:
            for path in folder.iterdir():
                if not _NAME.fullmatch(path.name):
                    continue
                with suppress(FileNotFoundError):  # another replica was faster
                    if path.lstat().st_mtime < oldest:
                        path.unlink()
        except OSError as error:
            logger.warning("Old files stay in DASHBOARD_STATE_DIR ({}).", _reason(error))


def person_name(email: str, secret: str) -> str:
    """A name for a person, fit for a file, which only holders of the cookie secret can tell."""
    return keyed_hash(secret.encode(), f"person:{email.lower()}".encode(), sha256).hexdigest()


@cache
def sign_outs_in(place: str) -> SignOuts:
    """The sign-outs of one place, the same for the whole process."""
    return SignOuts(place)


def _unusable(error: OSError) -> SettingsError:
    return SettingsError(
        "DASHBOARD_STATE_DIR",
        f"names a folder that this process cannot use ({_reason(error)}): "
        "nobody could tell who has signed out.",
        "Make the folder, and let the dashboard's user write there.",
    )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
