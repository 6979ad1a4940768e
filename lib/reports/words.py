"""What people call a report's filters and their values: the same on screen and in every file for people."""

from collections.abc import Mapping, Sequence

FilterWords = Mapping[str, tuple[str, Mapping[str, str]]]
"""Name of a filter in JSON to its label and to what each of its values is called; others stay as they are."""

COMPARED: tuple[str, Mapping[str, str]] = ("Compare with", {"no": "None"})


def words(options: Sequence[str]) -> dict[str, str]:
    """Names from the address as choices on screen: ``Vector stores`` for ``vector_stores``."""
    return {name: name.replace("_", " ").capitalize() for name in options}
