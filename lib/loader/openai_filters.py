"""Whether what a question filters by is anything that there is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from lib.errors import InputError
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.names import LOOKUPS, Directory
from lib.sources.openai.query import OpenAIQuery, ids_named
from lib.sources.openai.tables import Kind

Names = Mapping[tuple[Kind, str], str]

_LISTED: Mapping[str, Kind] = {"projects": "project", "users": "user", "api_keys": "api_key"}
"""Filters whose values OpenAI lists. It lists no models: those are known by their usage only."""


def check_filters(query: OpenAIQuery, answer: OpenAIAnswer, directory: Directory) -> OpenAIAnswer:
    """The answer, with a note on each filter's value that several have for a name.

    Raises:
        InputError: a value that is in no list and in no usage. Where a look-up or an endpoint
            failed nobody knows that, and the report says that the value matches nothing.
    """
    names = dict(directory.names)
    for period in _periods(answer):
        names |= period.names
    known = directory.answered if _is_whole(answer) else frozenset()
    return replace(answer, notes=(*answer.notes, *_notes(query, names, known)))


def _notes(query: OpenAIQuery, names: Names, known: frozenset[Kind]) -> Iterator[str]:
    for parameter, kind in _LISTED.items():
        for value in getattr(query, parameter):
            ids = ids_named(value, kind, names)
            if not ids and kind in known:
                raise _unknown(value, kind, names)
            if len(ids) > 1:
                yield (
                    f"The {kind} filter {value} means {len(ids)} {kind}s, and all of them count: "
                    f"{', '.join(ids)}."
                )


def _is_whole(answer: OpenAIAnswer) -> bool:
    """Whether every endpoint answered: what an id that is no longer listed has used is then known."""
    return all(
        status.status in ("ok", "skipped")
        for period in _periods(answer)
        for status in period.statuses
        if status.part not in LOOKUPS
    )


def _periods(answer: OpenAIAnswer) -> list[OpenAIAnswer]:
    return [answer, *filter(None, [answer.previous])]


def _unknown(value: str, kind: Kind, names: Names) -> InputError:
    # Only of projects: whoever may not know people reads this, too
    titles = {name.casefold(): name for (of, _), name in names.items() if of == kind == "project"}
    near = get_close_matches(value.casefold(), titles, n=3)
    return InputError(
        kind,
        f"{value[:60]!r} is no id or name that OpenAI lists, and has no usage in this period.",
        f"Did you mean {' or '.join(repr(titles[title][:60]) for title in near)}?"
        if near
        else "Check the spelling; upper and lower case matter.",
    )
