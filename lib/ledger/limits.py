"""What a platform itself limits, kept in a capture's facts with the month in which it was asked for.

Each part is ``asked_at``, ``as_of`` (when the limits were told, None for never), ``limits`` and ``trouble``
(why not all are known, empty where they are), as JSON holds them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Parts = Mapping[str, Mapping[str, Any]]
"""Name of a part to what it said."""

_FACT = "limits"


def parts_of(facts: Mapping[str, Any]) -> Parts:
    """What a capture has; nothing where nobody asked."""
    parts: Parts = facts.get(_FACT) or {}
    return parts


def newest(earlier: Parts, later: Parts) -> Parts:
    """Each part as it was last told; of one that gave none since, the earlier limits stay, with why."""
    parts = dict(earlier)
    for name, said in later.items():
        had = earlier.get(name)
        if had is None:
            parts[name] = said
        elif _moment(said) >= _moment(had):
            stays = {} if said["as_of"] else {key: had[key] for key in ("as_of", "limits")}
            parts[name] = {**said, **stays}
    return parts


def facts_with(facts: Mapping[str, Any], parts: Parts) -> dict[str, Any]:
    """Facts of a capture with these limits."""
    return {**facts, _FACT: parts} if parts else dict(facts)


def troubles(parts: Parts) -> list[str]:
    """Which parts are not all known, and why, each reason once."""
    why: dict[str, list[str]] = {}
    for name, said in parts.items():
        if said["trouble"]:
            why.setdefault(said["trouble"], []).append(name.replace("_", " "))
    return [f"{' and '.join(names)}: not all known. {reason}" for reason, names in why.items()]


def _moment(part: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(part["asked_at"])
