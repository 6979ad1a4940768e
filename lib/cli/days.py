"""Which days a command is about, and which it compares with: by name, or day by day."""

from datetime import date
from typing import Annotated

import typer

from lib.cli.output import given_day, known
from lib.comparisons import COMPARISONS, NONE
from lib.errors import InputError
from lib.presets import PRESETS, resolve

PeriodName = Annotated[
    str,
    typer.Option(
        "--period",
        help=f"Instead of --since and --until: {', '.join(PRESETS)}. The last days end yesterday (UTC).",
        autocompletion=known(PRESETS),
    ),
]
CompareWith = Annotated[
    str,
    typer.Option(
        "--compare-with",
        help=f"{', '.join(COMPARISONS)}: which days before.",
        autocompletion=known(COMPARISONS),
    ),
]


def given_days(period: str, since: str, until: str, today: date) -> tuple[date | None, date | None]:
    """First and last day as given, either way; None for one that is not given.

    Raises:
        InputError: given both ways, or unusable; names the option.
    """
    first, last = given_day("--since", since), given_day("--until", until)
    if not period:
        return first, last
    if first or last:
        raise InputError(
            "--period", "the days are given twice.", "Leave out --since and --until, or --period."
        )
    days = resolve(period, today, parameter="--period")
    return days.start, days.end


def given_comparison(compare_with: str, *, compare: bool) -> str:
    """What to compare with; ``--compare`` alone means the preceding period.

    Raises:
        InputError: both are given.
    """
    if compare and compare_with != NONE:
        raise InputError("--compare", "--compare-with says it already.", "Leave out --compare.")
    return "preceding" if compare else compare_with
