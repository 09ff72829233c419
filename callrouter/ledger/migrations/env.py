"""Run by Alembic, on the connection that ``ledger/upgrade.py`` hands over."""

from alembic import context

from callrouter.ledger.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
