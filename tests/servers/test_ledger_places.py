"""Where a ledger lies: its files are its owner's alone, and a place that cannot be used is named."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.errors import SettingsError, SourceUnavailable
from lib.ledger.store import Ledger
from lib.settings import Settings
from lib.upstreams import other_ledger
from tests.support.kept import put

pytest_plugins = ["tests.support.ledgers"]

NINE = {("alpha", "input_tokens"): 9}


@pytest.fixture
def usual_umask() -> Iterator[None]:
    """Everybody may read what a program makes without a thought."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("usual_umask")
def test_only_the_owner_may_read_the_database_whatever_the_folder_lets_in(tmp_path: Path) -> None:
    folder = tmp_path / "open to all"
    folder.mkdir(mode=0o755)
    ledger = Ledger(f"sqlite:///{folder}/catalog.db", str(tmp_path / "files"))
    put(ledger, NINE)
    with ledger.database.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("SELECT * FROM captures")
        modes = {file.name: oct(stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()}
    assert modes.pop("catalog.lock") == "0o600"
    assert {"catalog.db", "catalog.db-wal"} <= {*modes}
    assert {*modes.values()} == {"0o600"}


@pytest.mark.parametrize("broken", ["LEDGER_URL", "LEDGER_WAREHOUSE"])
def test_a_place_that_cannot_be_used_is_told_by_the_variable_that_names_it(
    tmp_path: Path, broken: str
) -> None:
    (tmp_path / "file").write_text("no folder")
    places = {"LEDGER_URL": tmp_path / "database", "LEDGER_WAREHOUSE": tmp_path / "files"}
    places[broken] = tmp_path / "file" / "below"
    ledger = Ledger(f"sqlite:///{places['LEDGER_URL']}/catalog.db", str(places["LEDGER_WAREHOUSE"]))
    with pytest.raises(SourceUnavailable, match=f"Not a directory.*Check {broken},"):
        put(ledger, NINE)


def test_parameters_that_the_database_s_client_refuses_are_never_repeated(tmp_path: Path) -> None:
    ledger = Ledger("postgresql:///ledger?host=one,two&port=canary", str(tmp_path))
    with pytest.raises(SettingsError, match="LEDGER_URL has parameters") as refused:
        ledger.captures()
    assert "canary" not in str(refused.value)


def test_a_port_that_is_no_number_is_told_by_the_option_and_never_repeated() -> None:
    settings = Settings(dashboard_demo="off")
    with pytest.raises(SettingsError, match="--from-url has a port that is no number") as refused:
        other_ledger(settings, "postgresql://u:canary@host:port7/ledger", "/tmp/files")
    assert not any(part in str(refused.value) for part in ("canary", "port7"))
