"""The console for the tests of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from callrouter.console.console import Console
from callrouter.engine.client import Engine
from tests.console.served import Browser, console_over, opened_ledger, serving


@pytest.fixture
async def console(engine: Engine, tmp_path: Path) -> AsyncIterator[Console]:
    """A console over the test's own engine keys and an empty ledger."""
    async with opened_ledger(tmp_path) as ledger:
        yield console_over(engine, ledger)


@pytest.fixture
async def browser(console: Console) -> AsyncIterator[Browser]:
    """Somebody in front of it, not signed in."""
    async with serving(console) as somebody:
        yield somebody
