"""What a day cost: the facts times a small price list, as exact decimals."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from lib.demo.catalogue import AUDIO_PRICES, TOKEN_PRICES, UNIT_PRICES
from lib.demo.facts import TOKEN_DETAIL, Diary, Fact, Label

CENT_FRACTION = Decimal("0.0000000001")
"""Amounts are rounded to this when a fact is priced, so sums of any grouping agree exactly."""

MILLION = Decimal(1_000_000)
HOUR = 3_600
GIBIBYTE = Decimal(2**30)

PLACE = {name: position for position, name in enumerate(TOKEN_DETAIL)}

TOKEN_LINES: tuple[tuple[str, tuple[str, ...], int], ...] = (
    ("input_tokens", ("input_text_tokens", "input_image_tokens", "input_cache_write_tokens"), 0),
    ("cached input", ("input_cached_tokens",), 1),
    ("output_tokens", ("output_text_tokens", "output_image_tokens"), 2),
    ("audio input_tokens", ("input_audio_tokens",), 3),
    ("audio output_tokens", ("output_audio_tokens",), 4),
)
"""Line items of a model: the name after the comma, its metrics, its place in the price list."""

FACTORS: dict[Label, Decimal] = {
    "default": Decimal(1),
    "flex": Decimal("0.5"),
    "priority": Decimal(2),
}
"""What a service tier does to the price; batches cost half."""

UNIT_LINES: dict[str, tuple[str, str | None]] = {
    "embeddings": ("{model}", "tokens"),
    "images": ("{model}, images", "images"),
    "audio_speeches": ("{model}, characters", "characters"),
    "audio_transcriptions": ("{model}, duration", "duration_seconds"),
    "web_search_calls": ("web search tool calls", None),
    "file_search_calls": ("file search tool calls", None),
    "code_interpreter_sessions": ("code interpreter sessions", None),
}
"""The one line item of each other endpoint and its unit; moderations are free."""

STORAGE = "file search storage"


def price_list() -> dict[str, tuple[Decimal, ...]]:
    """US dollars for one token by model: input, cached, output, audio input, audio output."""
    return {
        model: tuple(Decimal(price) / MILLION for price in (*prices, *AUDIO_PRICES))
        for model, prices in TOKEN_PRICES.items()
    }


PRICES = price_list()


@cache
def unit_of(line_item: str) -> str | None:
    """The unit of a line item's quantity; None where OpenAI has no word for it."""
    if line_item == STORAGE:
        return "gibibyte_hours"
    for name, unit in UNIT_LINES.values():
        if line_item == name or ("{model}, " in name and line_item.endswith(name[7:])):
            return unit
    return "tokens"


@cache
def token_rates(
    model: Label, batch: Label, tier: Label
) -> tuple[tuple[str, tuple[int, ...], Decimal], ...]:
    """Line items of a model, each with the places of its metrics and the price of a token."""
    factor = FACTORS[tier] / 2 if batch else FACTORS[tier]
    return tuple(
        (
            f"{model}, {line}",
            tuple(PLACE[metric] for metric in metrics),
            PRICES[str(model)][price] * factor,
        )
        for line, metrics, price in TOKEN_LINES
    )


@cache
def unit_rate(line: str, model: Label) -> tuple[str, Decimal]:
    """The line item of another endpoint's calls, and the price of a unit."""
    item = line.format(model=model)
    return item, UNIT_PRICES[str(model) if "{model}" in line else item]


def cost_facts(diary: Diary, number: int) -> list[Fact]:
    """All costs of a day, one fact per usage event and line item, and storage by the hour."""
    day = diary.day(number)
    costs: list[Fact] = []
    for endpoint in ("completions", "decisions"):
        for fact in day.get(endpoint, ()):
            costs += token_costs(fact)
    for endpoint, (line, _unit) in UNIT_LINES.items():
        costs += [unit_cost(endpoint, line, fact) for fact in day.get(endpoint, ())]
    costs += storage_costs(diary, number)
    return costs


def token_costs(fact: Fact) -> Iterator[Fact]:
    """The line items of one completion or decision that are not zero."""
    moment, (project, user, key, model, batch, tier, source), amounts = fact
    for item, places, rate in token_rates(model, batch, tier):
        tokens = sum([amounts[place] for place in places])
        if tokens:
            amount = (tokens * rate).quantize(CENT_FRACTION)
            yield Fact(moment, (project, user, item, key, source), (amount, tokens))


def unit_cost(endpoint: str, line: str, fact: Fact) -> Fact:
    """The one line item of a call, image, character, second or session."""
    labels = (*fact.labels, None, None, None)[: max(4, len(fact.labels))]
    project, user, key, model = labels[:4]
    source = fact.labels[5] if endpoint == "web_search_calls" else "unlabeled"
    item, rate = unit_rate(line, model)
    amount = (fact.amounts[0] * rate).quantize(CENT_FRACTION)
    return Fact(fact.at, (project, user, item, key, source), (amount, fact.amounts[0]))


def storage_costs(diary: Diary, number: int) -> Iterator[Fact]:
    """Vector storage: the day's level for each hour, with neither a key nor a user."""
    price = UNIT_PRICES[STORAGE]
    for (project,), level in diary.levels(number):
        gibibyte_hours = (level / GIBIBYTE).quantize(Decimal("0.000001"))
        amount = (gibibyte_hours * price).quantize(CENT_FRACTION)
        for hour in range(24):
            moment = number * 86_400 + hour * HOUR
            yield Fact(
                moment, (project, None, STORAGE, None, "unlabeled"), (amount, gibibyte_hours)
            )
