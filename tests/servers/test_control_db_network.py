"""The control database over a network: passwords and TLS, on real servers that seem to be elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lib.errors import SourceDenied, SourceError, SourceUnavailable
from lib.sources.tenants.control_db import fetch_tenants
from tests.support.certificates import make_certificates

if TYPE_CHECKING:
    from tests.support.postgres_server import Database

pytest_plugins = ["tests.support.postgres_server"]

CANARY = "canary7f3a91"

PROTOCOL = """CREATE VIEW tenants AS
    SELECT COALESCE(version, 'plain text') AS id FROM pg_stat_ssl WHERE pid = pg_backend_pid()"""
"""A list of one tenant, called after the protocol it is asked over."""


def url_of(database: "Database", **changes: str) -> str:
    """How a new reader reaches a database over the network, saying nothing about TLS by itself."""
    reader = database.reader("GRANT SELECT ON tenants TO {role}")
    return database.url(**{**database.server.network, **reader, **changes})


def protocol(url: str) -> str:
    return str(fetch_tenants(url)["tenant_id"].item())


def failure(url: str) -> SourceError:
    """The error of a URL, after a look for anything in it that should not be told."""
    with pytest.raises(SourceError) as caught:
        fetch_tenants(url)
    assert CANARY not in str(caught.value)
    assert "_reader_" not in str(caught.value)
    return caught.value


@pytest.fixture
def secure(tls_database: "Database") -> "Database":
    tls_database.run(PROTOCOL)
    return tls_database


@pytest.fixture
def plain(own_database: "Database") -> "Database":
    own_database.run(PROTOCOL)
    return own_database


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """An authority that signed nothing of the server's."""
    return str(make_certificates(tmp_path).authority)


def authority_of(database: "Database") -> str:
    return str(database.server.authority)


def test_a_wrong_password_is_denied(plain: "Database") -> None:
    url = url_of(plain, password=CANARY, sslmode="disable")
    assert isinstance(failure(url), SourceDenied)


def test_a_certificate_of_the_authority_and_name_asked_for_is_accepted(secure: "Database") -> None:
    url = url_of(secure, sslmode="verify-full", sslrootcert=authority_of(secure))
    assert protocol(url).startswith("TLS")


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require", ""])
def test_a_certificate_of_another_authority_is_refused_whatever_the_mode(
    secure: "Database", stranger: str, mode: str
) -> None:
    said = {"sslmode": mode} if mode else {}
    error = failure(url_of(secure, sslrootcert=stranger, **said))
    assert isinstance(error, SourceUnavailable)
    assert "not trusted" in error.detail
    assert "sslrootcert" in error.remedy
    assert "disable" not in error.remedy


def test_a_certificate_made_for_another_host_is_refused(secure: "Database") -> None:
    asked = {"sslmode": "verify-full", "sslrootcert": authority_of(secure)}
    error = failure(url_of(secure, host="other.test", **asked))
    assert "not trusted" in error.detail
    assert "host name" in error.remedy


def test_a_file_of_the_authority_that_is_missing_is_named_as_the_cause(secure: "Database") -> None:
    error = failure(url_of(secure, sslmode="verify-full", sslrootcert="/nowhere/ca.crt"))
    assert "sslrootcert" in error.remedy


@pytest.mark.parametrize("mode", [{}, {"sslmode": "require"}])
def test_elsewhere_is_asked_over_tls_unless_the_url_says_otherwise(
    secure: "Database", mode: dict[str, str]
) -> None:
    assert protocol(url_of(secure, **mode)).startswith("TLS")
    assert protocol(url_of(secure, sslmode="disable")) == "plain text"


@pytest.mark.parametrize("mode", [{}, {"sslmode": "require"}])
def test_a_server_elsewhere_that_speaks_no_tls_is_refused(
    plain: "Database", mode: dict[str, str]
) -> None:
    error = failure(url_of(plain, **mode))
    assert isinstance(error, SourceUnavailable)
    assert "no encrypted connection" in error.detail
    assert "sslmode=disable" in error.remedy
    assert protocol(url_of(plain, sslmode="disable")) == "plain text"


def test_a_host_given_by_its_number_is_elsewhere_too(plain: "Database") -> None:
    number = plain.server.network["hostaddr"]
    url = url_of(plain, host=number)
    if number == "127.0.0.1":  # a machine without a network is nowhere else
        assert protocol(url) == "plain text"
    else:
        assert "no encrypted connection" in failure(url).detail
