"""Read by Alembic: which tables there should be, and the connection to make them over (`migrations.upgrade`)."""

from alembic import context

from controller.store.tables.base import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite can't alter a column: the table is made anew
)
context.run_migrations()
