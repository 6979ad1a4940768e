"""Text from upstreams and links, shown as data: nothing in it acts as markup."""

import re

from lib.exports.formats import visible

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
_WORD = re.compile(r"([^ `\[\]]+)")
"""What a span of code can hold: a backtick would end it, a bracket the markup around it."""

_ADDRESS = re.compile("://|www[.]|@", re.IGNORECASE)
_AROUND = re.compile(r"([\"'(<]*)(.*?)([\"')>.,;:!?]*)", re.DOTALL)
"""Punctuation that a sentence puts around an address."""


def literal(text: object) -> str:
    """Markdown that shows exactly this text, on one line."""
    return "".join(
        _unlinked(part) if _ADDRESS.search(part) else _escaped(part)
        for part in _WORD.split(visible(text))
    )


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _unlinked(word: str) -> str:
    # Streamlit makes links of addresses after it has read all escapes, but not in a span of code
    around = _AROUND.fullmatch(word)
    before, address, after = around.groups() if around else ("", word, "")
    return f"{_escaped(before)}`{address}`{_escaped(after)}"
