"""What came back from a Comet server about experiments: frames, and how each project answered."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.status import SourceStatus

if TYPE_CHECKING:  # a command asks its server before it imports what takes longest
    import pandas as pd


@dataclass(frozen=True)
class CometUsageAnswer:
    """Every experiment of the projects asked for, of all time: a range is chosen from it, not fetched.

    Args:
        experiments: one row each, every key once. ``workspace``, ``project`` categorical text;
            ``experiment_key`` text; ``user`` categorical text, null where the server names none;
            ``start_ms``, ``end_ms``, ``duration_ms`` Int64 epoch milliseconds and milliseconds as the
            server gave them, null where missing or 0; ``archived`` boolean; ``running`` boolean,
            null where the server does not tell, and the column may be absent.
            GPU figures, null where there is no usable sample: ``gpus`` Int64 with samples;
            ``gpu_mean``, ``gpu_peak``, ``memory_mean``, ``memory_peak`` Float64 percent, of each GPU
            its mean or largest sample, then the mean over the experiment's GPUs;
            ``gpu_seconds`` Float64, summed over its GPUs; ``gpu_rule`` categorical text, how the
            seconds were found: a key of ``GPU_RULES``.
        projects: one row per project asked for: ``workspace``, ``project`` text,
            ``listed_experiments`` Int64 (``numberOfExperiments``), ``last_updated_ms`` Int64,
            ``has_gpu`` boolean (null where its columns could not be read).
        statuses: ``comet:projects`` and one ``comet:WORKSPACE/PROJECT`` for each that failed or
            answered in part, one ``comet:experiments`` for all that answered in full.
        notes: what a reader must know: values that were skipped, and why.
        host: where it came from, host name only.
    """

    experiments: "pd.DataFrame"
    projects: "pd.DataFrame"
    statuses: tuple[SourceStatus, ...]
    notes: tuple[str, ...] = ()
    host: str = ""


GPU_RULES = {
    "timestamps": "last minus first time stamp of the samples",
    "durations": "last minus first of the ever growing durations",
    "intervals": "sum of the durations, which are intervals",
}
"""How GPU seconds were found, in order of trust; see the note of a report."""
