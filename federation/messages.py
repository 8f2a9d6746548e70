"""The messages of a round: tasks and replies as one JSON object each, in a Flower `ConfigRecord`.

Tensors never travel in them; CIDs do.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from flwr.app import ConfigRecord, RecordDict

from node.records.content import Cid

_KEY = "json"
MAX_MESSAGE_BYTES = 4_000_000
MAX_LEVELS = 16
"""How deep lists and objects of a message may lie in each other."""


class MalformedMessage(ValueError):
    """A message of Flower's that does not hold one JSON object of ours."""


def pack(value: dict[str, Any]) -> RecordDict:
    """One JSON object as a Flower record."""
    return RecordDict({"tenwings": ConfigRecord({_KEY: json.dumps(value, sort_keys=True)})})


def unpack(content: RecordDict) -> dict[str, Any]:
    """The JSON object of a Flower record. Raises MalformedMessage."""
    try:
        text = content.config_records["tenwings"][_KEY]
        if not isinstance(text, str) or len(text) > MAX_MESSAGE_BYTES:
            raise MalformedMessage(f"expected text of at most {MAX_MESSAGE_BYTES} characters")
        value = json.loads(text)
        _require_flat(value, MAX_LEVELS)
    except (KeyError, ValueError, RecursionError) as error:
        raise MalformedMessage(f"expected one JSON object under tenwings/{_KEY}: {error}") from error
    if not isinstance(value, dict):
        raise MalformedMessage(f"expected a JSON object, got {type(value).__name__}")
    return value


def _require_flat(value: object, levels: int) -> None:
    if levels == 0:
        raise MalformedMessage(f"expected at most {MAX_LEVELS} levels")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        _require_flat(item, levels - 1)


@dataclass(frozen=True, kw_only=True)
class TrainTask:
    """A lease: train on these shards from this base until the deadline."""

    run_id: int
    round: int
    spec_cid: Cid
    base_cid: Cid
    shards: list[Cid]
    deadline: int
    attempt: int = 0
    """How often the round has failed in a row: another attempt trains on other draws, or it would fail the same way."""


@dataclass(frozen=True, kw_only=True)
class ScoreTask:
    """Score these admitted updates with the seed that this block gives."""

    run_id: int
    round: int
    spec_cid: Cid
    base_cid: Cid
    receipts: list[dict[str, Any]]
    seed_block_number: int


@dataclass(frozen=True, kw_only=True)
class CosignTask:
    """Redo the round of this record and sign the commit that follows from it."""

    run_id: int
    round: int
    record_cid: Cid


@dataclass(frozen=True, kw_only=True)
class EpochTask:
    """Recompute this merit epoch and sign its commit."""

    run_id: int
    epoch: int
    upto_round: int


@dataclass(frozen=True, kw_only=True)
class HeldoutTask:
    """Measure the held-out loss of a checkpoint; asked of the coordinator's own trainer process alone."""

    run_id: int
    spec_cid: Cid
    checkpoint_cid: Cid


Task = TrainTask | ScoreTask | CosignTask | EpochTask | HeldoutTask
TaskT = TypeVar("TaskT", TrainTask, ScoreTask, CosignTask, EpochTask, HeldoutTask)
TASKS: dict[str, type[Any]] = {
    "train": TrainTask,
    "score": ScoreTask,
    "cosign": CosignTask,
    "epoch": EpochTask,
    "heldout": HeldoutTask,
}


def task_to_json(task: Task) -> dict[str, Any]:
    """{"task": name, ...fields}."""
    name = next(n for n, cls in TASKS.items() if isinstance(task, cls))
    return {"task": name, **asdict(task)}


def task_from_json(raw: dict[str, Any]) -> Task:
    """Raises MalformedMessage naming what is missing or unknown."""
    cls = TASKS.get(str(raw.get("task")))
    if cls is None:
        raise MalformedMessage(f"expected a task of {sorted(TASKS)}, got {raw.get('task')!r}")
    wanted = {f.name for f in fields(cls)}
    if wanted != set(raw) - {"task"}:
        raise MalformedMessage(f"task {raw['task']}: expected the fields {sorted(wanted)}, got {sorted(raw)}")
    for f in fields(cls):
        if not _fits(raw[f.name], str(f.type)):
            raise MalformedMessage(f"task {raw['task']}: {f.name}: expected {f.type}, got {str(raw[f.name])[:80]!r}")
    task: Task = cls(**{k: v for k, v in raw.items() if k != "task"})
    return task


def _fits(value: object, kind: str) -> bool:
    if kind.startswith("list"):
        item = dict if "dict" in kind else str
        return isinstance(value, list) and all(isinstance(v, item) for v in value)
    wanted = int if kind == "int" else str
    return isinstance(value, wanted) and not isinstance(value, bool)
