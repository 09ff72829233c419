"""Fixtures for every test."""

from tests.support.engine import engine, engine_socket

__all__ = ["engine", "engine_socket"]
