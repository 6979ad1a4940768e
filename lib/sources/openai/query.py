"""What a person asks of OpenAI's usage: checked once, then carried through unchanged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from lib.comparisons import NONE, check_comparison, compared
from lib.errors import InputError, check_given
from lib.periods import SECONDS, Period, check_period
from lib.sources.openai.tables import (
    COSTS,
    COSTS_GROUP_BY,
    DEFAULT_GROUP_BY,
    DIMENSIONS,
    ENDPOINTS,
    NAME_MARKS,
    Endpoint,
    Kind,
)

CHOICES = (*ENDPOINTS, COSTS)
"""What a person can ask for: the endpoints, and costs, which cover all endpoints at once."""

FILTERS = {
    "projects": "project_id",
    "users": "user_id",
    "api_keys": "api_key_id",
    "models": "model",
}
"""Filters and the dimension each looks at."""


@dataclass(frozen=True)
class OpenAIQuery:
    """A checked question. Empty filters mean everything.

    Args:
        period: inclusive UTC days.
        width: ``1d``, ``1h`` or ``1m``; costs always come by day.
        compare: what else is loaded to compare with, see ``lib.comparisons``.
        projects: project ids or names; users: ids, e-mails or names; api_keys: ids or
            names; models: exact names.
    """

    period: Period
    endpoints: tuple[str, ...] = CHOICES
    width: str = "1d"
    group_by: tuple[str, ...] = DEFAULT_GROUP_BY
    projects: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    api_keys: tuple[str, ...] = ()
    compare: str = NONE

    @property
    def before(self) -> Period | None:
        """The days compared with."""
        return compared(self.compare, self.period)

    @property
    def dimensions(self) -> frozenset[str]:
        """The dimensions chosen or filtered by: those that usage and costs are split by."""
        return frozenset((*self.group_by, *self.filtered_dimensions()))

    def sees(self, endpoint: Endpoint) -> bool:
        """Whether the endpoint's rows can be told apart by the filters."""
        return {*self.filtered_dimensions()} <= {*endpoint.group_by}

    def grouping(self, endpoint: Endpoint) -> tuple[str, ...]:
        """The groupings to ask of one endpoint: those chosen or filtered by, if it offers them."""
        return tuple(name for name in endpoint.group_by if name in self.dimensions)

    def costs_grouping(self) -> tuple[str, ...]:
        """The groupings to ask of costs, where the line item stands for the model."""
        wanted = {"line_item", *self.dimensions} if "model" in self.dimensions else self.dimensions
        return tuple(name for name in COSTS_GROUP_BY if name in wanted)

    def filtered_dimensions(self) -> tuple[str, ...]:
        """The dimensions that a filter looks at."""
        return tuple(key for name, key in FILTERS.items() if getattr(self, name))

    def described(self) -> dict[str, object]:
        """The filters as they stand in every rendering of the report."""
        return {
            "endpoints": list(self.endpoints),
            "bucket_width": self.width,
            "group_by": list(self.group_by),
            "projects": list(self.projects),
            "users": list(self.users),
            "api_keys": list(self.api_keys),
            "models": list(self.models),
            "compare": str(self.before) if self.before else False,
        }


def check_query(
    *,
    since: date,
    until: date,
    today: date,
    endpoints: Iterable[str] = (),
    width: str = "1d",
    group_by: Iterable[str] | None = None,
    projects: Iterable[str] = (),
    users: Iterable[str] = (),
    models: Iterable[str] = (),
    api_keys: Iterable[str] = (),
    compare: str = NONE,
) -> OpenAIQuery:
    """A question that can be asked.

    Args:
        since: first UTC day; until: last UTC day, inclusive; today: the current UTC day.
        endpoints: names from ``CHOICES``; empty means all.
        group_by: names from ``DIMENSIONS``; None means the usual four.

    Raises:
        InputError: names the parameter that is unusable, and near matches.
    """
    if width not in SECONDS:
        raise InputError("bucket width", f"{width[:40]!r} is unknown.", "Use 1d, 1h or 1m.")
    period = check_period(since, until, today, width)
    chosen = _known("endpoint", endpoints, CHOICES) or CHOICES
    grouping = DEFAULT_GROUP_BY if group_by is None else _known("group by", group_by, DIMENSIONS)
    return OpenAIQuery(
        period,
        chosen,
        width,
        grouping,
        check_given("project", projects),
        check_given("user", users),
        check_given("model", models),
        check_given("API key", api_keys),
        check_comparison(compare, period),
    )


def _known(parameter: str, names: Iterable[str], table: Iterable[str]) -> tuple[str, ...]:
    """The names in the table's order, each once."""
    asked, known = list(names), list(table)
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5) or known
            raise InputError(parameter, f"{name[:40]!r} is unknown.", f"Use {', '.join(near)}.")
    return tuple(name for name in known if name in asked)


def ids_named(value: str, kind: Kind, names: Mapping[tuple[Kind, str], str]) -> list[str]:
    """The ids that a filter's value means: itself, else all of that name, with or without its mark."""
    if (kind, value) in names:
        return [value]  # even if something else is called so: a click on it means it alone
    return sorted(
        identity
        for (of, identity), name in names.items()
        if of == kind and value in (name, *map(name.removesuffix, NAME_MARKS))
    )
