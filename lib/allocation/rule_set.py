"""The five tables of a rule set: which columns each has, and one row of each as an object."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as extra
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from json import dumps
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

CellKind = Literal["text", "whole", "decimal", "date", "month", "currency"]

UNALLOCATED = "unallocated"
"""Names what no rule assigns, where a share names its source; no cost centre is called so."""

EVERY = "*"
"""As a share's target: every cost centre of that day that is no source."""

FIELDS = ("account", "sub_account", "resource", "principal", "sku")
"""What a rule may look at."""

METHODS = ("even", "fixed", "proportional")
"""How a share is split."""


class Cell(NamedTuple):
    """One column of a table.

    Args:
        key: heading in files, and name in a row.
        choices: all that may stand there; empty means anything.
        also: headings that are read as this one.
    """

    key: str
    kind: CellKind = "text"
    required: bool = False
    choices: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    help: str = ""


class _Dated(Protocol):
    @property
    def valid_from(self) -> date | None: ...
    @property
    def valid_to(self) -> date | None: ...


_D = TypeVar("_D", bound=_Dated)


@dataclass(frozen=True)
class CostCentre:
    """Who pays, for a time. ``owner``: addresses and ``group:NAME``, separated by spaces.

    ``budget`` is that of a month. ``row`` is where it stands in its table, in every kind of row.
    """

    id: str
    name: str = ""
    owner: str = ""
    email: str = ""
    budget: Decimal | None = None
    currency: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    row: int = extra(default=0, compare=False)

    @property
    def owners(self) -> tuple[str, ...]:
        """Addresses and groups, in small letters."""
        return tuple(self.owner.lower().replace(",", " ").replace(";", " ").split())


@dataclass(frozen=True)
class Rule:
    """Whose a line is. ``platform`` empty: any. ``name`` is what the id is called, for people; with an
    empty ``pattern`` it is looked up when the set is published.
    """

    priority: int
    platform: str
    field: str
    pattern: str
    name: str
    cost_centre: str
    valid_from: date | None = None
    valid_to: date | None = None
    row: int = extra(default=0, compare=False)

    @property
    def words(self) -> str:
        """``10 openai sub_account proj_*``; a person is not named, whoever reads it."""
        pattern = "" if self.field == "principal" else self.pattern
        return " ".join(
            part for part in (str(self.priority), self.platform, self.field, pattern) if part
        )

    @property
    def order(self) -> tuple[Any, ...]:
        """The first that matches wins: by priority, then exact before ``*``, longer before shorter."""
        stars = self.pattern.count("*")
        return (
            *(self.priority, stars > 0, -len(self.pattern), stars),
            *(self.platform == "", self.platform, FIELDS.index(self.field), self.pattern),
            self.valid_from or date.min,
        )


@dataclass(frozen=True)
class Share:
    """One target of what is split: all that a cost centre was assigned, or what is unallocated.

    ``weight`` in percent, for ``fixed``; ``platform`` and ``metric``, for ``proportional``: by the
    amounts of it that the rules assign to each target.
    """

    source: str
    method: str
    target: str = EVERY
    weight: Decimal | None = None
    platform: str = ""
    metric: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    row: int = extra(default=0, compare=False)


@dataclass(frozen=True)
class Rate:
    """A price for what nobody bills: so much money for ``per`` of a metric, until the next one begins."""

    platform: str
    metric: str
    price: Decimal
    per: Decimal
    currency: str
    valid_from: date | None = None
    row: int = extra(default=0, compare=False)


@dataclass(frozen=True)
class ExchangeRate:
    """Finance's own: one unit of ``base`` is ``rate`` of ``quote`` in a month."""

    month: str
    base: str
    quote: str
    rate: Decimal
    source: str = ""
    row: int = extra(default=0, compare=False)


Row = CostCentre | Rule | Share | Rate | ExchangeRate

_SPAN = (
    Cell("valid_from", "date", help="First day (UTC), YYYY-MM-DD; empty: always was."),
    Cell("valid_to", "date", help="Last day (UTC), inclusive; empty: without end."),
)

COLUMNS: Mapping[str, tuple[Cell, ...]] = {
    "cost_centres": (
        Cell("id", required=True, help="Short and lasting, such as 4711."),
        Cell("name"),
        Cell("owner", help="Addresses and group:NAME who may see it, separated by spaces."),
        Cell("email", also=("e-mail",), help="Where its statements go."),
        Cell("budget", "decimal", also=("monthly_budget", "monthly budget"), help="Per month."),
        Cell("currency", "currency"),
        *_SPAN,
    ),
    "rules": (
        Cell("priority", "whole", required=True, help="The smallest that matches wins."),
        Cell("platform", help="Empty: any."),
        Cell("field", required=True, choices=FIELDS),
        Cell("pattern", help="An id; * stands for anything. Empty: looked up by name."),
        Cell("name", help="What the id is called."),
        Cell("cost_centre", required=True),
        *_SPAN,
    ),
    "shares": (
        Cell("source", required=True, help=f"A cost centre, or {UNALLOCATED}."),
        Cell("method", required=True, choices=METHODS),
        Cell("target", help="A cost centre; * or empty: every other one."),
        Cell("weight", "decimal", help="Percent, for fixed; all of a source are 100."),
        Cell("platform", help="For proportional: whose metric."),
        Cell("metric", help="For proportional: by what."),
        *_SPAN,
    ),
    "rates": (
        Cell("platform", required=True),
        Cell("metric", required=True),
        Cell("price", "decimal", required=True),
        Cell("per", "decimal", help="For how many of its unit; empty: 1."),
        Cell("currency", "currency", required=True),
        Cell("valid_from", "date", help="First day (UTC); it ends when the next one begins."),
    ),
    "exchange_rates": (
        Cell("month", "month", required=True),
        Cell("from", "currency", required=True),
        Cell("to", "currency", required=True),
        Cell("rate", "decimal", required=True),
        Cell("source", help="Where finance has it from."),
    ),
}
"""Table to its columns, in the order in which they are written."""

OPTIONAL = ("shares", "rates", "exchange_rates")
"""Tables that need not be there."""


@dataclass(frozen=True)
class RuleSet:
    """Everything that decides who pays. Rows stand in the order of their table."""

    cost_centres: tuple[CostCentre, ...] = ()
    rules: tuple[Rule, ...] = ()
    shares: tuple[Share, ...] = ()
    rates: tuple[Rate, ...] = ()
    exchange_rates: tuple[ExchangeRate, ...] = ()

    def rows(self, table: str) -> list[dict[str, str]]:
        """The rows of a table as they are written, in an order of their own."""
        keys = [cell.key for cell in COLUMNS[table]]
        written = [
            dict(zip(keys, (written_value(value) for value in _values(row)), strict=True))
            for row in getattr(self, table)
        ]
        return sorted(written, key=_place_in[table])

    @cached_property
    def sha256(self) -> str:
        """The same for the same rows, in whatever order they came."""
        tables = {table: self.rows(table) for table in COLUMNS}
        return sha256(dumps(tables, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @cached_property
    def names(self) -> dict[str, str]:
        """Id of a cost centre to what people call it."""
        return {centre.id: centre.name or centre.id for centre in self.cost_centres}

    def centres_on(self, day: date) -> dict[str, CostCentre]:
        """Those that there are on a day, by id."""
        return {centre.id: centre for centre in valid_on(self.cost_centres, day)}

    def centres_between(self, first: date, last: date) -> dict[str, CostCentre]:
        """Those that there are on any day of a time, by id."""
        time = CostCentre("", valid_from=first, valid_to=last)
        return {centre.id: centre for centre in self.cost_centres if overlap(centre, time)}

    def rates_on(self, day: date) -> dict[tuple[str, str], Rate]:
        """Platform and metric to the price of a day."""
        begun = [rate for rate in self.rates if (rate.valid_from or date.min) <= day]
        begun.sort(key=lambda rate: rate.valid_from or date.min)
        return {(rate.platform, rate.metric): rate for rate in begun}

    def changes_between(self, first: date, last: date) -> list[date]:
        """The first day of a time, and every day in it on which something begins or has ended."""
        dated: Iterator[_Dated] = iter((*self.cost_centres, *self.rules, *self.shares))
        days = {first, *(rate.valid_from for rate in self.rates)}
        for row in dated:
            days |= {row.valid_from}
            if row.valid_to and row.valid_to < last:  # 9999-12-31 has no day after it
                days |= {row.valid_to + timedelta(days=1)}
        return sorted(day for day in days if day is not None and first <= day <= last)


def is_valid(row: _Dated, day: date) -> bool:
    """Whether a row counts on a day."""
    return (row.valid_from or date.min) <= day <= (row.valid_to or date.max)


def valid_on(rows: Iterable[_D], day: date) -> list[_D]:
    """Those rows that count on a day."""
    return [row for row in rows if is_valid(row, day)]


def overlap(one: _Dated, other: _Dated) -> bool:
    """Whether there is a day on which both count."""
    start = max(one.valid_from or date.min, other.valid_from or date.min)
    return start <= min(one.valid_to or date.max, other.valid_to or date.max)


def written_value(value: object) -> str:
    """A cell as it is written into a file: ISO dates, a decimal point, nothing for nothing."""
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _values(row: Row) -> list[Any]:
    return [value for name, value in vars(row).items() if name != "row"]


def _by(*keys: str) -> Any:
    return lambda row: tuple(row[key] for key in keys) + tuple(row.values())


_place_in: Mapping[str, Any] = {
    "cost_centres": _by("id", "valid_from"),
    "rules": lambda row: (int(row["priority"]), *row.values()),
    "shares": _by("source", "valid_from", "target"),
    "rates": _by("platform", "metric", "valid_from"),
    "exchange_rates": _by("month", "from"),
}
