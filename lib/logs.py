"""Log lines on stderr, without secrets, whoever writes them."""

import inspect
import json
import logging
import sys
from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING

from loguru import logger

from lib.redaction import redact

if TYPE_CHECKING:
    from loguru import Message


class _ToLoguru(logging.Handler):
    """Hands the standard library's log records to loguru, so that one sink redacts all of them."""

    def emit(self, record: logging.LogRecord) -> None:
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame, depth = frame.f_back, depth + 1
        logger.opt(depth=depth, exception=record.exc_info).log(
            record.levelname if record.levelname in _LEVELS else record.levelno, _message(record)
        )


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # a library's slip in a log line must not stop its work
        return f"{record.msg} {record.args}"


_SERVER = ("uvicorn", "uvicorn.access", "uvicorn.error")
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_FORMAT = (
    "{time:YYYY-MM-DD HH:mm:ss!UTC}Z {level: <8} {name}: {message}"  # loguru adds the traceback
)


def _write(message: "Message") -> None:
    sys.stderr.write(redact(message))
    sys.stderr.flush()


def _write_json(message: "Message") -> None:
    record = message.record
    line = {
        "time": record["time"].astimezone(UTC).isoformat(timespec="milliseconds"),
        "level": record["level"].name,
        "name": record["name"],
        # Redacted before it is written as JSON, whose escapes would hide a secret with quotes in it.
        "message": redact(str(message)).rstrip(),
    }
    sys.stderr.write(f"{json.dumps(line)}\n")
    sys.stderr.flush()


@lru_cache(maxsize=1)
def configure_logs(level: str, *, as_json: bool = False) -> None:
    """One redacting sink on stderr for loguru and the standard library; once per level.

    Args:
        as_json: one JSON object a line, for whatever collects the logs of a host.
    """
    logger.remove()
    sink, form = (_write_json, "{message}") if as_json else (_write, _FORMAT)
    # diagnose would print the values of local variables, keys among them.
    logger.add(sink, level=level, format=form, diagnose=False, backtrace=False, colorize=False)
    handler = _ToLoguru()
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in {*logging.root.manager.loggerDict, *_SERVER}:
        family = name.split(".")[0]
        if family in ("streamlit", "uvicorn"):
            logging.getLogger(name).handlers = [handler]
            logging.getLogger(name).propagate = False
        if family == "uvicorn":
            # Its access lines repeat query strings, which hold the ids that a reader filters by.
            logging.getLogger(name).setLevel(logging.WARNING)
