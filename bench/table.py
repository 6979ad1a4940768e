"""What is measured, as one table: a figure, its target, and whether it is met."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

QUICK = "BENCH_QUICK"
"""Set for processes of a measurement too: everything is measured once."""


def rounds(usual: int) -> int:
    """How often to measure: once where ``--quick`` asks for it."""
    return 1 if os.environ.get(QUICK) else usual


@dataclass(frozen=True)
class Row:
    """One line of the table. ``met`` None: for information, there is no target."""

    what: str
    figure: str
    target: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> str:
        return "" if self.met is None else "ok" if self.met else "MISS"


def print_row(row: Row) -> None:
    """One line, as soon as it is known."""
    target = f"  (target {row.target}: {row.verdict})" if row.target else ""
    print(f"  {row.what}: {row.figure}{target}", flush=True)


def print_table(rows: Sequence[Row]) -> None:
    lines = [("what", "figure", "target", ""), ("", "", "", "")]
    lines += [(row.what, row.figure, row.target, row.verdict) for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(3)]
    print()
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        print("  ".join([*cells, line[3]]).rstrip() or "-" * (sum(widths) + 8))
    missed = [row.what for row in rows if row.met is False]
    print(f"\n{len(missed)} MISSED: {'; '.join(missed)}" if missed else "\nEvery target is met.")


def spread(values: Sequence[float], unit: str = "", digits: int = 2) -> str:
    """Median, then the lowest and highest: ``1.21 s (1.10 to 1.35, 7 runs)``."""
    middle = f"{statistics.median(values):.{digits}f}{unit}"
    if len(values) == 1:
        return f"{middle} (1 run)"
    low, high = min(values), max(values)
    return f"{middle} ({low:.{digits}f} to {high:.{digits}f}, {len(values)} runs)"


def at_most(what: str, values: Sequence[float], limit: float, unit: str = "") -> Row:
    met = statistics.median(values) <= limit
    return Row(what, spread(values, unit), f"at most {limit:g}{unit}", met)


def at_least(what: str, values: Sequence[float], limit: float, unit: str = "") -> Row:
    met = statistics.median(values) >= limit
    return Row(what, spread(values, unit), f"at least {limit:g}{unit}", met)


def equal(what: str, figure: int, target: int, why: str = "") -> Row:
    return Row(what, f"{figure:,}", f"{target:,}{f' = {why}' if why else ''}", figure == target)


def info(what: str, figure: str) -> Row:
    return Row(what, figure)
