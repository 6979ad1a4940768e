"""Could a capture write to a ledger in PostgreSQL and S3? Nothing is written to find out."""

from typing import TYPE_CHECKING

import pytest

from lib.errors import SettingsError, SourceUnavailable
from lib.ledger.reach import check_reach
from lib.ledger.store import Ledger
from tests.support.kept import put

if TYPE_CHECKING:
    from tests.support.postgres_server import Database

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]


in_s3 = pytest.mark.parametrize("any_ledger", ["s3"], indirect=True)


def with_s3(database: "Database", like: Ledger, place: str = "", **changed: str) -> Ledger:
    """One in this database, and in S3 as another one is."""
    warehouse = like.warehouse
    return Ledger(database.url(), place or warehouse.place, {**warehouse._s3, **changed})


@in_s3
def test_a_ledger_is_reached_before_and_after_it_is_made(any_ledger: Ledger) -> None:
    check_reach(any_ledger)
    assert not any_ledger.exists
    put(any_ledger, {("alpha", "input_tokens"): 9})
    check_reach(any_ledger)


@in_s3
def test_a_user_who_may_only_read_is_told(any_ledger: Ledger, database: "Database") -> None:
    reader = database.reader("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    only_read = Ledger(database.url(**reader), any_ledger.warehouse.place, any_ledger.warehouse._s3)
    with pytest.raises(SettingsError, match="LEDGER_URL names a database in which"):
        check_reach(only_read)
    put(any_ledger, {("alpha", "input_tokens"): 9})
    database.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader['user']}")
    with pytest.raises(SettingsError, match="LEDGER_URL names a database in which"):
        check_reach(only_read)


@in_s3
def test_a_bucket_that_is_not_there_is_told(any_ledger: Ledger, database: "Database") -> None:
    with pytest.raises(SettingsError, match="LEDGER_WAREHOUSE names a bucket"):
        check_reach(with_s3(database, any_ledger, "s3://no-such-bucket/kept"))


@in_s3
def test_a_store_of_objects_that_is_down_is_told(any_ledger: Ledger, database: "Database") -> None:
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        check_reach(with_s3(database, any_ledger, endpoint="http://127.0.0.1:9"))
