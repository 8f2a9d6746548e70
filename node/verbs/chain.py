"""The group `chain` of the command: deploy the contracts on any EVM chain, and verify a deployment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from eth_utils.address import is_address, to_checksum_address

from node.artifacts import artifact
from node.chain_rpc import LATEST, Rpc
from node.config import Home
from node.console import HomeOption, JsonOption, Out, Panel, find_home, verb
from node.deploy import deploy, deploy_module, gas_needed
from node.deploy_plan import ACTS_BY
from node.deployment import PROFILES, Deployment, DeploySettings
from node.errors import ConfigError
from node.identity import Identity, load_keystore, read_password
from node.manifest import Manifest
from node.manifest import verify as verify_manifest
from node.records.chain import Address
from node.replacement import repointed
from node.wiring import COORDINATOR, open_identity

GWEI = 10**9
ETHER = 10**18


def add_verbs(app: typer.Typer) -> None:
    """Add the group `chain`."""
    chain_app = typer.Typer(help="The contracts on a chain.", no_args_is_help=True)
    for name, command in (
        ("deploy", chain_deploy),
        ("module", chain_module),
        ("repoint", chain_repoint),
        ("verify", chain_verify),
    ):
        chain_app.command(name)(command)
    app.add_typer(chain_app, name="chain", rich_help_panel=Panel.NETWORK)


@verb
def chain_deploy(
    rpc: Annotated[str, typer.Option(help="JSON-RPC of a node of the chain.")],
    profile: Annotated[str, typer.Option(help=f"Windows for votes and delays: {', '.join(PROFILES)}.")] = "testnet",
    zero_token: Annotated[bool, typer.Option("--zero-token", help="No token, no rewards.")] = False,
    keystore: Annotated[Path | None, typer.Option(help="Who deploys and operates (default: the coordinator).")] = None,
    password_file: Annotated[Path | None, typer.Option(help="Of that keystore.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy all contracts; prints what it will cost and asks first. Writes deployment.json and manifest.json."""
    found, node = find_home(home), Rpc(rpc)
    if found.deployment.exists():
        raise ConfigError(
            f"expected a state folder without a deployment, {found.deployment} exists; choose another --home"
        )
    deployer = _deployer(found, keystore, password_file)
    settings = _settings(deployer, profile, zero_token)
    estimate = _estimate(node, deployer, settings)
    if not yes:
        typer.confirm(f"{estimate} Go on?", abort=True)
    deployment = deploy(rpc, deployer, settings=settings)
    found.require()
    deployment.save(found.deployment)
    manifest = Manifest.of(deployment)
    manifest.save(found.manifest)
    verify_manifest(manifest, node)
    Out(as_json=as_json).result(
        {"chain": deployment.chain_id, "addresses": dict(deployment.addresses), "manifest": str(found.manifest)},
        f"chain {deployment.chain_id}: {len(deployment.addresses)} contracts, verified; manifest: {found.manifest}",
    )


@verb
def chain_module(
    module: Annotated[str, typer.Argument(help=f"One of {', '.join(ACTS_BY)}.")],
    keystore: Annotated[Path | None, typer.Option(help="Who deploys (default: the coordinator).")] = None,
    password_file: Annotated[Path | None, typer.Option(help="Of that keystore.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deploy another copy of a module, to be put in place by a vote (`propose replace`). It has no power until then."""
    found = find_home(home)
    address = deploy_module(Deployment.load(found.deployment), module, _deployer(found, keystore, password_file))
    Out(as_json=as_json).result({"module": module, "address": address}, f"{module}: {address}")


@verb
def chain_repoint(
    module: Annotated[str, typer.Argument(help=f"One of {', '.join(ACTS_BY)}.")],
    address: Annotated[str, typer.Argument(help="Where it stands now.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow a vote that replaced a module: checks its code and that the roles have moved, then uses it."""
    found = find_home(home)
    if module not in ACTS_BY or not is_address(address):
        raise ConfigError(f"expected one of {', '.join(ACTS_BY)} and a 0x address, got {module!r} and {address!r}")
    deployment = Deployment.load(found.deployment)
    moved = repointed(deployment, module, Address(to_checksum_address(address)), Rpc(deployment.rpc_url))
    Manifest.of(moved).save(found.manifest)
    moved.save(found.deployment)
    Out(as_json=as_json).result(
        {"module": module, "address": moved.addresses[module]}, f"{module} is {address} from here on; restart what runs"
    )


@verb
def chain_verify(
    manifest: Annotated[Path | None, typer.Option(help="Manifest to check (default: the state folder's).")] = None,
    rpc: Annotated[str, typer.Option(help="JSON-RPC of a node of the chain (default: the manifest's).")] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a deployment's code, wiring, bounds and roles with its manifest; exit code 9 names what differs."""
    found = Manifest.load(manifest or find_home(home).manifest)
    verify_manifest(found, Rpc(rpc or found.deployment.rpc_url))
    Out(as_json=as_json).result(
        {"chain": found.deployment.chain_id, "contracts": len(found.contracts), "roles": len(found.roles)},
        f"chain {found.deployment.chain_id}: code of {len(found.contracts)} contracts, their wiring, bounds and "
        f"{len(found.roles)} roles are as the manifest says",
    )


def _deployer(home: Home, keystore: Path | None, password_file: Path | None) -> Identity:
    if keystore is None:
        return open_identity(home, COORDINATOR)
    return load_keystore(keystore, read_password(password_file))


def _settings(deployer: Identity, profile: str, zero_token: bool) -> DeploySettings:
    if profile not in PROFILES:
        raise ConfigError(f"--profile: expected one of {', '.join(PROFILES)}, got {profile!r}")
    return replace(DeploySettings(operator=deployer.address, zero_token=zero_token), **PROFILES[profile])


def _estimate(node: Rpc, deployer: Identity, settings: DeploySettings) -> str:
    """What it takes, in words. Raises ConfigError when the account has less."""
    for contract in settings.contracts:
        artifact(contract)
    gas, price = gas_needed(settings), int(node.request("eth_gasPrice"), 16)
    balance = int(node.request("eth_getBalance", deployer.address, LATEST), 16)
    words = (
        f"Chain {node.chain_id()}: {len(settings.contracts)} contracts, about {gas / 10**6:.1f} million gas at "
        f"{price / GWEI:.3g} gwei: {gas * price / ETHER:.6f} of its coin; {deployer.address} has {balance / ETHER:.6f}."
    )
    if balance < gas * price:
        raise ConfigError(f"{words} Expected enough for the gas: send some there first")
    return words
