"""The index's tables. Rows of `event` are never changed or deleted: a reorg marks them with its own row's id."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()

ROW_ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts rows by itself only in a plain INTEGER key."""

ORIGIN = Table(
    "origin",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", String(42), nullable=False, doc="Address of TrainingRuns: names the deployment."),
)

REORG = Table(
    "reorg",
    METADATA,
    Column("id", ROW_ID, primary_key=True),
    Column("after_block", BigInteger, nullable=False, doc="The last block that still stands."),
    Column("noticed_at", BigInteger, nullable=False, doc="Unix time in seconds."),
    Column("num_events", Integer, nullable=False, doc="How many events it undid."),
)

EVENT = Table(
    "event",
    METADATA,
    Column("id", ROW_ID, primary_key=True),
    Column("contract", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("log_index", Integer, nullable=False),
    Column("tx_hash", LargeBinary(32), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
    Column("args", Text, nullable=False, doc="JSON; bytes as {'0x': hex}."),
    Column("reorg_id", ROW_ID, ForeignKey("reorg.id"), nullable=True, doc="The reorg that undid it; null: stands."),
)

Index(
    "one_standing_event_a_log",
    EVENT.c.block_number,
    EVENT.c.log_index,
    unique=True,
    sqlite_where=EVENT.c.reorg_id.is_(None),
    postgresql_where=EVENT.c.reorg_id.is_(None),
)

MARK = Table(
    "mark",
    METADATA,
    Column("block_number", BigInteger, primary_key=True, autoincrement=False),
    Column("block_hash", LargeBinary(32), nullable=False),
    Column("timestamp", BigInteger, nullable=False),
)
"""Blocks up to which everything was read; the highest is the cursor."""
