"""A connection to the ledger for a moment, with one error for all that may go wrong."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from callrouter.domain.clock import Clock
from callrouter.errors import LedgerUnavailable
from callrouter.ledger.trouble import in_words


@asynccontextmanager
async def connected(
    opened: AbstractAsyncContextManager[AsyncConnection], clock: Clock
) -> AsyncIterator[AsyncConnection]:
    """Use what ``connect()`` or ``begin()`` of the database gives. Raises `LedgerUnavailable`."""
    with clock.busy():
        try:
            async with opened as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:  # a database that is down is an OSError with some drivers
            raise LedgerUnavailable(in_words(error)) from error
