"""Prints reports as PDF, and builds them if asked to, in a process of its own: ``python -m lib.exports.printer``.

Laying out pages is a second of work during which other visitors would wait, and libraries to import
that a command can have imported while it waits for its sources.
"""

import atexit
import gc
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lib.reports.deferred import DeferredReport, Standing, standing

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

    def start(self, *modules: str) -> None:
        """Starts the process, if there is none, without waiting for it.

        Args:
            modules: what it will need to build reports.
        """
        with self._lock:
            self._running(modules)

    def print(self, report: "Report", *, detail: bool = False) -> bytes:
        """The report as PDF; see ``to_pdf``.

        Raises:
            RuntimeError: it could not be printed.
        """
        return self._ask(report, detail)[1]

    def build(self, deferred: DeferredReport, *, detail: bool = False) -> tuple[bytes, Standing]:
        """Builds a report there, too, and says how it stands.

        Raises:
            RuntimeError: it could not be built or printed.
        """
        said, data = self._ask(deferred, detail)
        told = json.loads(said)
        return data, Standing(**{**told, "notes": tuple(told["notes"])})

    def _ask(self, what: "Report | DeferredReport", detail: bool) -> tuple[bytes, bytes]:
        """How the report stands, as JSON, and its PDF."""
        sent = pickle.dumps((what, detail), pickle.HIGHEST_PROTOCOL)
        with self._lock:
            process = self._running()
            watchdog = threading.Timer(_LONGEST_SECONDS, process.kill)
            watchdog.start()
            try:
                _send(_pipe(process.stdin), True, sent)
                printed, said = _receive(_pipe(process.stdout))
                data = _receive(_pipe(process.stdout))[1] if printed else b""
            except (OSError, EOFError):
                self._end()
                raise RuntimeError("the process that prints ended while it printed") from None
            except BaseException:
                self._end()  # an answer that nobody waited for would be taken for the next one's
                raise
            finally:
                watchdog.cancel()
        if not printed:
            raise RuntimeError(said.decode("utf-8", "replace"))
        return said, data

    def stop(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _running(self, modules: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(  # noqa: S603 - modules of ours
                [sys.executable, "-m", "lib.exports.printer", *modules],
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
    gc.disable()  # as in a command
    sys.modules["cryptography"] = None  # type: ignore[assignment]  # to sign and encrypt: 100 ms
    # Not at the top: who only sends reports needs none of it
    from lib.exports import pdf_forms  # noqa: F401, PLC0415
    from lib.exports.pdf import to_pdf  # noqa: PLC0415
    from lib.exports.pdf_paper import Paper  # noqa: PLC0415

    for module in sys.argv[1:]:
        import_module(module)
    gc.freeze()
    gc.enable()
    while True:
        page = Paper()
        try:
            _, sent = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            asked, detail = pickle.loads(sent)  # noqa: S301 - from the process that started this one
            report = asked.build() if isinstance(asked, DeferredReport) else asked
            data = to_pdf(report, page, detail=detail)
            said = json.dumps(asdict(standing(report))).encode()
        except Exception:  # noqa: BLE001 - told to the other side, whatever it is
            told = traceback.format_exc().encode("utf-8", "backslashreplace")
            _send(sys.stdout.buffer, False, told[-8_000:])
        else:
            _send(sys.stdout.buffer, True, said)
            _send(sys.stdout.buffer, True, data)


printer = Printer()
"""The one of this process."""

atexit.register(printer.stop)

if __name__ == "__main__":
    _serve()
