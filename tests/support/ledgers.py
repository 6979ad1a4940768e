"""Ledgers for the tests: in SQLite and a folder, or in a real PostgreSQL and a real S3 server."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyarrow import fs

from lib.ledger.store import Ledger
from tests.support.kept import in_folder, s3_options

if TYPE_CHECKING:
    from tests.support.postgres_server import Database


@pytest.fixture
def folder_ledger(tmp_path: Path) -> Ledger:
    """One in SQLite and a folder, empty."""
    return in_folder(tmp_path)


@pytest.fixture
def any_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """An empty one of each kind."""
    if request.param == "folder":
        yield in_folder(tmp_path)
        return
    database: Database = request.getfixturevalue("database")
    if request.param == "postgres":
        yield Ledger(database.url(), str(tmp_path / "files"))
    else:
        in_s3 = request.getfixturevalue("bucket")
        yield Ledger(database.url(), in_s3, s3_options(request.getfixturevalue("s3_server")))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server that forgets everything at its end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


@pytest.fixture
def bucket(s3_server: str) -> str:
    """A fresh bucket."""
    name = f"ledger-{secrets.token_hex(4)}"
    there = fs.S3FileSystem(
        access_key="test",
        secret_key="test",
        endpoint_override=s3_server,
        region="eu-1",
        allow_bucket_creation=True,
    )
    there.create_dir(name)
    return f"s3://{name}/kept"


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the S3 server does not start")
