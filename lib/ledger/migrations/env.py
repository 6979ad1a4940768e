"""Run by alembic: brings the tables of a connection, which ``store`` passes, to another version."""

from alembic import context

from lib.ledger.tables import METADATA

VERSION_TABLE = "ledger_version"

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes a table by making it anew
)
with context.begin_transaction():
    context.run_migrations()
