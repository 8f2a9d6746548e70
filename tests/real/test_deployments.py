"""Deployments on a real chain: the manifest holds, a change is the first thing named, and money can be left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak
from typer.testing import CliRunner

from node.abi_codec import encode_call
from node.artifacts import artifact
from node.chain_ledger import ChainLedger
from node.chain_rpc import Rpc
from node.chain_sender import Sender
from node.cli import build
from node.deploy import deploy, deploy_module
from node.deploy_plan import Grant
from node.deployment import Deployment, DeploySettings
from node.errors import ConfigError, DeploymentDiffers, NoRewards
from node.forms import plan
from node.identity import Identity, create_keystore, create_password_file
from node.manifest import Manifest, verify
from node.records.chain import Address
from node.replacement import repointed
from tests.support.anvil import AnvilClock, running_anvil
from tests.support.desk import desk_of
from tests.support.history import OPERATOR as HISTORYS_OPERATOR
from tests.support.history import SETTINGS as HISTORYS_SETTINGS
from tests.support.history import History

pytestmark = pytest.mark.real

OPERATOR = Identity(b"\x0e".rjust(32, b"\0"))
SETTINGS = DeploySettings(operator=OPERATOR.address)
CURATOR = keccak(text="CURATOR_ROLE")


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with running_anvil([OPERATOR]) as url:
        yield deploy(url, OPERATOR, settings=SETTINGS)


@pytest.fixture
def deployment(deployed: Deployment) -> Iterator[Deployment]:
    """Tests may change the chain; it is put back."""
    rpc = Rpc(deployed.rpc_url)
    snapshot = rpc.request("evm_snapshot")
    yield deployed
    rpc.request("evm_revert", snapshot)


def difference(deployment: Deployment, manifest: Manifest | None = None) -> DeploymentDiffers:
    with pytest.raises(DeploymentDiffers) as caught:
        verify(manifest or Manifest.of(deployment), Rpc(deployment.rpc_url))
    return caught.value


def test_a_fresh_deployment_is_what_its_manifest_says(deployment: Deployment, tmp_path: Path) -> None:
    manifest = Manifest.of(deployment)
    manifest.save(tmp_path / "manifest.json")
    assert Manifest.load(tmp_path / "manifest.json") == manifest
    verify(manifest, Rpc(deployment.rpc_url))


def test_a_flipped_byte_of_code_is_named(deployment: Deployment) -> None:
    rpc, address = Rpc(deployment.rpc_url), deployment.addresses["TrainingRuns"]
    code = bytearray.fromhex(rpc.request("eth_getCode", address, "latest")[2:])
    free = next(
        i for i in range(500, len(code)) if not any(s <= i < s + n for s, n in artifact("TrainingRuns").immutables)
    )
    code[free] ^= 1
    rpc.request("anvil_setCode", address, "0x" + code.hex())
    found = difference(deployment)
    assert found.subject == f"code of TrainingRuns at {address}"
    assert f"byte {free} is the first that differs" in str(found)


def test_the_values_of_constructors_are_not_taken_for_a_difference(deployment: Deployment) -> None:
    rpc, entry = Rpc(deployment.rpc_url), artifact("RewardVault")
    code = bytes.fromhex(rpc.request("eth_getCode", deployment.addresses["RewardVault"], "latest")[2:])
    assert code != entry.runtime
    assert entry.masked(code) == entry.runtime


def act_as(deployment: Deployment, account: Address, contract: str, function: str, *args: Any) -> None:
    """A transaction by an account whose key nobody here has."""
    rpc = Rpc(deployment.rpc_url)
    rpc.request("anvil_setBalance", account, hex(10**18))
    rpc.request("anvil_impersonateAccount", account)
    data = "0x" + encode_call(contract, function, *args).hex()
    rpc.request("eth_sendTransaction", {"from": account, "to": deployment.addresses[contract], "data": data})
    rpc.request("evm_mine")


def test_a_key_that_kept_a_role_is_named(deployment: Deployment) -> None:
    timelock = deployment.addresses["TimelockController"]
    act_as(deployment, timelock, "TrainingRuns", "grantRole", bytes(32), OPERATOR.address)
    found = difference(deployment)
    assert found.subject == "DEFAULT_ADMIN_ROLE of TrainingRuns"
    assert OPERATOR.address in str(found)


def test_a_role_that_nobody_holds_any_more_is_named(deployment: Deployment) -> None:
    timelock = deployment.addresses["TimelockController"]
    act_as(deployment, timelock, "TrainingRuns", "revokeRole", CURATOR, OPERATOR.address)
    assert "expected" in str(difference(deployment))
    assert difference(deployment).subject == "CURATOR_ROLE of TrainingRuns"


def test_a_bound_that_is_off_is_named(deployment: Deployment) -> None:
    bounds = SETTINGS.bounds
    wider = replace(bounds, most=replace(bounds.most, learning_rate_millionths=99_999))
    manifest = Manifest.of(replace(deployment, settings=replace(SETTINGS, bounds=wider)))
    found = difference(deployment, manifest)
    assert found.subject == "bounds of specs: most learning_rate_millionths"
    assert "expected 99999, got 100000" in str(found)


def test_a_delay_that_is_off_is_named(deployment: Deployment) -> None:
    manifest = Manifest.of(replace(deployment, settings=replace(SETTINGS, timelock_delay_seconds=1)))
    assert difference(deployment, manifest).subject == "TimelockController.getMinDelay"


def test_another_chain_is_named(deployment: Deployment) -> None:
    assert difference(deployment, Manifest.of(replace(deployment, chain_id=1))).subject == "chain id"


def test_the_manifest_lets_the_governor_execute_and_incidents_and_the_guardian_alone_contain(
    deployment: Deployment,
) -> None:
    roles = Manifest.of(deployment).roles
    governor = deployment.addresses["TenWingsGovernor"]
    assert Grant("TimelockController", "EXECUTOR_ROLE", governor) in roles
    holders = {grant.holder for grant in roles if grant.role == "INCIDENT_ROLE"}
    assert holders == {deployment.addresses["IncidentManager"], deployment.addresses["Guardian"]}
    guarded = {grant.contract for grant in roles if grant.holder == deployment.addresses["Guardian"]}
    assert guarded == {"TimelockController", "TrainingRuns"}


def test_a_vote_puts_another_incident_manager_in_place_and_members_follow() -> None:
    with running_anvil([HISTORYS_OPERATOR]) as url:
        deployment = deploy(url, HISTORYS_OPERATOR, settings=HISTORYS_SETTINGS)
        rpc, old = Rpc(url), deployment.addresses["IncidentManager"]
        history = History(clock=AnvilClock(rpc), ledger=ChainLedger(deployment, key=HISTORYS_OPERATOR)).play()
        new = deploy_module(deployment, "IncidentManager", HISTORYS_OPERATOR)
        with pytest.raises(DeploymentDiffers, match="is the vote executed"):
            repointed(deployment, "IncidentManager", new, rpc)

        desk = desk_of(history.people["bob"], history.ledger, history.store)
        history.carry(plan(desk, 1, ["replace", "IncidentManager", new]).actions)

        moved = repointed(deployment, "IncidentManager", new, rpc)
        verify(Manifest.of(moved), rpc)
        with pytest.raises(DeploymentDiffers, match="INCIDENT_ROLE"):
            verify(Manifest.of(deployment), rpc)
        until = history.clock() + 3_600
        act_as(moved, new, "TrainingRuns", "pause", 1, until)
        act_as(moved, old, "TrainingRuns", "pause", 1, until + 1)
        assert ChainLedger(moved).run(1).paused_until == until


def test_a_vote_funds_a_run_from_the_communitys_treasury() -> None:
    with running_anvil([HISTORYS_OPERATOR]) as url:
        deployment = deploy(url, HISTORYS_OPERATOR, settings=HISTORYS_SETTINGS)
        ledger, timelock = ChainLedger(deployment, key=HISTORYS_OPERATOR), deployment.addresses["TimelockController"]
        history = History(clock=AnvilClock(Rpc(url)), ledger=ledger).play()
        act_as(deployment, HISTORYS_OPERATOR.address, "RewardToken", "transfer", timelock, 500)
        before = ledger.funded(1)

        found = plan(desk_of(history.people["bob"], ledger, history.store), 1, ["budget", "400"])
        history.carry(found.actions)

        assert found.changes == {"budget": (str(before), str(before + 400)), "treasury": ("500", "100")}
        assert ledger.funded(1) == before + 400
        assert ledger.reward_balance(timelock) == 100


def test_what_keeps_the_record_is_not_replaced(deployment: Deployment) -> None:
    with pytest.raises(ConfigError, match=r"expected one of IncidentManager, .* got 'TrainingRuns'"):
        deploy_module(deployment, "TrainingRuns", OPERATOR)


def test_other_code_is_not_followed(deployment: Deployment) -> None:
    with pytest.raises(DeploymentDiffers, match="got other code"):
        repointed(deployment, "Guardian", deployment.addresses["Charter"], Rpc(deployment.rpc_url))


@pytest.fixture
def moneyless() -> Iterator[Deployment]:
    with running_anvil([OPERATOR]) as url:
        yield deploy(url, OPERATOR, settings=replace(SETTINGS, zero_token=True))


def test_a_network_without_a_token_has_no_vault_and_says_so(moneyless: Deployment) -> None:
    verify(Manifest.of(moneyless), Rpc(moneyless.rpc_url))
    ledger = ChainLedger(moneyless, key=OPERATOR)
    assert not ledger.pays_rewards()
    assert "RewardVault" not in moneyless.addresses
    calls: list[Callable[[], object]] = [
        lambda: ledger.fund(1, 1),
        lambda: ledger.funded(1),
        lambda: ledger.claimed(1, 1),
        lambda: ledger.reward_balance(OPERATOR.address),
        lambda: ledger.release(1, 1),
    ]
    for call in calls:
        with pytest.raises(NoRewards, match="one without a token"):
            call()


def test_rounds_merit_and_votes_work_without_money_on_a_chain() -> None:
    with running_anvil([HISTORYS_OPERATOR]) as url:
        settings = replace(HISTORYS_SETTINGS, zero_token=True)
        ledger = ChainLedger(deploy(url, HISTORYS_OPERATOR, settings=settings), key=HISTORYS_OPERATOR)
        history = History(ledger=ledger, clock=AnvilClock(Rpc(url))).play()
        assert [state.commit.reward for state in ledger.rounds(1)] == [0, 0]
        assert ledger.proposal(history.proposal_id).tally.weight_for == 30
        assert not any(event.contract in ("RewardToken", "RewardVault") for event in ledger.events(0))


def test_the_command_deploys_asks_first_and_verifies(tmp_path: Path) -> None:
    keystore, password = tmp_path / "deployer.json", tmp_path / "password"
    deployer = create_keystore(keystore, create_password_file(password))
    with running_anvil([deployer]) as url:
        home = tmp_path / "home"
        arguments = ["chain", "deploy", "--rpc", url, "--keystore", str(keystore), "--password-file", str(password)]
        arguments += ["--home", str(home), "--json"]
        tenwings = build()
        refused = CliRunner().invoke(tenwings, arguments, input="n\n")
        assert refused.exit_code == 1
        assert "million gas" in refused.output
        assert not (home / "chain" / "deployment.json").exists()
        done = CliRunner().invoke(tenwings, [*arguments, "--yes"])
        assert done.exit_code == 0, done.output
        checked = CliRunner().invoke(tenwings, ["chain", "verify", "--home", str(home), "--json"])
        assert checked.exit_code == 0, checked.output
        deployment = Deployment.load(home / "chain" / "deployment.json")
        assert deployment.settings.timelock_delay_seconds == 600
        renounced = encode_call("TrainingRuns", "renounceRole", CURATOR, deployer.address)
        Sender(Rpc(url), deployer, deployment.chain_id).send(deployment.addresses["TrainingRuns"], renounced)
        broken = CliRunner().invoke(tenwings, ["chain", "verify", "--home", str(home)])
        assert broken.exit_code == 9
        assert "CURATOR_ROLE of TrainingRuns" in broken.output
