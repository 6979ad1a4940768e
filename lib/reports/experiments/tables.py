"""The tables of the experiment report: by bucket, project, workspace and user, all of one sum."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lib.periods import bucket_key, bucket_start
from lib.reports.experiments.select import (
    FLOWS,
    SHARES,
    ChosenRows,
    bucket_places,
    sum_by,
)
from lib.reports.report import Column, Number, Table
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.rules import IDLE_PERCENT

Totals = Mapping[str, Number | None]

_USERS_ONCE = "TOTAL counts each user once; averages are over experiments."


def by_bucket_table(
    rows: ChosenRows, query: CometUsageQuery, buckets: range, totals: Totals, *, unknown: bool
) -> Table:
    """One row per bucket, also of those without an experiment.

    Args:
        totals: as ``sum_up`` returns them.
        unknown: no project answered, so that nothing is known of any bucket.
    """
    unit = query.unit
    sums = sum_by(rows, bucket_places(rows, unit, buckets), len(buckets))
    starts = [bucket_start(unit, number) for number in buckets]
    sums.insert(0, "bucket", pd.Series([bucket_key(unit, number) for number in buckets], dtype=str))
    sums.insert(1, "start", pd.Series(starts, dtype="datetime64[s, UTC]"))
    return _table(
        "by_bucket",
        f"By {unit}",
        _hidden(sums, np.full(len(sums), unknown)),
        keys=("bucket", "start", *_MEASURES),
        query=query,
        totals=totals,
        brief=("bucket", *_BRIEF),
        note=f"An experiment belongs to the {unit} (UTC) in which it starts. {_USERS_ONCE}",
    )


def by_project_table(
    rows: ChosenRows, query: CometUsageQuery, totals: Totals, failed: Iterable[tuple[str, str]]
) -> Table:
    """One row per project asked for, the one with the most experiments on top.

    Args:
        failed: workspace and project of those that did not answer: their figures are null.
    """
    sums = sum_by(rows, rows.project, len(rows.projects))
    frame = pd.concat([rows.projects.reset_index(drop=True), sums], axis=1)
    names = {*failed}
    is_lost = [name in names for name in zip(frame["workspace"], frame["project"], strict=True)]
    hidden = _hidden(frame, np.array(is_lost, bool) & (frame["experiments"] == 0).to_numpy(bool))
    return _table(
        "by_project",
        "By project",
        _sorted(hidden, ["workspace", "project"]),
        keys=("workspace", "project", *_MEASURES, *_PROJECT_FACTS),
        query=query,
        totals=totals,
        brief=("workspace", "project", *_BRIEF, "listed_experiments"),
        note=_USERS_ONCE,
    )


def by_workspace_table(
    rows: ChosenRows, query: CometUsageQuery, totals: Totals, failed: Iterable[tuple[str, str]]
) -> Table:
    """One row per workspace; null where none of its projects answered."""
    sums = sum_by(rows, rows.workspace, len(rows.workspaces))
    sums.insert(0, "workspace", pd.Series(rows.workspaces, dtype=object))
    asked = rows.projects.groupby("workspace", sort=False).size()
    lost = pd.Series([workspace for workspace, _ in {*failed}], dtype=object).value_counts()
    is_lost = [lost.get(name, 0) >= asked[name] for name in rows.workspaces]
    sums["projects"] = pd.array([asked[name] for name in rows.workspaces], "Int64")
    hidden = _hidden(sums, np.array(is_lost, bool) & (sums["experiments"] == 0).to_numpy(bool))
    return _table(
        "by_workspace",
        "By workspace",
        _sorted(hidden, ["workspace"]),
        keys=("workspace", "projects", *_MEASURES),
        query=query,
        totals=totals,
        brief=("workspace", "projects", *_BRIEF),
        note=_USERS_ONCE,
    )


def by_user_table(rows: ChosenRows, query: CometUsageQuery, totals: Totals) -> Table:
    """One row per user with an experiment, and one without a name where the server names none."""
    unnamed = bool((rows.user < 0).any())
    size = len(rows.users) + unnamed
    sums = sum_by(rows, np.where(rows.user < 0, len(rows.users), rows.user), size)
    names: list[str | None] = [*rows.users, *([None] if unnamed else [])]
    sums.insert(0, "user", pd.Series(names, dtype=object))
    measures = tuple(key for key in _MEASURES if key != "users")
    return _table(
        "by_user",
        "By user",
        _sorted(sums, ["user"]),
        keys=("user", *measures),
        query=query,
        totals={key: value for key, value in totals.items() if key != "users"},
        brief=("user", *(key for key in _BRIEF if key != "users")),
        note="Experiments that name no user stand in one row without a name." if unnamed else "",
    )


def _hidden(frame: pd.DataFrame, lost: "np.ndarray[Any, np.dtype[np.bool_]]") -> pd.DataFrame:
    """Nothing is known of what did not answer, which is not nothing."""
    if not lost.any():
        return frame
    measured = [key for key in (*_MEASURES, "received_experiments") if key in frame]
    return frame.assign(
        **{key: frame[key].mask(lost, np.nan if key in SHARES else pd.NA) for key in measured}
    )


def _sorted(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return frame.sort_values(
        ["experiments", *names],
        ascending=[False, *(True for _ in names)],
        na_position="last",
        ignore_index=True,
    )


def _table(
    key: str,
    title: str,
    frame: pd.DataFrame,
    *,
    keys: Iterable[str],
    query: CometUsageQuery,
    totals: Totals,
    brief: tuple[str, ...],
    note: str,
) -> Table:
    columns = tuple(_column(key, query) for key in keys)
    added = ("users", *FLOWS, *SHARES, "experiments_with_gpu", "average_run_time_seconds")
    with_average = frame.assign(
        average_run_time_seconds=_average(
            frame["run_time_seconds"], frame["experiments_with_run_time"]
        )
    )
    return Table(
        key,
        title,
        with_average[[column.key for column in columns]],
        columns,
        {key: totals[key] for key in added if key in totals and key in with_average},
        brief=brief,
        note=note,
    )


def _average(sums: "pd.Series[Any]", counts: "pd.Series[Any]") -> "pd.Series[Any]":
    return sums / counts.where(counts > 0)


def _column(key: str, query: CometUsageQuery) -> Column:
    label, kind, unit, help_text = _COLUMNS[key]
    return Column(
        key,
        label.format(unit=query.unit.capitalize(), of=query.utilisation),
        kind,  # type: ignore[arg-type]
        unit,
        help_text.format(of="its mean" if query.utilisation == "mean" else "its peak"),
        personal=key in ("user", "workspace", "project"),  # workspaces are often named after people
        of=key if key in ("workspace", "project") else "",
    )


_MEASURES = (
    *("experiments", "users", "run_time_seconds", "experiments_with_run_time"),
    *("average_run_time_seconds", *SHARES, "gpu_hours", "idle_gpu_hours"),
    "experiments_with_gpu",
)
_BRIEF = ("experiments", "users", "run_time_seconds", *SHARES, "gpu_hours")
_PROJECT_FACTS = ("received_experiments", "listed_experiments", "last_updated_ms")

_OVER_GPUS = "Of each GPU {of}, averaged over an experiment's GPUs, then over the experiments."
IDLE_HELP = (
    f"GPU hours of experiments whose mean GPU utilisation is under {IDLE_PERCENT:g} %; those of unknown "
    "utilisation are not among them."
)
_COLUMNS: Mapping[str, tuple[str, str, str, str]] = {
    "bucket": ("{unit} (UTC)", "text", "", ""),
    "start": ("Starts", "datetime", "", ""),
    "workspace": ("Workspace", "text", "", ""),
    "project": ("Project", "text", "", ""),
    "user": ("User", "text", "", ""),
    "projects": ("Projects", "int", "projects", "Projects asked for."),
    "experiments": ("Experiments", "int", "experiments", "That start in the period."),
    "users": ("Users", "int", "users", "Distinct users with an experiment."),
    "run_time_seconds": ("Run time", "duration", "seconds", "From start to end, summed."),
    "experiments_with_run_time": (
        "With run time",
        "int",
        "experiments",
        "Experiments whose run time is known.",
    ),
    "average_run_time_seconds": (
        "Average run time",
        "duration",
        "seconds",
        "Over the experiments with a run time.",
    ),
    "gpu_utilisation": ("GPU utilisation ({of})", "percent", "%", _OVER_GPUS),
    "gpu_memory_utilisation": ("GPU memory ({of})", "percent", "%", _OVER_GPUS),
    "gpu_hours": ("GPU hours", "float", "hours", "Over all GPUs; see the notes."),
    "idle_gpu_hours": ("Idle GPU hours", "float", "hours", IDLE_HELP),
    "experiments_with_gpu": (
        "With GPU hours",
        "int",
        "experiments",
        "Experiments whose GPU time is known.",
    ),
    "received_experiments": (
        "Received",
        "int",
        "experiments",
        "Of all time, under the same choice of archived ones.",
    ),
    "listed_experiments": (
        "Listed",
        "int",
        "experiments",
        "As the server's list of projects says, of all time.",
    ),
    "last_updated_ms": ("Last updated", "epoch_ms", "", "As the server's list says."),
}
