"""Prints reports as PDF in a process of its own: ``python -m lib.exports.printer``.

Laying out pages is a second of work during which other visitors would wait, and libraries to import
that a command can have imported while it waits for its sources.
"""

import atexit
import os
import pickle
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from lib.reports.report import Report

_ROOT = Path(__file__).parents[2]
_LENGTH = struct.Struct("!?I")
_LONGEST_SECONDS = 120
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""All that the process gets of the environment: it draws names, and needs no keys."""


class Printer:
    """One process that prints, started when first needed and again when it ended; for all threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the process, if there is none, without waiting for it."""
        with self._lock:
            self._running()

    def print(self, report: "Report") -> bytes:
        """The report as PDF; see ``to_pdf``.

        Raises:
            RuntimeError: it could not be printed.
        """
        sent = pickle.dumps(report, pickle.HIGHEST_PROTOCOL)
        with self._lock:
            process = self._running()
            watchdog = threading.Timer(_LONGEST_SECONDS, process.kill)
            watchdog.start()
            try:
                _send(_pipe(process.stdin), True, sent)
                printed, data = _receive(_pipe(process.stdout))
            except (OSError, EOFError):
                self._end()
                raise RuntimeError("the process that prints ended while it printed") from None
            except BaseException:
                self._end()  # an answer that nobody waited for would be taken for the next one's
                raise
            finally:
                watchdog.cancel()
        if not printed:
            raise RuntimeError(data.decode("utf-8", "replace"))
        return data

    def stop(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lib.exports.printer"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                env=_environment(os.environ),
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:
                continue  # what was still to be written is of no use any more
        process.kill()
        process.wait()


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _send(pipe: IO[bytes], good: bool, data: bytes) -> None:
    pipe.write(_LENGTH.pack(good, len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> tuple[bool, bytes]:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    good, length = _LENGTH.unpack(head)
    data = pipe.read(length)
    if len(data) < length:
        raise EOFError
    return good, data


def _serve() -> None:
    """Prints what comes in until the other side closes."""
    # Not at the top: who only sends reports needs neither
    from lib.exports.pdf import to_pdf  # noqa: PLC0415
    from lib.reports.report import Report  # noqa: PLC0415

    # The first one takes half a second longer than those that follow: nobody waits for this one
    to_pdf(Report("", "", None, {}, datetime.now(UTC), (), {}, (), (), ()))
    while True:
        try:
            _, sent = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            data = to_pdf(pickle.loads(sent))  # noqa: S301 - from the process that started this one
        except Exception:  # noqa: BLE001 - told to the other side, whatever it is
            _send(sys.stdout.buffer, False, traceback.format_exc().encode()[-8_000:])
        else:
            _send(sys.stdout.buffer, True, data)


printer = Printer()
"""The one of this process."""

atexit.register(printer.stop)

if __name__ == "__main__":
    _serve()
