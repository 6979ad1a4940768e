"""A chargeback report, from a server or a file, into frames."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from lib.errors import SourceReplyError
from lib.quantities import counted
from lib.replies import may_have_halves, whole_characters
from lib.sources.comet.chargeback.answer import Chargeback
from lib.sources.comet.chargeback.columns import (
    Findings,
    Record,
    decimal_number,
    int_array,
    listed,
    milliseconds,
    records,
    table_frame,
    text_array,
    whole_number,
)
from lib.sources.comet.chargeback.tables import CHARGEBACK, Table

DEEPEST = 20
"""Most levels of a report. Comet's have seven."""

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_LONGEST_NUMBER = 400
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_NO_TEXT = "not text in UTF-8 or UTF-16"
_SIGN_IN = "Check the address, and whether a sign-in page or proxy stands in between."


class NotAReport(ValueError):
    """These bytes are no chargeback report.

    Args:
        problem: what they are instead; completes "the reply is …".
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy


def parse_chargeback(raw: bytes, label: str, source: str = CHARGEBACK) -> Chargeback:
    """The report of one reply.

    Args:
        label: tells this report apart from others.
        source: named in errors.

    Raises:
        SourceReplyError: no chargeback report; says what it is instead.
    """
    try:
        return read_chargeback(raw, label)
    except NotAReport as error:
        raise SourceReplyError(source, f"the reply is {error.problem}.", error.remedy) from None


def read_chargeback(raw: bytes, label: str) -> Chargeback:
    """The report that these bytes hold.

    Raises:
        NotAReport: says what they are instead.
    """
    document = _document(raw)
    findings = Findings()
    users = _users(document.get("users"))
    _check_shape(document, users)
    findings.others += users.notes
    frames = _frames(document, users.entries, findings)
    return Chargeback(
        frames["users"],
        frames["workspaces"],
        frames["members"],
        frames["projects"],
        lists=_lists(document, users),
        label=label,
        month=_month(document.get("reportDate"), findings),
        organization_id=_organization(document, users),
        created_at=_fact("createdAt", users, findings, milliseconds),
        number_of_users=_fact("numberOfUsers", users, findings, whole_number),
        notes=findings.notes(),
        raw=raw,
        unread=findings.unread,
        unread_fields=frozenset({*findings.cells, *findings.entries}),
    )


def _document(raw: bytes) -> Record:
    """The parsed JSON; fractions become Decimal, exactly as written."""
    if raw[:2] == b"\x1f\x8b" or raw[:4] == b"PK\x03\x04":
        raise NotAReport("packed (gzip or zip)", "Unpack it first.")
    encoding = json.detect_encoding(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise NotAReport(_NO_TEXT) from None
    start = text[:1_000].lstrip()
    if not encoding.startswith("utf-8") and start[:1] not in ("", "{", "[", "<"):
        raise NotAReport(_NO_TEXT)  # any bytes with a zero in the right place look like UTF-16
    if not start:
        raise NotAReport("empty")
    if start[0] == "<":
        raise NotAReport("a web page instead of a chargeback report", _SIGN_IN)
    if _depth(raw if encoding.startswith("utf-8") else text.encode()) > DEEPEST:
        raise NotAReport(f"nested more than {DEEPEST} levels deep, which no chargeback report is")
    try:
        document = _loaded(text)
    except (ValueError, RecursionError):
        raise NotAReport("JSON that breaks off or is malformed", "Fetch it again.") from None
    if may_have_halves(text):
        document = whole_characters(document)
    if not isinstance(document, dict):
        raise NotAReport("JSON of another shape than a chargeback report")
    if str(document.get("schema", "")).startswith("usage-report/"):
        raise NotAReport("a report that this dashboard wrote, not one that a Comet server wrote")
    return document


def _loaded(text: str) -> Any:
    """The value of a JSON text; a number too large for any number of ours stays text."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=str)
    except json.JSONDecodeError:
        raise
    except (ValueError, InvalidOperation):
        return json.loads(
            text, parse_float=_fraction_or_text, parse_int=_whole_or_text, parse_constant=str
        )


def _fraction_or_text(text: str) -> Decimal | str:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _whole_or_text(text: str) -> int | str:
    return int(text) if len(text) <= _LONGEST_NUMBER else text


def _depth(raw: bytes) -> int:
    """Levels of nesting. Brackets within strings are told apart only where they could matter."""
    depth = _bracket_depth(raw)
    return depth if depth <= DEEPEST else _bracket_depth(_STRING.sub(b"", raw))


def _bracket_depth(raw: bytes) -> int:
    brackets = np.frombuffer(raw.translate(None, _NOT_BRACKETS), dtype=np.uint8)
    if not len(brackets):
        return 0
    steps = np.where((brackets == ord("{")) | (brackets == ord("[")), 1, -1)
    return int(np.cumsum(steps).max())


@dataclass(frozen=True)
class _Users:
    """The container of users: its entries, None when it has none, and the levels around them."""

    entries: Any
    levels: tuple[Record, ...] = ()
    notes: tuple[str, ...] = ()


def _users(container: Any) -> _Users:
    """Entries under ``licensedUsers``, under ``report``, one or more levels down, or a bare list."""
    levels: list[Record] = []
    path = ["users"]
    while isinstance(container, dict):
        levels.append(container)
        key = "licensedUsers" if "licensedUsers" in container else "report"
        container = container.get(key)
        path.append(key)
        if key == "licensedUsers":
            break
    usual = path == ["users", "licensedUsers"] or not isinstance(container, list)
    notes = (
        ()
        if usual
        else (f"The list of users stands in another place than documented ({'.'.join(path)}).",)
    )
    return _Users(container, tuple(levels), notes)


def _lists(document: Record, users: _Users) -> frozenset[Table]:
    """Which lists are there, be they empty."""
    given: dict[Table, Any] = {"users": users.entries, "workspaces": document.get("workspaces")}
    return frozenset(name for name, entries in given.items() if entries is not None)


def _check_shape(document: Record, users: _Users) -> None:
    """Lists with records that look like a report's; another product may have users, too."""
    workspaces = document.get("workspaces")
    lists = ((workspaces, ("name",)), (users.entries, ("username", "email")))
    given = [(entries, keys) for entries, keys in lists if isinstance(entries, list)]
    alike = [
        not entries
        or any(isinstance(entry, dict) and any(key in entry for key in keys) for entry in entries)
        for entries, keys in given
    ]
    if not any(alike):
        raise NotAReport("JSON of another shape: it lists neither Comet's workspaces nor its users")


def _frames(document: Record, entries: Any, findings: Findings) -> dict[Table, pd.DataFrame]:
    users = table_frame("users", records(entries, "users", findings), findings)
    rows = records(document.get("workspaces"), "workspaces", findings)
    known = {"totals", "workspaces", "users", "reportDate", "organizationId"}
    findings.unknown += sorted(set(document) - known)
    lists = [row.get("projects") for row in rows]
    workspaces = table_frame(
        "workspaces",
        rows,
        findings,
        added=_project_counts(lists, findings),
        nested=("members", "projects"),
    )
    names = workspaces["name"]
    frames: dict[Table, pd.DataFrame] = {
        "users": users,
        "workspaces": workspaces,
        "members": _below("members", [row.get("members") for row in rows], names, findings),
        "projects": _below("projects", lists, names, findings),
    }
    _note_repeated("users", users["username"], findings)
    _note_repeated("workspaces", names, findings)
    return frames


def _project_counts(lists: list[Any], findings: Findings) -> Any:
    counts = [len(given) if isinstance(given, list) else given for given in lists]
    bare = sum(decimal_number(given) is not None for given in lists)
    if bare:
        findings.others.append(
            f"Of {counted(bare, 'workspaces')} the number of projects is known, but not which: these are "
            "missing among the projects."
        )
    return int_array(counts, "workspaces.projects", findings)


def _below(
    table: Table, lists: list[Any], names: "pd.Series[str]", findings: Findings
) -> pd.DataFrame:
    """Members or projects of all workspaces, each with its workspace's name."""
    counts = [len(given) if isinstance(given, list) else 0 for given in lists]
    entries = list(chain.from_iterable(given for given in lists if isinstance(given, list)))
    if table == "members":  # projects may be a bare number, which is counted elsewhere
        odd = sum(given is not None and not isinstance(given, list) for given in lists)
        if odd:
            findings.cells["workspaces.members"] = odd
    places = np.repeat(np.arange(len(lists)), counts)
    rows = records(entries, table, findings)
    if len(rows) < len(entries):
        places = places[[type(entry) is dict for entry in entries]]
    return table_frame(table, rows, findings, added=names.array.take(places))


def _note_repeated(table: str, names: "pd.Series[str]", findings: Findings) -> None:
    known = names.dropna()
    repeated = known[known.duplicated()].unique().tolist()
    if repeated:
        findings.others.append(
            f"{len(repeated)} names stand more than once among the {table}, each kept as the server "
            f"gave it: {listed(repeated)}."
        )


def _month(given: Any, findings: Findings) -> str | None:
    match = _MONTH.match(given) if isinstance(given, str) else None
    if given is not None and match is None:
        findings.cells["reportDate"] = 1
    return match[0] if match else None


def _organization(document: Record, users: _Users) -> str | None:
    """On top or beside the users: the documentation shows both."""
    for level in (document, *users.levels):
        given = level.get("organizationId")
        if given is not None:
            text = text_array([given if isinstance(given, str) else json.dumps(given, default=str)])
            return str(text[0])
    return None


def _fact(
    name: str, users: _Users, findings: Findings, read: Callable[[Any], int | None]
) -> int | None:
    for level in users.levels:
        if level.get(name) is not None:
            number = read(level[name])
            if number is None:
                findings.cells[f"users.{name}"] = 1
            return number
    return None
