"""What the `migrations/env.py` of every service does."""

from alembic import context
from sqlmodel import SQLModel


def run_migrations() -> None:
    """Runs the revisions on the connection that `database.migrate` put into the configuration."""
    context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
    with context.begin_transaction():
        context.run_migrations()
