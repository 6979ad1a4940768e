"""Fixtures that several files of this folder share."""

from collections.abc import Iterator

import pytest

from lib.sources.comet.server import entries


@pytest.fixture(params=["small", "large"], scope="module")
def whole_and_in_pieces(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every reply as one that is parsed whole, and as one that is parsed piece by piece."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "large":
            patch.setattr(entries, "AT_ONCE", 0)
        yield
