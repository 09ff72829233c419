"""The served API for the tests of this folder."""

from collections.abc import AsyncIterator

import pytest

from callrouter.engine.client import Engine
from tests.api.service import Api, serving
from tests.configuration.logging_state import logging_as_before

__all__ = ["logging_as_before"]


@pytest.fixture
async def api(engine: Engine) -> AsyncIterator[Api]:
    """A client of the API, served over the test's own engine keys."""
    async with serving(engine) as client:
        yield client
