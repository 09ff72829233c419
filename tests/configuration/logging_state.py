"""Tests that configure logging leave it as it was."""

import logging
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """What `configure_logging` changes, put back."""
    root = logging.getLogger()
    handlers, level, show = root.handlers[:], root.level, warnings.showwarning
    yield
    logging.captureWarnings(capture=False)
    warnings.showwarning = show
    root.handlers[:] = handlers
    root.setLevel(level)
    access = logging.getLogger("uvicorn.access")
    access.disabled, access.propagate = False, True
