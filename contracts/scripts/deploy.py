"""Deploys all contracts from the committed bytecode, through brownie's accounts and networks.

python contracts/tools/brownie_pure.py run deploy (on another chain: run deploy main ACCOUNT_ID --network NAME)
The order, the roles and the handing over of power live in `node.deploy`; this is brownie's way to it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from brownie import accounts, network, project, web3

from node.deploy import deploy
from node.deployment import Deployment, DeploySettings
from node.identity import Identity
from node.manifest import Manifest

DEPLOYMENTS = Path(__file__).resolve().parents[2] / "build" / "deployments"


def main(account_id: str = "") -> None:
    """Deploys with a stored brownie account (a fresh, funded one on the development chain) as deployer and operator."""
    deployer = Identity(bytes.fromhex(accounts.load(account_id).private_key[2:])) if account_id else funded_identity()
    deployment = deploy(web3.provider.endpoint_uri, deployer, settings=DeploySettings(operator=deployer.address))
    path = DEPLOYMENTS / f"{deployment.chain_id}.json"
    deployment.save(path)
    Manifest.of(deployment).save(path.with_suffix(".manifest.json"))
    print(f"{network.show_active()}: {len(deployment.addresses)} contracts, written to {path}")


def funded_identity() -> Identity:
    """A fresh account with ether of the development chain, to pay for gas."""
    identity = Identity.create()
    accounts[0].transfer(identity.address, "10 ether")
    return identity


def containers(deployment: Deployment) -> dict[str, Any]:
    """Brownie's contract objects of a deployment, by contract name."""
    loaded = project.get_loaded_projects()[0]
    return {name: loaded[name].at(deployment.addresses[name]) for name in deployment.settings.contracts}
