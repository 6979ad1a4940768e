"""What a person asks of the experiments of a Comet server: checked once, then carried unchanged."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from lib.comparisons import NONE, check_comparison, compared
from lib.errors import InputError
from lib.periods import CALENDAR_UNITS, CalendarUnit, Period, check_buckets, check_period

UNITS = CALENDAR_UNITS
UTILISATIONS = ("mean", "peak")
GROUPS = ("project", "workspace", "user")
MAX_SERIES = 100

Unit = CalendarUnit
Utilisation = Literal["mean", "peak"]
Group = Literal["project", "workspace", "user"]


@dataclass(frozen=True)
class CometUsageQuery:
    """A checked question.

    Args:
        targets: ``workspace`` or ``workspace/project``, each once; a project of a workspace that
            is asked for as a whole is not counted twice.
        period: days in which experiments start, inclusive, UTC; None means all time.
        unit: what a bucket is.
        archived: archived experiments are counted too.
        utilisation: of each GPU its mean or its largest sample.
        group: what a series is.
        max_series: most series of one chart.
        compare: see ``lib.comparisons``.
    """

    targets: tuple[str, ...]
    period: Period | None = None
    unit: Unit = "month"
    archived: bool = False
    utilisation: Utilisation = "mean"
    group: Group = "project"
    max_series: int = MAX_SERIES
    compare: str = NONE

    @property
    def before(self) -> Period | None:
        """The days compared with; None of all time."""
        return compared(self.compare, self.period)

    def described(self) -> dict[str, object]:
        """The filters as they stand in every rendering of the report."""
        return {
            "targets": list(self.targets),
            "units": self.unit,
            "archived": self.archived,
            "utilisation": self.utilisation,
            "group": self.group,
            "max_series_per_chart": self.max_series,
            **({"compare": str(self.before)} if self.before else {}),
        }


def check_usage_query(
    *,
    targets: Iterable[str],
    since: date | None = None,
    until: date | None = None,
    today: date,
    unit: str = "month",
    archived: bool = False,
    utilisation: str = "mean",
    group: str = "project",
    max_series: int = MAX_SERIES,
    compare: str = NONE,
) -> CometUsageQuery:
    """A question that can be asked; without days it is about all time.

    Raises:
        InputError: names the parameter that is unusable.
    """
    chosen = tuple(dict.fromkeys(target.strip().strip("/") for target in targets))
    if not chosen or not all(chosen):
        raise InputError(
            "target", "no workspace is named.", "Write WORKSPACE or WORKSPACE/PROJECT."
        )
    for parameter, value, known in (
        ("units", unit, UNITS),
        ("utilisation", utilisation, UTILISATIONS),
        ("group", group, GROUPS),
    ):
        if value not in known:
            raise InputError(parameter, f"{value[:40]!r} is unknown.", f"Use {', '.join(known)}.")
    if max_series < 1:
        raise InputError(
            "max-series-per-chart", f"{max_series} is not a number of series.", "Use 1 or more."
        )
    period = None
    if since or until:
        if since is None:
            raise InputError("since", "a last day needs a first one.", "Give both, or neither.")
        # Experiments are fetched whole whatever the range, so only its buckets are limited
        period = check_period(since, until or today, today, width=None)
        check_buckets(unit, period.start_epoch * 1_000, period.end_epoch * 1_000 - 1)  # type: ignore[arg-type]
    check_comparison(compare, period)
    return CometUsageQuery(
        chosen,
        period,
        unit,  # type: ignore[arg-type]
        archived,
        utilisation,  # type: ignore[arg-type]
        group,  # type: ignore[arg-type]
        max_series,
        compare,
    )
