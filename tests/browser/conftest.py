"""Fixtures that several files of this folder share."""

from collections.abc import Iterator

import pytest

from tests.support.hosted import Hosted, hosted


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """One hosted dashboard for the tests of a file that leave it as it was."""
    with hosted(tmp_path_factory.mktemp("hosted")) as running:
        yield running
