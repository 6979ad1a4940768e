"""Text from upstreams and links, shown as data: nothing in it acts as markup."""

import re

from lib.exports.formats import visible

_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")


def literal(text: object) -> str:
    """Markdown that shows exactly this text, on one line."""
    return _MARKUP.sub(r"\\\1", visible(text))
