"""Fixtures that several rooms' tests share."""

from collections.abc import Iterator
from dataclasses import fields

import pytest
from starlette.applications import Starlette

from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from tests.replies import NOW


@pytest.fixture(scope="session")
def _one_stand_in() -> Starlette:
    return create_openai_app(now=lambda: NOW)


@pytest.fixture
def stand_in(_one_stand_in: Starlette) -> Iterator[Starlette]:
    """OpenAI's stand-in without faults, without memory of requests, at ``NOW``.

    It is made once, so that days it has made up once need not be made up again.
    """
    state, healthy = _one_stand_in.state, Faults()
    for field in fields(Faults):
        setattr(state.faults, field.name, getattr(healthy, field.name))
    state.now = lambda: NOW
    state.requests.clear()
    usual = state.org, state.admin_key
    yield _one_stand_in
    state.org, state.admin_key = usual
