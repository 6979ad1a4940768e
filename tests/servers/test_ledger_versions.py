"""The ledger's tables: made once, as the program knows them, and never by a program that is older."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from lib.errors import SettingsError
from lib.ledger.database import NEWEST
from lib.ledger.store import Ledger
from lib.ledger.tables import METADATA
from tests.support.kept import every_kind, put

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

NINE = {("alpha", "input_tokens"): 9}
OURS = frozenset(METADATA.tables)


@every_kind
def test_what_the_migrations_make_is_what_the_program_knows(any_ledger: Ledger) -> None:
    put(any_ledger, NINE)
    assert any_ledger.database.version == NEWEST
    with any_ledger.database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _: kind != "table" or name in OURS},
        )
        assert compare_metadata(context, METADATA) == []


def test_every_version_follows_the_one_before() -> None:
    files = sorted(Path("lib/ledger/migrations/versions").glob("v*.py"))
    numbers = [file.name[1:5] for file in files]
    assert numbers == [f"{number:04}" for number in range(1, len(files) + 1)]
    assert numbers[-1] == NEWEST


def test_a_ledger_of_a_newer_program_is_left_alone(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    with folder_ledger.database.engine.begin() as connection:
        connection.execute(text("UPDATE ledger_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match="newer than this program"):
        put(folder_ledger, NINE, hours=1)
    with pytest.raises(SettingsError, match="LEDGER_URL"):
        folder_ledger.captures()
