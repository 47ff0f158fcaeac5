"""Run by alembic: the migrations on the connection that `upgrade` was given."""

from __future__ import annotations

from alembic import context

from ctigw.store.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
