"""A bounded memory that forgets what was used longest ago."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """The most recently used values, up to a total weight.

    Args:
        capacity: sum of the weights that may be kept; one value over it is not kept at all.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.weight = 0
        self.entries: OrderedDict[Key, tuple[Value, int]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        """The value, now the most recent; None when it is not remembered."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        self.entries.move_to_end(key)
        return entry[0]

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Remembers a value under a new key and forgets the oldest beyond the capacity."""
        self.entries[key] = (value, weight)
        self.weight += weight
        while self.weight > self.capacity:
            _key, (_value, freed) = self.entries.popitem(last=False)
            self.weight -= freed
