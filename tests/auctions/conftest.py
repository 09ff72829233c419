"""Fixtures of the auctions' tests."""

from tests.auctions.seated import made

__all__ = ["made"]
