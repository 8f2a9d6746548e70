"""Every ledger's test runs twice, on the twin and on a live anvil; the story so far is told by fixtures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from node.deploy import deploy
from node.deployment import Deployment
from tests.support.acts import commit_in_second_run, commit_round, cosign, epoch_of, join, params_of, register
from tests.support.anvil import running_anvil
from tests.support.ledger_sites import (
    ADA,
    BO,
    CY,
    DEE,
    EVE,
    MEMBERS,
    OPERATOR,
    OUTSIDER,
    SETTINGS,
    TWR,
    AnvilSite,
    LocalSite,
    Site,
)


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


@pytest.fixture
def rewarded(running: Site) -> Site:
    """Round 1 is final, the run is funded."""
    commit_round(running)
    running.ledger(OPERATOR).fund(1, 50 * TWR)
    running.advance(50)
    return running


@pytest.fixture
def voting(rewarded: Site) -> Site:
    """Merit epoch 1 is final."""
    ledger = rewarded.ledger(OUTSIDER)
    commit = epoch_of(ledger)
    ledger.commit_epoch(commit, cosign(ledger, commit, ADA, BO))
    rewarded.advance(60)
    return rewarded


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
