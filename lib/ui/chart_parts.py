"""What drawings share: the axis of amounts, values as text in what the pointer is on, the legend."""

import math

import altair as alt
import pandas as pd

from lib.charts import is_fractional
from lib.quantities import SIGNS, SIZES, counted, is_currency, percent, quantity, says_unit

_TOLD = "told"
"""The column of values as text."""

_LEGEND_COLUMN = 145
"""Pixels of a label of a legend with its swatch."""


def amounts(unit: str) -> alt.Axis:
    """Short numbers with their unit: ``$400``, ``1.5k EUR``, ``48GB``, ``2bn``; zero is ``0``.

    What is counted has no mark between 0 and 1, and its unit stands in the title of the chart.
    """
    number = f"datum.value * {SIZES.get(unit, 1)}"
    short = f"abs({number}) < 1 ? format({number}, '~g') : format({number}, '~s')"
    if unit in SIZES:
        written = f"({short}) + 'B'"
    else:
        written = f"'{SIGNS.get(unit, '')}' + replace({short}, 'G', 'bn')"
        written += f" + ' {unit}'" if is_currency(unit) and unit not in SIGNS else ""
    return alt.Axis(
        labelExpr=f"datum.value == 0 ? '0' : {written}",
        tickCount=5,
        tickMinStep=alt.Undefined if is_fractional(unit) else 1,
    )


def value(unit: str, *, before: bool = False) -> alt.Tooltip:
    """The value as cards and tables write it, where that says the unit; else under it."""
    if says_unit(unit):
        return alt.Tooltip(_TOLD, type="nominal", title="before" if before else "value")
    title = f"{unit} before" if before else unit
    return alt.Tooltip("value:Q", title=title, format=",.2f" if is_fractional(unit) else ",.0f")


def told(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The frame with the text of each value that ``value`` shows."""
    if not says_unit(unit):
        return frame
    return frame.assign(**{_TOLD: [quantity(amount, unit) for amount in frame["value"]]})


def of_whole(frame: pd.DataFrame, by: str, unit: str) -> pd.DataFrame:
    """The frame with the sum of each stack, and with the share of it that each part is, as text.

    Where a part is below zero, or nothing is there, no part has a share.

    Args:
        by: the column that tells stacks apart.
    """
    of_stack = frame["value"].groupby(frame[by])
    sums = of_stack.sum()
    written = {at: counted(float(whole), unit) for at, whole in sums.items()}
    whole = frame[by].map(sums).where(of_stack.transform("min") >= 0, 0)
    shares = (100 * frame["value"] / whole.where(whole > 0)).tolist()
    return frame.assign(
        whole=frame[by].map(written),
        share=["—" if math.isnan(share) else percent(share) for share in shares],
    )


def whole_tooltips(stack: str) -> list[alt.Tooltip]:
    """What ``of_whole`` adds, where the pointer is on.

    Args:
        stack: what a stack is: ``day``.
    """
    return [
        alt.Tooltip("share:N", title=f"share of the {stack}"),
        alt.Tooltip("whole:N", title=f"all of the {stack}"),
    ]


def legend(series: int) -> alt.Legend | None:
    """Below a chart, in as many columns as it has room for; a single series needs none."""
    if series <= 1:
        return None
    return alt.Legend(
        orient="bottom",
        # As many as there is room for: a legend that is wider than its chart is cut off
        columns=alt.ExprRef(f"clamp(floor(width / {_LEGEND_COLUMN}), 1, 3)"),
        labelLimit=120,
        symbolLimit=series,  # without one of its own a legend ends after thirty
        symbolType="square",
        symbolSize=90,
        offset=6,
        rowPadding=3,
    )
