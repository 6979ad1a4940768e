"""From what a cost centre owes to the page of its platform, with the project, tenant or workspace and the month."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import streamlit as st

from lib.errors import InputError
from lib.ledger.lines import days_of
from lib.sources.comet.chargeback import measures as chargeback
from lib.sources.comet.experiments import measures as experiments
from lib.sources.openai import NAME as OPENAI
from lib.sources.tenants import measures as tenants
from lib.ui.controls import Control, Narrows


class Way(NamedTuple):
    """A platform's page, and its parameters: whose, and when; ``month`` where one month is chosen by name."""

    page: str
    whose: str
    when: str
    month: bool = False

    @property
    def prefix(self) -> str:
        return self.whose.partition("_")[0]


WAYS: Mapping[str, Way] = {
    OPENAI: Way("openai_usage", "oai_projects", "oai_period"),
    tenants.PLATFORM: Way("tenant_usage", "red_tenants", "red_period"),
    experiments.PLATFORM: Way("comet_usage", "cmu_workspaces", "cmu_period"),
    chargeback.PLATFORM: Way("comet_chargeback", "cmc_workspaces", "cmc_month", month=True),
}

_TYPED = ("_key", "_files", "_host")
"""Ends of what was typed or given there, and stays."""


def way_to_platform(key: str, month_key: str) -> Control[Any, None]:
    """No input: a row that is selected leads to its platform's page.

    Args:
        key: of the control.
        month_key: of the input that has the month.
    """

    def draw() -> None:
        for chosen in st.session_state.pop(key, None) or ():
            platform, _, identity = str(chosen).partition("/")
            if platform in WAYS and identity:
                _follow(WAYS[platform], identity, str(st.session_state.get(month_key, "")))

    def refuse(_: list[str]) -> None:
        raise InputError("project", "each platform has a page of its own.")

    return Control(
        key,
        draw,
        lambda _: None,
        "Project, tenant or workspace",
        check=refuse,
        narrows=Narrows(("platform", "sub_account"), "Project, tenant or workspace"),
    )


def _follow(way: Way, identity: str, month: str) -> None:
    for key in [*st.session_state]:  # of an earlier look there
        if str(key).startswith(f"{way.prefix}_") and not str(key).endswith(_TYPED):
            del st.session_state[key]
    days = days_of(month)
    when: str | Iterable[str] = month if way.month else [f"{days.start}", f"{days.end}"]
    st.switch_page(f"pages/{way.page}.py", query_params={way.whose: identity, way.when: when})
