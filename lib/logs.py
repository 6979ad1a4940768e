"""Log lines on stderr, without secrets, whoever writes them."""

import inspect
import logging
import sys
from functools import lru_cache

from loguru import logger

from lib.redaction import redact


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


def _write(message: str) -> None:
    sys.stderr.write(redact(message))
    sys.stderr.flush()


@lru_cache(maxsize=1)
def configure_logs(level: str) -> None:
    """One redacting sink on stderr for loguru and the standard library; once per level."""
    logger.remove()
    # diagnose would print the values of local variables, keys among them.
    logger.add(_write, level=level, format=_FORMAT, diagnose=False, backtrace=False, colorize=False)
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
