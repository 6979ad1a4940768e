"""From experiments to frames: kept as arrays, about 150 bytes each, and joined without copies in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.sources.comet.experiments import CometProject, Page
from lib.sources.comet.gpu import RULES, GpuFigures

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FLOATS = ("gpu_mean", "gpu_peak", "memory_mean", "memory_peak", "gpu_seconds")
_MOMENTS = ("start_ms", "end_ms", "duration_ms")
_NONE = GpuFigures(0, None, None, None, None, None, None)


@dataclass(frozen=True)
class Rows:
    """Experiments of one project, in arrays of equal length.

    Args:
        keys: text.
        users: places in ``names``; -1 where the server names none.
        names: of users, each once.
        moments: start, end and duration in milliseconds, one row each; 0 where not known.
        gpus: number of GPUs with samples; 0 for none.
        figures: of ``_FLOATS``, one row each; NaN where not known.
        rules: places in ``RULES``; -1 for none.
        running: 1 while it runs, 0 when it does not, -1 where the server does not say.
        archived: whether they came as archived ones.
    """

    keys: pd.api.extensions.ExtensionArray
    users: npt.NDArray[np.int32]
    names: tuple[str, ...]
    moments: Ints
    gpus: npt.NDArray[np.int16]
    figures: Floats
    rules: npt.NDArray[np.int8]
    running: npt.NDArray[np.int8]
    archived: bool

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        arrays = (self.users, self.moments, self.gpus, self.figures, self.rules, self.running)
        held = sum(array.nbytes for array in arrays) + self.keys.nbytes
        return held + 150 * len(self.names) + 2_000


def rows_of(pages: Sequence[Page], figures: dict[str, GpuFigures], *, archived: bool) -> Rows:
    """The experiments of all pages of one project with their GPU figures."""
    keys = [key for page in pages for key in page.keys]
    names: dict[str, int] = {"": -1}
    for page in pages:
        for user in page.users:
            names.setdefault(user, len(names) - 1)
    of_gpus = [figures.get(key, _NONE) for key in keys]
    moments = [
        [moment for page in pages for moment in column(page)]
        for column in (_starts, _ends, _durations)
    ]
    return Rows(
        pd.array(keys, dtype="str"),
        np.array([names[user] for page in pages for user in page.users], dtype=np.int32),
        tuple(name for name in names if name),
        np.array(moments, dtype=np.int64),
        np.array([min(one.gpus, 32_767) for one in of_gpus], dtype=np.int16),
        np.array([one[1:6] for one in of_gpus], dtype=np.float64).reshape(-1, len(_FLOATS)).T,
        np.array([-1 if one.rule is None else one.rule for one in of_gpus], dtype=np.int8),
        np.array(
            [-1 if runs is None else runs for page in pages for runs in page.running], dtype=np.int8
        ),
        archived,
    )


def _starts(page: Page) -> list[int]:
    return page.starts


def _ends(page: Page) -> list[int]:
    return page.ends


def _durations(page: Page) -> list[int]:
    return page.durations


def experiments_frame(parts: Sequence[tuple[CometProject, Rows]]) -> tuple[pd.DataFrame, int]:
    """``CometUsageAnswer.experiments``, and how many were left out because their key came before."""
    lengths = np.array([len(rows.keys) for _, rows in parts], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "workspace": _repeated([project.workspace for project, _ in parts], lengths),
            "project": _repeated([project.name for project, _ in parts], lengths),
            "experiment_key": pd.concat(
                [pd.Series([], dtype="str"), *(pd.Series(rows.keys) for _, rows in parts)],
                ignore_index=True,
            ),
            "user": _users([rows for _, rows in parts]),
        }
    )
    moments = _joined([rows.moments for _, rows in parts], np.int64, len(_MOMENTS))
    for name, column in zip(_MOMENTS, moments, strict=True):
        frame[name] = pd.arrays.IntegerArray(column.copy(), column == 0)
    archived = np.repeat(np.array([rows.archived for _, rows in parts], dtype=bool), lengths)
    frame["archived"] = pd.arrays.BooleanArray(archived, np.zeros(len(archived), dtype=bool))
    running = _joined([rows.running for _, rows in parts], np.int8)
    frame["running"] = pd.arrays.BooleanArray(running == 1, running < 0)
    gpus = _joined([rows.gpus for _, rows in parts], np.int64)
    frame["gpus"] = pd.arrays.IntegerArray(gpus, gpus == 0)
    figures = _joined([rows.figures for _, rows in parts], np.float64, len(_FLOATS))
    for name, column in zip(_FLOATS, figures, strict=True):
        frame[name] = pd.arrays.FloatingArray(column.copy(), np.isnan(column))
    rules = _joined([rows.rules for _, rows in parts], np.int8)
    frame["gpu_rule"] = pd.Categorical.from_codes(rules, categories=pd.Index(RULES, dtype="str"))
    twice = frame["experiment_key"].duplicated()
    if twice.any():
        frame = frame[~twice].reset_index(drop=True)
    return frame, int(twice.sum())


def projects_frame(projects: Sequence[tuple[CometProject, bool | None]]) -> pd.DataFrame:
    """``CometUsageAnswer.projects``, of projects and whether they have columns of GPUs."""
    return pd.DataFrame(
        {
            "workspace": pd.array([one.workspace for one, _ in projects], dtype="str"),
            "project": pd.array([one.name for one, _ in projects], dtype="str"),
            "listed_experiments": pd.array([one.listed for one, _ in projects], dtype="Int64"),
            "last_updated_ms": pd.array([one.updated for one, _ in projects], dtype="Int64"),
            "has_gpu": pd.array([has_gpu for _, has_gpu in projects], dtype="boolean"),
        }
    )


def _joined(arrays: Sequence[npt.NDArray[Any]], kind: type, rows: int = 0) -> npt.NDArray[Any]:
    empty: npt.NDArray[Any] = np.empty((rows, 0) if rows else 0, dtype=kind)
    return np.concatenate([empty, *arrays], axis=-1).astype(kind, copy=False)


def _repeated(names: list[str], lengths: Ints) -> pd.Categorical:
    known = {name: place for place, name in enumerate(dict.fromkeys(names))}
    codes = np.repeat(np.array([known[name] for name in names], dtype=np.int32), lengths)
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(known), dtype="str"))


def _users(parts: Sequence[Rows]) -> pd.Categorical:
    known: dict[str, int] = {}
    codes = [np.empty(0, dtype=np.int32)]
    for rows in parts:
        places = [known.setdefault(name, len(known)) for name in rows.names]
        codes.append(np.array([*places, -1], dtype=np.int32)[rows.users])  # -1 takes the last
    return pd.Categorical.from_codes(
        np.concatenate(codes), categories=pd.Index(list(known), dtype="str")
    )
