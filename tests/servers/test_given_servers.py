"""Which servers the tests use: those that the environment names, without harm to what is in them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis

from tests.support.missing import missing
from tests.support.redis_servers import VARIABLE as REDIS
from tests.support.redis_servers import Server, any_redis, redis_server

if TYPE_CHECKING:
    from tests.support.postgres_server import PostgresServer

pytest_plugins = ["tests.support.postgres_server"]


def databases_and_roles(server: "PostgresServer") -> set[str]:
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database UNION ALL SELECT rolname FROM pg_roles"
        )
        return {name for (name,) in rows}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Redis that the environment names, by one of its databases."""
    with redis_server() as server:
        monkeypatch.setenv(REDIS, f"redis://127.0.0.1:{server.port}/3")
        yield server


def test_a_given_redis_is_used_and_left_empty_with_its_other_databases_untouched(
    given: Server,
) -> None:
    with given.admin() as first:
        first.set("somebody's", 1)
        with any_redis() as server, server.admin() as client:
            client.set("ours", 1)
            assert first.info("keyspace").keys() == {"db0", "db3"}
        assert first.info("keyspace").keys() == {"db0"}


def test_a_given_redis_that_holds_keys_is_refused_and_keeps_them(given: Server) -> None:
    with redis.Redis(port=given.port, db=3) as client:
        client.set("somebody's", 1)
        with pytest.raises(pytest.fail.Exception, match="holds keys"), any_redis():
            pass
        assert client.get("somebody's") == b"1"


def test_a_given_postgres_is_used_and_what_a_test_made_there_is_dropped(
    own_postgres: "PostgresServer", monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.support.postgres_server import VARIABLE, fresh_database, given_postgres

    before = databases_and_roles(own_postgres)
    with fresh_database(own_postgres) as theirs:
        monkeypatch.setenv(VARIABLE, theirs.url())
        server = given_postgres()
        assert server is not None
        with fresh_database(server) as ours:
            reader = ours.reader()
            ours.run("CREATE TABLE made (id text)")
            made = databases_and_roles(own_postgres) - before
            assert made == {theirs.name, ours.name, reader["user"]}
        assert databases_and_roles(own_postgres) - before == {theirs.name}


def test_a_missing_program_fails_in_ci_and_is_skipped_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install redis-server"):
        missing("redis-server", "redis-server")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="apt-get install redis-server"):
        missing("redis-server", "redis-server")


def test_without_a_name_in_the_environment_nothing_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.support.postgres_server import VARIABLE, given_postgres

    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setenv(REDIS, "")
    assert given_postgres() is None
    with any_redis() as server:
        assert server.folder is not None, "it is one of our own"
