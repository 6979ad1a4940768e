"""What a server imports before its first visitor."""

import gc
import inspect

import pytest
from streamlit.runtime.pages_manager import PagesManager

from lib.ui import preload


def test_a_server_imports_what_pages_need_and_leaves_paper_to_the_process_that_prints(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imported: list[str] = []
    looks: list[str] = []
    monkeypatch.setattr(preload, "import_module", imported.append)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(PagesManager, "uses_pages_directory", None)
    monkeypatch.setattr(inspect, "stack", lambda: looks.append("stack"))
    preload.preload_pages()
    rooms = {".".join(name.split(".")[:2]) for name in imported}
    assert rooms >= {"lib.ui", "lib.loader", "lib.reports", "lib.exports", "lib.upstreams"}
    assert rooms >= {"lib.ledger", "lib.allocation", "lib.capture"}, (
        "a ledger's first page else waits for them"
    )
    assert "duckdb" in imported
    assert {"lib.exports.csv", "lib.exports.printer"} <= {*imported}
    assert [name for name in imported if "pdf" in name] == []
    assert PagesManager.uses_pages_directory is False, "app.py runs first, by whatever link"
    assert looks == ["stack"], "which takes the first visitor a sixth of a second else"
