"""A button that copies a text at one click, which Streamlit has none for."""

from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

_HTML = (
    '<div class="copy"><button type="button">'
    '<svg width="16" height="16" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
    ' stroke-width="2" aria-hidden="true"><path d="M9 15l6-6M11 6l1-1a4 4 0 0 1 6 6l-1 1'
    'M13 18l-1 1a4 4 0 0 1-6-6l1-1"/></svg>'
    '<span class="label"></span></button><span role="status"></span></div>'
)

_FOLDER = Path(__file__).parent
_PART = ComponentConfig("copy_button", _FOLDER.name)
# Its script is a file of this server, since browsers may run no other here: see headers.py
_MANIFEST = ComponentManifest("ai_usage", "1", [_PART])
_NAME = f"{_MANIFEST.name}.{_PART.name}"


def copy_button(label: str, text: str, *, refused: str, key: str) -> None:
    """A button that puts a text into the clipboard, and says so.

    Args:
        text: data, never markup.
        refused: what it says where a browser offers no clipboard, as on plain http.
    """
    manager = get_bidi_component_manager()
    if manager.get_component_asset_root(_NAME) is None:
        manager.register_from_manifest(_MANIFEST, _FOLDER.parent)
    words = {"label": label, "done": "Copied.", "refused": refused}
    _component()(key=key, data={"text": text, **words}, width="content")


@cache
def _component() -> ComponentRenderer:
    return st.components.v2.component(_NAME, html=_HTML, css="copy_button.css", js="copy_button.js")
