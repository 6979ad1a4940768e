"""Pages of usage and costs: facts summed by bucket and grouping, and written as JSON."""

import json
import operator
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from lib.demo.facts import Amount, Diary, Fact, Label
from lib.demo.openai_endpoints import STEPS, ServedEndpoint
from lib.demo.openai_errors import OpenAIRefusal
from lib.demo.openai_faults import Faults
from lib.demo.openai_query import UsageQuery, write_cursor
from lib.demo.organisation import DAY, Organisation
from lib.demo.pricing import cost_facts, unit_of
from lib.demo.recent import Recent

HISTORY = timedelta(days=426)
"""How far back facts go: fourteen months."""

KEPT_BYTES = 192 * 2**20
"""How much written JSON of closed days is kept."""

KEY_FLOOR = 1_764_979_200
"""2025-12-06 UTC: before it, costs are not known by API key."""

Sums = dict[tuple[Label, ...], tuple[Amount, ...]]
Writer = Callable[[tuple[Label, ...], tuple[Amount, ...]], str]
"""A row as JSON, from its labels and amounts."""


class Ledger:
    """Answers usage queries of one organisation.

    Args:
        org: whose usage.
        faults: which of its answers are distorted.
    """

    def __init__(self, org: Organisation, faults: Faults) -> None:
        self.faults = faults
        self.diary = Diary(org)
        self.emails = {user.id: user.email for user in org.users}
        self.written: Recent[tuple[object, ...], list[bytes]] = Recent(KEPT_BYTES)

    def page(self, endpoint: ServedEndpoint, query: UsageQuery, now: datetime) -> bytes:
        """The body of one page.

        Raises:
            OpenAIRefusal: 400 where a fault switch has costs refuse a grouping.
        """
        if endpoint.name == "costs":
            self.check_costs(endpoint, query)
        ahead = query.starts[query.position :]
        limit = min(query.limit, self.faults.short_pages.get(endpoint.name, query.limit))
        shown = ahead[:limit]
        more = len(ahead) > len(shown)
        issued = int(now.timestamp())
        cursor = write_cursor(issued, query.fingerprint, ahead[limit]) if more else None
        if endpoint.name == "costs" and self.faults.phantom_last_page and not more:
            more, cursor = True, write_cursor(issued, b"dead", query.starts.stop)
        data = b",".join(self.buckets(endpoint, query, shown, now))
        envelope = json.dumps({"has_more": more, "next_page": cursor})
        return b'{"object":"page","data":[' + data + b"]," + envelope[1:].encode()

    def check_costs(self, endpoint: ServedEndpoint, query: UsageQuery) -> None:
        """Refuses what some organisations' costs refuse, if the faults say so."""
        grouped = {endpoint.dimensions[place] for place in query.group_by}
        filtered = {endpoint.dimensions[place] for place, _ in query.filters}
        too_early = query.starts.start < KEY_FLOOR
        if self.faults.refuse_api_key_before_floor and "api_key_id" in grouped and too_early:
            raise OpenAIRefusal(
                400,
                f"Grouping by api_key_id is only supported for start_time >= {KEY_FLOOR}.",
                param="start_time",
                code="invalid_request_error",
            )
        within_projects = "project_id" in grouped | filtered
        if self.faults.refuse_user_with_project and "user_id" in grouped and within_projects:
            raise OpenAIRefusal(
                400,
                "Combining user_id with project_id is not supported for this organization.",
                param="group_by",
                code="invalid_request_error",
            )

    def buckets(
        self, endpoint: ServedEndpoint, query: UsageQuery, shown: range, now: datetime
    ) -> Iterator[bytes]:
        """The shown buckets as JSON, in order."""
        visible = int((now - timedelta(hours=self.faults.lag_hours)).timestamp()) + 1
        high = visible if query.high is None else min(query.high, visible)
        oldest = int((now - HISTORY).timestamp()) // DAY
        step = STEPS[query.width]
        first = shown.start
        while first < shown.stop:
            number = first // DAY
            until = min(shown.stop, (number + 1) * DAY)
            lines = self.day(endpoint, query, number, high if number >= oldest else 0)
            yield from lines[first % DAY // step : (until - number * DAY) // step]
            first = until

    def day(
        self, endpoint: ServedEndpoint, query: UsageQuery, number: int, high: int
    ) -> list[bytes]:
        """All buckets of a day as JSON; kept when the whole day is over and shown unclipped."""
        start, end = number * DAY, (number + 1) * DAY
        whole = query.low <= start and high >= end
        key = (
            *(endpoint.name, query.width, query.group_by, query.filters, number),
            *(self.faults.amount_as_string, self.faults.undeclared_fields),
            endpoint.name in self.faults.bucket_without_results,
        )
        lines = self.written.get(key) if whole else None
        if lines is None:
            step = STEPS[query.width]
            facts = self.facts(endpoint, number, range(start, end, step), query.low)
            sums = add_up(facts if high > start else (), query, query.low, high)
            write = self.writer(endpoint, query)
            lines = [
                self.bucket(endpoint, range(begin, begin + step), write, sums.get(begin, {}))
                for begin in range(start, end, step)
            ]
            if whole:
                self.written.put(key, lines, sum(map(len, lines)) + 80 * len(lines))
        return lines

    def facts(
        self, endpoint: ServedEndpoint, number: int, starts: range, low: int
    ) -> Iterable[Fact]:
        """A day's facts of an endpoint; a level is a fact of every bucket, whatever its width."""
        if endpoint.name == "costs":
            return cost_facts(self.diary, number)
        if endpoint.name == "vector_stores":
            levels = self.diary.levels(number)
            return (
                Fact(max(start, low), labels, (level,))
                for start in starts
                for labels, level in levels
            )
        return self.diary.day(number).get(endpoint.name, ())

    def bucket(self, endpoint: ServedEndpoint, seconds: range, write: Writer, sums: Sums) -> bytes:
        """One bucket as JSON."""
        start, end = seconds.start, seconds.stop
        times = f'"start_time":{start},"end_time":{end}'
        iso_times = f'"start_time_iso":"{iso(start)}","end_time_iso":"{iso(end)}"'
        results = ""
        if endpoint.name not in self.faults.bucket_without_results:
            results = f',"results":[{",".join([write(*item) for item in sums.items()])}]'
        return f'{{"object":"bucket",{times},{iso_times}{results}}}'.encode()

    # Rows are a template filled in: they are many, and making a dict of each took most of a demo's load

    def writer(self, endpoint: ServedEndpoint, query: UsageQuery) -> Writer:
        """Writes rows; every dimension is there, null unless grouped by."""
        names = "".join(
            f',"{name}":{"%s" if place in query.group_by else "null"}'
            for place, name in enumerate(endpoint.dimensions)
        )
        kind = self.cost_writer if endpoint.name == "costs" else self.usage_writer
        return kind(endpoint, query, names)

    def usage_writer(self, endpoint: ServedEndpoint, _query: UsageQuery, names: str) -> Writer:
        """Rows of usage have every metric."""
        metrics = "".join(f',"{metric}":%d' for metric in endpoint.metrics)
        dreams = self.faults.undeclared_fields and endpoint.name == "completions"
        dream = ',"input_dream_tokens":%d,"dream_state":"lucid"' if dreams else ""
        template = f'{{"object":"{endpoint.object}"{metrics}{names}{dream}}}'
        if not dreams:
            return lambda labels, amounts: template % (*amounts, *map(as_json, labels))
        requests = endpoint.metrics.index("num_model_requests")
        return lambda labels, amounts: (
            template
            % (
                *amounts,
                *map(as_json, labels),
                amounts[requests] * 3,
            )
        )

    def cost_writer(self, endpoint: ServedEndpoint, query: UsageQuery, names: str) -> Writer:
        """Rows of costs have the amount, and a quantity only when grouped by line item."""
        template = (
            f'{{"object":"{endpoint.object}","amount":{{"value":%s,"currency":"usd"}}{names},'
            '"user_email":%s,"quantity":%s,"quantity_unit":%s}'
        )
        user, line = (
            query.group_by.index(place) if place in query.group_by else None
            for place in map(endpoint.dimensions.index, ("user_id", "line_item"))
        )
        as_text = self.faults.amount_as_string

        def write(labels: tuple[Label, ...], amounts: tuple[Amount, ...]) -> str:
            amount, quantity = amounts
            email = None if user is None else self.emails.get(str(labels[user]))
            return template % (
                f'"{amount:.18f}"' if as_text else repr(float(amount)),
                *map(as_json, labels),
                as_json(email),
                "null" if line is None else repr(float(quantity)),
                "null" if line is None else as_json(unit_of(str(labels[line]))),
            )

        return write


@lru_cache(100_000)
def as_json(label: Label) -> str:
    """A label as JSON; the same few stand in thousands of rows."""
    return json.dumps(label)


def add_up(facts: Iterable[Fact], query: UsageQuery, low: int, high: int) -> dict[int, Sums]:
    """Sums by bucket and group of the facts in [low, high) that pass the filters."""
    step = STEPS[query.width]
    pick = picker(query.group_by)
    filters = query.filters
    buckets: dict[int, Sums] = {}
    for moment, labels, amounts in facts:
        if not low <= moment < high:
            continue
        if filters and any(labels[place] not in passing for place, passing in filters):
            continue
        sums = buckets.setdefault(moment - moment % step, {})
        group = pick(labels)
        known = sums.get(group)
        sums[group] = amounts if known is None else tuple(map(operator.add, known, amounts))
    return buckets


def picker(places: tuple[int, ...]) -> Callable[[tuple[Label, ...]], tuple[Label, ...]]:
    """A function that picks labels by place, always as a tuple."""
    if not places:
        return lambda _labels: ()
    if len(places) == 1:
        place = places[0]
        return lambda labels: (labels[place],)
    return operator.itemgetter(*places)


def iso(seconds: int) -> str:
    """Unix seconds as ISO 8601 with an offset, as the live buckets carry them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
