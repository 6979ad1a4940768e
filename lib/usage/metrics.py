"""What a platform counts: one row a metric, the same form for all of them."""

from dataclasses import dataclass
from typing import Literal

Nature = Literal["flow", "level", "counter", "moment"]
"""A flow adds up over time; of a level the last value counts, as of a counter, whose growth is what was
used; moments are not added up at all."""


@dataclass(frozen=True)
class Metric:
    """One counted thing.

    Args:
        key: field name on the wire and in tables.
        label: heading.
        unit: what is counted: ``tokens``, ``requests``, ``bytes``, ...
        nature: how values of several times combine.
        inside: key of the whole it is a part of, into which it is never counted twice; a whole that
            is no metric itself, such as ``total_tokens``, is the sum of the metrics inside it.
    """

    key: str
    label: str
    unit: str
    nature: Nature = "flow"
    inside: str = ""
