"""Draws charts in a process of its own: ``python -m lib.exports.chart_engine``.

The engine keeps Python's lock while it draws, so other visitors would wait for each chart, and what
makes it stop ends its whole process.
"""

import atexit
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[2]
FONTS = Path(__file__).parents[1] / "fonts"
SCALE = 2

_LENGTH = struct.Struct("!?I")
_LONGEST_SECONDS = 120
_FIRST = '{"data": {"values": [{"x": 1}]}, "mark": "text", "encoding": {"text": {"field": "x"}}}'
"""Drawn at the start, since the first chart of a process takes most of a second."""

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
"""All that the engine gets of the environment: it draws names, and needs no keys."""


class ChartEngine:
    """One process that draws, started when first needed and again when it ended; for all threads."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Starts the process, if there is none, without waiting for it."""
        with self._lock:
            self._running()

    def draw(self, spec: str) -> bytes:
        """A Vega-Lite spec as PNG.

        Raises:
            ValueError: it cannot be drawn.
        """
        with self._lock:
            process = self._running()
            watchdog = threading.Timer(_LONGEST_SECONDS, process.kill)
            watchdog.start()
            try:
                _send(_pipe(process.stdin), True, spec.encode("ascii", "backslashreplace"))
                drawn, data = _receive(_pipe(process.stdout))
            except (OSError, EOFError):
                self._end()
                raise ValueError("the chart ended its engine") from None
            except BaseException:
                self._end()  # an answer that nobody waited for would be taken for the next one's
                raise
            finally:
                watchdog.cancel()
        if not drawn:
            raise ValueError(data.decode("utf-8", "replace"))
        return data

    def stop(self) -> None:
        """Ends the process."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "lib.exports.chart_engine"],
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
    """Draws what comes in until the other side closes."""
    import vl_convert  # noqa: PLC0415 - starts a JavaScript engine, in this process only

    vl_convert.register_font_directory(str(FONTS))
    vl_convert.vegalite_to_png(_FIRST, scale=SCALE, allowed_base_urls=[])
    while True:
        try:
            _, spec = _receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            data = vl_convert.vegalite_to_png(spec.decode(), scale=SCALE, allowed_base_urls=[])
        except ValueError as error:
            _send(sys.stdout.buffer, False, str(error)[:2_000].encode())
        else:
            _send(sys.stdout.buffer, True, data)


engine = ChartEngine()
"""The one of this process."""

atexit.register(engine.stop)

if __name__ == "__main__":
    _serve()
