"""Alembic's entry: runs the migrations on the connection that the event log holds."""

from __future__ import annotations

from alembic import context

from api.index.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
