"""The entry for hosting, whose demo keeps its ledger below HOME: what tests publish is no other test's."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

import lib.demo.ledger

lib.demo.ledger.FOLDER = Path.home() / "demo-ledger"  # before anybody opens the ledger

from lib.ui.entry import Doorman  # noqa: E402 - after that
from lib.ui.preload import preload_pages  # noqa: E402 - as above

preload_pages()
app = st.App(Path(__file__).parents[2] / "app.py", middleware=[Middleware(Doorman)])
