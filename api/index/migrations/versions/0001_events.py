"""Events, the marks from which reading goes on, the reorgs that undid events, and the deployment they belong to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "origin",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chain_id", sa.BigInteger, nullable=False),
        sa.Column("contract", sa.String(42), nullable=False),
    )
    op.create_table(
        "reorg",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("after_block", sa.BigInteger, nullable=False),
        sa.Column("noticed_at", sa.BigInteger, nullable=False),
        sa.Column("num_events", sa.Integer, nullable=False),
    )
    _create_event_table()
    op.create_table(
        "mark",
        sa.Column("block_number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in ("mark", "event", "reorg", "origin"):
        op.drop_table(table)


def _create_event_table() -> None:
    op.create_table(
        "event",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("block_number", sa.BigInteger, nullable=False),
        sa.Column("block_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("log_index", sa.Integer, nullable=False),
        sa.Column("tx_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
        sa.Column("args", sa.Text, nullable=False),
        sa.Column("reorg_id", ROW_ID, sa.ForeignKey("reorg.id"), nullable=True),
    )
    op.create_index(
        "one_standing_event_a_log",
        "event",
        ["block_number", "log_index"],
        unique=True,
        sqlite_where=sa.text("reorg_id IS NULL"),
        postgresql_where=sa.text("reorg_id IS NULL"),
    )
