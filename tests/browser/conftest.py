"""A browser for the tests of this folder, all on one event loop."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import MISSING, browser_is_required, find_chromium, launched
from tests.browser.looks import Looks, looks_into
from tests.browser.screen import Screen, looking
from tests.browser.stage import staged
from tests.support.world import World

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the browser, takes real time, and shares the session's event loop with the browser."""
    missing = find_chromium() is None and not browser_is_required()
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker("browser")
        item.add_marker("real_time")
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if missing:
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the run; every window of it is a new profile."""
    path = find_chromium()
    if path is None:
        pytest.fail(MISSING)
    async with launched(path) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def world(engine_socket: Path, tmp_path: Path) -> AsyncIterator[World]:
    """The whole product on the real clock."""
    async with staged(engine_socket, tmp_path) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def screen(chromium: Browser, world: World) -> AsyncIterator[Screen]:
    """Somebody in front of a wide window, not signed in."""
    async with looking(chromium, world.base_url) as screen:
        yield screen


@pytest.fixture(scope="session")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Looks:
    """Where the pictures go."""
    return looks_into(tmp_path_factory.mktemp("screenshots"))
