"""The stored log: every event once, in order, with the marks from which reading goes on after a restart or a reorg."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from api.index.tables import EVENT, MARK, ORIGIN, REORG
from node.errors import ConfigError
from node.records.chain import Address, Block, Event

NUM_MARKS = 1000
"""How many marks are kept: a reorg deeper than the oldest one is read again from the first block."""

IN_MEMORY = "sqlite://"


class EventLog:
    """One deployment's events in one database, with one writer."""

    def __init__(self, url: str = IN_MEMORY) -> None:
        """Opens `url` (SQLAlchemy's form) and brings its tables up to date."""
        self._engine = _open(url)
        with self._engine.begin() as connection:
            _migrate(connection)

    def claim(self, chain_id: int, contract: Address) -> None:
        """Bind the log to one deployment. Raises ConfigError when it belongs to another."""
        with self._engine.begin() as connection:
            row = connection.execute(select(ORIGIN.c.chain_id, ORIGIN.c.contract)).first()
            if row is None:
                connection.execute(insert(ORIGIN).values(id=1, chain_id=chain_id, contract=contract))
            elif (row.chain_id, row.contract) != (chain_id, contract):
                raise ConfigError(
                    f"expected an index of chain {chain_id} with TrainingRuns at {contract}, got one of chain "
                    f"{row.chain_id} with {row.contract}; name another database, or delete this one: it is rebuilt"
                )

    def cursor(self) -> Block | None:
        """The block up to which everything was read; None before the first reading."""
        marks = self.marks(limit=1)
        return marks[0] if marks else None

    def marks(self, limit: int = NUM_MARKS) -> Sequence[Block]:
        """The newest marks, newest first."""
        query = select(MARK).order_by(MARK.c.block_number.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [
                Block(number=r.block_number, hash=bytes(r.block_hash), timestamp=r.timestamp)
                for r in connection.execute(query)
            ]

    def append(self, events: Sequence[Event], upto: Block) -> None:
        """Store what happened after the cursor up to and with block `upto`, all or nothing."""
        with self._engine.begin() as connection:
            if events:
                connection.execute(insert(EVENT), [_row(e) for e in events])
            connection.execute(delete(MARK).where(MARK.c.block_number >= upto.number))
            connection.execute(
                insert(MARK).values(block_number=upto.number, block_hash=upto.hash, timestamp=upto.timestamp)
            )
            oldest = select(MARK.c.block_number).order_by(MARK.c.block_number.desc()).offset(NUM_MARKS).limit(1)
            connection.execute(delete(MARK).where(MARK.c.block_number <= oldest.scalar_subquery()))

    def roll_back(self, after_block: int) -> int:
        """Undo what was read after block `after_block` (-1: all of it). Returns the number of events undone."""
        standing = (EVENT.c.block_number > after_block) & EVENT.c.reorg_id.is_(None)
        with self._engine.begin() as connection:
            count = connection.execute(select(func.count()).select_from(EVENT).where(standing)).scalar_one()
            reorg = connection.execute(
                insert(REORG)
                .values(after_block=after_block, noticed_at=int(time.time()), num_events=count)
                .returning(REORG.c.id)
            ).scalar_one()
            connection.execute(update(EVENT).where(standing).values(reorg_id=reorg))
            connection.execute(delete(MARK).where(MARK.c.block_number > after_block))
        return count

    def events(self) -> Iterator[Event]:
        """Every event that stands, in the chain's order."""
        query = select(EVENT).where(EVENT.c.reorg_id.is_(None)).order_by(EVENT.c.block_number, EVENT.c.log_index)
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                yield _event(row._asdict())

    def num_reorgs(self) -> int:
        """How many reorgs were met so far."""
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(REORG)).scalar_one()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def same_as_stored(happened: Event) -> Event:
    """`happened` as it will come out of the log: enums as ints, lists as tuples, names as text."""
    return _event(_row(happened))


def _open(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url)
    if make_url(url).database in (None, "", ":memory:"):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(url)
    event.listen(engine, "connect", _set_pragmas)
    return engine


def _set_pragmas(connection: Any, record: object) -> None:
    """A crash loses nothing that was committed (FULL), and readers never wait for the writer (WAL)."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _row(happened: Event) -> dict[str, Any]:
    fields = ("contract", "name", "block_number", "block_hash", "log_index", "tx_hash", "timestamp")
    args = json.dumps(_to_json(dict(happened.args)), sort_keys=True, separators=(",", ":"))
    return {**{f: getattr(happened, f) for f in fields}, "args": args}


def _event(row: Mapping[str, Any]) -> Event:
    return Event(
        contract=row["contract"],
        name=row["name"],
        block_number=row["block_number"],
        block_hash=bytes(row["block_hash"]),
        log_index=row["log_index"],
        tx_hash=bytes(row["tx_hash"]),
        timestamp=row["timestamp"],
        args={key: _from_json(value) for key, value in json.loads(row["args"]).items()},
    )


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return {"0x": bytes(value).hex()}
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else str(value)


def _from_json(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"0x"}:
        return bytes.fromhex(value["0x"])
    if isinstance(value, dict):
        return {key: _from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    return value
