"""From kept experiments to frames, joined without copies in Python."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lib.sources.comet.experiments.entities import CometProject
from lib.sources.comet.experiments.gpu import RULES
from lib.sources.comet.experiments.rows import FLOATS, MOMENTS, ExperimentRows

Ints = npt.NDArray[np.int64]


def experiments_frame(parts: Sequence[tuple[CometProject, ExperimentRows]]) -> pd.DataFrame:
    """``CometUsageAnswer.experiments``; of experiments with the same key the first one."""
    every = [rows for _, rows in parts]
    lengths = np.array([len(rows.keys) for rows in every], dtype=np.int64)
    frame = pd.DataFrame(
        {
            "workspace": _repeated([project.workspace for project, _ in parts], lengths),
            "project": _repeated([project.name for project, _ in parts], lengths),
            "experiment_key": pd.array([key for rows in every for key in rows.keys], dtype="str"),
            "user": _users(every),
        }
    )
    for place, name in enumerate(MOMENTS):
        column = _joined([rows.moments[place] for rows in every], np.int64)
        frame[name] = pd.arrays.IntegerArray(column, column == 0)
    archived = np.repeat(np.array([rows.archived for rows in every], dtype=bool), lengths)
    frame["archived"] = pd.arrays.BooleanArray(archived, np.zeros(len(archived), dtype=bool))
    running = _joined([rows.running for rows in every], np.int8)
    frame["running"] = pd.arrays.BooleanArray(running == 1, running < 0)
    gpus = _joined([rows.gpus for rows in every], np.int64)
    frame["gpus"] = pd.arrays.IntegerArray(gpus, gpus == 0)
    timed = _joined([rows.timed for rows in every], np.int64)
    frame["gpus_timed"] = pd.arrays.IntegerArray(timed, gpus == 0)
    for place, name in enumerate(FLOATS):
        figures = _joined([rows.figures[place] for rows in every], np.float64)
        frame[name] = pd.arrays.FloatingArray(figures, np.isnan(figures))
    rules = _joined([rows.rules for rows in every], np.int8)
    frame["gpu_rule"] = pd.Categorical.from_codes(rules, categories=pd.Index(RULES, dtype="str"))
    twice = frame["experiment_key"].duplicated()
    return frame[~twice].reset_index(drop=True) if twice.any() else frame


def projects_frame(projects: Sequence[tuple[CometProject, bool | None]]) -> pd.DataFrame:
    """``CometUsageAnswer.projects``, of projects and whether they have columns of GPUs."""
    return pd.DataFrame(
        {
            "workspace": pd.array([project.workspace for project, _ in projects], dtype="str"),
            "project": pd.array([project.name for project, _ in projects], dtype="str"),
            "listed_experiments": pd.array(
                [project.listed for project, _ in projects], dtype="Int64"
            ),
            "last_updated_ms": pd.array(
                [project.updated for project, _ in projects], dtype="Int64"
            ),
            "has_gpu": pd.array([has_gpu for _, has_gpu in projects], dtype="boolean"),
        }
    )


def _joined(arrays: Sequence[Any], kind: type) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, dtype=kind), *arrays]).astype(kind, copy=False)


def _repeated(names: list[str], lengths: Ints) -> pd.Categorical:
    known = {name: place for place, name in enumerate(dict.fromkeys(names))}
    codes = np.repeat(np.array([known[name] for name in names], dtype=np.int32), lengths)
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(known), dtype="str"))


def _users(parts: Sequence[ExperimentRows]) -> pd.Categorical:
    known: dict[str, int] = {}
    codes = [np.empty(0, dtype=np.int32)]
    for rows in parts:
        places = [known.setdefault(name, len(known)) for name in rows.names]
        codes.append(
            np.array([*places, -1], dtype=np.int32)[np.asarray(rows.users)]
        )  # -1: the last
    return pd.Categorical.from_codes(
        np.concatenate(codes), categories=pd.Index(list(known), dtype="str")
    )
