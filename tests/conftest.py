"""Fixtures for every test."""

import logging
from collections.abc import Iterator

import pytest

from tests.support.engine import engine, engine_socket
from tests.support.postgres import postgres, postgres_server
from tests.support.watched import LeakWatch, watching

__all__ = ["engine", "engine_socket", "postgres", "postgres_server"]


@pytest.fixture(scope="session")
def leak_watch() -> Iterator[LeakWatch]:
    """Sees every log line and every exception of ours, in every test of the run."""
    with watching() as watch:
        yield watch


@pytest.fixture(autouse=True)
def no_leaks(leak_watch: LeakWatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """No secret and no telephone number in any log line or exception of any test."""
    leak_watch.found.clear()
    if request.node.get_closest_marker("leaks_on_purpose") is not None:
        yield
        return
    ours = logging.getLogger("callrouter")
    level = ours.level
    ours.setLevel(logging.DEBUG)
    yield
    ours.setLevel(level)
    assert leak_watch.found == []
