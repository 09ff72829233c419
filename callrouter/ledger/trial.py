"""Tries whether a ledger could be opened, and changes nothing in it."""

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from callrouter.ledger.database import open_database
from callrouter.ledger.trouble import in_words

_LOOK = text(
    "SELECT to_regclass('alembic_version') IS NOT NULL AS has_tables,"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_make_tables,"
    " current_setting('transaction_read_only') = 'on' AS read_only"
)


async def trouble_with(url: str) -> str | None:
    """What stands in the way of a PostgreSQL ledger, as a remedy without secrets; ``None`` when nothing does."""
    database = open_database(url)
    try:
        async with database.connect() as connection:
            found = (await connection.execute(_LOOK)).one()
    except (SQLAlchemyError, OSError) as error:
        return f"the ledger does not answer: {in_words(error)}"
    finally:
        await database.dispose()
    if found.read_only:
        return "the ledger's database can only be read; name the primary"
    if not found.has_tables and not found.may_make_tables:
        return "the ledger's user may not make tables; make it the database's owner"
    return None
