"""Secrets taken out of any text before a person, a log or a file sees it."""

import re
from collections import deque
from urllib.parse import unquote, urlsplit

MASK = "[secret]"

# Keys of the upstreams this product talks to, and whatever follows an Authorization scheme.
_PATTERN = re.compile(r"(?i)\b(?:sk-[a-z0-9_*-]{8,}|bearer\s+[^\s'\",]+)")

# Exact values, whatever their form: a gateway may use keys that look like nothing in particular.
# Two collections, so that no number of visitors' keys pushes a server's secret out.
_typed: deque[str] = deque(maxlen=1_000)
_of_server: deque[str] = deque(maxlen=1_000)


def remember_secret(value: str) -> None:
    """From now on ``redact`` masks this exact value too, unless it is as short as a word.

    For what visitors type: masks hold for the whole process, so one visitor's ``openai`` would
    riddle everybody's messages.
    """
    _remember(value, _typed, least=12)


def remember_server_secret(value: str) -> None:
    """As ``remember_secret``, for the server's own settings: a password may be as short as 4."""
    _remember(value, _of_server, least=4)


def redact(text: str) -> str:
    """The text with every known or recognisable secret masked."""
    # The longest first: one value may be the beginning of another.
    for value in sorted([*_of_server, *_typed], key=len, reverse=True):
        text = text.replace(value, MASK)
    return _PATTERN.sub(MASK, text)


def remember_url(url: str) -> None:
    """Masks a URL that holds a password, and the password by itself, from now on."""
    try:
        password = urlsplit(url).password
    except ValueError:
        password = None
    if password:
        remember_server_secret(url)
        remember_server_secret(password)
        remember_server_secret(unquote(password))


def _remember(value: str, known: deque[str], *, least: int) -> None:
    if len(value) >= least and value not in known:
        known.append(value)
