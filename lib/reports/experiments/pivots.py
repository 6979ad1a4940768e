"""Two dimensions of experiments at once: workspaces over time, users and projects."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from lib.periods import CALENDAR_UNITS, CalendarUnit, bucket_key, bucket_range
from lib.reports.experiments.charts import NO_USER
from lib.reports.experiments.select import HOUR_MS, ChosenRows, bucket_places, span_of
from lib.reports.pivots import Amount, Cells, Heads, Id, Pivot, Rows, pivot
from lib.reports.report import Column
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.rules import Ints

MOST_BUCKETS = 31
"""Columns of time at the most; of more there are coarser ones, months in the end."""

_EXPERIMENTS = Amount("Experiments", "int", "experiments", empty=0)
_GPU_HOURS = Amount("GPU hours", "float", "hours", per=HOUR_MS, empty=0)


def usage_pivots(rows: ChosenRows, query: CometUsageQuery) -> Iterator[Pivot]:
    """GPU hours where there are any, else experiments: by workspace and bucket, by user and project."""
    if not len(rows):
        return
    amount = _GPU_HOURS if np.nansum(rows.gpu_ms) > 0 else _EXPERIMENTS
    unit, buckets = _buckets(rows, query)
    keys = tuple(bucket_key(unit, number) for number in buckets)
    if len(keys) > 1:
        cells = _cells(
            rows,
            amount,
            (rows.workspace, rows.workspaces),
            (bucket_places(rows, unit, buckets), keys),
        )
        of_row = Rows(
            "workspace", Column("workspace", "Workspace", personal=True, of="workspace"), {}, ""
        )
        heads = Heads(unit, unit, {}, "", order=keys, ours=True)
        yield pivot("workspace_by_bucket", of_row, heads, amount, cells)
    users = np.where(rows.user < 0, len(rows.users), rows.user)
    projects = _paths(rows)
    cells = _cells(rows, amount, (users, [*rows.users, None]), (rows.project, projects))
    of_row = Rows("user", Column("user", "User", personal=True), {}, NO_USER)
    named = zip(rows.projects["workspace"], rows.projects["project"], strict=True)
    behind = {
        path: (("workspace", workspace), ("project", project))
        for path, (workspace, project) in zip(projects, named, strict=True)
    }
    heads = Heads("project", "project", {}, "", behind=behind.__getitem__)
    yield pivot("user_by_project", of_row, heads, amount, cells)


def _buckets(rows: ChosenRows, query: CometUsageQuery) -> tuple[CalendarUnit, range]:
    """The finest unit, no finer than asked for, with few enough buckets."""
    span = span_of(rows, query)
    units = CALENDAR_UNITS[: CALENDAR_UNITS.index(query.unit) + 1]
    ranges = [(unit, bucket_range(unit, *span)) for unit in reversed(units)]
    return next((found for found in ranges if len(found[1]) <= MOST_BUCKETS), ranges[-1])


def _paths(rows: ChosenRows) -> list[str]:
    """Workspace and project as one name each; a slash in one of them makes no two the same."""
    seen: Counter[str] = Counter()
    paths = []
    for workspace, project in zip(
        rows.projects["workspace"], rows.projects["project"], strict=True
    ):
        path = f"{workspace}/{project}"
        seen[path] += 1
        paths.append(path if seen[path] == 1 else f"{path} ({seen[path]})")
    return paths


def _cells(
    rows: ChosenRows,
    amount: Amount,
    of_row: tuple[Ints, Sequence[Id]],
    of_head: tuple[Ints, Sequence[Id]],
) -> Cells:
    """One cell for each pair that has an experiment, null where no GPU time of it is known."""
    (row, row_ids), (head, head_ids) = of_row, of_head
    pairs, place = np.unique(row * len(head_ids) + head, return_inverse=True)
    sums = counts = np.bincount(place)
    if amount is _GPU_HOURS:
        known = ~np.isnan(rows.gpu_ms)
        counts = np.bincount(place[known], minlength=len(pairs))
        # Whole milliseconds: floats are exact up to 2**53 of them
        sums = np.bincount(place[known], rows.gpu_ms[known], len(pairs))
    for pair, value, count in zip(pairs.tolist(), sums.tolist(), counts.tolist(), strict=True):
        at_row, at_head = divmod(pair, len(head_ids))
        yield row_ids[at_row], head_ids[at_head], int(value) if count else None
