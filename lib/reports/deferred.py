"""A report still to be built, by another process if need be: pandas is imported only where that is done."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.reports.report import Report


@dataclass(frozen=True)
class DeferredReport:
    """An answer, and who makes a report of it.

    Args:
        module, function: the builder; see ``build_comet_usage`` for what one is.
        given: its arguments.
        named: its keyword arguments.
    """

    module: str
    function: str
    given: tuple[object, ...]
    named: Mapping[str, object] = field(default_factory=dict)

    def build(self) -> "Report":
        """The report.

        Raises:
            InputError: as the builder says.
        """
        report: Report = getattr(import_module(self.module), self.function)(
            *self.given, **self.named
        )
        return report


@dataclass(frozen=True)
class Standing:
    """What must be said beside a report's file.

    Args:
        empty: no table has a row.
    """

    complete: bool
    demo: bool
    empty: bool
    notes: tuple[str, ...]


def standing(report: "Report") -> Standing:
    """How a report stands."""
    empty = all(table.frame.empty for table in report.tables)
    return Standing(report.complete, report.demo, empty, report.notes)
