"""Tasks and replies as JSON in a Flower record: what is malformed says so, whatever it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flwr.app import ConfigRecord, RecordDict

from federation.messages import (
    MAX_MESSAGE_BYTES,
    CosignTask,
    EpochTask,
    HeldoutTask,
    MalformedMessage,
    ScoreTask,
    Task,
    TrainTask,
    pack,
    task_from_json,
    task_to_json,
    unpack,
)
from node import cid as cids

CID = cids.of(b"something")
TASKS: list[Task] = [
    TrainTask(run_id=1, round=2, spec_cid=CID, base_cid=CID, shards=[CID, CID], deadline=1_750_000_000),
    ScoreTask(run_id=1, round=2, spec_cid=CID, base_cid=CID, receipts=[{"a": 1}], seed_block_number=9),
    CosignTask(run_id=1, round=2, record_cid=CID),
    EpochTask(run_id=1, epoch=3, upto_round=6),
    HeldoutTask(run_id=1, spec_cid=CID, checkpoint_cid=CID),
]


def record(text: Any) -> RecordDict:
    return RecordDict({"tenwings": ConfigRecord({"json": text})})


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_a_task_survives_the_way_through_flower(task: Task) -> None:
    assert task_from_json(unpack(pack(task_to_json(task)))) == task


def test_what_travels_is_one_text_under_one_name() -> None:
    packed = pack({"b": 1, "a": [CID]})

    assert dict(packed.config_records["tenwings"]) == {"json": f'{{"a": ["{CID}"], "b": 1}}'}


@pytest.mark.parametrize(
    "content",
    [
        RecordDict(),
        RecordDict({"tenwings": ConfigRecord({})}),
        RecordDict({"other": ConfigRecord({"json": "{}"})}),
        record(5),
        record(b"{}"),
        record(""),
        record("{"),
        record("[]"),
        record("null"),
        record('"text"'),
    ],
)
def test_a_record_without_one_json_object_is_malformed(content: RecordDict) -> None:
    with pytest.raises(MalformedMessage, match="expected"):
        unpack(content)


def test_a_message_that_is_too_long_is_malformed() -> None:
    assert unpack(record(json.dumps({"a": "x" * (MAX_MESSAGE_BYTES - 9)})))["a"].startswith("x")
    with pytest.raises(MalformedMessage, match="at most 4000000 characters"):
        unpack(record(json.dumps({"a": "x" * MAX_MESSAGE_BYTES})))


@pytest.mark.parametrize("depth", [17, 900, 100_000])
def test_a_message_that_nests_too_deep_is_malformed(depth: int) -> None:
    with pytest.raises(MalformedMessage):
        unpack(record('{"a":' + "[" * depth + "]" * depth + "}"))


@pytest.mark.parametrize("raw", [{}, {"task": None}, {"task": "dance"}, {"task": ["train"]}, {"round": 1}])
def test_an_unknown_task_is_malformed_and_the_known_are_named(raw: dict[str, Any]) -> None:
    with pytest.raises(
        MalformedMessage, match=r"expected a task of \['cosign', 'epoch', 'heldout', 'score', 'train'\]"
    ):
        task_from_json(raw)


def test_a_missing_or_an_unknown_field_is_malformed() -> None:
    raw = task_to_json(TASKS[2])
    with pytest.raises(MalformedMessage, match="task cosign: expected the fields"):
        task_from_json({k: v for k, v in raw.items() if k != "round"})
    with pytest.raises(MalformedMessage, match="task cosign: expected the fields"):
        task_from_json({**raw, "rounds": 2})


@pytest.mark.parametrize(
    ("task", "field", "value"),
    [
        (TASKS[0], "run_id", "1"),
        (TASKS[0], "round", True),
        (TASKS[0], "deadline", 1.5),
        (TASKS[0], "spec_cid", None),
        (TASKS[0], "shards", CID),
        (TASKS[0], "shards", [1]),
        (TASKS[1], "receipts", ["receipt"]),
    ],
)
def test_a_field_of_another_type_is_malformed_and_named(task: Task, field: str, value: object) -> None:
    with pytest.raises(MalformedMessage, match=f"{field}: expected"):
        task_from_json({**task_to_json(task), field: value})
