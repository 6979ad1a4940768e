"""What a reader must know to read Comet's numbers right, in sentences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from lib.quantities import counted
from lib.reports.chargeback.comparison import Comparison, field_label
from lib.reports.chargeback.figures import gaps, not_compared
from lib.reports.chargeback.select import SEEN_BY, Side, epoch_ms, possible, sum_by
from lib.sources.comet.chargeback.accounts import NAME_RULE
from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.query import EVERY_ACCOUNT, ChargebackQuery
from lib.sources.comet.chargeback.tables import FIELDS
from lib.sources.comet.chargeback.tables import Table as TableName
from lib.usage.exact import exactly, values_of

_NAMED = 5
_LISTS: tuple[TableName, ...] = ("workspaces", "users")
_TIMES = [name for name, kind in FIELDS["users"].items() if kind == "time"]


def chargeback_notes(
    answer: ChargebackAnswer,
    query: ChargebackQuery,
    side: Side,
    *,
    earlier: Side | None,
    comparison: Comparison | None,
    undrawn: Sequence[str],
    apart: Sequence[str] = (),
) -> Iterator[str]:
    """What the numbers rest on, what is a proxy, what does not add up, what is not there.

    Args:
        undrawn: charts without data; apart: tables that cannot be compared row by row.
    """
    yield "A usage list: Comet's report holds users, workspaces and sizes, but no money."
    yield (
        "Counts and sizes are levels at the time of the report, not what was added in a period; "
        "those of users are over their whole lives."
    )
    yield f"New and active are counted up to {side.at:%Y-%m-%d %H:%M} UTC, {side.at_words}."
    yield from _users(side)
    yield from _workspaces(side)
    yield from _accounts(answer)
    yield from _filters(side, query)
    yield from _sums(side)
    if earlier is not None and comparison is not None:
        yield from _comparison(side, earlier, comparison, query)
    if apart:
        yield f"Several rows have one name, so none is compared in: {', '.join(apart)}."
    if undrawn:
        yield f"Not drawn, because there is no data: {'; '.join(undrawn)}."
    yield from _as_it_came(answer.report)
    if answer.earlier is not None:
        yield from (f"{answer.earlier.label}: {note}" for note in _as_it_came(answer.earlier))
    yield from answer.notes


def _as_it_came(report: Chargeback) -> Iterator[str]:
    if report.is_of_another_month:
        yield (
            f"Asked for {report.asked}, the server answered with its report of {report.month}: "
            f"all numbers are of {report.month}."
        )
    yield from (f"The report does not list {name}." for name in _LISTS if name not in report.lists)
    yield from report.notes


def _users(side: Side) -> Iterator[str]:
    given, listed = side.report.number_of_users, len(side.report.users)
    if given is not None and side.lists_users and given != listed:
        yield (
            f"The server counts {counted(given, 'users')}, and lists {listed:,}: "
            "the list is what is counted."
        )
    if not len(side.report.users):
        return
    if side.seen_by is None:
        yield "No user has a time of last use, so nobody knows who is active."
    else:
        best = "" if side.seen_by is SEEN_BY[0] else ", because no user has a better one"
        yield f"Whether users are active is told by {side.seen_by.label}{best}."
        late = int((side.marks["seen"] > epoch_ms(side.at)).sum())
        if late:
            yield f"Last seen after that moment, so not counted as active; users: {late:,}."
    if "users.suspended" in side.report.unread_fields:
        yield "Users of whom nobody can read whether they are suspended count as not suspended."
    elif not side.has("users", "suspended"):
        yield "The report does not say who is suspended: all count as not suspended."
    impossible = _impossible(side)
    if impossible:
        yield (
            "Times outside the years 2000 to 2099 are shown as they came, and count as unknown; "
            f"users: {impossible:,}."
        )
    both = int((side.marks["suspended"] & side.marks["deleted"]).sum())
    if both:
        yield f"Both suspended and deleted, and in both numbers; users: {both:,}."
    undated = int(side.marks["created"].isna().sum())
    if undated:
        yield f"Without a time of creation, so neither new nor old; users: {undated:,}."


def _impossible(side: Side) -> int:
    """Users with a time at which nothing of a Comet server can have happened; 0 means never."""
    odd = np.zeros(len(side.users), dtype=bool)
    for name in _TIMES:
        times = side.users[name].astype("Int64")
        odd |= (~possible(times) & (times != 0)).fillna(False).to_numpy(bool)
    return int(odd.sum())


def _workspaces(side: Side) -> Iterator[str]:
    if side.workspaces.empty:
        return
    yield (
        "A workspace has no time of creation: that of its oldest member stands in for it, so "
        "new workspaces are a proxy, and so is the platform of a workspace."
    )
    undated = int(side.places["created"].isna().sum())
    if undated:
        yield f"Without a member of known age, so neither new nor old; workspaces: {undated:,}."
    for label, missing in gaps(side).items():
        yield f"{label} is the total of those that say; workspaces that do not: {missing:,}."
    members, users = side.chosen_members["userName"], side.report.users["username"]
    strangers = {*values_of(members)} - {*values_of(users)} - {None}
    if strangers and side.lists_users:
        yield f"Members of workspaces that are not in the list of users: {len(strangers):,}."


def _accounts(answer: ChargebackAnswer) -> Iterator[str]:
    if answer.service_accounts is None:
        yield f"The server did not say which accounts are programs. {NAME_RULE}"


def _filters(side: Side, query: ChargebackQuery) -> Iterator[str]:
    if query.workspaces:
        yield (
            "Users are the members of the chosen workspaces; their own counts and sizes stay those "
            "of the whole organisation."
        )
    elif query.exclude:
        yield (
            "Workspaces left out are in no number of workspaces, projects, experiments and MB; "
            "users are all those of the organisation."
        )
    if query.exclude:
        left = len(side.report.workspaces) - len(side.workspaces)
        if not query.workspaces:
            yield f"Left out, because they match {query.exclude}; workspaces: {left:,}."
    if query.accounts != EVERY_ACCOUNT:
        yield (
            f"Users and members are those with {query.accounts} accounts; "
            "workspaces and projects are those of all accounts."
        )


@dataclass(frozen=True)
class _Check:
    """A figure of a workspace that its parts should add up to; no field means: how many parts."""

    what: str
    own: str
    parts: str
    field: str = ""
    unit: str = ""


_CHECKS = (
    _Check("The members listed", "numberOfMembers", "members"),
    _Check("The experiments of members", "numberOfExperiments", "members", "numberOfExperiments"),
    _Check("The sizes of members", "totalSizeInMb", "members", "totalSizeInMb", " MB"),
    _Check("The experiments of projects", "numberOfExperiments", "projects", "numberOfExperiments"),
    _Check("The sizes of projects", "totalSizeInMb", "projects", "totalSizeInMb", " MB"),
)


def _sums(side: Side) -> Iterator[str]:
    """Where the server's own figures contradict one another. They are shown, never corrected."""
    for check in _CHECKS:
        differing = differences(side, check)
        if differing:
            name, most = max(differing.items(), key=lambda pair: abs(pair[1]))
            many = counted(len(differing), "workspaces")
            yield (
                f"{check.what} do not add up to the workspace's own figure in {many}; the largest "
                f"difference is {most:+,f}{check.unit}, in {name}. Nothing is corrected."
            )
    for key, name in (("members", "userName"), ("projects", "name")):
        frame = side.chosen_members if key == "members" else side.projects
        known = frame[["workspace", name]].dropna()
        twice = int(known.duplicated().sum())
        if twice:
            yield f"Listed again in the same workspace, and counted each time; {key}: {twice:,}."


def differences(side: Side, check: _Check) -> dict[Any, Decimal]:
    """Parts less the workspace's own figure, by name, where both are known and differ."""
    parts = side.chosen_members if check.parts == "members" else side.projects
    if check.field:
        counted = sum_by(parts["workspace"], parts[check.field])
    else:
        counted = {name: int(count) for name, count in parts["workspace"].value_counts().items()}
    own = sum_by(side.workspaces["name"], side.workspaces[check.own])
    differing = [
        (name, figure, counted[name])
        for name, figure in own.items()
        if figure is not None and counted.get(name) is not None and counted[name] != figure
    ]
    with exactly():
        return {name: Decimal(part - figure) for name, figure, part in differing}


def _comparison(
    side: Side, earlier: Side, comparison: Comparison, query: ChargebackQuery
) -> Iterator[str]:
    yield (
        f"Compared with {earlier.report.label}, whose numbers are of {earlier.at:%Y-%m-%d %H:%M} "
        f"UTC, {earlier.at_words}."
    )
    if earlier.at > side.at:
        yield "The report it is compared with is the younger one: what is gone came later."
    one, other = side.report.organization_id, earlier.report.organization_id
    if one and other and one != other:
        yield f"The two reports are of different organisations: {one} and {other}."
    counts = comparison.counts
    for kind in ("user", "workspace", "project"):
        numbers = [counts.get((kind, change), 0) for change in ("new", "gone", "changed")]
        yield f"{kind.title()}s: {numbers[0]:,} new, {numbers[1]:,} gone, {numbers[2]:,} changed."
    yield "What was renamed is gone under its old name and new under the other."
    if query.workspaces or query.exclude or query.accounts != EVERY_ACCOUNT:
        yield "The filters apply to both reports: who left the selection is gone."
    for kind in comparison.unlisted:
        yield f"{kind.title()}s are not compared: only one of the reports lists any."
    if comparison.unlike:
        fields = [f"{field_label(kind, name)} of {kind}s" for kind, name in comparison.unlike]
        yield f"Not compared, because only one of the reports has it: {_listed(fields)}."
    figures = not_compared(side, earlier)
    if figures:
        yield f"No change is shown where the two reports count differently: {_listed(figures)}."


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
