"""Columns of a project, and series of its experiments' metrics: made when asked for, never kept."""

import random
import re
from functools import cache

from lib.demo.comet_experiments import Laboratory, Runs, experiment_name
from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_organisation import MadeUpProject

GPU_METRICS = {
    "gpu_utilization": (0.0, 100.0),
    "memory_utilization": (0.0, 100.0),
    "used_memory": (2e9, 80e9),
    "total_memory": (80e9, 80e9),
    "power_usage": (60.0, 400.0),
    "temperature": (35.0, 84.0),
}
"""Lowest and highest value of a GPU's metrics: percent, percent, bytes, bytes, watts, Celsius."""

COLUMNS = {
    "start_server_timestamp": ("datetime", "metadata"),
    "end_server_timestamp": ("datetime", "metadata"),
    "user_name": ("string", "metadata"),
    "learning_rate": ("double", "params"),
    "loss": ("double", "metrics"),
}
"""Type and source of columns that every project with an experiment has."""

FULL_STEP = 30_000
"""Milliseconds between two points of a full series."""
COURSE = 1_024
"""Points after which a metric repeats itself."""
FEWER_EVERY, NONE_EVERY = 5, 11
"""Of every so many experiments one uses half of the GPUs, or logs none."""
FORGOTTEN_EVERY, FORGOTTEN_LEVEL = 19, -10
"""One of so many experiments holds its GPUs and uses next to nothing of them."""
GPU_METRIC = re.compile(r"sys\.gpu\.(\d+)\.(\w+)")

Item = dict[str, object]


def columns(laboratory: Laboratory, project: MadeUpProject, now: int) -> list[Item]:
    """What the experiments of a project have logged, GPUs first."""
    if not laboratory.count(project, now):
        return []
    gpu: list[Item] = [
        {"name": f"sys.gpu.{number}.{metric}", "type": "double", "source": "metrics"}
        for number in range(project.gpus)
        for metric in GPU_METRICS
    ]
    others: list[Item] = [
        {"name": name, "type": kind, "source": source} for name, (kind, source) in COLUMNS.items()
    ]
    return [*gpu, *others]


def gpus_of(project: MadeUpProject, place: int) -> int:
    """How many GPUs an experiment used."""
    if place % NONE_EVERY == NONE_EVERY - 1:
        return 0
    return -(-project.gpus // 2) if place % FEWER_EVERY == FEWER_EVERY - 1 else project.gpus


def chart(
    laboratory: Laboratory,
    keys: list[str],
    metrics: list[str],
    now: int,
    *,
    full: bool,
    shape: CometShape,
    faults: CometFaults,
) -> Item:
    """Series by experiment; an experiment without any is absent.

    Args:
        keys: of experiments; those that do not exist are passed over.
        metrics: names.
        now: milliseconds; nothing is logged later.
        full: every point instead of a sample.
        shape: what ``durations`` means.
        faults: what is wrong with the values.
    """
    entries: dict[str, Item] = {}
    for key in keys:
        place = laboratory.find(key)
        if place is None or place[1] >= laboratory.count(place[0], now):
            continue
        project, position = place
        runs = laboratory.of(project)
        times = moments(runs, position, now, None if full else laboratory.org.size.points)
        frame = frame_of(times, runs.began[position], shape, faults)
        series = [
            {"metricName": name, "values": spell(values, faults), **frame}
            for name in metrics
            if (values := values_of(laboratory, project, position, name, len(times)))
        ]
        if series:
            entries[key] = {
                "experimentKey": key,
                "experimentName": experiment_name(project, position),
                "steps": None,
                "epochs": None,
                "params": None,
                "metrics": series,
            }
    return {"empty": not entries, "experiments": entries}


def moments(runs: Runs, place: int, now: int, most: int | None) -> list[int]:
    """When an experiment logged: evenly, its end included, its beginning not."""
    began = runs.began[place]
    lasted = min(runs.lasted[place], now - began)
    number = max(1, lasted // FULL_STEP)
    number = min(number, most) if most is not None else number
    return [began + lasted * (point + 1) // number for point in range(number)]


def values_of(
    laboratory: Laboratory, project: MadeUpProject, place: int, name: str, number: int
) -> list[float]:
    """The values of a metric; empty if the experiment never logged it."""
    rng = random.Random(f"{laboratory.org.seed}:{project.place}:{place}:{name}")
    if name == "loss":
        start = rng.uniform(1, 4)
        return [round(start / (1 + 0.1 * point), 5) for point in range(number)]
    match = GPU_METRIC.fullmatch(name)
    if match is None or match[2] not in GPU_METRICS or int(match[1]) >= gpus_of(project, place):
        return []
    # A project is well tuned or is not; its runs differ by less than projects do.
    level = 25 + project.place * 37 % 60 + rng.randrange(-10, 11)
    if match[2] == "gpu_utilization" and place % FORGOTTEN_EVERY == FORGOTTEN_EVERY - 1:
        level = FORGOTTEN_LEVEL
    course = courses(match[2], level)
    first = rng.randrange(COURSE)
    course = course * (1 + (first + number) // COURSE)
    return course[first : first + number]


@cache
def courses(metric: str, level: int) -> list[float]:
    """What a metric does around a level, in per cent of its range; runs start anywhere in it."""
    rng = random.Random(f"{metric}:{level}")
    low, high = GPU_METRICS[metric]
    return [
        round(low + (high - low) * min(1.0, max(0.0, level / 100 + 0.3 * (rng.random() - 0.5))), 2)
        for _ in range(COURSE)
    ]


def spell(values: list[float], faults: CometFaults) -> list[object]:
    """Values as the server spells them."""
    written: list[object] = [str(value) if faults.text_values else value for value in values]
    if faults.null_values:
        written[faults.null_values - 1 :: faults.null_values] = [None] * (
            len(written) // faults.null_values
        )
    return written


def frame_of(times: list[int], began: int, shape: CometShape, faults: CometFaults) -> Item:
    """What all series of an experiment have in common."""
    before = [began] * len(times) if shape.durations == "cumulative" else [began, *times[:-1]]
    frame: Item = {
        "steps": list(range(len(times))),
        "epochs": [None] * len(times),
        "timestamps": times,
    }
    if not faults.no_durations:
        frame["durations"] = [
            moment - earlier for moment, earlier in zip(times, before, strict=True)
        ]
    return frame
