"""What people do to a ledger, one act a function: join, register, commit rounds and epochs, claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.errors import LedgerRefused
from node.identity import Identity
from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash
from node.ports import Ledger
from node.records.artifacts import ArtifactKind, Registration
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit, MeritLeaf
from node.records.rounds import ContributionLeaf, RoundCommit
from node.records.runs import RunParams
from node.typed_data import sign
from tests.support.ledger_sites import ADA, BO, CY, DEE, MEMBERS, OPERATOR, OUTSIDER, SPEC_PARAMS, TWR, Site


def cid(text: str) -> Any:
    return cids.of(text.encode())


def digest(text: str) -> bytes:
    return cids.digest(cid(text))


def request_of(site: Site, who: Identity, **changes: Any) -> JoinRequest:
    number = MEMBERS.index(who) + 1
    request = JoinRequest(
        account=who.address,
        roles=Role.TRAINER | Role.EVALUATOR,
        node_key_digest=bytes([number]) * 32,
        name=f"member {number}",
        deadline=site.now() + 100,
    )
    return replace(request, **changes)


def voucher_of(request: JoinRequest) -> Voucher:
    return Voucher(account=request.account, roles=request.roles, deadline=request.deadline)


def join(site: Site, who: Identity, admitter: Identity = OPERATOR, **changes: Any) -> int:
    ledger = site.ledger(OUTSIDER)
    domain, request = ledger.domain("MemberRegistry"), request_of(site, who, **changes)
    return ledger.join(request, sign(who, domain, request), sign(admitter, domain, voucher_of(request)))


def register(site: Site, who: Identity, text: str = "dataset", **changes: Any) -> bytes:
    ledger = site.ledger(OUTSIDER)
    registration = replace(
        Registration(
            account=who.address,
            kind=ArtifactKind.DATASET,
            cid=cid(text),
            licence="CC-BY-4.0",
            deadline=site.now() + 100,
        ),
        **changes,
    )
    return ledger.register_artifact(registration, sign(who, ledger.domain("ArtifactRegistry"), registration))


def params_of(**changes: Any) -> RunParams:
    params = RunParams(
        name="worlds",
        spec_cid=cid("spec 1"),
        spec_params=SPEC_PARAMS,
        genesis_cid=cid("genesis"),
        dataset_digest=digest("dataset"),
        reward_cap=10 * TWR,
        quorum=2,
        dispute_window_seconds=50,
    )
    return replace(params, **changes)


def commit_of(ledger: Ledger, **changes: Any) -> RoundCommit:
    state = ledger.run(1)
    commit = RoundCommit(
        run_id=1,
        round=state.next_round,
        spec_digest=cids.digest(state.spec_cid),
        dataset_digest=state.dataset_digest,
        parent_digest=cids.digest(state.head_cid),
        checkpoint_cid=cid(f"checkpoint {state.next_round}"),
        contributions_root=tree_of(ledger).root,
        record_cid=cid(f"record {state.next_round}"),
        num_clients=2,
        reward=10 * TWR,
        heldout_loss_micro=250_000,
    )
    return replace(commit, **changes)


def cosign(ledger: Ledger, commit: RoundCommit | EpochCommit, *who: Identity) -> list[bytes]:
    domain = ledger.domain("TrainingRuns" if isinstance(commit, RoundCommit) else "MeritEpochs")
    return [sign(one, domain, commit) for one in sorted(who, key=lambda one: int(one.address, 16))]


def leaf_of(who: Identity, reward: int, round_number: int = 1, cumulative: int | None = None) -> ContributionLeaf:
    return ContributionLeaf(
        run_id=1,
        round=round_number,
        member_id=MEMBERS.index(who) + 1,
        account=who.address,
        samples=640,
        steps=30,
        score=-12,
        update_digest=digest(f"update of {who.address}"),
        reward=reward,
        cumulative_reward=reward if cumulative is None else cumulative,
    )


LEAVES = [leaf_of(ADA, 7 * TWR), leaf_of(BO, 3 * TWR), leaf_of(CY, 0)]


def hash_of(ledger: Ledger, leaf: ContributionLeaf) -> bytes:
    domain = ledger.domain("TrainingRuns")
    return contribution_leaf_hash(domain.chain_id, domain.verifying_contract, leaf)


def tree_of(ledger: Ledger, leaves: Sequence[ContributionLeaf] = LEAVES) -> Tree:
    return Tree([hash_of(ledger, leaf) for leaf in leaves])


def claim(site: Site, leaf: ContributionLeaf, leaves: Sequence[ContributionLeaf] = LEAVES) -> int:
    ledger = site.ledger(OUTSIDER)
    return ledger.claim(leaf, tree_of(ledger, leaves).proof(hash_of(ledger, leaf)))


def commit_round(site: Site, **changes: Any) -> RoundCommit:
    ledger = site.ledger(OUTSIDER)
    commit = commit_of(ledger, **changes)
    ledger.commit_round(commit, cosign(ledger, commit, ADA, BO))
    return commit


MERIT = [
    MeritLeaf(epoch=1, member_id=n, account=who.address, merit=weight**2, weight=weight)
    for n, who, weight in ((1, ADA, 40), (2, BO, 30), (3, CY, 20), (4, DEE, 10))
]


def merit_hash(ledger: Ledger, leaf: MeritLeaf) -> bytes:
    domain = ledger.domain("MeritEpochs")
    return merit_leaf_hash(domain.chain_id, domain.verifying_contract, leaf)


def epoch_of(ledger: Ledger, **changes: Any) -> EpochCommit:
    commit = EpochCommit(
        epoch=1,
        run_id=1,
        upto_round=1,
        root=Tree([merit_hash(ledger, leaf) for leaf in MERIT]).root,
        total_weight=100,
        max_weight=40,
        count=4,
        tree_cid=cid("merit tree"),
    )
    return replace(commit, **changes)


def refusal(action: Callable[[], object]) -> tuple[str, dict[str, object]]:
    with pytest.raises(LedgerRefused) as caught:
        action()
    return caught.value.rule, caught.value.values


def commit_in_second_run(site: Site, **changes: Any) -> RoundCommit:
    ledger = site.ledger(OUTSIDER)
    state = ledger.run(2)
    commit = replace(
        commit_of(ledger),
        run_id=2,
        round=state.next_round,
        parent_digest=cids.digest(state.head_cid),
        dataset_digest=state.dataset_digest,
        checkpoint_cid=cid(f"checkpoint 2.{state.next_round}"),
        **changes,
    )
    ledger.commit_round(commit, cosign(ledger, commit, ADA, BO))
    return commit
