"""One federated run on the twins: real training, real signatures, real trees; no daemon."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federation.audit import Verdict, audit
from federation.coordinator import RunStopped
from federation.messages import TrainTask
from federation.rounds import run_rounds
from federation.wire import encode
from model.checkpoint import initial, read
from model.job import TrainJob
from model.train import train_inner
from model.training.lora_file import read_adapters
from node.errors import ConfigError
from node.proofs import claim_proof
from node.records.content import Cid
from node.records.datasets import DatasetManifest, shards_of
from node.round_record import RoundRecord
from tests.support import faulty_worker
from tests.support.faulty_worker import nan_update
from tests.support.random_codec import random_vae_file
from tests.support.twins import SMALL, Network, clips, replace_object


@pytest.fixture
def network(tmp_path: Path) -> Network:
    return Network(folder=tmp_path)


def record_of(network: Network, round_number: int) -> RoundRecord:
    state = network.ledger.round(network.run_id, round_number)
    assert state is not None
    return RoundRecord.from_bytes(network.store.get(state.commit.record_cid))


def failing(network: Network) -> list[Verdict]:
    return [v for v in audit(network.ledger, network.store, network.run_id) if not v.holds]


def test_a_run_on_a_frozen_codec_trains_on_its_latents_and_every_node_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENWINGS_PARTS", str(tmp_path / "parts"))
    network = Network(folder=tmp_path, codec_file=random_vae_file())

    run_rounds(network.coordinator(), 1)

    head = read(network.store.get(network.ledger.run(network.run_id).head_cid))
    assert (head.config.codec.kind, head.config.patch_features) == ("vae", 16 * 2 * 2)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == [head.config.codec.digest]
    assert failing(network) == []


def test_a_run_on_adapters_moves_the_head_by_updates_of_low_rank_and_passes_the_audit(tmp_path: Path) -> None:
    started = train_inner(initial(SMALL, 0), clips(8, seed=7), TrainJob(num_steps=10, seed=1)).end_state
    settings = {"inner.lora_rank": "4", "inner.num_steps": "3"}
    network = Network(folder=tmp_path, settings=settings, genesis=started)

    run_rounds(network.coordinator(), 2)

    record, run = record_of(network, 2), network.ledger.run(network.run_id)
    update = read_adapters(network.store.get(record.receipts[0].update_cid))
    assert update.lora.rank == 4
    assert record.heldout_loss_micro < record_of(network, 1).parent_heldout_loss_micro
    genesis, head = (read(network.store.get(cid)).tensors for cid in (run.params.genesis_cid, run.head_cid))
    changed = {name for name in head if not np.array_equal(head[name], genesis[name])}
    assert changed
    assert all(name.startswith("blocks.0.") and name.endswith(".weight") for name in changed)
    assert failing(network) == []


def test_two_rounds_move_the_head_pay_everyone_and_pass_the_audit(network: Network) -> None:
    run_rounds(network.coordinator(), 2)

    run = network.ledger.run(network.run_id)
    assert run.head_round == 2
    assert run.head_cid != run.params.genesis_cid
    first, second = record_of(network, 1), record_of(network, 2)
    assert first.heldout_loss_micro < first.parent_heldout_loss_micro
    assert second.heldout_loss_micro < first.heldout_loss_micro
    assert len(second.receipts) == 3
    assert second.refusals == ()
    assert failing(network) == []
    for name in ("alice", "dora"):
        state = network.ledger.round(network.run_id, 2)
        assert state is not None
        member = network.ledger.member(network.address(name))
        assert member is not None
        found = claim_proof(network.ledger, network.store, state, member.member_id)
        assert found is not None
        leaf, proof = found
        assert network.ledger.claim(leaf, list(proof)) == leaf.cumulative_reward > 0
    assert failing(network) == []
    epoch = network.ledger.epoch(1)
    assert epoch is not None
    assert (epoch.upto_round, epoch.count) == (2, 5)


def forged(network: Network, name: str, update: bytes | None = None, **changes: Any) -> Any:
    """A tamper that signs a changed receipt with the member's own key, or stores another update."""
    domain = network.ledger.domain("TrainingRuns")
    return lambda task, reply: faulty_worker.forged(
        network.members[name], domain, network.store, reply, update, **changes
    )


def any_update(network: Network) -> bytes:
    """A well-formed payload of noise."""
    shapes = {n: t.shape for n, t in read(network.store.get(network.ledger.run(1).head_cid)).tensors.items()}
    rng = np.random.default_rng(0)
    return encode({n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}, top_k=1024)


def test_every_bad_client_is_refused_with_its_reason_and_the_round_goes_on(network: Network) -> None:
    other = {"blocks.0.not.ours": np.ones((4, 4), np.float32)}
    cases = {
        "not-finite": forged(network, "carol", update=nan_update(any_update(network))),
        "wrong-shape": forged(network, "carol", update=encode(other, top_k=1024)),
        "malformed": forged(network, "carol", update=b"not an update"),
        "stale-base": forged(network, "carol", base_digest=bytes(32)),
        "wrong-round": forged(network, "carol", round=99),
        "bad-signature": lambda task, reply: {
            **reply,
            "receipt": {**reply["receipt"], "signature": "0x" + "11" * 65},
        },
        "client-error": lambda task, reply: {"refused": "out-of-memory", "detail": "no room"},
    }
    for reason, tamper in cases.items():
        network.tampers = {"carol": tamper}
        run_rounds(network.coordinator(), 1)
        assert network.reasons() == {"carol": reason}
    assert network.ledger.run(network.run_id).head_round == len(cases)
    assert failing(network) == []


def test_a_copied_update_is_refused_as_a_duplicate(network: Network) -> None:
    seen: dict[str, Any] = {}

    def remember(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        seen["cid"] = reply["receipt"]["update_cid"]
        return reply

    def copy(task: dict[str, Any], reply: dict[str, Any]) -> dict[str, Any]:
        return forged(network, "bob", update=network.store.get(Cid(seen["cid"])))(task, reply)

    network.tampers = {"alice": remember, "bob": copy}
    run_rounds(network.coordinator(), 1)

    assert list(network.reasons().values()) == ["duplicate"]


def test_a_restarted_coordinator_goes_on_from_the_chains_head(network: Network) -> None:
    run_rounds(network.coordinator(), 1)
    head = network.ledger.run(network.run_id).head_cid

    run_rounds(network.coordinator(), 1)

    assert network.ledger.run(network.run_id).head_round == 2
    assert record_of(network, 2).base_cid == head


def test_a_coordinator_killed_after_training_does_not_ask_for_it_again(network: Network) -> None:
    asked: list[str] = []
    network.tampers = dict.fromkeys(
        ("alice", "bob", "carol"), lambda task, reply: (asked.append(task["task"]), reply)[1]
    )

    class Killed(Exception):
        pass

    def die(event: str, details: Any) -> None:
        if event == "scoring":
            raise Killed

    first = network.coordinator()
    first.progress = die
    with pytest.raises(Killed):
        run_rounds(first, 1)
    assert len(asked) == 3

    run_rounds(network.coordinator(), 1)

    assert len(asked) == 3
    assert network.ledger.run(network.run_id).head_round == 1
    assert failing(network) == []


def test_a_node_asked_twice_for_one_lease_hands_in_the_same_update(network: Network) -> None:
    run = network.ledger.run(network.run_id)
    artifact = network.ledger.artifact(run.params.dataset_digest)
    assert artifact is not None
    shard = shards_of(DatasetManifest.from_bytes(network.store.get(artifact.cid)), "train")[0].cid
    lease = {"run_id": run.run_id, "round": 1, "spec_cid": run.spec_cid, "base_cid": run.head_cid, "shards": [shard]}
    task = TrainTask(**lease, deadline=network.clock.seconds() + 60)

    first = network.resident("alice").handle(task)["receipt"]
    network.residents.clear()
    second = network.resident("alice").handle(task)["receipt"]

    assert second == first


def test_another_attempt_at_a_round_trains_on_other_draws(network: Network) -> None:
    leases: list[dict[str, Any]] = []

    def declined(task: Any, reply: dict[str, Any]) -> dict[str, Any]:
        leases.append(dict(reply))
        return {"refused": "no", "detail": "no"}

    network.tampers = {"alice": declined, "bob": declined}
    with pytest.raises(RunStopped, match="too-few-updates"):
        run_rounds(network.coordinator(), 1)

    digests = [lease["receipt"]["receipt"]["update_digest"] for lease in leases if "receipt" in lease]
    assert len(digests) == 6
    assert len(set(digests)) == 6


def test_too_few_updates_close_the_round_as_failed_and_the_head_stays(network: Network) -> None:
    broken = lambda task, reply: {"refused": "no", "detail": "no"}  # noqa: E731
    network.tampers = {"alice": broken, "bob": broken}

    with pytest.raises(RunStopped, match="too-few-updates"):
        run_rounds(network.coordinator(), 1)

    run = network.ledger.run(network.run_id)
    assert (run.head_round, run.head_cid) == (0, run.params.genesis_cid)
    assert [e.name for e in network.ledger.events(0)].count("RoundFailed") == 3


@pytest.mark.parametrize("what", ["update", "checkpoint", "score sheet", "contributions tree", "round record"])
def test_one_flipped_byte_fails_the_audit_with_the_object_and_the_round(network: Network, what: str) -> None:
    run_rounds(network.coordinator(), 2)
    record, state = record_of(network, 2), network.ledger.round(network.run_id, 2)
    assert state is not None
    cid = {
        "update": record.receipts[0].update_cid,
        "checkpoint": record.checkpoint_cid,
        "score sheet": record.sheets[0].cid,
        "contributions tree": record.tree_cid,
        "round record": state.commit.record_cid,
    }[what]
    data = bytearray(network.store.get(cid))
    data[len(data) // 2] ^= 1
    replace_object(network.store, cid, bytes(data))

    first = failing(network)[0]

    assert first.round == 2
    assert first.subject.startswith(what)
    assert cid in first.detail


def test_a_changed_leaf_fails_the_audit_even_under_a_valid_cid(network: Network) -> None:
    run_rounds(network.coordinator(), 1)
    record, state = record_of(network, 1), network.ledger.round(network.run_id, 1)
    assert state is not None
    tree = network.store.get(record.tree_cid).replace(b'"steps":2', b'"steps":9', 1)
    lying = replace(record, tree_cid=network.store.put(tree))
    replace_object(network.store, state.commit.record_cid, lying.to_bytes())
    network.store.get = lambda cid, **_: network.store._read(cid)  # type: ignore[method-assign,assignment]

    first = failing(network)[0]

    assert (first.round, first.subject) == (1, "contributions tree")
    assert "leaf of member" in first.detail


def test_training_goes_on_after_a_void_from_the_round_before_it_and_the_audit_follows(tmp_path: Path) -> None:
    network = Network(folder=tmp_path, window_seconds=20)
    run_rounds(network.coordinator(), 1)
    network.play_round()
    network.void(2)
    run_rounds(network.coordinator(), 1)

    run = network.ledger.run(network.run_id)
    assert (run.head_round, run.next_round) == (3, 4)
    assert record_of(network, 3).base_cid == record_of(network, 1).checkpoint_cid
    assert ("head-restored", {"round": 1, "head_cid": record_of(network, 1).checkpoint_cid}) in network.events
    assert [(v.round, v.what) for v in audit(network.ledger, network.store, network.run_id) if v.what != "dataset"][
        :3
    ] == [
        (1, "round"),
        (2, "voided round"),
        (3, "round"),
    ]
    assert failing(network) == []


def test_a_run_without_money_trains_earns_merit_and_passes_the_audit(tmp_path: Path) -> None:
    network = Network(folder=tmp_path, zero_token=True)

    run_rounds(network.coordinator(), 1)

    epoch = network.ledger.epoch(1)
    assert epoch is not None
    assert (epoch.upto_round, epoch.count) == (1, 5)
    assert record_of(network, 1).reward == 0
    assert failing(network) == []


def test_a_paused_run_is_not_trained(network: Network) -> None:
    network.incident("pause", until=network.clock.seconds() + 3600)

    with pytest.raises(RunStopped, match="paused by an incident until"):
        run_rounds(network.coordinator(), 1)


def test_a_vote_for_another_dataset_trains_the_next_round_on_it(network: Network) -> None:
    run_rounds(network.coordinator(), 1)
    other = network.register_dataset(first_seed=50)
    network.voted("setDataset", datasetDigest=other)

    run_rounds(network.coordinator(), 1)

    first, second = record_of(network, 1), record_of(network, 2)
    assert (first.dataset_digest != second.dataset_digest, second.dataset_digest) == (True, other)
    assert second.parent_heldout_loss_micro != first.heldout_loss_micro  # measured anew, on the new held-out clips
    assert failing(network) == []


def test_a_misdeclared_spec_stops_its_run_with_the_number_named(network: Network) -> None:
    network.vote_spec({"inner.num_steps": "3"}, declared_steps=2)

    with pytest.raises(
        ConfigError, match="expected inner_steps = 2 as its proposal declared on chain, the spec says 3"
    ):
        run_rounds(network.coordinator(), 1)
