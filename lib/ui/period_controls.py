"""Inputs for days: a period by its name, with arrows, and what it is compared with.

They apply at once, so they stand outside of forms. What is chosen is kept as days, in the session
and in the address; names are read from the days again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Literal, TypeVar

import streamlit as st

from lib.comparisons import COMPARISONS, NONE, label_of
from lib.errors import InputError
from lib.periods import EARLIEST, Period, parse_day
from lib.presets import PRESETS, preset_of, resolve, step, title, unit_of
from lib.ui.arrows import Step, arrows, stepped
from lib.ui.controls import Control, Moving, is_linked

Q = TypeVar("Q")

_PERIOD, _COMPARED = "Period", "Compare with"
_ALL, _SHOWN, _CUSTOM = "all-time", "shown", "custom"
_OLD = {"true": "preceding", "false": NONE}
"""What links said before comparisons had names."""


def period(
    prefix: str,
    today: date,
    default: Period | None,
    of: Callable[[Q], Period | None],
    *,
    all_time: bool = False,
) -> tuple[Control[Q, tuple[date, ...]], Control[Q, None]]:
    """Days by name or one by one, and the parameter of links that name them.

    ``draw`` of the first gives first and last day, or nothing for all time.

    Args:
        default: without a link; None for all time.
        of: the period of a question.
        all_time: is one of the choices.
    """
    chosen = _Days(prefix, today, default, all_time)

    def check_days(values: list[str]) -> None:
        # A reversed range is kept, and the question refuses it
        days = [parse_day("date", value) for value in values]
        if len(days) > 2 or max(days) > today or min(days) < EARLIEST:
            raise InputError(
                "date range", f"it takes two days from {EARLIEST} until today, {today} (UTC)."
            )

    def check_name(values: list[str]) -> None:
        if chosen.key in st.query_params:
            raise InputError("period", "the link names days, too; these are shown.")
        if values[-1] != _ALL or not all_time:
            resolve(values[-1], today)

    def linked(question: Q) -> list[str] | None:
        pinned = of(question)
        return [pinned.start.isoformat(), pinned.end.isoformat()] if pinned else None

    def moving(question: Q) -> Moving | None:
        pinned = of(question)
        name = chosen.name_of((pinned.start, pinned.end)) if pinned else _ALL
        return Moving(chosen.preset_key, name, PRESETS[name].label) if name in PRESETS else None

    return (
        Control(chosen.key, chosen.draw, linked, _PERIOD, check=check_days, moving=moving),
        Control(
            chosen.preset_key,
            lambda: None,
            lambda question: None if of(question) else _ALL,
            _PERIOD,
            check=check_name,
        ),
    )


def show_days(prefix: str, days: Period) -> None:
    """Chooses days of a page's period input, as a button's callback."""
    st.session_state[f"{prefix}_days"] = (days.start, days.end)


def offer_other_days(prefix: str, empty: Period, nearest: Period | None) -> None:
    """A button that leads from days without data to others.

    Args:
        nearest: those that are known to have data; else it leads to the period before.
    """
    today = datetime.now(UTC).date()
    there = nearest or step(empty, unit_of(empty, today), -1, today)
    if there is not None:
        st.button(
            f"Show {title(there, today)}",
            icon=":material/history:",
            key=f"{prefix}_nearest",
            help="The nearest period that has data." if nearest else "The period before.",
            on_click=show_days,
            args=(prefix, there),
        )


def _suited(preset: str) -> str:
    """What people mean by the change of a named period: of a month the month before, of a year the year.

    A month or quarter that still runs is compared with the same days.
    """
    unit, runs = PRESETS[preset].unit, PRESETS[preset].back == 0
    calendar = "year-before" if unit == "year" else "same-days" if runs else "month-before"
    return "preceding" if unit == "days" else calendar


@dataclass(frozen=True)
class _Days:
    """A page's period input. Its days lie in the session, ``()`` for all time."""

    prefix: str
    today: date
    default: Period | None
    all_time: bool

    @property
    def key(self) -> str:
        """Of the days in the address."""
        return f"{self.prefix}_period"

    @property
    def preset_key(self) -> str:
        """Of a name in a link; the address then gets its days."""
        return f"{self.prefix}_preset"

    @property
    def _kept(self) -> str:
        return f"{self.prefix}_days"

    def draw(self) -> tuple[date, ...]:
        days = st.session_state.setdefault(self._kept, self._opened())
        name = self.name_of(days)
        with stepped(self.prefix, 230):
            self._draw_names(name, days)
            self._draw_arrows(name, days)
        if name == _CUSTOM:
            self._draw_days(days)
        in_address = [day.isoformat() for day in days]
        if not days:
            st.query_params[self.preset_key] = _ALL
        elif self.preset_key in st.query_params:
            del st.query_params[self.preset_key]
        if st.query_params.get_all(self.key) != in_address:
            st.query_params[self.key] = in_address
        chosen: tuple[date, ...] = days
        return chosen

    def name_of(self, days: Sequence[date]) -> str:
        """The choice that days are: the one made, as long as it means them."""
        made = st.session_state.get(f"{self.prefix}_named")
        if not days:
            return _ALL
        if made == _CUSTOM or days[0] > days[-1]:
            return _CUSTOM
        period = Period(days[0], days[-1])
        if made in PRESETS and resolve(made, self.today) == period:
            return str(made)
        return preset_of(period, self.today) or _SHOWN

    def _opened(self) -> tuple[date, ...]:
        """What the link says, which was checked, else the default."""
        linked = [parse_day("date", value) for value in st.query_params.get_all(self.key)]
        name = st.query_params.get(self.preset_key, "")
        if linked:
            return linked[0], linked[-1]
        if name in PRESETS:
            st.session_state[f"{self.prefix}_named"] = name
            return _ends(resolve(name, self.today))
        return _ends(self.default) if self.default and name != _ALL else ()

    def _draw_names(self, name: str, days: Sequence[date]) -> None:
        labels = {_ALL: "All time", **{key: preset.label for key, preset in PRESETS.items()}}
        if not self.all_time:
            del labels[_ALL]
        if name == _SHOWN:
            labels[_SHOWN] = title(Period(days[0], days[-1]), self.today)
        labels[_CUSTOM] = "Custom days"
        key = f"{self.prefix}_named"
        st.session_state[key] = name
        st.selectbox(
            f"{_PERIOD} (UTC)",
            list(labels),
            format_func=lambda choice: labels.get(choice, choice),
            key=key,
            on_change=self._take_name,
            help="Whole days are over: the last of them is yesterday, in UTC.",
        )

    def _take_name(self) -> None:
        name = st.session_state[f"{self.prefix}_named"]
        if name in PRESETS:
            show_days(self.prefix, resolve(name, self.today))
            self._compare_alike(name)
        elif name == _ALL:
            st.session_state[self._kept] = ()
        elif name == _CUSTOM and not st.session_state[self._kept]:
            show_days(self.prefix, resolve("this-year", self.today))

    def _compare_alike(self, name: str) -> None:
        """A comparison that was on goes over to the one that people mean by this period's."""
        key = f"{self.prefix}_compare"
        suited = _suited(name)
        offered = st.session_state.get(f"{key}_offered", ())
        if st.session_state.get(key, NONE) != NONE and suited in offered:
            st.session_state[key] = suited

    def _draw_arrows(self, name: str, days: Sequence[date]) -> None:
        ordered = days and days[0] <= days[-1]
        period = Period(days[0], days[-1]) if ordered else None
        unit = PRESETS[name].unit if name in PRESETS else None

        def to(way: Literal[-1, 1]) -> Step | None:
            if period is None:
                return None
            there = step(period, unit or unit_of(period, self.today), way, self.today)
            return Step(str(there), partial(show_days, self.prefix, there)) if there else None

        arrows(self.prefix, to(-1), to(1))

    def _draw_days(self, days: tuple[date, ...]) -> None:
        key = f"{self.prefix}_custom"
        if len(st.session_state.get(key, days)) != 1:  # else one of two days is chosen yet
            st.session_state[key] = days
        with st.container(width=260):
            half = len(
                st.date_input(
                    "Days (UTC, both included)",
                    value=[],
                    min_value=EARLIEST,
                    max_value=self.today,
                    key=key,
                    format="YYYY-MM-DD",
                    on_change=self._take_days,
                )
            )
        if half == 1:
            st.caption("Choose the last day, too.")

    def _take_days(self) -> None:
        chosen = st.session_state[f"{self.prefix}_custom"]
        if len(chosen) == 2:
            show_days(self.prefix, Period(*chosen))


def _ends(period: Period) -> tuple[date, date]:
    return period.start, period.end


def comparison(
    prefix: str,
    of: Callable[[Q], str],
    among: Sequence[str] = tuple(COMPARISONS),
    *,
    linked: str = "",
    **drawn: Any,
) -> Control[Q, str]:
    """What the period is compared with, by the names of ``COMPARISONS``.

    Args:
        of: the comparison of a question.
        among: those that the platform offers; the first unless ``default`` says another.
        linked: what a link compares with that does not say; as ``default`` unless given.
    """
    key = f"{prefix}_compare"
    default = drawn.pop("default", among[0])
    if linked and is_linked(prefix):
        default = linked

    def check(values: list[str]) -> None:
        if _OLD.get(values[-1], values[-1]) not in among:
            words = (COMPARISONS[name].label for name in among)
            raise InputError(
                "comparison", f"{values[-1][:60]!r} is unknown.", f"Use {'; '.join(words)}."
            )

    def draw() -> str:
        opened = st.query_params.get(key, default)
        st.session_state[key] = st.session_state.get(key, _OLD.get(opened, opened))
        st.session_state[f"{key}_offered"] = tuple(among)
        days = st.session_state.get(f"{prefix}_days")
        compared = Period(days[0], days[-1]) if days and days[0] <= days[-1] else None
        with st.container(width=220):
            chosen: str = st.selectbox(
                _COMPARED,
                list(among),
                format_func=lambda name: label_of(name, compared),
                key=key,
                persist_state="session",
                **drawn,
            )
        if st.query_params.get(key) != chosen:
            st.query_params[key] = chosen
        return chosen

    return Control(key, draw, of, _COMPARED, check=check)
