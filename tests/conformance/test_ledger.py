"""One suite for every ledger: the contracts on a live anvil, and their twin in memory.

The same story runs on both: same results, same refusals by name and values, same events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

import pytest
from eth_utils.crypto import keccak

from node import cid as cids
from node.abi_codec import decode_error, decode_result, encode_call
from node.chain import ChainLedger
from node.chain_records import bounds_fields, data_fields, data_of, spec_args
from node.chain_rpc import Rpc
from node.deploy import deploy
from node.deployment import DOMAIN_NAMES, Deployment, DeploySettings
from node.errors import DaemonUnavailable, LedgerRefused
from node.governance import ballot_params, describe
from node.identity import Identity
from node.local_ledger import LocalLedger, ManualClock
from node.merkle import Tree, contribution_leaf_hash, merit_leaf_hash
from node.ports import Ledger
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address
from node.records.members import JoinRequest, Role, Voucher
from node.records.merit import EpochCommit, MeritLeaf
from node.records.proposals import (
    Action,
    Ballot,
    ProposalKind,
    ProposalState,
    ProposalStatement,
    Sponsor,
    Support,
    Tally,
)
from node.records.rounds import ContributionLeaf, RoundCommit, RoundStatus
from node.records.runs import ParamBounds, RunParams, SpecParams
from node.stack import free_port
from node.typed_data import HALF_ORDER, sign
from tests.support.anvil import running_anvil

OPERATOR = Identity(b"\x0e".rjust(32, b"\0"))
MEMBERS = [Identity(bytes([number]).rjust(32, b"\0")) for number in range(1, 7)]
ADA, BO, CY, DEE, EVE, FAY = MEMBERS
OUTSIDER = Identity(b"\x0f".rjust(32, b"\0"))
TWR = 10**18
NOBODY = Address("0x" + "0" * 40)
SPEC_PARAMS = SpecParams(
    inner_steps=30,
    learning_rate_millionths=300,
    batch_size=8,
    outer_alpha_bps=10_000,
    min_updates=2,
    reward_per_round=10 * TWR,
    trainers_bps=8_000,
    aggregation_rule=1,
)
SETTINGS = DeploySettings(
    operator=OPERATOR.address,
    licences=("CC0-1.0", "CC-BY-4.0"),
    reward_supply_wei=1_000 * TWR,
    epoch_finality_seconds=60,
    voting_delay_seconds=100,
    voting_period_seconds=1_000,
    quorum_bps=5_000,
    constitutional_quorum_bps=5_000,
    standard_sponsors=1,
    constitutional_sponsors=2,
    timelock_delay_seconds=200,
    merit_max_share_bps=4_000,
    guardian=FAY.address,
    charter_cid=cids.of(b"charter"),
    charter_articles=3,
)


class Site(Protocol):
    """A chain of one test."""

    def ledger(self, sender: Identity) -> Ledger: ...
    def address(self, contract: str) -> Address: ...
    def now(self) -> int: ...
    def advance(self, seconds: int) -> None: ...


class LocalSite:
    def __init__(self, start: int | None = None) -> None:
        self.clock = ManualClock() if start is None else ManualClock(start)
        self.chain = LocalLedger(SETTINGS, clock=self.clock)

    def ledger(self, sender: Identity) -> LocalLedger:
        return self.chain.acting_as(sender.address)

    def address(self, contract: str) -> Address:
        return self.chain.addresses()[contract]

    def now(self) -> int:
        return self.clock()

    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)


class AnvilSite:
    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.rpc = Rpc(deployment.rpc_url)

    def ledger(self, sender: Identity) -> ChainLedger:
        return ChainLedger(self.deployment, key=sender)

    def address(self, contract: str) -> Address:
        return self.deployment.addresses[contract]

    def now(self) -> int:
        return self.rpc.now()

    def advance(self, seconds: int) -> None:
        self.rpc.request("evm_increaseTime", seconds)


@pytest.fixture(scope="module")
def anvil() -> Iterator[Deployment]:
    with running_anvil([OPERATOR, OUTSIDER, *MEMBERS]) as url:
        yield deploy(url, OUTSIDER, settings=SETTINGS)


@pytest.fixture
def anvil_site(anvil: Deployment) -> Iterator[AnvilSite]:
    site = AnvilSite(anvil)
    snapshot = site.rpc.request("evm_snapshot")
    yield site
    site.rpc.request("evm_revert", snapshot)


@pytest.fixture(params=["twin", pytest.param("anvil", marks=pytest.mark.real)])
def site(request: pytest.FixtureRequest) -> Site:
    if request.param == "twin":
        return LocalSite()
    found: AnvilSite = request.getfixturevalue("anvil_site")
    return found


# The story: members join, a dataset, a run, rounds, rewards, merit, votes.


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


@pytest.fixture
def community(site: Site) -> Site:
    """Five members and a dataset."""
    for who in (ADA, BO, CY, DEE, EVE):
        join(site, who)
    register(site, ADA)
    return site


@pytest.fixture
def running(community: Site) -> Site:
    """Run 1 before its first round."""
    community.ledger(OPERATOR).create_run(params_of())
    return community


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


@pytest.fixture
def rewarded(running: Site) -> Site:
    """Round 1 is final, the run is funded."""
    commit_round(running)
    running.ledger(OPERATOR).fund(1, 50 * TWR)
    running.advance(50)
    return running


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


@pytest.fixture
def voting(rewarded: Site) -> Site:
    """Merit epoch 1 is final."""
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    rewarded.advance(60)
    return rewarded


def propose(
    site: Site,
    who: Identity = ADA,
    actions: Sequence[Action] = (),
    text: str = "Change the spec",
    article: int = 1,
    others: Sequence[Identity] | None = None,
) -> int:
    """Signed by one more member where the kind asks for it, unless `others` are named."""
    ledger = site.ledger(OUTSIDER)
    chosen = actions or (ledger.set_spec_action(1, cid("spec 2")),)
    description = describe(text, who.address, article)
    statement = ProposalStatement(
        proposer=who.address, proposal_id=ledger.proposal_id(chosen, description), deadline=site.now() + 100
    )
    if others is None:
        others = [BO if who == ADA else ADA] if ledger.kind_of(chosen) == ProposalKind.CONSTITUTIONAL else []
    return ledger.propose(statement, chosen, description, signed_by(ledger, statement, who, *others))


def signed_by(ledger: Ledger, statement: ProposalStatement, *who: Identity) -> list[Sponsor]:
    domain = ledger.domain("TenWingsGovernor")
    ascending = sorted(who, key=lambda one: int(one.address, 16))
    return [Sponsor(account=one.address, signature=sign(one, domain, statement)) for one in ascending]


def call_of(ledger: Ledger, contract: str, function: str, *args: Any) -> Action:
    return Action(target=ledger.addresses()[contract], calldata=encode_call(contract, function, *args))


def allow_mit(site: Site) -> list[Action]:
    """A standard proposal."""
    return [call_of(site.ledger(OUTSIDER), "ArtifactRegistry", "setLicence", "MIT", True)]


def rules_call(site: Site, **changes: int) -> list[Action]:
    """A constitutional proposal."""
    ledger = site.ledger(OUTSIDER)
    rules = replace(ledger.rules(), **changes)
    return [call_of(ledger, "TenWingsGovernor", "setRules", tuple(vars(rules).values()))]


def ballot_of(ledger: Ledger, number: int, who: Identity, support: Support, **changes: Any) -> Ballot:
    leaf = next((leaf for leaf in MERIT if leaf.account == who.address), MERIT[0])
    tree = Tree([merit_hash(ledger, leaf) for leaf in MERIT])
    ballot = Ballot(
        proposal_id=number,
        support=support,
        voter=who.address,
        reason="because ✓",
        params=ballot_params(leaf, tree.proof(merit_hash(ledger, leaf))),
    )
    return replace(ballot, **changes)


def vote(site: Site, number: int, who: Identity, support: Support = Support.FOR, **changes: Any) -> int:
    ledger = site.ledger(OUTSIDER)
    ballot = ballot_of(ledger, number, who, support, **changes)
    return ledger.cast_ballot(ballot, sign(who, ledger.domain("TenWingsGovernor"), ballot))


def refusal(action: Callable[[], object]) -> tuple[str, dict[str, object]]:
    with pytest.raises(LedgerRefused) as caught:
        action()
    return caught.value.rule, caught.value.values


def decided(site: Site, number: int) -> None:
    """Past the voting period."""
    site.advance(1_002)


# members


def test_a_member_that_joined_is_found_by_its_account(site: Site) -> None:
    assert join(site, ADA) == 1
    assert join(site, BO, roles=Role.CURATOR) == 2
    members = site.ledger(OUTSIDER).members()
    assert [(m.member_id, m.account, m.name, m.roles) for m in members] == [
        (1, ADA.address, "member 1", Role.TRAINER | Role.EVALUATOR),
        (2, BO.address, "member 2", Role.CURATOR),
    ]
    assert site.ledger(OUTSIDER).member(BO.address) == members[1]
    assert members[0].active
    assert members[0].node_key_digest == b"\x01" * 32


def test_who_never_joined_is_no_member(site: Site) -> None:
    assert site.ledger(OUTSIDER).member(ADA.address) is None
    assert site.ledger(OUTSIDER).members() == ()


def test_an_admitter_can_join_a_member_without_a_voucher(site: Site) -> None:
    ledger, request = site.ledger(OPERATOR), request_of(site, ADA)
    assert ledger.join(request, sign(ADA, ledger.domain("MemberRegistry"), request), b"") == 1


def test_nobody_joins_twice(site: Site) -> None:
    join(site, ADA)
    refused = refusal(lambda: join(site, ADA, node_key_digest=b"\x99" * 32))
    assert refused == ("AlreadyMember", {"account": ADA.address, "memberId": 1})


def test_a_voucher_by_an_outsider_is_refused(site: Site) -> None:
    assert refusal(lambda: join(site, ADA, admitter=OUTSIDER)) == ("NotAnAdmitter", {"signer": OUTSIDER.address})


def test_a_late_request_is_refused(site: Site) -> None:
    rule, values = refusal(lambda: join(site, ADA, deadline=site.now() - 1))
    assert (rule, set(values)) == ("RequestExpired", {"deadline", "timestamp"})


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"roles": Role(0)}, ("InvalidRoles", {"roles": 0})),
        ({"roles": Role(8)}, ("InvalidRoles", {"roles": 8})),
        ({"name": ""}, ("InvalidName", {"length": 0, "maximum": 64})),
        ({"name": "ü" * 33}, ("InvalidName", {"length": 66, "maximum": 64})),
        ({"node_key_digest": bytes(32)}, ("EmptyNodeKey", {"account": ADA.address})),
        ({"node_key_digest": b"\x02" * 32}, ("NodeKeyTaken", {"nodeKeyDigest": b"\x02" * 32, "memberId": 1})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_request_against_the_rules_is_refused(
    site: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    join(site, BO)
    assert refusal(lambda: join(site, ADA, **changes)) == refused


def test_a_request_signed_by_another_account_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    domain = ledger.domain("MemberRegistry")
    forged = sign(BO, domain, request)
    refused = refusal(lambda: ledger.join(request, forged, sign(OPERATOR, domain, voucher_of(request))))
    assert refused == ("InvalidSignature", {"signer": ADA.address, "signature": forged})


def test_a_malleated_voucher_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    domain = ledger.domain("MemberRegistry")
    good = sign(OPERATOR, domain, voucher_of(request))
    high = (2 * HALF_ORDER + 1 - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    twin = good[:32] + high + bytes([55 - good[64]])
    refused = refusal(lambda: ledger.join(request, sign(ADA, domain, request), twin))
    assert refused == ("ECDSAInvalidSignatureS", {"s": high})


def test_a_voucher_cut_short_is_refused(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA)
    signature = sign(ADA, ledger.domain("MemberRegistry"), request)
    assert refusal(lambda: ledger.join(request, signature, b"\x01" * 64)) == (
        "ECDSAInvalidSignatureLength",
        {"length": 64},
    )
    assert refusal(lambda: ledger.join(request, signature, bytes(65))) == ("ECDSAInvalidSignature", {})


def test_a_number_too_wide_is_the_callers_mistake(site: Site) -> None:
    ledger, request = site.ledger(OUTSIDER), request_of(site, ADA, deadline=2**64)
    with pytest.raises(ValueError, match="uint64"):
        ledger.join(request, b"\x01" * 65, b"\x01" * 65)


# artifacts


def test_a_registered_artifact_is_found_by_its_digest(community: Site) -> None:
    found = community.ledger(OUTSIDER).artifact(digest("dataset"))
    assert found is not None
    assert (found.kind, found.account, found.cid, found.licence) == (
        ArtifactKind.DATASET,
        ADA.address,
        cid("dataset"),
        "CC-BY-4.0",
    )
    assert community.ledger(OUTSIDER).artifact(b"\x09" * 32) is None


def test_an_artifact_can_name_its_parents(community: Site) -> None:
    made = register(community, BO, "codec", kind=ArtifactKind.CODEC, parents=(digest("dataset"),))
    assert made == digest("codec")


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"licence": "proprietary"}, ("LicenceNotAllowed", {"licence": "proprietary"})),
        ({"parents": (b"\x07" * 32,)}, ("UnknownParent", {"parent": b"\x07" * 32})),
        ({"cid": cid("dataset")}, ("AlreadyRegistered", {"digest": digest("dataset"), "account": ADA.address})),
        ({"account": FAY.address}, ("NotAnActiveMember", {"account": FAY.address})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_registration_against_the_rules_is_refused(
    community: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: register(community, BO, "new", **changes)) == refused


# runs and rounds


def test_a_new_run_starts_from_its_genesis(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    state = ledger.run(1)
    assert ledger.num_runs() == 1
    assert state.params == params_of()
    assert (state.spec_version, state.spec_cid) == (1, cid("spec 1"))
    assert (state.head_round, state.head_cid) == (0, cid("genesis"))


def test_an_unknown_run_is_refused(running: Site) -> None:
    assert refusal(lambda: running.ledger(OUTSIDER).run(2)) == ("UnknownRun", {"runId": 2})
    assert running.ledger(OUTSIDER).round(2, 1) is None


def test_only_a_curator_opens_a_run(community: Site) -> None:
    rule, values = refusal(lambda: community.ledger(ADA).create_run(params_of()))
    assert (rule, values["account"]) == ("AccessControlUnauthorizedAccount", ADA.address)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"quorum": 0}, ("InvalidQuorum", {"quorum": 0})),
        ({"vested_bps": 10_001}, ("InvalidVesting", {"vestedBps": 10_001, "vestingSeconds": 0})),
        ({"vested_bps": 1}, ("InvalidVesting", {"vestedBps": 1, "vestingSeconds": 0})),
        (
            {"spec_params": replace(SPEC_PARAMS, batch_size=0)},
            ("ParamOutOfBounds", {"position": 3, "value": 0, "least": 1, "most": 4096}),
        ),
        ({"dataset_digest": b"\x07" * 32}, ("NotADataset", {"digest": b"\x07" * 32})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_run_parameters_against_the_rules_are_refused(
    community: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: community.ledger(OPERATOR).create_run(params_of(**changes))) == refused


def test_run_parameters_too_wide_are_the_callers_mistake(community: Site) -> None:
    with pytest.raises(ValueError, match="expected"):
        community.ledger(OPERATOR).create_run(params_of(quorum=256))


def test_a_committed_round_moves_the_head(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    tx_hash = ledger.commit_round(commit, cosign(ledger, commit, ADA, BO, CY))
    state = ledger.round(1, 1)
    assert (ledger.run(1).head_round, ledger.run(1).head_cid) == (1, cid("checkpoint 1"))
    assert state is not None
    assert (state.commit, state.tx_hash, state.final) == (commit, tx_hash, False)
    assert ledger.block_at(state.block_number).timestamp == state.committed_at


def test_a_round_is_final_after_its_dispute_window(running: Site) -> None:
    commit_round(running)
    running.advance(50)
    state = running.ledger(OUTSIDER).round(1, 1)
    assert state is not None
    assert state.final


def test_a_second_round_builds_on_the_first(running: Site) -> None:
    commit_round(running)
    second = commit_round(running)
    assert (second.round, second.parent_digest) == (2, digest("checkpoint 1"))
    assert running.ledger(OUTSIDER).round(1, 3) is None


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"run_id": 9}, ("UnknownRun", {"runId": 9})),
        ({"round": 2}, ("WrongRound", {"runId": 1, "round": 2, "expected": 1})),
        (
            {"parent_digest": b"\x07" * 32},
            ("WrongParent", {"runId": 1, "parentDigest": b"\x07" * 32, "headDigest": digest("genesis")}),
        ),
        (
            {"spec_digest": b"\x07" * 32},
            ("WrongSpec", {"runId": 1, "specDigest": b"\x07" * 32, "currentDigest": digest("spec 1")}),
        ),
        (
            {"dataset_digest": b"\x07" * 32},
            ("WrongDataset", {"runId": 1, "datasetDigest": b"\x07" * 32, "currentDigest": digest("dataset")}),
        ),
        (
            {"reward": 10 * TWR + 1},
            ("RewardAboveCap", {"runId": 1, "reward": 10 * TWR + 1, "rewardCap": 10 * TWR}),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_commit_against_the_rules_is_refused(
    running: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: commit_round(running, **changes)) == refused


def test_too_few_co_signers_are_refused(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, ADA)))
    assert refused == ("QuorumNotReached", {"given": 1, "needed": 2})


def test_one_co_signer_does_not_count_twice(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, ADA, ADA)))
    assert refused == ("SignersNotAscending", {"previous": ADA.address, "signer": ADA.address})


def test_co_signers_out_of_order_are_refused(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    signatures = cosign(ledger, commit, ADA, BO)
    assert refusal(lambda: ledger.commit_round(commit, signatures[::-1]))[0] == "SignersNotAscending"


def test_a_co_signer_who_is_no_evaluator_is_refused(running: Site) -> None:
    join(running, FAY, roles=Role.TRAINER)
    ledger = running.ledger(OUTSIDER)
    commit = commit_of(ledger)
    refused = refusal(lambda: ledger.commit_round(commit, cosign(ledger, commit, FAY, FAY)[:1] * 2))
    assert refused == ("NotAnActiveEvaluator", {"signer": FAY.address})


def test_a_failed_round_leaves_the_head_and_an_event(running: Site) -> None:
    ledger = running.ledger(OPERATOR)
    ledger.close_failed(1, 1, cid("what happened"), "too-few-updates")
    event = ledger.events(0)[-1]
    assert ledger.run(1).head_round == 0
    assert (event.contract, event.name) == ("TrainingRuns", "RoundFailed")
    assert event.args == {
        "runId": 1,
        "round": 1,
        "recordCid": cids.to_bytes(cid("what happened")),
        "reason": b"too-few-updates".ljust(32, b"\0"),
    }


def test_only_a_curator_closes_a_round_as_failed(running: Site) -> None:
    refused = refusal(lambda: running.ledger(ADA).close_failed(1, 1, cid("x"), "reason"))
    assert refused[0] == "AccessControlUnauthorizedAccount"


def test_a_reason_longer_than_a_word_is_the_callers_mistake(running: Site) -> None:
    with pytest.raises(ValueError, match="32 ASCII"):
        running.ledger(OPERATOR).close_failed(1, 1, cid("x"), "r" * 33)


# rewards


def test_funding_moves_tokens_into_the_vault(running: Site) -> None:
    ledger = running.ledger(OPERATOR)
    ledger.fund(1, 50 * TWR)
    ledger.fund(1, 5 * TWR)
    assert ledger.funded(1) == 55 * TWR
    assert ledger.reward_balance(OPERATOR.address) == 945 * TWR


def test_nobody_funds_more_than_they_own(running: Site) -> None:
    refused = refusal(lambda: running.ledger(ADA).fund(1, 1))
    assert refused == ("ERC20InsufficientBalance", {"sender": ADA.address, "balance": 0, "needed": 1})


def test_an_unknown_run_is_not_funded(running: Site) -> None:
    assert refusal(lambda: running.ledger(OPERATOR).fund(7, 1)) == ("UnknownRun", {"runId": 7})


def test_a_claim_with_proof_is_paid_once(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    assert claim(rewarded, LEAVES[0]) == 7 * TWR
    assert ledger.reward_balance(ADA.address) == ledger.claimed(1, 1) == 7 * TWR
    assert refusal(lambda: claim(rewarded, LEAVES[0])) == (
        "NothingToClaim",
        {"runId": 1, "memberId": 1, "cumulativeReward": 7 * TWR, "claimed": 7 * TWR},
    )


def test_a_later_claim_pays_the_difference(rewarded: Site) -> None:
    claim(rewarded, LEAVES[0])
    second = [leaf_of(ADA, 4 * TWR, 2, 11 * TWR), leaf_of(BO, 6 * TWR, 2, 9 * TWR)]
    commit_round(rewarded, contributions_root=tree_of(rewarded.ledger(OUTSIDER), second).root)
    rewarded.advance(50)
    assert claim(rewarded, second[0], second) == 4 * TWR
    assert claim(rewarded, LEAVES[1]) == 3 * TWR
    assert claim(rewarded, second[1], second) == 6 * TWR


def all_claims(site: Site) -> list[tuple[ContributionLeaf, Sequence[bytes]]]:
    tree = tree_of(site.ledger(OUTSIDER))
    return [(leaf, tree.proof(hash_of(site.ledger(OUTSIDER), leaf))) for leaf in LEAVES]


def test_one_transaction_claims_for_all_and_passes_over_who_was_paid(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    claim(rewarded, LEAVES[0])
    assert ledger.claim_for(all_claims(rewarded)) == 3 * TWR
    assert [ledger.reward_balance(who.address) for who in (ADA, BO, CY)] == [7 * TWR, 3 * TWR, 0]
    assert ledger.claim_for(all_claims(rewarded)) == 0


def test_a_batch_with_a_forged_leaf_pays_nobody(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    honest, (leaf, proof), _ = all_claims(rewarded)
    forged = replace(leaf, cumulative_reward=leaf.cumulative_reward + 1)
    assert refusal(lambda: ledger.claim_for([honest, (forged, proof)]))[0] == "InvalidProof"
    assert ledger.claimed(1, 1) == 0


def test_a_batch_of_two_rounds_is_refused(rewarded: Site) -> None:
    honest, (leaf, proof), _ = all_claims(rewarded)
    refused = refusal(lambda: rewarded.ledger(OUTSIDER).claim_for([honest, (replace(leaf, round=2), proof)]))
    assert refused == ("AnotherRound", {"index": 1, "runId": 1, "round": 2})


def test_a_claim_on_a_round_in_dispute_is_refused(running: Site) -> None:
    commit_round(running)
    assert refusal(lambda: claim(running, LEAVES[0])) == ("RoundNotFinal", {"runId": 1, "round": 1})


def test_a_claim_with_another_amount_is_refused(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    forged = replace(LEAVES[0], cumulative_reward=9 * TWR)
    proof = tree_of(ledger).proof(hash_of(ledger, LEAVES[0]))
    assert refusal(lambda: ledger.claim(forged, proof)) == (
        "InvalidProof",
        {"runId": 1, "round": 1, "leafHash": hash_of(ledger, forged)},
    )


def test_a_claim_beyond_the_budget_is_refused(running: Site) -> None:
    commit_round(running)
    running.ledger(OPERATOR).fund(1, TWR)
    running.advance(50)
    assert refusal(lambda: claim(running, LEAVES[0])) == (
        "InsufficientFunds",
        {"runId": 1, "funded": TWR, "needed": 10 * TWR},
    )


def test_claims_beyond_what_the_rounds_granted_are_refused(running: Site) -> None:
    commit_round(running, reward=8 * TWR)
    running.ledger(OPERATOR).fund(1, 50 * TWR)
    running.advance(50)
    claim(running, LEAVES[0])
    assert refusal(lambda: claim(running, LEAVES[1])) == (
        "MoreThanGranted",
        {"runId": 1, "claimedAfter": 10 * TWR, "granted": 8 * TWR},
    )


# votes about runs, disputes, vesting

INCIDENT_ROLE = keccak(text="INCIDENT_ROLE")


def on_runs(site: Site, function: str, *args: Any) -> Action:
    """A call of the runs contract."""
    target = site.ledger(OUTSIDER).domain("TrainingRuns").verifying_contract
    return Action(target=target, calldata=encode_call("TrainingRuns", function, *args))


def on_vault(site: Site, function: str, *args: Any) -> Action:
    """A call of the vault."""
    return Action(target=site.address("RewardVault"), calldata=encode_call("RewardVault", function, *args))


def incidents(site: Site) -> list[Action]:
    """The timelock takes the role of the incident contract, so that a proposal can do what incidents do."""
    timelock = site.address("TimelockController")
    return [
        on_runs(site, "grantRole", INCIDENT_ROLE, timelock),
        on_vault(site, "grantRole", INCIDENT_ROLE, timelock),
    ]


@pytest.fixture
def slow(community: Site) -> Site:
    """Run 1 is final up to round 1 and has a merit epoch; run 2 has three rounds in a window that outlasts a vote."""
    community.ledger(OPERATOR).create_run(params_of())
    commit_round(community)
    community.ledger(OPERATOR).fund(1, 50 * TWR)
    community.advance(50)
    ledger = community.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    community.advance(60)
    community.ledger(OPERATOR).create_run(params_of(dispute_window_seconds=100_000))
    for _ in range(3):
        commit_in_second_run(community)
    return community


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


def statuses(site: Site, run_id: int = 2) -> list[RoundStatus]:
    return [state.status for state in site.ledger(OUTSIDER).rounds(run_id)]


def test_a_disputed_round_stays_open_and_a_cleared_one_becomes_final_later(slow: Site) -> None:
    calls = [*incidents(slow), on_runs(slow, "dispute", 2, 2)]
    pass_proposal(slow, propose(slow, actions=calls))
    slow.advance(200_000)
    assert slow.ledger(OUTSIDER).run(2).disputed_round == 2
    assert statuses(slow) == [RoundStatus.COMMITTED, RoundStatus.DISPUTED, RoundStatus.COMMITTED]
    pass_proposal(slow, propose(slow, actions=[on_runs(slow, "settleDispute", 2, 2, False)], text="Cleared"))
    assert statuses(slow) == [RoundStatus.COMMITTED] * 3
    slow.advance(100_000)
    assert statuses(slow) == [RoundStatus.FINAL] * 3


def void(site: Site, *rounds: int) -> None:
    calls = incidents(site)
    for number in rounds:
        calls += [on_runs(site, "dispute", 2, number), on_runs(site, "settleDispute", 2, number, True)]
    pass_proposal(site, propose(site, actions=calls))


def test_a_voided_round_takes_later_ones_with_it_and_rounds_go_on_from_its_parent(slow: Site) -> None:
    void(slow, 2)
    ledger = slow.ledger(OUTSIDER)
    state = ledger.run(2)
    assert statuses(slow) == [RoundStatus.COMMITTED, RoundStatus.VOIDED, RoundStatus.VOIDED]
    assert (state.head_round, state.last_round, state.next_round) == (1, 3, 4)
    assert (state.head_cid, state.head_known) == (cid("checkpoint 2.1"), False)
    assert refusal(lambda: commit_in_second_run(slow)) == ("HeadUnknown", {"runId": 2, "round": 2})
    ledger.restore_head(2)
    assert ledger.run(2).head_known
    commit = commit_in_second_run(slow)
    after = ledger.round(2, 4)
    assert after is not None
    assert (commit.parent_digest, after.parent_round) == (digest("checkpoint 2.1"), 1)
    assert after.cumulative_reward == 20 * TWR
    slow.advance(100_000)
    assert statuses(slow) == [RoundStatus.FINAL, RoundStatus.VOIDED, RoundStatus.VOIDED, RoundStatus.FINAL]


def test_a_head_that_is_known_is_not_restored(running: Site) -> None:
    assert refusal(lambda: running.ledger(OUTSIDER).restore_head(1)) == ("HeadKnown", {"runId": 1})


def test_only_incidents_dispute_rounds(slow: Site) -> None:
    rule, _ = refusal(lambda: pass_proposal(slow, propose(slow, actions=[on_runs(slow, "dispute", 2, 1)])))
    assert rule == "AccessControlUnauthorizedAccount"


@pytest.mark.parametrize(
    ("function", "args", "refused"),
    [
        ("dispute", (2, 9), ("RoundNotOpen", {"runId": 2, "round": 9, "status": 0})),
        ("dispute", (1, 1), ("RoundNotOpen", {"runId": 1, "round": 1, "status": 3})),
        ("dispute", (7, 1), ("UnknownRun", {"runId": 7})),
        ("settleDispute", (2, 1, True), ("NotDisputed", {"runId": 2, "round": 1})),
        ("settleDispute", (2, 0, True), ("NotDisputed", {"runId": 2, "round": 0})),
    ],
)
def test_a_dispute_against_the_rules_is_refused(
    slow: Site, function: str, args: tuple[Any, ...], refused: tuple[str, dict[str, object]]
) -> None:
    calls = [*incidents(slow), on_runs(slow, function, *args)]
    assert refusal(lambda: pass_proposal(slow, propose(slow, actions=calls))) == refused


def test_one_round_is_disputed_at_a_time(slow: Site) -> None:
    calls = [*incidents(slow), on_runs(slow, "dispute", 2, 2), on_runs(slow, "dispute", 2, 1)]
    refused = refusal(lambda: pass_proposal(slow, propose(slow, actions=calls)))
    assert refused == ("AnotherDispute", {"runId": 2, "round": 2})


def test_a_paused_run_commits_nothing_until_the_pause_ends(slow: Site) -> None:
    until = slow.now() + 5_000
    pass_proposal(slow, propose(slow, actions=[*incidents(slow), on_runs(slow, "pause", 2, until)]))
    assert slow.ledger(OUTSIDER).run(2).paused_until == until
    assert refusal(lambda: commit_in_second_run(slow)) == ("RunIsPaused", {"runId": 2, "until": until})
    slow.advance(5_000)
    assert commit_in_second_run(slow).round == 4


def test_a_pause_ended_early_ends_at_once(slow: Site) -> None:
    until = slow.now() + 50_000
    calls = [*incidents(slow), on_runs(slow, "pause", 2, until), on_runs(slow, "unpause", 2)]
    pass_proposal(slow, propose(slow, actions=calls))
    assert commit_in_second_run(slow).round == 4


def test_a_vote_changes_quorum_cap_dataset_and_bounds_of_the_next_round(slow: Site) -> None:
    other = register(slow, BO, "another dataset")
    bounds = ParamBounds(least=SPEC_PARAMS, most=SPEC_PARAMS)
    calls = [
        on_runs(slow, "setQuorum", 2, 3),
        on_runs(slow, "setRewardCap", 2, 11 * TWR),
        on_runs(slow, "setDataset", 2, other),
        on_runs(slow, "setBounds", bounds_fields(bounds)),
    ]
    pass_proposal(slow, propose(slow, actions=calls))
    state = slow.ledger(OUTSIDER).run(2)
    assert (state.quorum, state.reward_cap, state.dataset_digest) == (3, 11 * TWR, other)
    assert state.params.dataset_digest == digest("dataset")
    refused = refusal(lambda: commit_in_second_run(slow, reward=11 * TWR))
    assert refused == ("QuorumNotReached", {"given": 2, "needed": 3})
    rule, values = refusal(
        lambda: slow.ledger(OPERATOR).create_run(params_of(spec_params=replace(SPEC_PARAMS, inner_steps=31)))
    )
    assert (rule, values) == ("ParamOutOfBounds", {"position": 1, "value": 31, "least": 30, "most": 30})


@pytest.mark.parametrize(
    ("function", "args", "refused"),
    [
        ("setQuorum", (2, 0), ("InvalidQuorum", {"quorum": 0})),
        ("setDataset", (2, b"\x07" * 32), ("NotADataset", {"digest": b"\x07" * 32})),
        ("promote", (2, cids.to_bytes(cid("dataset"))), ("NotACheckpoint", {"digest": digest("dataset")})),
        ("setRewardCap", (7, 1), ("UnknownRun", {"runId": 7})),
    ],
)
def test_a_vote_about_runs_against_the_rules_is_refused(
    slow: Site, function: str, args: tuple[Any, ...], refused: tuple[str, dict[str, object]]
) -> None:
    actions = [on_runs(slow, function, *args)]
    assert refusal(lambda: pass_proposal(slow, propose(slow, actions=actions))) == refused


def test_a_spec_out_of_bounds_is_refused_when_the_vote_is_executed(slow: Site) -> None:
    params = replace(SPEC_PARAMS, learning_rate_millionths=100_001)
    action = slow.ledger(OUTSIDER).set_spec_action(1, cid("spec 2"), params)
    refused = refusal(lambda: pass_proposal(slow, propose(slow, actions=[action])))
    assert refused == ("ParamOutOfBounds", {"position": 2, "value": 100_001, "least": 1, "most": 100_000})


def test_a_vote_rolls_the_head_back_to_a_final_round_and_keeps_its_rewards(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit_round(rewarded)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    rewarded.advance(60)
    first = ledger.round(1, 1)
    assert first is not None
    pass_proposal(
        rewarded, propose(rewarded, actions=[on_runs(rewarded, "rollBack", 1, 1, data_fields(data_of(first)))])
    )
    state = ledger.run(1)
    assert (state.head_round, state.head_cid) == (2, cid("checkpoint 1"))
    third = commit_round(rewarded)
    assert (third.round, third.parent_digest) == (3, digest("checkpoint 1"))
    after = ledger.round(1, 3)
    assert after is not None
    assert (after.parent_round, after.cumulative_reward) == (2, 30 * TWR)


def test_a_vote_promotes_a_registered_checkpoint(voting: Site) -> None:
    register(voting, ADA, "better", kind=ArtifactKind.CHECKPOINT)
    pass_proposal(voting, propose(voting, actions=[on_runs(voting, "promote", 1, cids.to_bytes(cid("better")))]))
    assert voting.ledger(OUTSIDER).run(1).head_cid == cid("better")
    assert commit_round(voting).parent_digest == digest("better")


def test_the_vested_part_is_locked_paid_in_time_and_slashed_before(community: Site) -> None:
    community.ledger(OPERATOR).create_run(params_of(vested_bps=5_000, vesting_seconds=10_000))
    commit_round(community)
    community.ledger(OPERATOR).fund(1, 50 * TWR)
    community.advance(50)
    ledger = community.ledger(OUTSIDER)
    assert claim(community, LEAVES[0]) == 7 * TWR
    assert (ledger.reward_balance(ADA.address), ledger.locked(1, 1)) == (7 * TWR // 2, 7 * TWR // 2)
    community.advance(20_000)
    assert ledger.release(1, 1) == 7 * TWR // 2
    assert (ledger.reward_balance(ADA.address), ledger.locked(1, 1)) == (7 * TWR, 0)
    assert refusal(lambda: ledger.release(1, 1)) == ("NothingVested", {"runId": 1, "memberId": 1})


def test_what_has_not_vested_is_slashed_to_the_runs_budget(community: Site) -> None:
    community.ledger(OPERATOR).create_run(params_of(vested_bps=10_000, vesting_seconds=10**9))
    commit_round(community)
    community.ledger(OPERATOR).fund(1, 50 * TWR)
    community.advance(50)
    ledger = community.ledger(OUTSIDER)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    community.advance(60)
    claim(community, LEAVES[0])
    calls = [*incidents(community), on_vault(community, "slashUnvested", 1, 1, 6 * TWR)]
    pass_proposal(community, propose(community, actions=calls))
    assert ledger.funded(1) == 56 * TWR
    assert ledger.reward_balance(ADA.address) + ledger.locked(1, 1) == TWR
    calls = [on_vault(community, "slashUnvested", 1, 1, TWR)]
    rule, _ = refusal(lambda: pass_proposal(community, propose(community, actions=calls, text="Again")))
    assert rule == "MoreThanUnvested"


# merit


def test_an_epoch_is_final_after_its_delay(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    assert ledger.epoch(1) == commit
    assert ledger.epoch(2) is None
    assert ledger.final_epoch() == 0
    rewarded.advance(60)
    assert ledger.final_epoch() == 1
    assert ledger.final_epoch(rewarded.now() - 61) == 0


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"epoch": 2}, ("WrongEpoch", {"epoch": 2, "expected": 1})),
        ({"count": 0}, ("EmptyEpoch", {"epoch": 1})),
        ({"max_weight": 101}, ("InvalidWeights", {"maxWeight": 101, "totalWeight": 100})),
        ({"total_weight": 2**56}, ("InvalidWeights", {"maxWeight": 40, "totalWeight": 2**56})),
        ({"max_weight": 51}, ("ShareAboveCap", {"maxWeight": 51, "totalWeight": 100, "count": 4})),
        ({"count": 6}, ("MoreLeavesThanMembers", {"count": 6, "numMembers": 5})),
        ({"upto_round": 2}, ("RoundNotFinal", {"runId": 1, "round": 2})),
        ({"run_id": 5}, ("RoundNotFinal", {"runId": 5, "round": 1})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_an_epoch_against_the_rules_is_refused(
    rewarded: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger, **changes)
    assert refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))) == refused


def test_an_epoch_whose_sum_grows_too_fast_is_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    commit = epoch_of(ledger, epoch=2, total_weight=201)
    refused = refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO)))
    assert refused == ("GrowthAboveCap", {"totalWeight": 201, "limit": 200})


def test_an_epoch_needs_the_runs_quorum(rewarded: Site) -> None:
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    refused = refusal(lambda: ledger.commit_epoch(commit, cosign(ledger, commit, ADA)))
    assert refused == ("QuorumNotReached", {"given": 1, "needed": 2})


# governance


def test_a_spec_is_changed_by_a_vote(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    number = propose(voting)
    assert ledger.proposal(number).state == ProposalState.PENDING
    voting.advance(102)
    assert ledger.proposal(number).state == ProposalState.ACTIVE
    assert vote(voting, number, ADA) == 40
    assert vote(voting, number, DEE, Support.ABSTAIN) == 10
    assert vote(voting, number, CY, Support.AGAINST) == 20
    decided(voting, number)
    assert ledger.proposal(number).state == ProposalState.SUCCEEDED
    ledger.queue(number)
    assert ledger.proposal(number).state == ProposalState.QUEUED
    voting.advance(200)
    ledger.execute(number)
    after = ledger.proposal(number)
    assert (after.state, after.kind, after.hurdles.veto_weight) == (ProposalState.EXECUTED, ProposalKind.ROUTINE, 34)
    assert after.tally == Tally(
        weight_for=40, weight_against=20, weight_abstain=10, heads_for=1, heads_against=1, heads_abstain=1
    )
    assert (ledger.run(1).spec_version, ledger.run(1).spec_cid) == (2, cid("spec 2"))
    assert ledger.run(1).params.spec_cid == cid("spec 1")
    assert [p.proposal_id for p in ledger.proposals()] == [number]


def test_a_round_under_the_old_spec_is_refused_after_the_vote(voting: Site) -> None:
    stale = commit_of(voting.ledger(OUTSIDER))
    pass_proposal(voting, propose(voting))
    ledger = voting.ledger(OUTSIDER)
    refused = refusal(lambda: ledger.commit_round(stale, cosign(ledger, stale, ADA, BO)))
    assert refused[0] == "WrongSpec"


def pass_proposal(site: Site, number: int) -> None:
    site.advance(102)
    vote(site, number, ADA)
    vote(site, number, BO)
    decided(site, number)
    site.ledger(OUTSIDER).queue(number)
    site.advance(200)
    site.ledger(OUTSIDER).execute(number)


def test_a_vote_can_suspend_a_member(voting: Site) -> None:
    registry = voting.ledger(OUTSIDER).domain("MemberRegistry").verifying_contract
    action = Action(target=registry, calldata=encode_call("MemberRegistry", "setActive", 3, False))
    pass_proposal(voting, propose(voting, actions=[action]))
    member = voting.ledger(OUTSIDER).member(CY.address)
    assert member is not None
    assert not member.active
    assert refusal(lambda: propose(voting, CY, text="Let me in again")) == (
        "NotAnActiveMember",
        {"account": CY.address},
    )


def test_a_vote_can_change_rules_licences_and_roles(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    curator = bytes.fromhex("850d585eb7f024ccee5e68e55f2c26cc72e1e6ee456acf62135757a5eb9d4a10")
    actions = [
        *rules_call(voting, quorum_bps=1_000, voting_delay_seconds=10),
        call_of(ledger, "ArtifactRegistry", "setLicence", "CC0-1.0", False),
        call_of(ledger, "TrainingRuns", "grantRole", curator, ADA.address),
    ]
    pass_proposal(voting, propose(voting, actions=actions))
    assert refusal(lambda: register(voting, ADA, "x", licence="CC0-1.0"))[0] == "LicenceNotAllowed"
    assert voting.ledger(ADA).create_run(params_of()) == 2
    assert (ledger.rules().quorum_bps, ledger.rules().voting_delay_seconds) == (1_000, 10)
    later = ledger.proposal(propose(voting, actions=allow_mit(voting)))
    assert (later.hurdles.for_weight, later.vote_end - later.vote_start) == (10, 1_000)


def test_a_proposals_kind_follows_from_its_calls(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    routine, standard = [ledger.set_spec_action(1, cid("spec 2"))], allow_mit(voting)
    assert ledger.kind_of(routine) == ProposalKind.ROUTINE
    assert ledger.kind_of([*routine, *standard]) == ProposalKind.STANDARD
    assert ledger.kind_of([*standard, *rules_call(voting)]) == ProposalKind.CONSTITUTIONAL
    assert ledger.kind_of([call_of(ledger, "Charter", "transferOwnership", ADA.address)]) == ProposalKind.CONSTITUTIONAL
    renounce = call_of(ledger, "MeritEpochs", "renounceRole", bytes(32), ADA.address)
    assert ledger.kind_of([renounce]) == ProposalKind.CONSTITUTIONAL
    assert ledger.kind_of([Action(target=ADA.address, calldata=b"\x01")]) == ProposalKind.STANDARD
    assert ledger.proposal(propose(voting, actions=standard)).kind == ProposalKind.STANDARD


def test_a_routine_proposal_passes_unless_it_is_vetoed(voting: Site) -> None:
    quiet, stopped = propose(voting, text="Quiet"), propose(voting, text="Stopped")
    voting.advance(102)
    vote(voting, stopped, ADA, Support.AGAINST)
    decided(voting, quiet)
    ledger = voting.ledger(OUTSIDER)
    assert ledger.proposal(quiet).state == ProposalState.SUCCEEDED
    assert ledger.proposal(stopped).state == ProposalState.DEFEATED


def test_weight_without_heads_changes_no_constitution(voting: Site) -> None:
    number = propose(voting, actions=rules_call(voting))
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO, Support.AGAINST)
    vote(voting, number, DEE, Support.FOR)
    decided(voting, number)
    proposal = voting.ledger(OUTSIDER).proposal(number)
    assert (proposal.tally.weight_for, proposal.tally.heads_for) == (50, 2)
    assert (proposal.hurdles.for_weight, proposal.hurdles.for_heads, proposal.hurdles.majority_bps) == (50, 2, 6_667)
    assert proposal.state == ProposalState.DEFEATED  # 50 of 80 are no two thirds


def test_rules_out_of_range_are_refused_when_executed(voting: Site) -> None:
    number = propose(voting, actions=rules_call(voting, quorum_bps=6_668))
    assert refusal(lambda: pass_proposal(voting, number)) == (
        "RuleOutOfRange",
        {"rule": 2, "value": 6_668, "lowest": 1, "highest": 6_667},
    )


def test_a_table_of_kinds_is_governed_and_a_proposal_of_another_kind_by_now_is_void(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    selector = ledger.set_spec_action(1, cid("x")).calldata[:4]
    setting = (ledger.addresses()["TrainingRuns"], selector, 2)
    quiet = propose(voting, text="While it is routine")
    pass_proposal(voting, propose(voting, actions=[call_of(ledger, "TenWingsGovernor", "setKind", setting)]))
    assert ledger.kind_of([ledger.set_spec_action(1, cid("spec 2"))]) == ProposalKind.CONSTITUTIONAL
    assert ledger.proposal(quiet).state == ProposalState.SUCCEEDED
    assert refusal(lambda: ledger.queue(quiet))[0] == "GovernorNonexistentProposal"


def test_a_charter_is_replaced_by_both_houses(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    before = ledger.charter()
    assert (before.cid, before.num_articles, before.version) == (cid("charter"), 3, 1)
    action = call_of(ledger, "Charter", "setCharter", cids.to_bytes(cid("another")), 5)
    pass_proposal(voting, propose(voting, actions=[action]))
    after = ledger.charter()
    assert (after.cid, after.num_articles, after.version) == (cid("another"), 5, 2)
    assert refusal(lambda: propose(voting, article=6)) == ("UnknownArticle", {"article": 6, "numArticles": 5})


def test_merit_bounds_are_governed(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    assert vars(ledger.merit_bounds()) == {"max_share_bps": 4_000, "max_growth_bps": 20_000}
    action = call_of(ledger, "MeritEpochs", "setBounds", (500, 15_000))
    pass_proposal(voting, propose(voting, actions=[action]))
    assert vars(ledger.merit_bounds()) == {"max_share_bps": 500, "max_growth_bps": 15_000}


def test_the_guardian_cancels_one_proposal_until_a_vote_arms_it_again(voting: Site) -> None:
    ledger, first, second = voting.ledger(OUTSIDER), propose(voting), propose(voting, text="Another")
    assert refusal(lambda: ledger.cancel(first)) == (
        "GovernorUnableToCancel",
        {"proposalId": first, "account": OUTSIDER.address},
    )
    assert refusal(lambda: ledger.cancel_as_guardian(first)) == ("NotTheGuardian", {"account": OUTSIDER.address})
    voting.ledger(FAY).cancel_as_guardian(first)
    assert ledger.proposal(first).state == ProposalState.CANCELED
    assert refusal(lambda: voting.ledger(FAY).cancel_as_guardian(second))[0] == "NotTheGuardian"
    guardian = ledger.guardian()
    assert guardian is not None
    assert (guardian.account, guardian.armed) == (FAY.address, False)
    again = call_of(ledger, "Guardian", "appoint", FAY.address, voting.now() + 100_000)
    assert ledger.kind_of([again]) == ProposalKind.CONSTITUTIONAL
    pass_proposal(voting, propose(voting, actions=[again]))
    voting.ledger(FAY).cancel_as_guardian(second)
    assert ledger.proposal(second).state == ProposalState.CANCELED


def test_the_guardian_pauses_a_run_in_place_of_cancelling(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    until = voting.now() + 3_600
    voting.ledger(FAY).pause_as_guardian(1, until)
    assert ledger.run(1).paused_until == until
    assert refusal(lambda: voting.ledger(FAY).cancel_as_guardian(number))[0] == "NotTheGuardian"
    assert refusal(lambda: voting.ledger(FAY).pause_as_guardian(1, until + 1))[0] == "NotTheGuardian"


def test_a_pause_of_the_guardian_that_is_too_long_spends_nothing(voting: Site) -> None:
    rule, values = refusal(lambda: voting.ledger(FAY).pause_as_guardian(1, voting.now() + 8 * 86_400))
    assert (rule, values["latest"] - values["earliest"]) == ("PauseOutOfRange", 7 * 86_400 - 1)
    guardian = voting.ledger(OUTSIDER).guardian()
    assert guardian is not None
    assert guardian.armed


def test_a_proposer_cancels_before_the_vote_and_a_canceled_proposal_stays_so(voting: Site) -> None:
    number = propose(voting)
    voting.ledger(ADA).cancel(number)
    rule, values = refusal(lambda: voting.ledger(FAY).cancel_as_guardian(number))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 2)
    assert voting.ledger(OUTSIDER).proposal(number).state == ProposalState.CANCELED


def test_a_late_swing_moves_the_deadline_once(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    before = ledger.proposal(number)
    voting.advance(before.vote_end - voting.now() - 100)
    vote(voting, number, ADA, Support.AGAINST)  # 40 of 34: vetoed in the last quarter
    after = ledger.proposal(number)
    assert (after.vote_end - before.vote_end, after.extended) == (250, True)
    voting.advance(200)
    assert ledger.proposal(number).state == ProposalState.ACTIVE
    vote(voting, number, BO)
    assert ledger.proposal(number).vote_end == after.vote_end


def test_many_ballots_go_in_one_transaction_and_a_refused_one_leaves_the_others(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    vote(voting, number, BO)
    ballots = [ballot_of(ledger, number, who, Support.FOR) for who in (ADA, BO, CY)]
    domain = ledger.domain("TenWingsGovernor")
    signed = [(ballot, sign(who, domain, ballot)) for ballot, who in zip(ballots, (ADA, BO, CY), strict=True)]
    assert ledger.cast_ballots(signed) == 2
    assert ledger.proposal(number).tally.weight_for == 90
    refused = next(e for e in ledger.events(0) if e.name == "BallotRefused")
    assert decode_error(refused.args["reason"]) == ("GovernorAlreadyCastVote", {"voter": BO.address})


def test_a_proposal_whose_call_fails_changes_nothing(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    actions = [ledger.set_spec_action(1, cid("spec 2")), ledger.set_spec_action(9, cid("spec 2"), SPEC_PARAMS)]
    number = propose(voting, actions=actions)
    assert refusal(lambda: pass_proposal(voting, number)) == ("UnknownRun", {"runId": 9})
    assert ledger.run(1).spec_version == 1
    assert ledger.proposal(number).state == ProposalState.QUEUED


def test_a_proposal_without_quorum_is_defeated(voting: Site) -> None:
    number = propose(voting, actions=allow_mit(voting))
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO, Support.ABSTAIN)  # who abstains makes no quorum
    decided(voting, number)
    ledger = voting.ledger(OUTSIDER)
    assert ledger.proposal(number).state == ProposalState.DEFEATED
    rule, values = refusal(lambda: ledger.queue(number))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 3)
    assert values["expectedStates"] == (1 << 4).to_bytes(32, "big")


def test_a_proposal_is_not_executed_before_the_timelocks_delay(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    vote(voting, number, ADA)
    vote(voting, number, BO)
    decided(voting, number)
    ledger.queue(number)
    assert refusal(lambda: ledger.execute(number))[0] == "TimelockUnexpectedOperationState"
    assert ledger.proposal(number).eta > voting.now()


def test_an_unknown_proposal_is_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    expected = ("GovernorNonexistentProposal", {"proposalId": 5})
    for action in (ledger.proposal, ledger.queue, ledger.execute):
        assert refusal(partial(action, 5)) == expected
    assert refusal(lambda: vote(voting, 5, ADA)) == expected


def test_a_proposal_needs_a_final_epoch(rewarded: Site) -> None:
    assert refusal(lambda: propose(rewarded))[0] == "NoFinalEpoch"


def test_an_outsider_proposes_nothing(voting: Site) -> None:
    assert refusal(lambda: propose(voting, OUTSIDER)) == ("NotAnActiveMember", {"account": OUTSIDER.address})


def test_the_same_proposal_is_not_made_twice(voting: Site) -> None:
    number = propose(voting)
    rule, values = refusal(lambda: propose(voting))
    assert (rule, values["proposalId"]) == ("GovernorUnexpectedProposalState", number)


def proposing(voting: Site, description: str) -> Callable[[], object]:
    ledger = voting.ledger(OUTSIDER)
    actions = [ledger.set_spec_action(1, cid("spec 2"))]
    statement = ProposalStatement(proposer=ADA.address, proposal_id=1, deadline=voting.now() + 9)
    return lambda: ledger.propose(statement, actions, description, [Sponsor(account=ADA.address, signature=b"\x01")])


@pytest.mark.parametrize(
    "description",
    [
        "",
        "short",
        f"of another\n#article=1\n#proposer={BO.address.lower()}",
        f"shouted\n#article=1\n#proposer={ADA.address}",
        "#proposer=0x" + "g" * 40,
    ],
)
def test_a_description_that_does_not_name_the_proposer_is_refused(voting: Site, description: str) -> None:
    refused = refusal(proposing(voting, description))
    assert refused == ("GovernorRestrictedProposer", {"proposer": ADA.address})


@pytest.mark.parametrize("lines", ["", "#article=1 ", "#article=\n", "#article=0\n", "#article=1234\n", "article=1\n"])
def test_a_description_that_names_no_article_is_refused(voting: Site, lines: str) -> None:
    description = f"Change it\n{lines}#proposer={ADA.address.lower()}"
    assert refusal(proposing(voting, description)) == ("ArticleMissing", {})


def test_a_constitutional_proposal_needs_its_sponsors(voting: Site) -> None:
    actions = rules_call(voting)
    refused = refusal(lambda: propose(voting, actions=actions, others=[]))
    assert refused == ("TooFewSponsors", {"given": 1, "needed": 2})
    refused = refusal(lambda: propose(voting, actions=actions, others=[OUTSIDER]))
    assert refused == ("NotAnActiveMember", {"account": OUTSIDER.address})
    proposal = voting.ledger(OUTSIDER).proposal(propose(voting, actions=actions, others=[CY]))
    assert (proposal.proposer, proposal.sponsors) == (ADA.address, (CY.address,))


def test_sponsors_out_of_order_or_without_the_proposer_are_refused(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    actions, description = rules_call(voting), describe("x", ADA.address, 1)
    number = ledger.proposal_id(actions, description)
    statement = ProposalStatement(proposer=ADA.address, proposal_id=number, deadline=voting.now() + 9)
    first, second = signed_by(ledger, statement, ADA, BO)
    refused = refusal(lambda: ledger.propose(statement, actions, description, [second, first]))
    assert refused == ("SponsorsNotAscending", {"previous": second.account, "account": first.account})
    others = signed_by(ledger, statement, BO, CY)
    refused = refusal(lambda: ledger.propose(statement, actions, description, others))
    assert refused == ("ProposerIsNoSponsor", {"proposer": ADA.address})


def test_a_proposal_signed_for_other_actions_is_refused(voting: Site) -> None:
    ledger, description = voting.ledger(OUTSIDER), describe("x", ADA.address, 1)
    meant, sent = (ledger.set_spec_action(1, cid(text)) for text in ("spec 2", "spec 3"))
    statement = ProposalStatement(
        proposer=ADA.address, proposal_id=ledger.proposal_id([meant], description), deadline=voting.now() + 9
    )
    sponsors = signed_by(ledger, statement, ADA)
    refused = refusal(lambda: ledger.propose(statement, [sent], description, sponsors))
    assert refused == ("InvalidSignature", {"signer": ADA.address, "signature": sponsors[0].signature})


def test_a_ballot_counts_once(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    vote(voting, number, ADA)
    assert refusal(lambda: vote(voting, number, ADA)) == ("GovernorAlreadyCastVote", {"voter": ADA.address})


def test_a_relayed_ballot_cannot_be_replayed(voting: Site) -> None:
    ledger, number = voting.ledger(OUTSIDER), propose(voting)
    voting.advance(102)
    ballot = ballot_of(ledger, number, ADA, Support.FOR)
    signature = sign(ADA, ledger.domain("TenWingsGovernor"), ballot)
    assert ledger.cast_ballot(ballot, signature) == 40
    refused = refusal(lambda: ledger.cast_ballot(ballot, signature))
    assert refused == ("GovernorAlreadyCastVote", {"voter": ADA.address})


def test_a_ballot_before_its_time_is_refused(voting: Site) -> None:
    rule, values = refusal(lambda: vote(voting, propose(voting), ADA))
    assert (rule, values["current"]) == ("GovernorUnexpectedProposalState", 0)


def test_a_ballot_with_the_merit_of_another_is_refused(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    assert refusal(lambda: vote(voting, number, EVE)) == (
        "InvalidMeritProof",
        {"account": EVE.address, "epoch": 1, "memberId": 1, "merit": 1600, "weight": 40},
    )


def test_a_ballot_without_or_with_malformed_proof_is_refused(voting: Site) -> None:
    number = propose(voting)
    voting.advance(102)
    assert refusal(lambda: vote(voting, number, ADA, params=b""))[0] == "MeritProofRequired"
    assert refusal(lambda: vote(voting, number, ADA, params=b"\x01"))[0] == "Reverted"


def test_an_action_of_ours_is_described_for_people(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    described = ledger.describe_action(ledger.set_spec_action(1, cid("spec 2")))
    assert described == {
        "contract": "TrainingRuns",
        "function": "setSpec",
        "args": {"runId": 1, "specCid": cids.to_bytes(cid("spec 2")), "params": spec_args(SPEC_PARAMS)},
    }
    strange = ledger.describe_action(Action(target=ADA.address, calldata=b"\x01"))
    assert strange["contract"] == "unknown"


# blocks and events


def test_every_write_leaves_its_events_in_a_block_of_the_chain(voting: Site) -> None:
    claim(voting, LEAVES[0])
    pass_proposal(voting, propose(voting))
    ledger = voting.ledger(OUTSIDER)
    joined = next(e for e in ledger.events(0) if e.name == "MemberJoined")
    events = [e for e in ledger.events(joined.block_number) if e.name != "Approval"]
    assert [e.name for e in events] == [
        *["MemberJoined"] * 5,
        "ArtifactRegistered",
        *["RunCreated", "SpecChanged"],
        "RoundCommitted",
        *["RunFunded", "Transfer"],
        "EpochCommitted",
        *["RewardClaimed", "Transfer"],
        "ProposalCreated",
        *["VoteCastWithParams"] * 2,
        *["CallScheduled", "CallSalt", "ProposalQueued"],
        *["SpecChanged", "CallExecuted", "ProposalExecuted"],
    ]
    for event in events:
        block = ledger.block_at(event.block_number)
        assert (event.block_hash, event.timestamp) == (block.hash, block.timestamp)
    assert events == sorted(events, key=lambda e: (e.block_number, e.log_index))


def test_events_of_a_range_are_those_of_its_blocks(running: Site) -> None:
    ledger = running.ledger(OUTSIDER)
    everything = ledger.events(0)
    first, last = everything[-4].block_number, everything[-2].block_number
    expected = [e for e in everything if first <= e.block_number <= last]
    assert list(ledger.events(first, last)) == expected
    assert ledger.events(ledger.latest_block().number + 1) == ()


def test_a_block_that_is_not_there_yet_is_the_callers_mistake(site: Site) -> None:
    ledger = site.ledger(OUTSIDER)
    assert ledger.block_at(ledger.latest_block().number).hash == ledger.latest_block().hash
    with pytest.raises(ValueError, match="expected a block number"):
        ledger.block_at(10**6)


def test_the_domain_of_a_contract_that_checks_no_signature_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="RewardToken"):
        site.ledger(OUTSIDER).domain("RewardToken")


# the two side by side, and what only a real chain has


@pytest.mark.real
def test_both_ledgers_log_the_same_events_with_the_same_values(anvil_site: AnvilSite) -> None:
    local = LocalSite(anvil_site.now())
    logged = []
    for one in (local, anvil_site):
        tell_the_story(one)
        logged.append(comparable(one))
    assert logged[0] == logged[1]


def tell_the_story(site: Site) -> None:
    for who in (ADA, BO, CY, DEE):
        join(site, who, deadline=2**40)
    register(site, ADA, deadline=2**40)
    site.ledger(OPERATOR).create_run(params_of(dispute_window_seconds=0))
    commit_round(site)
    site.ledger(OPERATOR).fund(1, 50 * TWR)
    site.ledger(OPERATOR).close_failed(1, 2, cid("lost"), "no-quorum")
    ledger = site.ledger(OUTSIDER)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    site.advance(60)
    claim(site, LEAVES[1])
    pass_proposal(site, propose(site))
    pass_proposal(site, propose(site, actions=rules_call(site, veto_bps=4_000)))
    number = propose(site, text="Late")
    site.ledger(FAY).cancel_as_guardian(number)


def comparable(site: Site) -> list[Any]:
    """Names and values, without what differs from chain to chain: addresses, hashes over them, times."""
    ledger = site.ledger(OUTSIDER)
    ours = {ledger.domain(name).verifying_contract for name in DOMAIN_NAMES}
    variable = {"finalAt", "voteStart", "voteEnd", "etaSeconds", "proposalId", "contributionsRoot"}
    variable |= {"root", "id", "salt", "params", "from", "to", "treeCid"}
    start = next(e.block_number for e in ledger.events(0) if e.name == "MemberJoined")
    rows = []
    for event in ledger.events(start):
        if event.name != "Approval":
            args = {k: v for k, v in event.args.items() if k not in variable and not (isinstance(v, str) and v in ours)}
            rows.append((event.contract, event.name, event.log_index, without(args, ours), sorted(event.args)))
    return rows


def without(args: dict[str, Any], ours: set[Address]) -> dict[str, Any]:
    return {k: v for k, v in args.items() if not (isinstance(v, tuple) and set(v) & ours)}


@pytest.mark.real
def test_the_events_replayed_make_the_contracts_own_state(anvil_site: AnvilSite) -> None:
    for who in (ADA, BO, CY, DEE, EVE):
        join(anvil_site, who)
    register(anvil_site, ADA)
    anvil_site.ledger(OPERATOR).create_run(params_of())
    commit_round(anvil_site)
    ledger = anvil_site.ledger(OUTSIDER)
    anvil_site.advance(50)
    epoch = epoch_of(ledger)
    ledger.commit_epoch(epoch, cosign(ledger, epoch, ADA, BO))
    anvil_site.advance(60)
    anvil_site.ledger(OPERATOR).create_run(params_of(dispute_window_seconds=100_000))
    for _ in range(3):
        commit_in_second_run(anvil_site)
    void(anvil_site, 2)
    ledger.restore_head(2)
    commit_in_second_run(anvil_site)
    anvil_site.advance(100_000)
    anvil_site.rpc.request("evm_mine")
    state, states = ledger.run(2), ledger.rounds(2)
    runs = ledger.domain("TrainingRuns").verifying_contract
    calls = [encode_call("TrainingRuns", "run", 2)]
    calls += [encode_call("TrainingRuns", "statusOf", 2, s.commit.round) for s in states]
    stored, *found = anvil_site.rpc.calls(runs, calls)
    run = decode_result("TrainingRuns", "run", stored)
    assert (run["headRound"], run["lastRound"], run["quorum"]) == (state.head_round, state.last_round, state.quorum)
    assert run["headDigest"] == cids.digest(state.head_cid)
    assert run["specDigest"] == cids.digest(state.spec_cid)
    assert (run["rewardCap"], run["datasetDigest"]) == (state.reward_cap, state.dataset_digest)
    assert run["cumulativeReward"] == states[-1].cumulative_reward
    assert [decode_result("TrainingRuns", "statusOf", answer) for answer in found] == [s.status for s in states]


@pytest.mark.real
def test_the_domains_are_those_that_the_contracts_report(anvil_site: AnvilSite) -> None:
    ledger = anvil_site.ledger(OUTSIDER)
    for contract in DOMAIN_NAMES:
        domain = ledger.domain(contract)
        (answer,) = anvil_site.rpc.calls(domain.verifying_contract, [encode_call(contract, "eip712Domain")])
        _, name, version, chain_id, address, _, _ = decode_result(contract, "eip712Domain", answer)
        assert (domain.name, domain.version, domain.chain_id, domain.verifying_contract) == (
            name,
            version,
            chain_id,
            address,
        )


@pytest.mark.real
def test_the_deployer_keeps_no_power(anvil_site: AnvilSite) -> None:
    for contract in (
        "MemberRegistry",
        "ArtifactRegistry",
        "TrainingRuns",
        "RewardVault",
        "MeritEpochs",
        "TimelockController",
    ):
        address = anvil_site.deployment.addresses[contract]
        timelock = anvil_site.deployment.addresses["TimelockController"]
        calls = [encode_call(contract, "hasRole", bytes(32), who) for who in (OUTSIDER.address, timelock)]
        answers = anvil_site.rpc.calls(address, calls)
        assert [decode_result(contract, "hasRole", answer) for answer in answers] == [False, True]


@pytest.mark.real
def test_a_chain_that_does_not_answer_is_named(anvil: Deployment) -> None:
    elsewhere = replace(anvil, rpc_url=f"http://127.0.0.1:{free_port()}")
    with pytest.raises(DaemonUnavailable, match=elsewhere.rpc_url):
        ChainLedger(elsewhere)
