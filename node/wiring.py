"""The one place where adapters are chosen: from a state folder to an identity, a ledger, a content store, a desk."""

from __future__ import annotations

import os

from node.chain_ledger import ChainLedger
from node.config import Home, checked_member_name
from node.deployment import Deployment
from node.errors import ConfigError
from node.identity import Identity, load_keystore, read_password
from node.ipfs import IpfsStore
from node.local_ports import Ports
from node.membership import MemberDesk
from node.ports import ContentStore, Ledger
from node.relay_client import RelayClient

COORDINATOR = "coordinator"
"""The node name of the machine that runs the rounds; every other node connects its IPFS node to this one's."""
IPFS_API_VARIABLE = "IPFS_API"
"""Multiaddr of a Kubo RPC to use in place of the embedded IPFS node, e.g. /ip4/127.0.0.1/tcp/5001."""
IPFS_TOKEN_VARIABLE = "IPFS_API_TOKEN"


def open_identity(home: Home, name: str) -> Identity:
    """The identity kept for a member. Raises ConfigError when there is none."""
    home.require()
    keystore = home.root / "members" / checked_member_name(name) / "keystore.json"
    if not keystore.exists():  # looked for without making the member's folder
        raise ConfigError(f"expected a keystore at {keystore}, there is none; run `tenwings join {name}`")
    member = home.member(name)
    return load_keystore(member.keystore, read_password(member.password if member.password.exists() else None))


def open_ledger(home: Home, identity: Identity | None = None) -> Ledger:
    """The chain of this state folder; without an identity for reading alone. ConfigError before `tenwings up`."""
    if not home.deployment.exists():
        raise ConfigError(f"expected a deployment at {home.deployment}, there is none; run `tenwings up` first")
    return ChainLedger(Deployment.load(home.deployment), key=identity)


def open_store(home: Home, node: str) -> ContentStore:
    """A node's own IPFS node, or the one that IPFS_API names."""
    if api := os.environ.get(IPFS_API_VARIABLE):
        return IpfsStore(api, os.environ.get(IPFS_TOKEN_VARIABLE))
    return IpfsStore.from_folder(home.ipfs(node))


def open_met_store(home: Home, node: str) -> ContentStore:
    """A node's own IPFS node, connected to the coordinator's: both can now fetch from each other."""
    store = open_store(home, node)
    if node != COORDINATOR and IPFS_API_VARIABLE not in os.environ:
        store.connect(open_store(home, COORDINATOR).peer_address())
    return store


def open_desk(home: Home, name: str) -> MemberDesk:
    """A member's desk over this state folder's network."""
    identity = open_identity(home, name)
    node = name if (home.member(name).root / "joined").exists() else COORDINATOR  # an account without a node
    return MemberDesk(
        identity=identity, ledger=open_ledger(home, identity), store=open_met_store(home, node), relay=open_relay(home)
    )


def open_relay(home: Home) -> RelayClient:
    """The API of this state folder's network."""
    return RelayClient(Ports.of(home).api_url)
