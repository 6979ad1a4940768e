"""The ledger of the demo, in a folder of its own, and OpenAI's part of it: made without asking day by day."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from lib.demo.facts import DIMENSIONS, METRICS, Diary, Fact
from lib.demo.organisation import Organisation, make_organisation
from lib.demo.pricing import cost_facts, unit_of
from lib.ledger.store import Ledger
from lib.periods import months_before
from lib.settings.ledger import DEFAULT_FOLDER, SQLITE
from lib.sources.openai.tables import (
    BILLED_COST,
    BILLED_QUANTITY,
    COSTS,
    LEDGER_METRICS,
)
from lib.usage.measure import SCHEMA, Counted, Name, measures

FOLDER = DEFAULT_FOLDER.with_name("demo-ledger")

_LEVELS = "vector_stores"
_KEYS = {"project_id": "sub_account", "user_id": "principal", "model": "sku", "line_item": "sku"}
_DAY = timedelta(days=1)
_EPOCH = date(1970, 1, 1)


def demo_ledger() -> Ledger:
    """Made-up data only."""
    warehouse = str(FOLDER / "warehouse")
    return Ledger(f"{SQLITE}{FOLDER / 'catalog.db'}", warehouse, made_up=True)


class MadeUpMonths:
    """OpenAI's months as the stand-in tells them, by project, user and model, each as one row a month; costs
    of this month and the one before day by day, for projections.

    Asked day by day over its protocol, a year takes ten seconds.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._diary = Diary(make_organisation())

    def measures(self, month: str, today: date) -> pa.Table:
        """Of one month, up to today."""
        first = date.fromisoformat(f"{month}-01")
        after = months_before(first, -1)
        days = range(_number(first), _number(min(after, today + _DAY)))
        daily = first >= months_before(today, 1)
        tables = [
            self._written(endpoint, self._facts(endpoint, part), start, end)
            for endpoint in METRICS
            for part, start, end in (
                _single(days) if daily and endpoint == COSTS else [(days, first, after)]
            )
        ]
        return pa.concat_tables([SCHEMA.empty_table(), *tables])

    def names(self) -> Iterator[Name]:
        """Of all projects and users, by what people know them as."""
        org: Organisation = self._diary.org
        for project in org.projects:
            yield Name("project", project.id, project.name)
        for user in org.users:
            if called := user.email or user.name:
                yield Name("user", user.id, called)

    def _facts(self, endpoint: str, days: range) -> Iterable[Fact]:
        if endpoint == _LEVELS:  # of a level the last day counts
            return (Fact(0, labels, (level,)) for labels, level in self._diary.levels(days[-1]))
        if endpoint == COSTS:
            return (fact for day in days for fact in cost_facts(self._diary, day))
        return (fact for day in days for fact in self._diary.day(day).get(endpoint, ()))

    def _written(self, endpoint: str, facts: Iterable[Fact], first: date, after: date) -> pa.Table:
        places = {
            _KEYS[name]: place for place, name in enumerate(DIMENSIONS[endpoint]) if name in _KEYS
        }
        sums: dict[tuple[Any, ...], Sequence[Any]] = {}
        for _, labels, amounts in facts:
            key = tuple(labels[place] for place in places.values())
            known = sums.get(key)
            sums[key] = amounts if known is None else tuple(map(operator.add, known, amounts))
        if not sums:
            return SCHEMA.empty_table()
        frame = pd.DataFrame([*sums], columns=[*places], dtype=object)
        for place, name in enumerate(METRICS[endpoint]):
            frame[f"{name}_"] = pd.Series(
                [amounts[place] for amounts in sums.values()], dtype=object
            )
        start, end = (pd.Timestamp(day, tz="UTC") for day in (first, after))
        rows = frame.assign(start=start, end=end, part=endpoint, unit=_units(endpoint, frame))
        return measures("openai", self._account, rows, _counted(endpoint))


def _single(days: range) -> Iterator[tuple[range, date, date]]:
    for number in days:
        day = _EPOCH + number * _DAY
        yield range(number, number + 1), day, day + _DAY


def _number(day: date) -> int:
    return (day - _EPOCH).days


def _units(endpoint: str, frame: pd.DataFrame) -> Any:
    return [unit_of(str(item)) for item in frame["sku"]] if endpoint == COSTS else ""


def _counted(endpoint: str) -> list[Counted]:
    if endpoint == COSTS:
        return [
            Counted("amount_", BILLED_COST.key, "USD"),
            Counted("quantity_", BILLED_QUANTITY.key, unit_column="unit"),
        ]
    return [
        Counted(f"{name}_", name, metric.unit, metric.nature)
        for name in METRICS[endpoint]
        for metric in [LEDGER_METRICS[name]]
    ]
