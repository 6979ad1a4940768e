"""The entry for hosting, where what may still change is old after a third of a minute."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import lib.cache

lib.cache.OPEN_SECONDS = 20  # before anybody else takes the name over

from lib.ui.entry import Doorman  # noqa: E402 - after that
from lib.ui.resident import settle  # noqa: E402 - as above

settle()
app = st.App(Path(__file__).parents[2] / "app.py", middleware=[Middleware(Doorman)])
