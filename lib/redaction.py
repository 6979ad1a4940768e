"""Secrets taken out of any text before a person, a log or a file sees it."""

import re
from collections import deque

MASK = "[secret]"

# Keys of the upstreams this product talks to, and whatever follows an Authorization scheme.
_PATTERN = re.compile(r"(?i)\b(?:sk-[a-z0-9_*-]{8,}|bearer\s+[^\s'\",]+)")

# Exact values, whatever their form: a gateway may use keys that look like nothing in particular.
_known: deque[str] = deque(maxlen=1_000)


def remember_secret(value: str) -> None:
    """From now on ``redact`` masks this exact value too."""
    if len(value) >= 4 and value not in _known:
        _known.append(value)


def redact(text: str) -> str:
    """The text with every known or recognisable secret masked."""
    # The longest first: one value may be the beginning of another.
    for value in sorted(_known, key=len, reverse=True):
        text = text.replace(value, MASK)
    return _PATTERN.sub(MASK, text)
