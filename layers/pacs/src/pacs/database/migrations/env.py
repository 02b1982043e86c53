"""What alembic runs for every command: the migrations on the connection that `pacs.database.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
