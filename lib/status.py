"""How each source answered, beside the data of those that did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from lib.errors import source_label


@dataclass(frozen=True)
class SourceStatus:
    """How one source answered.

    Args:
        source: the platform asked: ``openai``.
        part: what of it: ``completions``; empty for a platform that is asked as a whole.
        status: ``skipped`` means by the reader's choice or not offered by the upstream.
        as_of: when the oldest part of the answer was fetched, UTC; None when nothing was.
        rows: rows received; None when it failed.
        detail: what is missing and why, or None.
        remedy: what to do about it, or None.
        lacks: what alone is missing of a partial answer, by a word of the platform: ``gpu``.
        moves: whether its numbers may be others when it is asked again; not where it brings names
            only, or what is final.
    """

    source: str
    part: str
    status: Literal["ok", "partial", "failed", "skipped"]
    as_of: datetime | None = None
    rows: int | None = None
    detail: str | None = None
    remedy: str | None = None
    moves: bool = True
    lacks: str = ""

    @property
    def name(self) -> str:
        """``openai:completions``, as programs name it."""
        return f"{self.source}:{self.part}" if self.part else self.source

    @property
    def label(self) -> str:
        """``OpenAI completions``, as people name it."""
        return source_label(self.name)


def told(status: SourceStatus) -> dict[str, Any]:
    """A status as plain data, which JSON can hold."""
    as_of = None if status.as_of is None else status.as_of.isoformat()
    return asdict(status) | {"as_of": as_of}


def status_of(plain: Mapping[str, Any]) -> SourceStatus:
    """The status that ``told`` has told."""
    as_of = plain["as_of"]
    return SourceStatus(
        **{**plain, "as_of": None if as_of is None else datetime.fromisoformat(as_of)}
    )
