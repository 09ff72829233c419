"""Commands that run in the tests' own process set up logging: it is put back, or later tests would be redacted too."""

import pytest

from tests.configuration.logging_state import logging_as_before

__all__ = ["logging_as_before"]


@pytest.fixture(autouse=True)
def _logging_put_back(logging_as_before: None) -> None:
    return None
