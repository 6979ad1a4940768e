"""Which experiments of an answer are counted, and their sums over buckets, projects and users."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from lib.periods import CalendarUnit, bucket_numbers, check_buckets
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.gpu import GPU_RULES
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.sources.comet.experiments.rules import (
    Bools,
    Floats,
    Ints,
    bools,
    floats,
    gpu_times,
    idle_times,
    ints,
    is_dated,
    latest_ms,
    run_times,
)

FLOWS = (
    *("experiments", "run_time_seconds", "experiments_with_run_time", "gpu_hours"),
    "idle_gpu_hours",
)
"""What adds up over buckets, projects and users."""

SHARES = ("gpu_utilisation", "gpu_memory_utilisation")
"""Averages over the experiments that have a value; null where none has one."""

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class LeftOut:
    """Experiments that are left out, or that one figure leaves out.

    Args:
        no_start: without a usable start time: in no figure.
        archived: left out because the question does not ask for archived ones.
        running: still running, or without an end and a duration: no run time.
        not_positive: end before start, or at the same moment: no run time.
        in_future: end after the present, by their end or their duration: no run time.
        from_duration: run time is the duration that the client told, for want of an end.
        tells_running: the answer says which experiments still run.
    """

    no_start: int
    archived: int
    running: int
    not_positive: int
    in_future: int
    from_duration: int
    tells_running: bool


@dataclass(frozen=True)
class Gpus:
    """How much is known of GPU time.

    Args:
        count: GPUs with samples, over all experiments.
        timed: those of them whose GPU time is known.
        experiments: that have a GPU whose time is not known.
    """

    count: int
    timed: int
    experiments: int

    @property
    def timeless(self) -> int:
        """GPUs whose time is not known."""
        return self.count - self.timed


@dataclass(frozen=True)
class ChosenRows:
    """The experiments that are counted, one entry each in every array.

    Args:
        start_ms: milliseconds since 1970.
        project, workspace: place in ``projects`` and ``workspaces``.
        user: place in ``users``; -1 where the server names none.
        run_ms: run time in milliseconds; 0 where none is known.
        gpu, memory: utilisation in percent, mean or peak as asked; NaN where there is none.
        gpu_ms: GPU time in milliseconds, over the GPUs whose time is known; NaN where there is none.
        idle_ms: that of an idle experiment, 0 of another; NaN where time or utilisation is not known.
        gpus: over how many of all GPUs that is.
        gpu_rules: how many experiments had their GPU time found by which rule.
        both: mean over all experiments with a value, by column of the answer; None without any.
        projects: one row per project: ``workspace``, ``project``, ``listed_experiments``,
            ``received_experiments`` (of all time), ``last_updated_ms``.
    """

    start_ms: Ints
    project: Ints
    workspace: Ints
    user: Ints
    run_ms: Ints
    gpu: Floats
    memory: Floats
    gpu_ms: Floats
    idle_ms: Floats
    gpus: Gpus
    users: list[str]
    workspaces: list[str]
    projects: pd.DataFrame
    gpu_rules: Mapping[str, int]
    both: Mapping[str, float | None]
    skipped: LeftOut

    def __len__(self) -> int:
        return len(self.start_ms)

    @cached_property
    def first_ms(self) -> int:
        """The earliest start; there must be one."""
        return int(self.start_ms.min())

    @cached_property
    def last_ms(self) -> int:
        """The latest start; there must be one."""
        return int(self.start_ms.max())

    @cached_property
    def unrated_hours(self) -> float:
        """GPU hours of experiments whose utilisation is not known: nobody knows whether idle."""
        return float(np.nansum(self.gpu_ms[np.isnan(self.idle_ms)])) / HOUR_MS


def select(answer: CometUsageAnswer, query: CometUsageQuery, now: datetime) -> ChosenRows:
    """The experiments that start in the period, archived ones only when asked for."""
    frame = answer.experiments
    start = ints(frame["start_ms"])
    latest = latest_ms(now)
    dated = is_dated(start, latest)
    archived = bools(frame["archived"])
    wanted = np.full(len(frame), True) if query.archived else ~archived
    inside = dated
    if query.period is not None:
        since, until = query.period.start_epoch * 1_000, query.period.end_epoch * 1_000
        inside = dated & (start >= since) & (start < until)
    kept = inside & wanted
    start = start[kept]
    run_ms, skipped = run_times(frame, kept, start, latest)
    projects, project = _projects(answer, wanted)
    workspaces = [*dict.fromkeys(projects["workspace"].tolist())]
    place = {name: number for number, name in enumerate(workspaces)}
    of_project = np.array([place[name] for name in projects["workspace"]], np.int64)
    project = project[kept]
    # A category may be unused, so that users are those that some experiment has
    user, users = pd.factorize(pd.Categorical(frame["user"])[kept])
    measured = {
        key: floats(frame[key])[kept]
        for key in ("gpu_mean", "gpu_peak", "memory_mean", "memory_peak")
    }
    gpu_ms = gpu_times(frame["gpu_seconds"])[kept]
    rules = frame["gpu_rule"].astype("category")[kept].value_counts()
    return ChosenRows(
        start_ms=start,
        project=project,
        workspace=of_project[project],
        user=user.astype(np.int64),
        run_ms=run_ms,
        gpu=measured[f"gpu_{query.utilisation}"],
        memory=measured[f"memory_{query.utilisation}"],
        gpu_ms=gpu_ms,
        idle_ms=idle_times(gpu_ms, measured["gpu_mean"]),
        gpus=_gpus(frame, kept),
        users=[str(name) for name in users],
        workspaces=workspaces,
        projects=projects,
        gpu_rules={rule: int(rules.get(rule, 0)) for rule in GPU_RULES},
        both={key: _mean(values) for key, values in measured.items()},
        skipped=LeftOut(
            no_start=int((~dated & wanted).sum()),
            archived=int((inside & archived & ~wanted).sum()),
            tells_running=bool(frame["running"].notna().all()),
            **skipped,
        ),
    )


def _gpus(frame: pd.DataFrame, kept: Bools) -> Gpus:
    count, timed = (ints(frame[key])[kept] for key in ("gpus", "gpus_timed"))
    return Gpus(int(count.sum()), int(timed.sum()), int((timed < count).sum()))


def _projects(answer: CometUsageAnswer, wanted: Bools) -> tuple[pd.DataFrame, Ints]:
    """All projects, those asked for first and in their order, and the place of each experiment's."""
    frame, asked = answer.experiments, answer.projects
    workspace, project = (pd.Categorical(frame[key]) for key in ("workspace", "project"))
    pairs = workspace.codes.astype(np.int64) * (len(project.categories) + 1) + project.codes
    distinct, firsts = np.unique(pairs, return_index=True)
    place = {
        pair: number
        for number, pair in enumerate(
            dict.fromkeys(zip(asked["workspace"], asked["project"], strict=True))
        )
    }
    names = [(workspace[first], project[first]) for first in firsts]
    places = np.array([place.setdefault(name, len(place)) for name in names], np.int64)
    of_row = places[np.searchsorted(distinct, pairs)] if len(pairs) else np.zeros(0, np.int64)
    known = asked.drop_duplicates(["workspace", "project"])
    projects = pd.DataFrame([*place], columns=["workspace", "project"])
    for key in ("listed_experiments", "last_updated_ms"):
        projects[key] = known[key].astype("Int64").reset_index(drop=True).reindex(projects.index)
    received = np.bincount(of_row[wanted], minlength=len(place))
    projects["received_experiments"] = pd.array(received, "Int64")
    return projects, of_row


def sum_by(rows: ChosenRows, group: Ints, size: int) -> pd.DataFrame:
    """The figures of each group of experiments.

    Args:
        group: of each experiment, from 0 to ``size`` - 1.

    Returns:
        One row per group: ``experiments``, ``users``, ``experiments_with_run_time``,
        ``experiments_with_gpu`` Int64; ``run_time_seconds``, ``gpu_hours``, ``idle_gpu_hours``,
        ``rated_gpu_hours`` (of known utilisation) Float64; ``SHARES`` float64 percent. Users and sums are null where there are experiments, but none has a value.
    """
    experiments = np.bincount(group, minlength=size)
    users = _distinct(group, rows.user, size)
    timed = rows.run_ms > 0
    with_time = np.bincount(group[timed], minlength=size)
    # Milliseconds are whole numbers, and floats are exact up to 2**53 of them
    run = np.bincount(group[timed], rows.run_ms[timed], size) / 1_000
    metered = ~np.isnan(rows.gpu_ms)
    with_gpu = np.bincount(group[metered], minlength=size)
    gpu_hours = np.bincount(group[metered], rows.gpu_ms[metered], size) / HOUR_MS
    rated = ~np.isnan(rows.idle_ms)
    with_use = (np.bincount(group[rated], minlength=size) > 0) | (experiments == 0)
    idle, used = (
        np.bincount(group[rated], values[rated], size) / HOUR_MS
        for values in (rows.idle_ms, rows.gpu_ms)
    )
    shares = {
        key: _averages(values, group, size)
        for key, values in zip(SHARES, (rows.gpu, rows.memory), strict=True)
    }
    return pd.DataFrame(
        {
            "experiments": pd.array(experiments, "Int64"),
            "users": pd.arrays.IntegerArray(users, (users == 0) & (experiments > 0)),
            "run_time_seconds": _known(run, (with_time > 0) | (experiments == 0)),
            "experiments_with_run_time": pd.array(with_time, "Int64"),
            **shares,
            "gpu_hours": _known(gpu_hours, (with_gpu > 0) | (experiments == 0)),
            "idle_gpu_hours": _known(idle, with_use),
            "rated_gpu_hours": _known(used, with_use),
            "experiments_with_gpu": pd.array(with_gpu, "Int64"),
        }
    )


def sum_up(rows: ChosenRows) -> dict[str, Any]:
    """The figures of all experiments: as ``sum_by``, None where null."""
    whole = sum_by(rows, np.zeros(len(rows), np.int64), 1)
    return {
        key: None if pd.isna(value := whole[key].iloc[0]) else value.item() for key in whole.columns
    }


def span_of(rows: ChosenRows, query: CometUsageQuery) -> tuple[int, int]:
    """The first and the last millisecond of the range; of all time, those of the experiments.

    There must be a period or an experiment.
    """
    if query.period is None:
        return rows.first_ms, rows.last_ms
    return query.period.start_epoch * 1_000, query.period.end_epoch * 1_000 - 1


def buckets_of(rows: ChosenRows, query: CometUsageQuery) -> range:
    """The buckets of the period; for all time from the first start to the last.

    Raises:
        InputError: too many; it names a unit that fits.
    """
    if query.period is None and not len(rows):
        return range(0)
    return check_buckets(query.unit, *span_of(rows, query))


def bucket_places(rows: ChosenRows, unit: CalendarUnit, buckets: range) -> Ints:
    """The place of each experiment's bucket among the buckets."""
    return bucket_numbers(unit, rows.start_ms) - buckets.start


def _averages(values: Floats, group: Ints, size: int) -> Floats:
    known = ~np.isnan(values)
    counts = np.bincount(group[known], minlength=size)
    sums = np.bincount(group[known], values[known], size)
    averages: Floats = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return averages


def _distinct(group: Ints, user: Ints, size: int) -> Ints:
    named = user >= 0
    if not named.any():
        return np.zeros(size, np.int64)
    many = int(user.max()) + 1
    pairs = pd.unique(group[named] * many + user[named])
    return np.bincount(pairs // many, minlength=size).astype(np.int64)


def _known(values: Floats, known: Bools) -> pd.arrays.FloatingArray:
    return pd.arrays.FloatingArray(values, ~known)


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
