"""What came back from a Comet server about experiments, and how each project answered."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lib.sources.comet.experiments.entities import CometProject
from lib.sources.comet.experiments.rows import ExperimentRows
from lib.status import SourceStatus

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ProjectRows:
    """What came of one project.

    Args:
        parts: its experiments, and the archived ones if they were asked for; none that failed.
        has_gpu: None when its columns could not be read.
    """

    project: CometProject
    parts: tuple[ExperimentRows, ...] = field(
        repr=False
    )  # asyncio.run() calls for it at its end, in vain
    has_gpu: bool | None


@dataclass(frozen=True)
class CometUsageAnswer:
    """Every experiment of the projects asked for, of all time: a range is chosen from it, not fetched.

    It is made of plain arrays; the frames of it are made when first asked for, which imports pandas.

    Args:
        projects_read: one for each project asked for.
        statuses: ``comet:projects`` and one ``comet:WORKSPACE/PROJECT`` for each that failed or
            answered in part, one ``comet:experiments`` for all that answered in full.
        notes: what a reader must know: values that were skipped, and why.
        host: where it came from, host name only.
    """

    projects_read: tuple[ProjectRows, ...]
    statuses: tuple[SourceStatus, ...]
    notes: tuple[str, ...] = ()
    host: str = ""

    @cached_property
    def experiments(self) -> "pd.DataFrame":
        """One row each, every key once.

        ``workspace``, ``project`` categorical text; ``experiment_key`` text; ``user`` categorical
        text, null where the server names none; ``start_ms``, ``end_ms``, ``duration_ms`` Int64 epoch
        milliseconds and milliseconds as the server gave them, null where missing or 0; ``archived``
        boolean; ``running`` boolean, null where the server does not tell. GPU figures, null where
        there is no usable sample: ``gpus`` Int64 with samples; ``gpus_timed`` Int64, how many
        of them have a known GPU time; ``gpu_mean``, ``gpu_peak``,
        ``memory_mean``, ``memory_peak`` Float64 percent, of each GPU its mean or largest sample, then
        the mean over the experiment's GPUs; ``gpu_seconds`` Float64, summed over those;
        ``gpu_rule`` categorical text, how the seconds were found: a key of ``GPU_RULES``.
        """
        from lib.sources.comet.experiments.frames import experiments_frame  # noqa: PLC0415

        return experiments_frame([*self._rows()])

    @cached_property
    def projects(self) -> "pd.DataFrame":
        """One row per project asked for.

        ``workspace``, ``project`` text, ``listed_experiments`` Int64 (``numberOfExperiments``),
        ``last_updated_ms`` Int64, ``has_gpu`` boolean (null where its columns could not be read).
        """
        from lib.sources.comet.experiments.frames import projects_frame  # noqa: PLC0415

        return projects_frame([(read.project, read.has_gpu) for read in self.projects_read])

    def _rows(self) -> Iterator[tuple[CometProject, ExperimentRows]]:
        for read in self.projects_read:
            for rows in read.parts:
                yield read.project, rows
