"""Read by Alembic: which tables there should be, and the connection to make them over (`migrations.upgrade`)."""

from alembic import context

from controller.store import tables_api as tables_api  # each module with tables is named here
from controller.store import tables_events as tables_events
from controller.store import tables_live as tables_live
from controller.store import tables_outbound as tables_outbound
from controller.store import tables_records as tables_records
from controller.store import tables_usage as tables_usage
from controller.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite can't alter a column: the table is made anew
)
context.run_migrations()
