"""Rounds on a restricted dataset, and rounds with a member that moved to another account."""

from __future__ import annotations

from pathlib import Path

import pytest

from federation.audit import audit
from federation.messages import TrainTask
from federation.rounds import run_rounds
from model.data.shards import unpack
from node import cid as cids
from node.data_access import grant_access, readers, request_access, revoke_access
from node.identity import Identity
from node.membership import MemberDesk
from node.records.artifacts import Access, ArtifactState
from node.records.content import Cid
from node.records.datasets import DatasetManifest, shards_of
from node.round_record import merit_tree_from_bytes
from node.sealed import KeyRing, new_content_key, unseal
from node.signed_requests import MoveAcceptance, MoveRequest, RecoveryChoice
from tests.support.desk import desk_of
from tests.support.twins import Network

RECOVERY_SECONDS = 3 * 86400


def desk(network: Network, name: str) -> MemberDesk:
    return desk_of(network.members[name], network.ledger, network.store)


def dataset_of(network: Network) -> Cid:
    artifact = network.ledger.artifact(network.ledger.run(network.run_id).params.dataset_digest)
    assert artifact is not None
    return artifact.cid


def let_in(network: Network, *names: str) -> None:
    for name in names:
        request_access(desk(network, name), network.member_folder(name), dataset_of(network), "to train together")
        grant_access(desk(network, "alice"), network.member_folder("alice"), dataset_of(network), network.address(name))


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """A restricted dataset; bob and both evaluators may read it, carol may not."""
    network = Network(folder=tmp_path, content_key=new_content_key())
    let_in(network, "bob", "dora", "emil")
    return network


def test_ipfs_holds_ciphertext_alone(network: Network) -> None:
    manifest = DatasetManifest.from_bytes(network.store.get(dataset_of(network)))
    (first, *_) = shards_of(manifest, "train")
    sealed = network.store.get(first.cid)
    with pytest.raises(ValueError, match="not a shard"):
        unpack(sealed)
    assert network.content_key is not None
    assert len(unpack(unseal(sealed, network.content_key))) == 8


def test_who_has_no_access_is_left_out_with_a_reason_that_all_can_read(network: Network) -> None:
    run_rounds(network.coordinator(), 1)

    assert network.reasons() == {"carol": "no-access"}
    verdicts = list(audit(network.ledger, network.store, network.run_id))
    assert [v for v in verdicts if not v.holds] == []
    assert "sealed" in verdicts[0].note
    assert "granted access" in verdicts[1].note


def test_a_node_without_a_grant_opens_nothing_even_when_it_is_sent_a_lease(network: Network) -> None:
    run = network.ledger.run(network.run_id)
    manifest = DatasetManifest.from_bytes(network.store.get(dataset_of(network)))
    lease = TrainTask(
        run_id=1,
        round=1,
        spec_cid=run.spec_cid,
        base_cid=run.head_cid,
        shards=[shards_of(manifest, "train")[0].cid],
        deadline=2**40,
    )
    assert network.resident("carol").handle(lease)["refused"] == "no-access"


def test_a_revocation_ends_leases_and_seals_the_clips_anew(network: Network) -> None:
    let_in(network, "carol")
    old = dataset_of(network)
    fresh = revoke_access(desk(network, "alice"), network.member_folder("alice"), old, network.address("bob"))

    assert fresh is not None
    assert network.address("bob") not in readers(network.ledger, cids.digest(old))
    found = network.ledger.artifact(cids.digest(old))
    assert found is not None
    assert (found.state, found.superseded_by) == (ArtifactState.SUPERSEDED, cids.digest(fresh))
    new_key = KeyRing(folder=network.member_folder("alice")).own_key(cids.digest(fresh))
    assert new_key != network.content_key
    run_rounds(network.coordinator(), 1)
    assert network.reasons() == {"bob": "no-access"}


def test_declining_a_request_seals_nothing_anew(network: Network) -> None:
    request_access(desk(network, "carol"), network.member_folder("carol"), dataset_of(network), "curiosity")
    folder = network.member_folder("alice")
    assert revoke_access(desk(network, "alice"), folder, dataset_of(network), network.address("carol")) is None
    accesses = network.ledger.accesses(cids.digest(dataset_of(network)))
    assert {entry.access for entry in accesses} == {Access.GRANTED}
    assert network.address("carol") not in {entry.account for entry in accesses}


def test_keys_are_readable_by_their_member_alone(network: Network) -> None:
    keys = [
        network.member_folder("bob") / "encryption_key",
        *(network.member_folder("alice") / "content_keys").iterdir(),
    ]
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


def test_a_member_that_moved_keeps_what_it_earned_and_the_next_epoch_names_its_new_account(tmp_path: Path) -> None:
    network = Network(folder=tmp_path)
    run_rounds(network.coordinator(), 1)
    old = network.address("bob")
    _move(network, "bob")

    run_rounds(network.coordinator(), 1)

    first, second = (network.ledger.epoch(number) for number in (1, 2))
    assert first is not None
    assert second is not None
    before = {leaf.member_id: leaf for leaf in merit_tree_from_bytes(network.store.get(first.tree_cid))}
    after = {leaf.member_id: leaf for leaf in merit_tree_from_bytes(network.store.get(second.tree_cid))}
    assert before[2].account == old
    assert after[2].account == network.address("bob")
    assert after[2].merit > before[2].merit
    assert [v for v in audit(network.ledger, network.store, network.run_id) if not v.holds] == []


def _move(network: Network, name: str) -> None:
    """By a recovery account, to a new account; the node goes on under it."""
    friend, fresh, ledger = Identity.create(), Identity.create(), network.ledger
    member = desk(network, name)
    member.submit(
        RecoveryChoice(
            account=member.account, recovery=friend.address, nonce=member.nonce("MemberRegistry"),
            deadline=member.deadline(),
        )
    )  # fmt: skip
    helper = desk_of(friend, ledger, network.store)
    helper.submit(
        MoveRequest(
            recovery=friend.address, member_id=2, to=fresh.address, nonce=helper.nonce("MemberRegistry"),
            deadline=helper.deadline(),
        )
    )  # fmt: skip
    network.clock.offset += RECOVERY_SECONDS
    newcomer = desk_of(fresh, ledger, network.store)
    newcomer.submit(MoveAcceptance(member_id=2, account=fresh.address, deadline=newcomer.deadline()))
    network.members[name] = fresh
    network.residents.pop(name, None)
