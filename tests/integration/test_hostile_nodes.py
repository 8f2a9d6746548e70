"""A round where half of the nodes lie as far as types and signatures allow: it is committed and the audit holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from federation.audit import audit
from federation.receipts import sign_sheet
from federation.rounds import run_rounds
from node.records.members import Role
from node.round_record import ScoreSheet, signed_sheet_from_json, to_json
from tests.support.twins import Network, Tamper


def with_a_number_too_wide(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    signed = reply["receipt"]
    return {**reply, "receipt": {**signed, "receipt": {**signed["receipt"], "num_samples": 2**70}}}


def nested_without_end(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    value: Any = 1
    for _ in range(300):
        value = [value]
    return {**reply, "receipt": value}


def with_odd_work_time(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
    return {**reply, "work_ms": "soon"}


def sheet_of(network: Network, name: str, change: Callable[[list[Any]], list[Any]]) -> Tamper:
    """Signs another sheet with the evaluator's own key."""

    def tamper(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        if task["task"] != "score":
            return reply
        honest = network.store.get(signed_sheet_from_json(reply["sheet"]).cid)
        raw = json.loads(honest)
        cid = network.store.put(json.dumps({**raw, "scores": change(raw["scores"])}).encode())
        domain = network.ledger.domain("TrainingRuns")
        return {
            **reply,
            "sheet": to_json(sign_sheet(network.members[name], domain, ScoreSheet.from_bytes(honest), cid)),
        }

    return tamper


def test_a_round_survives_every_lie_that_types_and_signatures_allow(tmp_path: Path) -> None:
    network = Network(folder=tmp_path)
    roles = {"frank": Role.TRAINER, "gina": Role.TRAINER, "hugo": Role.EVALUATOR, "ivy": Role.EVALUATOR}
    network.members |= {name: network.join(name, role) for name, role in roles.items()}
    network.tampers = {
        "bob": with_odd_work_time,
        "frank": with_a_number_too_wide,
        "gina": nested_without_end,
        "hugo": sheet_of(network, "hugo", lambda scores: [{**s, "gain_micro": "much"} for s in scores]),
        "ivy": sheet_of(network, "ivy", lambda scores: [scores[0]] * 9 + scores),
    }

    run_rounds(network.coordinator(), 1)

    assert network.ledger.run(network.run_id).head_round == 1
    assert network.reasons() == {
        "frank": "malformed", "gina": "malformed", "hugo": "malformed", "ivy": "bad-sheet"
    }  # fmt: skip
    assert [v for v in audit(network.ledger, network.store, network.run_id) if not v.holds] == []
