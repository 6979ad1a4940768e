"""The dashboard as it is hosted: ``streamlit run asgi.py`` or ``uvicorn asgi:app``."""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from lib.ui.entry import Doorman
from lib.ui.preload import preload_pages

preload_pages()
app = st.App(Path(__file__).parent / "app.py", middleware=[Middleware(Doorman)])
