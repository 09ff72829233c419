"""Fixtures for the tests of this folder."""

from tests.configuration.logging_state import logging_as_before

__all__ = ["logging_as_before"]
