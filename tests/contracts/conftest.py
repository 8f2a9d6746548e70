"""The cast of the contract suite, each member of it a fixture."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from brownie import accounts, web3
from dao_house import (
    BUDGET,
    DATASET,
    DISPUTE_WINDOW,
    EPOCH_FINALITY,
    GENESIS,
    SPEC,
    SPEC_PARAMS,
    TIMELOCK_DELAY,
    TREE,
    VOTING_DELAY,
    VOTING_PERIOD,
    House,
    K,
    contribution,
    later,
)

from contracts.scripts.deploy import containers, funded_identity
from node import cid
from node.deploy import deploy
from node.deployment import DeploySettings
from node.identity import Identity
from node.records.artifacts import ArtifactKind
from node.records.members import Role
from node.records.merit import EpochCommit, MeritLeaf


@pytest.fixture(scope="module")
def operator():
    return funded_identity()


@pytest.fixture(scope="module")
def relayer():
    return accounts[1]


@pytest.fixture(scope="module")
def outsider():
    return Identity.create()


@pytest.fixture(scope="module")
def house(operator, relayer):
    settings = DeploySettings(
        operator=operator.address,
        licences=("CC-BY-4.0", "Apache-2.0"),
        epoch_finality_seconds=EPOCH_FINALITY,
        voting_delay_seconds=VOTING_DELAY,
        voting_period_seconds=VOTING_PERIOD,
        timelock_delay_seconds=TIMELOCK_DELAY,
    )
    found = containers(deploy(web3.provider.endpoint_uri, operator, settings=settings))
    accounts.add(operator.private_key)
    return House(
        members=found["MemberRegistry"],
        artifacts=found["ArtifactRegistry"],
        runs=found["TrainingRuns"],
        token=found["RewardToken"],
        vault=found["RewardVault"],
        epochs=found["MeritEpochs"],
        incidents=found["IncidentManager"],
        timelock=found["TimelockController"],
        charter=found["Charter"],
        governor=found["TenWingsGovernor"],
        operator=operator,
        relayer=relayer,
    )


@pytest.fixture(scope="module")
def trainers(house):
    people = [Identity.create() for _ in range(2)]
    for person in people:
        house.join(person, Role.TRAINER)
    return people


@pytest.fixture(scope="module")
def evaluators(house):
    people = [Identity.create() for _ in range(K)]
    for person in people:
        house.join(person, Role.EVALUATOR)
    return people


@pytest.fixture(scope="module")
def run_id(house, trainers, evaluators):
    house.register(trainers[0], ArtifactKind.DATASET, DATASET)
    params = (
        "first flight",
        cid.to_bytes(SPEC),
        SPEC_PARAMS,
        cid.to_bytes(GENESIS),
        cid.digest(DATASET),
        10**20,
        K,
        DISPUTE_WINDOW,
        0,
        0,
    )
    house.runs.createRun(params, {"from": house.operator.address})
    house.token.approve(house.vault, BUDGET, {"from": house.operator.address})
    house.vault.fund(1, BUDGET, {"from": house.operator.address})
    return 1


@pytest.fixture(scope="module")
def granted(house, run_id, trainers, evaluators):
    """A committed round that grants 7 and 5 tokens; not final yet."""
    leaves = [
        contribution(run_id, 1, member_id, trainer, amount * 10**18)
        for member_id, trainer, amount in ((1, trainers[0], 7), (2, trainers[1], 5))
    ]
    tree, hashes = house.contributions(leaves)
    commit = house.next_commit(run_id, tree.root, reward=12 * 10**18)
    transaction = house.commit_round(commit, evaluators)
    proofs = [tree.proof(leaf_hash) for leaf_hash in hashes]
    return SimpleNamespace(commit=commit, transaction=transaction, leaves=leaves, proofs=proofs, hashes=hashes)


@pytest.fixture(scope="module")
def merited(house, granted, run_id, trainers, evaluators):
    """A final epoch in which the trainers weigh 60 and 40."""
    later(DISPUTE_WINDOW)
    leaves = [
        MeritLeaf(epoch=1, member_id=i + 1, account=trainer.address, merit=weight**2, weight=weight)
        for i, (trainer, weight) in enumerate(zip(trainers, (60, 40), strict=True))
    ]
    tree, hashes = house.merits(leaves)
    commit = EpochCommit(
        epoch=1, run_id=run_id, upto_round=1, root=tree.root, total_weight=100, max_weight=60, count=2, tree_cid=TREE
    )
    transaction = house.commit_epoch(commit, evaluators)
    later(EPOCH_FINALITY)
    proofs = [tree.proof(leaf_hash) for leaf_hash in hashes]
    return SimpleNamespace(commit=commit, transaction=transaction, leaves=leaves, proofs=proofs, hashes=hashes)


@pytest.fixture(autouse=True)
def alone(fn_isolation):
    """Every test finds the world as its module left it."""
