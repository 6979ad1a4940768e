"""The entry for hosting, where what may still change is old after a third of a minute."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import lib.cache

lib.cache.OPEN_SECONDS = 20  # before anybody else takes the name over

from lib.ui.entry import Doorman  # noqa: E402 - after that
from lib.ui.preload import preload_pages  # noqa: E402 - as above

preload_pages()
app = st.App(Path(__file__).parents[2] / "app.py", middleware=[Middleware(Doorman)])
