"""Settings and addresses of a deployment: what is refused, and that the file gives back what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.deployment import CONTRACTS, Deployment, DeploySettings
from node.errors import ConfigError
from node.records.chain import Address

OPERATOR = Address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")


def deployment() -> Deployment:
    return Deployment(
        chain_id=31337,
        rpc_url="http://127.0.0.1:8545",
        deployed_at_block=3,
        addresses=dict.fromkeys(CONTRACTS, OPERATOR),
        settings=DeploySettings(operator=OPERATOR, licences=("MIT",), quorum_bps=1),
    )


def test_a_saved_deployment_loads_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deployment.json"
    deployment().save(path)
    assert Deployment.load(path) == deployment()


def test_a_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent.json.*No such file.*tenwings up"):
        Deployment.load(tmp_path / "absent.json")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings": {}}', '{"settings": 1}'])
def test_a_file_that_is_no_deployment_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="as a deployment saves them"):
        Deployment.load(path)


def test_a_deployment_without_an_address_is_refused() -> None:
    addresses = {name: OPERATOR for name in CONTRACTS if name != "RewardVault"}
    with pytest.raises(ValueError, match="got none for RewardVault"):
        Deployment(
            chain_id=1, rpc_url="", deployed_at_block=0, addresses=addresses, settings=DeploySettings(operator=OPERATOR)
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operator": Address("0x12")}, "operator: expected a 0x address"),
        ({"treasury": Address("nobody")}, "treasury: expected a 0x address"),
        ({"guardian": Address("nobody")}, "guardian: expected a 0x address"),
        ({"quorum_bps": 0}, "quorum_bps: expected 1 to 6,667, got 0"),
        ({"quorum_bps": 6_668}, "quorum_bps: expected 1 to 6,667, got 6668"),
        ({"voting_period_seconds": 0}, "voting_period_seconds: expected at least 1"),
        ({"timelock_delay_seconds": -1}, "timelock_delay_seconds: expected 0 or more, got -1"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DeploySettings(**{"operator": OPERATOR, **changes})


def test_the_operator_holds_the_tokens_unless_a_treasury_is_named() -> None:
    other = Address("0x5FbDB2315678afecb367f032d93F642f64180aa3")
    assert DeploySettings(operator=OPERATOR).token_holder == OPERATOR
    assert DeploySettings(operator=OPERATOR, treasury=other).token_holder == other
