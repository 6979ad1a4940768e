"""The audit trail: one JSON line per sign-in, report and download, in a rotating file or on stdout."""

import errno
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from logging import INFO, LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Lock
from typing import Literal

from lib.errors import SettingsError
from lib.redaction import redact
from lib.reports.report import Report

OFF, STDOUT = "off", "stdout"

_MEGABYTES_A_FILE = 10
_FILES_KEPT = 20
_ONE_AT_A_TIME = Lock()

Event = Literal["sign-in", "sign-out", "refused", "report", "download", "capture", "rules"]


class Trail:
    """Where the audit lines go.

    Args:
        place: ``off``, ``stdout``, or the path of a file, which rotates at 10 MB and keeps 20.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._file: RotatingFileHandler | None = None
        if place not in (OFF, STDOUT):
            try:
                path = Path(place).expanduser()
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = _AuditFile(
                    path,
                    maxBytes=_MEGABYTES_A_FILE * 1_000_000,
                    backupCount=_FILES_KEPT,
                    encoding="utf-8",
                )
            except OSError as error:
                raise _unusable(error) from None

    def close(self) -> None:
        """Closes the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def note(self, event: Event, *, user: str, page: str = "", **facts: object) -> None:
        """Writes one line; what cannot be noted does not happen.

        Raises:
            SettingsError: the line cannot be written.
        """
        if self._place == OFF:
            return
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "user": user,
            **({"page": page} if page else {}),
            **facts,
        }
        # Redacted value by value: JSON's escapes would hide a secret with quotes in it.
        text = json.dumps(_clean(line), ensure_ascii=True)
        try:
            if self._file is not None:
                self._file.handle(LogRecord("audit", INFO, "", 0, text, None, None))
                return
            with _ONE_AT_A_TIME:
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()
        except (OSError, ValueError) as error:
            raise _unusable(error) from None

    def note_report(self, report: Report, *, user: str, page: str) -> None:
        """A report that was built for somebody."""
        self.note("report", user=user, page=page, **_facts(report))

    def note_download(
        self, report: Report, data: bytes, *, user: str, page: str, name: str
    ) -> None:
        """A file that somebody is about to get."""
        form = name.rpartition(".")[2]
        digest = sha256(data).hexdigest()
        facts = {"format": form, "name": name, "bytes": len(data), "sha256": digest}
        self.note("download", user=user, page=page, **_facts(report), **facts)


class _AuditFile(RotatingFileHandler):
    """Writes a line whole or not at all, and raises what the library would only print.

    Of what its buffer held when the disk was full, the library would write the rest later: an act that
    was refused would stand there as if it had happened.
    """

    def emit(self, record: LogRecord) -> None:
        line = f"{self.format(record)}\n".encode()
        if self.shouldRollover(record):
            self.doRollover()
        if self.stream is None:
            self.stream = self._open()
        file = self.stream.fileno()
        before = os.fstat(file).st_size
        if os.write(file, line) < len(line):
            os.ftruncate(file, before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@lru_cache(maxsize=4)
def trail(place: str) -> Trail:
    """The trail to a place, opened once.

    Raises:
        SettingsError: the file cannot be written.
    """
    return Trail(place)


def _facts(report: Report) -> dict[str, object]:
    period = report.period
    main = [table for table in report.tables if table.key == report.main_table]
    return {
        "report": report.kind,
        "period": [f"{period.start}", f"{period.end}"] if period else None,
        "filters": report.filters,
        "rows": len((main or report.tables)[0].frame) if report.tables else 0,
        "complete": report.complete,
        "demo": report.demo,
    }


def _clean(value: object) -> object:
    if isinstance(value, Mapping):
        return {redact(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value))


def _unusable(error: Exception) -> SettingsError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return SettingsError(
        "DASHBOARD_AUDIT",
        f"names a place that cannot be written ({reason}); without an audit trail nothing is shown.",
        "Correct the setting or the rights of the file.",
    )
