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
from tests.support.kept import in_folder

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
        yield Ledger(database.url(), request.getfixturevalue("bucket"))


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
def bucket(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A fresh bucket, and the usual variables set to the server."""
    for name, value in s3_environment(s3_server).items():
        monkeypatch.setenv(name, value)
    name = f"ledger-{secrets.token_hex(4)}"
    host = s3_server.removeprefix("http://")
    there = fs.S3FileSystem(
        access_key="test", secret_key="test", endpoint_override=host, scheme="http", region="eu-1"
    )
    options = fs.S3FileSystem(
        access_key="test",
        secret_key="test",
        endpoint_override=host,
        scheme="http",
        region="eu-1",
        allow_bucket_creation=True,
    )
    options.create_dir(name)
    assert there.get_file_info(name).type is fs.FileType.Directory
    return f"s3://{name}/kept"


def s3_environment(server: str) -> dict[str, str]:
    """The usual variables for a server."""
    return {
        "AWS_ENDPOINT_URL": server,
        "AWS_REGION": "eu-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the S3 server does not start")
