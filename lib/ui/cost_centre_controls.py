"""Inputs of the page of cost centres: one of them in one month, or the rules of who pays."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from lib.allocation.rule_set import UNALLOCATED, RuleSet
from lib.errors import AccessError, InputError
from lib.loader.progress import Progress
from lib.ui.ask import Asked, Inputs, ask
from lib.ui.controls import Control, choice
from lib.ui.ledger_source import LedgerSource, ledger_source, say_nothing_is_kept
from lib.ui.overview_controls import DEMO, MonthQuery, kept_month, kept_months, newest
from lib.ui.page import Page
from lib.ui.platform_ways import way_to_platform
from lib.ui.text import literal

if TYPE_CHECKING:
    from lib.reports.allocation.select import OverviewAnswer

RULES = "rules"
_VIEWS = {"month": "A month", RULES: "Rules"}


def cost_centre_controls(page: Page) -> Asked[LedgerSource, MonthQuery]:
    """Inputs of the page; whoever owns a cost centre sees that one only."""
    from lib.ledger.rule_sets import published  # noqa: PLC0415  # SQLAlchemy

    source = ledger_source(page)
    rule_set = published(source.ledger).rule_set
    choices = visible_centres(page, rule_set)
    controls: tuple[Control[MonthQuery, Any], ...] = (
        choice("ccs_show", "Show", _VIEWS, lambda _: "month", label_visibility="collapsed"),
        kept_month("ccs", kept_months(source), lambda query: query.month),
        _centre(choices),
        way_to_platform("ccs_way", "ccs_month"),
    )
    return ask(
        page,
        source,
        demo=DEMO,
        controls=controls,
        row=lambda inputs: _row(page, source, rule_set, choices, inputs),
    )


def is_editing(page: Page) -> bool:
    """Whether the rules are shown, to somebody who may change them."""
    return page.visitor.may("rules") and st.session_state.get("ccs_show") == RULES


def visible_centres(page: Page, rule_set: RuleSet) -> dict[str, str]:
    """Id to name of the cost centres that the visitor may see; of all, also what is unallocated."""
    visitor = page.visitor
    may_see_all = visitor.may("spend")
    mine = {visitor.email, *(f"group:{group}".lower() for group in visitor.groups)} - {""}
    # Whoever owned it in earlier days, as an earlier row says, does not own it now
    latest = sorted(rule_set.cost_centres, key=lambda centre: centre.valid_from or date.min)
    seen = {
        identity: centre.name or identity
        for identity, centre in {centre.id: centre for centre in latest}.items()
        if may_see_all or not mine.isdisjoint(centre.owners)
    }
    in_order = dict(sorted(seen.items(), key=lambda item: (item[1].casefold(), item[0])))
    return in_order | ({UNALLOCATED: "Unallocated"} if may_see_all else {})


def cost_centre_answer(
    asked: Asked[LedgerSource, MonthQuery],
) -> Callable[[Progress], Awaitable["OverviewAnswer"]]:
    """What brings the month of a cost centre out of the ledger."""

    def load() -> "OverviewAnswer":
        from lib.ledger.overview import load_overview  # noqa: PLC0415  # DuckDB

        return load_overview(asked.source.ledger, asked.query.month, datetime.now(UTC))

    return lambda _: asyncio.to_thread(load)


def _centre(choices: Mapping[str, str]) -> Control[MonthQuery, str]:
    key = "ccs_centre"

    def check(values: list[str]) -> None:
        if choices and values[-1] not in choices:
            raise InputError("cost centre", "it is unknown, or not yours to see.")

    def draw() -> str:
        if not choices:
            return ""
        wanted = [st.query_params.get(key, ""), st.session_state.get(f"{key}_kept", "")]
        opened = next((centre for centre in wanted if centre in choices), next(iter(choices)))
        st.session_state[key] = st.session_state[f"{key}_kept"] = opened

        def take() -> None:
            st.session_state[f"{key}_kept"] = st.session_state[key]
            st.query_params.pop(key, None)

        st.selectbox(
            "Cost centre",
            list(choices),
            format_func=lambda value: choices.get(value, value),
            key=key,
            on_change=take,
            width=260,
        )
        chosen = str(st.session_state[key])
        if st.query_params.get(key) != chosen:
            st.query_params[key] = chosen
        return chosen

    return Control(key, draw, lambda query: query.cost_centre, "Cost centre", check=check)


def _row(
    page: Page,
    source: LedgerSource,
    rule_set: RuleSet,
    choices: Mapping[str, str],
    inputs: Inputs,
) -> Callable[[], MonthQuery | None]:
    if page.visitor.may("rules"):
        inputs["ccs_show"].draw()
    editing = is_editing(page)
    month = "" if editing else inputs["ccs_month"].draw()
    centre = "" if editing else inputs["ccs_centre"].draw()
    inputs["ccs_way"].draw()

    def question() -> MonthQuery | None:
        if editing:
            return MonthQuery("", *newest(source))
        if not choices:
            _say_none_is_theirs(page)
            return None
        if not month:
            say_nothing_is_kept(page)
            return None
        if centre not in choices:
            raise AccessError("This cost centre is not yours to see.")
        _check_is_there(rule_set, choices, centre, month)
        return replace(MonthQuery(month, *newest(source)), cost_centre=centre)

    return question


def _check_is_there(rule_set: RuleSet, choices: Mapping[str, str], centre: str, month: str) -> None:
    """Here and not where the report is built, which names all others: not everybody may know them."""
    from lib.ledger.lines import days_of  # noqa: PLC0415  # DuckDB

    days = days_of(month)
    if centre != UNALLOCATED and centre not in rule_set.centres_between(days.start, days.end):
        problem = f"there is no {choices[centre]} in {month}."
        raise InputError("cost centre", problem, "Choose another month.")


def _say_none_is_theirs(page: Page) -> None:
    contact = literal(page.settings.dashboard_contact)
    st.info(
        "No cost centre names you as its owner, and your role does not see all of them. "
        f"Ask {contact}."
        if not page.visitor.may("spend")
        else "No cost centres are published yet. Choose **Rules** to begin.",
        icon=":material/account_balance:",
    )
