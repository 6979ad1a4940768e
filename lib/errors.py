"""What can go wrong: one class per remedy."""

import re
from collections.abc import Iterable

_PLATFORMS = {
    "openai": "OpenAI",
    "comet": "Comet",
    "redis": "Redis",
    "control-database": "Control database",
    "ledger": "Ledger",
}
_SPELLED = {"api": "API"}


def source_label(source: str) -> str:
    """What people call a source: ``OpenAI audio speeches`` for ``openai:audio_speeches``.

    Names of upstream and of files, such as ``vision/my_project``, stay as they are.
    """
    platform, _, part = source.partition(":")
    if platform not in _PLATFORMS:
        return source
    if "/" not in part:
        words = re.split("[ _:]|(?<=[a-z])-", part)
        part = " ".join(_SPELLED.get(word, word) for word in words)
    return f"{_PLATFORMS[platform]} {part}".strip()


class DashboardError(Exception):
    """Something a person can act on.

    Args:
        message: one sentence that says what happened; never holds a secret.
        remedy: one sentence that says what to do about it.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class SettingsError(DashboardError):
    """A variable is missing or unusable. Names the variable, never its value."""

    def __init__(self, variable: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{variable} {problem}", remedy)
        self.variable = variable


class InputError(DashboardError):
    """A parameter that a person chose is unusable."""

    def __init__(self, parameter: str, problem: str, remedy: str = "") -> None:
        super().__init__(f"{parameter}: {problem}", remedy)
        self.parameter = parameter
        self.problem = problem


def check_given(parameter: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names of a filter, each once.

    Args:
        parameter: what one of them is called, such as ``project``.

    Raises:
        InputError: one is empty; it would match nothing, and read as zero.
    """
    chosen = tuple(dict.fromkeys(names))
    if not all(name.strip() for name in chosen):
        raise InputError(
            parameter, "the name is empty.", f"Name a {parameter}, or leave it out for all."
        )
    return chosen


class AccessError(DashboardError):
    """The visitor may not do this, or no longer."""


class SourceError(DashboardError):
    """An upstream did not give what was asked of it.

    Args:
        source: the upstream and its part, such as ``openai:completions``.
        detail: what happened, in one sentence.
        remedy: what to do about it.
    """

    default_remedy = ""

    def __init__(self, source: str, detail: str, remedy: str = "") -> None:
        super().__init__(f"{source_label(source)}: {detail}", remedy or self.default_remedy)
        self.source = source
        self.detail = detail


class SourceUnavailable(SourceError):
    """Timeouts, broken connections, 5xx, or 429 after all retries.

    Args:
        status: the HTTP status; 408 where no answer came in time; 0 without any.
    """

    default_remedy = "Try again in a minute."

    def __init__(self, source: str, detail: str, remedy: str = "", *, status: int = 0) -> None:
        super().__init__(source, detail, remedy)
        self.status = status


class SourceUntrusted(SourceUnavailable):
    """The upstream's certificate is signed by nobody who is trusted, or made for another name."""

    default_remedy = "Trust the authority that signed it, if that is your own."


_WRONG_KEY = "Check the key: it may be mistyped, of another server, or revoked."


class SourceDenied(SourceError):
    """The credential is wrong or lacks a permission.

    Args:
        status: 401 where it is wrong; 403 where it lacks a permission, whatever status said so.
    """

    default_remedy = "Ask an owner of the organisation for access."

    def __init__(self, source: str, detail: str, remedy: str = "", *, status: int = 403) -> None:
        super().__init__(source, detail, remedy or (_WRONG_KEY if status == 401 else ""))
        self.status = status


class SourceRefused(SourceError):
    """400 or 404: the upstream understood the request and declines it.

    Args:
        parameter: the parameter the upstream names, if it names one.
        status: the HTTP status.
    """

    default_remedy = "Change the selection, or leave this source out."

    def __init__(
        self, source: str, detail: str, remedy: str = "", *, parameter: str = "", status: int = 400
    ) -> None:
        super().__init__(source, detail, remedy)
        self.parameter = parameter
        self.status = status


class SourceReplyError(SourceError):
    """The upstream answered, but not in the shape its documentation promises.

    Args:
        status: the HTTP status where that was the trouble, such as 302; else 0.
    """

    default_remedy = "Check the base URL; if it is right, report this as a fault."

    def __init__(self, source: str, detail: str, remedy: str = "", *, status: int = 0) -> None:
        super().__init__(source, detail, remedy)
        self.status = status
