"""What a reader must know to read the experiment report right, in sentences."""

from collections.abc import Iterable, Iterator

import pandas as pd

from lib.quantities import counted
from lib.reports.experiments.select import ChosenRows
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.gpu import GPU_RULES
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.usage.exact import total


def usage_notes(
    rows: ChosenRows,
    answer: CometUsageAnswer,
    query: CometUsageQuery,
    coarser: Iterable[str],
    *,
    running_day: bool,
    against: str = "",
) -> Iterator[str]:
    """What is counted, what is left out, and what each average is.

    Args:
        coarser: units of charts that cannot show as many buckets as the tables hold.
        running_day: the period ends today.
        against: what it is compared with, in words.
    """
    yield (
        f"An experiment counts whole in the {query.unit} in which it starts, in UTC"
        + ("; weeks are those of ISO 8601." if query.unit == "week" else ".")
    )
    yield from _counted(rows, query)
    if running_day:
        yield "The last day is still running: its numbers grow until midnight UTC."
    if against:
        part = ", although the last day still runs" if running_day else ""
        yield f"Changes are against {against}{part}."
    yield from _run_times(rows)
    yield from _gpu(rows, answer, query)
    for unit in coarser:
        yield f"Charts are by {unit}, because the range has too many {query.unit}s to be drawn."
    yield from _listed(rows, query)
    yield from answer.notes


def _counted(rows: ChosenRows, query: CometUsageQuery) -> Iterator[str]:
    skipped = rows.skipped
    if query.archived:
        yield "Archived experiments are counted too."
    else:
        count = f"; left out here: {skipped.archived:,}" if skipped.archived else ""
        yield f"Archived experiments are not counted{count}."
    if skipped.no_start:
        yield (
            "Without a usable start time, and therefore in no figure, table or chart; "
            f"experiments: {skipped.no_start:,}."
        )
    unnamed = int((rows.user < 0).sum())
    if unnamed:
        yield f"The server names no user, so the number of users may be too low; experiments: {unnamed:,}."


def _run_times(rows: ChosenRows) -> Iterator[str]:
    skipped = rows.skipped
    if skipped.from_duration:
        yield (
            "Run time is end minus start. For want of an end, the duration that the client told "
            f"stands in; experiments: {skipped.from_duration:,}."
            + ("" if skipped.tells_running else " Those that still run may be among them.")
        )
    parts = [
        f"{count:,} {what}"
        for count, what in (
            (skipped.running, "still running or without an end"),
            (skipped.not_positive, "that end before or when they start"),
            (skipped.in_future, "that end after the present"),
        )
        if count
    ]
    if parts:
        yield f"Without a run time, and not in its average; experiments: {', '.join(parts)}."


def _gpu(rows: ChosenRows, answer: CometUsageAnswer, query: CometUsageQuery) -> Iterator[str]:
    if any(value is not None for value in rows.both.values()):
        sample = "mean of its samples" if query.utilisation == "mean" else "largest sample"
        yield (
            f"GPU and GPU memory utilisation: of each GPU the {sample}, averaged over the GPUs of an "
            "experiment, then over the experiments that have a value, each with the same weight. "
            "A gap means no data, not 0 %. Samples are those the server keeps."
        )
    used = [f"{GPU_RULES[rule]} ({count:,})" for rule, count in rows.gpu_rules.items() if count]
    if used:
        yield (
            "GPU hours are summed over the GPUs of an experiment and belong to when it starts. "
            f"Found by, with experiments: {'; '.join(used)}."
        )
    if rows.gpus.timeless:
        yield (
            f"The GPU time of {rows.gpus.timeless:,} of {rows.gpus.count:,} GPUs is not known, in "
            f"{counted(rows.gpus.experiments, 'experiments')}: their samples say nothing usable of time."
            + (" GPU hours are those of the others." if used else "")
        )
    if rows.unrated_hours:
        yield (
            f"The utilisation of {rows.unrated_hours:,.1f} GPU hours is not known: they are not among the "
            "idle ones."
        )
    if not used and not rows.gpus.count and len(rows):
        never = not answer.projects["has_gpu"].fillna(True).any()
        which = "No experiment has GPU metrics" if never else "No usable GPU metrics came"
        yield f"{which}, so nothing is known of GPU hours and utilisation."


def _listed(rows: ChosenRows, query: CometUsageQuery) -> Iterator[str]:
    listed, received = (
        rows.projects[key] for key in ("listed_experiments", "received_experiments")
    )
    differs = (listed != received).fillna(False)
    if differs.any():
        which = "" if query.archived else ", archived ones left out"
        yield (
            f"The server lists {counted(_sum(listed[differs]), 'experiments')} in {int(differs.sum()):,} of the "
            f"projects, of which {_sum(received[differs]):,} came{which}: what came is what counts."
        )


def _sum(column: "pd.Series[int]") -> int:
    return int(total(column) or 0)
