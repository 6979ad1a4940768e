"""What stays in memory for good, set apart from what sessions leave behind."""

import gc
import inspect
import pkgutil
from importlib import import_module

from streamlit.runtime.pages_manager import PagesManager

import lib

_ROOMS = (
    "lib.ui",
    "lib.loader",
    "lib.reports",
    "lib.charts",
    "lib.exports",
    "lib.upstreams",
    "lib.ledger",
    "lib.allocation",
    "lib.capture",
    "lib.demo.in_process",
)
"""Everything that pages import, so that no visitor waits for it."""

_LIBRARIES = (
    "duckdb",
    "pyarrow.pandas_compat",
    "sqlalchemy.dialects.sqlite",
    # Streamlit makes a pattern of them when a page names its icon
    "streamlit.emojis",
    "streamlit.material_icon_names",
)
"""What those import when it is first needed, as commands that need none of it start faster so."""

_PAPER = "lib.exports.pdf"
"""What the process that prints imports: here it would take 30 MB and a second of every start, for nothing."""


def preload_pages() -> None:
    """Imports what all pages need, and takes it out of the garbage collector's rounds.

    Streamlit collects all garbage after every run of a page, which walks every object of the
    process and stops all sessions meanwhile: with many people that took more than their pages.
    """
    # Else the first session of a process that opens a page by its link runs the page's file, then app.py: inputs
    # get other ids in the second run, and what was typed into them before is lost
    PagesManager.uses_pages_directory = False
    for library in _LIBRARIES:
        import_module(library)
    for module in pkgutil.walk_packages(lib.__path__, "lib."):
        if module.name.startswith(_ROOMS) and not module.name.startswith(_PAPER):
            import_module(module.name)
    # Streamlit looks at the stack when a page first draws, and the first look of a process asks all modules
    # for their files
    inspect.stack()
    gc.collect()
    gc.freeze()
