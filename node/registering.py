"""What the product makes is registered with its parents, so that a takedown can be traced: checkpoints at their release
or when a video shows them, releases, videos."""

from __future__ import annotations

from node import cid as cids
from node.errors import ConfigError
from node.membership import MemberDesk
from node.records.artifacts import Artifact, ArtifactKind
from node.records.content import Cid, canonical_json
from node.records.rounds import RoundState, RoundStatus


def register_checkpoint(desk: MemberDesk, run_id: int, cid: Cid) -> Artifact:
    """A run's checkpoint with its round's dataset and its nearest registered forebear as parents; done once."""
    digest = cids.digest(cid)
    known = desk.ledger.artifact(digest)
    if known is None:
        dataset, earlier = _origin(desk, run_id, cid)
        parents = [dataset.digest, *_registered(desk, earlier)]
        desk.register(ArtifactKind.CHECKPOINT, cid, dataset.licence, parents)
        known = desk.ledger.artifact(digest)
    assert known is not None, "the relay answered with its digest"
    return known


def register_release(desk: MemberDesk, run_id: int, round_number: int) -> Cid:
    """A committed round's checkpoint as a release: a small description on IPFS, with the checkpoint as its parent."""
    run, state = desk.ledger.run(run_id), desk.ledger.round(run_id, round_number)
    if state is None:
        raise ConfigError(
            f"expected a committed round of run {run_id}, got {round_number}; its head is {run.head_round}"
        )
    checkpoint = register_checkpoint(desk, run_id, state.commit.checkpoint_cid)
    note = {
        "name": run.params.name,
        "run_id": run_id,
        "round": round_number,
        "checkpoint_cid": checkpoint.cid,
        "spec": f"0x{state.commit.spec_digest.hex()}",
        "dataset": f"0x{state.commit.dataset_digest.hex()}",
        "heldout_loss_micro": state.commit.heldout_loss_micro,
        "version": 1,
    }
    cid = desk.store.put(canonical_json(note))
    if desk.ledger.artifact(cids.digest(cid)) is None:
        parents = [checkpoint.digest, state.commit.dataset_digest]
        desk.register(ArtifactKind.RELEASE, cid, checkpoint.licence, parents)
    return cid


def register_video(desk: MemberDesk, run_id: int, checkpoint_cid: Cid, video: bytes) -> Cid:
    """A sampled video, made from a run's checkpoint."""
    checkpoint = register_checkpoint(desk, run_id, checkpoint_cid)
    cid = desk.store.put(video)
    if desk.ledger.artifact(cids.digest(cid)) is None:
        desk.register(ArtifactKind.VIDEO, cid, checkpoint.licence, [checkpoint.digest])
    return cid


def _origin(desk: MemberDesk, run_id: int, cid: Cid) -> tuple[Artifact, list[Cid]]:
    """The dataset that a checkpoint was trained on, and the run's checkpoints before it. Raises ConfigError for what no
    round that counts has made."""
    run = desk.ledger.run(run_id)
    made, earlier = _counted(desk, run_id), [run.params.genesis_cid]
    if cid == run.params.genesis_cid:
        return _dataset(desk, run.params.dataset_digest), []
    for state in made:
        if state.commit.checkpoint_cid == cid:
            return _dataset(desk, state.commit.dataset_digest), earlier
        earlier.append(state.commit.checkpoint_cid)
    raise ConfigError(f"expected a checkpoint of run {run_id}, got {cid}; `tenwings run show` lists them")


def _counted(desk: MemberDesk, run_id: int) -> list[RoundState]:
    return [state for state in desk.ledger.rounds(run_id) if state.status != RoundStatus.VOIDED]


def _registered(desk: MemberDesk, earlier: list[Cid]) -> list[bytes]:
    """The newest of them that is registered, if any is."""
    known = (cids.digest(cid) for cid in reversed(earlier) if desk.ledger.artifact(cids.digest(cid)) is not None)
    return [*known][:1]


def _dataset(desk: MemberDesk, digest: bytes) -> Artifact:
    """What is made from a dataset carries its licence."""
    found = desk.ledger.artifact(digest)
    assert found is not None, "a run's dataset is registered"
    return found
