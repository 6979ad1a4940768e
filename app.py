"""The dashboard: ``streamlit run app.py``."""

from lib.ui.page import menu

menu().run()
