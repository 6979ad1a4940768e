"""Which Comet server: what the dashboard has, or what a person types for this session."""

from collections.abc import Callable

import streamlit as st

from lib.errors import InputError
from lib.loader.comet_source import CometSource, may_type_host
from lib.settings.keys import typed_comet_key
from lib.ui.page import Page
from lib.upstreams import comet_upstream


def comet_server(page: Page, whose: str) -> Callable[[], CometSource]:
    """Draws the fields for server and key; what it returns makes the source of them.

    Args:
        whose: whose key it must be, as a sentence for the help.

    Raises (by what it returns):
        SettingsError: no key anywhere, and no demo.
        InputError: an address or key that cannot be used.
    """
    settings, prefix = page.settings, page.entry.prefix
    host = typed = ""
    if page.takes_keys:
        if may_type_host(settings):
            host = st.text_input(
                "Comet server for this session",
                key=f"{prefix}_host",
                placeholder="https://comet.example.com",
                help="Not needed with a smart key, which names its server.",
            )
        typed = st.text_input(
            "API key for this session",
            type="password",
            key=f"{prefix}_key",
            placeholder="configured on the server" if settings.comet_api_key else "API key",
            help=f"{whose} Used for this session only; never written to disk, log or link.",
        )

    def source() -> CometSource:
        key = typed_comet_key(typed) if typed and typed.strip() else None
        server = (host or "").strip()
        if server and key is None:
            raise InputError(
                "API key", "a server was typed, but no key for it.", "Type the key in the sidebar."
            )
        return comet_upstream(settings, server or None, key, otherwise=page.or_typed)

    return source
