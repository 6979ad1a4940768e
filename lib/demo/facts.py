"""What happened on one UTC day: usage events, made from the seed and the day alone."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from lib.demo.catalogue import OTHER_MODELS
from lib.demo.organisation import DAY, ApiKey, Organisation, Project, User, token
from lib.demo.recent import Recent

FOUR = ("project_id", "user_id", "api_key_id", "model")
SEVEN = (*FOUR, "batch", "service_tier", "api_source")

DIMENSIONS: dict[str, tuple[str, ...]] = {
    "completions": SEVEN,
    "decisions": SEVEN,
    "embeddings": FOUR,
    "moderations": FOUR,
    "images": (*FOUR, "size", "source"),
    "audio_speeches": FOUR,
    "audio_transcriptions": FOUR,
    "vector_stores": ("project_id",),
    "code_interpreter_sessions": ("project_id",),
    "file_search_calls": ("project_id", "user_id", "api_key_id", "vector_store_id"),
    "web_search_calls": (*FOUR, "context_level", "api_source"),
    "costs": ("project_id", "user_id", "line_item", "api_key_id", "api_source"),
}
"""Labels of a fact of each endpoint, in the order in which facts carry them."""

TOKEN_DETAIL = (
    "input_tokens",
    "output_tokens",
    "num_model_requests",
    "input_cached_tokens",
    "input_uncached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    "input_text_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "input_cached_text_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
    "output_text_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)

METRICS: dict[str, tuple[str, ...]] = {
    "completions": TOKEN_DETAIL,
    "decisions": TOKEN_DETAIL,
    "embeddings": ("input_tokens", "num_model_requests"),
    "moderations": ("input_tokens", "num_model_requests"),
    "images": ("images", "num_model_requests"),
    "audio_speeches": ("characters", "num_model_requests"),
    "audio_transcriptions": ("seconds", "num_model_requests"),
    "vector_stores": ("usage_bytes",),
    "code_interpreter_sessions": ("num_sessions",),
    "file_search_calls": ("num_requests",),
    "web_search_calls": ("num_requests", "num_model_requests"),
    "costs": ("amount", "quantity"),
}
"""Amounts of a fact of each endpoint, in the order in which facts carry them."""

Label = str | bool | None
Amount = int | Decimal
Habit = tuple[str, ApiKey | None, str | None]


class Fact(NamedTuple):
    """Something that happened, or a level that held, at a minute.

    Args:
        at: Unix seconds, a whole minute.
        labels: in the order of ``DIMENSIONS``.
        amounts: in the order of ``METRICS``.
    """

    at: int
    labels: tuple[Label, ...]
    amounts: tuple[Amount, ...]


@dataclass(frozen=True)
class Lane:
    """One habit: who uses what, through which key.

    Args:
        endpoint: a key of ``DIMENSIONS``.
        labels: project_id, user_id, api_key_id, model.
        first: the first second at which it may happen.
        last: the last second at which it may happen.
        office: kept to office hours, or around the clock.
        utc_offset: hours that the office is ahead of UTC.
        size: how much larger than usual its events are.
        api_source: ``agents_api`` or ``unlabeled``.
        store: its vector store.
    """

    endpoint: str
    labels: tuple[Label, ...]
    first: int
    last: float
    office: bool
    utc_offset: int
    size: float
    api_source: str
    store: str


class Diary:
    """The days of one organisation, each made when first asked for.

    Args:
        org: whose days.
        days: how many days are kept in memory.
    """

    def __init__(self, org: Organisation, days: int = 430) -> None:
        self.org = org
        self.lanes = tuple(lane for project in org.projects for lane in lanes_of(org, project))
        self.pages: Recent[int, dict[str, tuple[Fact, ...]]] = Recent(days)

    def day(self, number: int) -> dict[str, tuple[Fact, ...]]:
        """Events of a day by endpoint, in order of time; levels and costs are not among them.

        Args:
            number: days since 1970-01-01.
        """
        page = self.pages.get(number)
        if page is None:
            page = self.write(number)
            self.pages.put(number, page)
        return page

    def write(self, number: int) -> dict[str, tuple[Fact, ...]]:
        """A day, from the seed and its number alone."""
        rng = random.Random(f"{self.org.seed}:{number}")
        weekend = (number + 3) % 7 >= 5
        volume = growth(number) * (0.45 if weekend else 1.0) * rng.uniform(0.9, 1.1)
        events: dict[str, list[Fact]] = {}
        for lane in self.lanes:
            busy = rng.random() < (0.62 if weekend and lane.office else 0.86)
            if busy and lane.first <= number * DAY < lane.last:
                for _ in range(rng.choice((1, 1, 2))):
                    moment = number * DAY + 60 * minute_of(rng, lane)
                    fact = Fact(moment, labels_of(rng, lane), amounts_of(rng, lane, volume))
                    events.setdefault(lane.endpoint, []).append(fact)
        return {name: tuple(sorted(facts, key=when)) for name, facts in events.items()}

    def levels(self, number: int) -> list[tuple[tuple[Label, ...], int]]:
        """Labels and bytes of each project's vector stores, the same throughout a day."""
        return [
            ((project.id,), stored_bytes(project, number))
            for project in self.org.projects
            if project.plan.storage_gib
            and project.created_at < number * DAY
            and (project.archived_at is None or number * DAY < project.archived_at)
        ]


def when(fact: Fact) -> int:
    """A fact's time."""
    return fact.at


def growth(number: int) -> float:
    """Volume of a day against late 2026: an S-curve with its middle in May 2026."""
    return 0.35 + 0.8 / (1 + math.exp(-(number - 20_590) / 90))


def stored_bytes(project: Project, number: int) -> int:
    """Size of a project's vector stores on a day: grows a little every day, never shrinks."""
    ramp = max(0.04 + number / 1e6, 1 + 0.0014 * (number - 20_778))
    return int(project.plan.storage_gib * 2**30 * ramp)


def lanes_of(org: Organisation, project: Project) -> list[Lane]:
    """A project's habits, made from the seed and its name in the plan.

    A key of None is the playground: the person is known, no key is, and now and then no project.
    """
    rng = random.Random(f"{org.seed}:lanes:{project.plan.name}")
    stores = tuple(f"vs_{token(rng, 24)}" for _ in range(3))
    models = project.plan.models
    habits: list[Habit] = []
    for key in project.keys:
        for model in rng.sample(models, min(len(models), rng.choice((2, 3)))):
            habits.append(("completions", key, model))
    for _ in range(3):
        habits.append(("completions", None, rng.choice(models)))
    for endpoint, count in project.plan.others.items():
        for _ in range(count):
            by = None if rng.random() < 0.12 else rng.choice(project.keys)
            habits.append((endpoint, by, rng.choice(OTHER_MODELS.get(endpoint, (None,)))))
    return [make_lane(rng, project, stores, habit) for habit in habits]


def make_lane(
    rng: random.Random,
    project: Project,
    stores: tuple[str, ...],
    habit: Habit,
) -> Lane:
    """One habit of a project; people keep office hours, service accounts do not."""
    endpoint, key, model = habit
    user = rng.choice(project.members).id if key is None else key.usage_user_id
    within: str | None = project.id
    if key is None and rng.random() < 0.15:
        within, user = None, rng.choice((user, None))
    since = project.created_at if key is None else key.created_at
    sources = ("agents_api", "unlabeled") if project.plan.agents else ("unlabeled",)
    return Lane(
        endpoint=endpoint,
        labels=(within, user, None if key is None else key.id, model),
        first=since - since % DAY + DAY,
        last=math.inf if project.archived_at is None else project.archived_at,
        office=key is None or isinstance(key.owner, User),
        utc_offset=project.plan.utc_offset,
        size=rng.lognormvariate(0, 0.7),
        api_source=rng.choice(sources),
        store=rng.choice(stores),
    )


def minute_of(rng: random.Random, lane: Lane) -> int:
    """A minute of the UTC day: around 13:30 in the office, or any."""
    if not lane.office:
        return rng.randrange(1_440)
    local = rng.gauss(13.5, 2.6) - lane.utc_offset
    return int(local * 60) % 1_440


def labels_of(rng: random.Random, lane: Lane) -> tuple[Label, ...]:
    """Labels of one event, in the order of ``DIMENSIONS``."""
    four = lane.labels
    match lane.endpoint:
        case "completions" | "decisions":
            batch = not lane.office and rng.random() < 0.35
            tier = rng.choice(("default", "default", "default", "flex", "priority"))
            return (*four, batch, "default" if batch else tier, lane.api_source)
        case "images":
            sizes = ("1024x1024", "1024x1024", "512x512", "256x256", "1792x1792", "1024x1792")
            sources = ("image.generation", "image.generation", "image.edit", "image.variation")
            return (*four, rng.choice(sizes), rng.choice(sources))
        case "file_search_calls":
            return (*four[:3], lane.store)
        case "web_search_calls":
            return (*four, rng.choice(("low", "medium", "high")), lane.api_source)
        case "code_interpreter_sessions":
            return four[:1]
    return four


def amounts_of(rng: random.Random, lane: Lane, volume: float) -> tuple[int, ...]:
    """Amounts of one event, in the order of ``METRICS``."""
    requests = 1 + int(rng.lognormvariate(4.2, 0.8) * volume * lane.size)
    if lane.endpoint in ("completions", "decisions"):
        return tokens_of(rng, str(lane.labels[3]), requests)
    return SIMPLE_AMOUNTS[lane.endpoint](rng, requests)


SIMPLE_AMOUNTS: dict[str, Callable[[random.Random, int], tuple[int, ...]]] = {
    "embeddings": lambda rng, n: (n * rng.randrange(200, 4_000), n),
    "moderations": lambda rng, n: (n * rng.randrange(40, 400), n),
    "images": lambda rng, n: (1 + n // 8 * rng.choice((1, 1, 2)), 1 + n // 8),
    "audio_speeches": lambda rng, n: (n * rng.randrange(80, 900), n),
    "audio_transcriptions": lambda rng, n: ((1 + n // 6) * rng.randrange(30, 1_800), 1 + n // 6),
    "code_interpreter_sessions": lambda _rng, n: (1 + n // 5,),
    "file_search_calls": lambda _rng, n: (n,),
    "web_search_calls": lambda rng, n: (n + rng.randrange(n), n),
}
"""How the requests of one event turn into amounts, in the order of ``METRICS``."""


def tokens_of(rng: random.Random, model: str, requests: int) -> tuple[int, ...]:
    """Amounts in the order of ``TOKEN_DETAIL``; every part adds up to its whole."""
    whole = int(requests * rng.randrange(500, 7_000))
    written = int(whole * 0.06) if model in ("gpt-5.1", "gpt-5-codex") else 0
    written_30m = int(written * rng.random())
    cached = int(whole * rng.choice((0, 0.1, 0.25, 0.4, 0.6)))
    uncached = whole - written - cached
    output = int(requests * rng.randrange(60, 1_200))
    audio = 0.6 if model == "gpt-audio" else 0.0
    image = rng.choice((0.0, 0.0, 0.2)) if model in ("gpt-4o", "gpt-5.1", "gpt-5") else 0.0
    input_audio, input_image = int(uncached * audio), int(uncached * image)
    cached_audio, cached_image = int(cached * audio / 2), int(cached * image / 2)
    output_audio = int(output * audio)
    output_image = int(output * 0.1) if image and model == "gpt-5.1" else 0
    return (
        whole,
        output,
        requests,
        cached,
        uncached,
        written,
        written_30m,
        written - written_30m,
        uncached - input_audio - input_image,
        input_audio,
        input_image,
        cached - cached_audio - cached_image,
        cached_audio,
        cached_image,
        output - output_audio - output_image,
        output_audio,
        output_image,
    )
