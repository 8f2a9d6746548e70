"""One command for a node operator: an account, a node key, a signed join, a registered node, running."""

from __future__ import annotations

from pathlib import Path

from federation.network import (
    ensure_identity,
    ensure_node_key,
    federation_of,
    require_free_name,
    start_node,
)
from node.config import Home, checked_member_name
from node.errors import ConfigError
from node.identity import node_key_digest
from node.join_requests import SignedJoinRequest
from node.local_ports import Ports
from node.membership import MemberDesk
from node.records.members import JoinRequest, Member, Role
from node.relay_client import RelayClient
from node.typed_data import sign
from node.wiring import COORDINATOR, open_identity, open_ledger, open_store

ROLES = {"trainer": Role.TRAINER, "evaluator": Role.EVALUATOR, "curator": Role.CURATOR}


def parse_roles(text: str) -> Role:
    """ "trainer+curator" as roles. Raises ConfigError."""
    roles = Role(0)
    for word in text.split("+"):
        if word not in ROLES:
            raise ConfigError(f"expected roles of {', '.join(ROLES)}, joined by +; got {text!r}")
        roles |= ROLES[word]
    return roles


def join(home: Home, name: str, roles: Role, *, attached: bool, start: bool = True) -> Member:
    """Make the member and start its node. Joining again with the same name only starts the node; on another machine, or
    with the account that a member moved to, it binds this node's key first."""
    require_free_name(checked_member_name(name))
    identity = ensure_identity(home, name)
    public_key = ensure_node_key(home, name)
    ledger = open_ledger(home)
    desk = MemberDesk(
        identity=identity, ledger=ledger, store=open_store(home, COORDINATOR), relay=RelayClient(Ports.of(home).api_url)
    )
    digest = node_key_digest(home.member(name).node_key)
    desk.join(name, roles, digest, open_identity(home, COORDINATOR))
    desk.bind_node_key(digest)
    with federation_of(home) as flower:
        flower.register_node(public_key, identity.address)
    _mark_joined(home.member(name).root)
    if start:
        start_node(home, name, attached=attached)
    member = ledger.member(identity.address)
    assert member is not None, "the relay answered with a member id"
    return member


def wish(home: Home, name: str, roles: Role, days: int) -> SignedJoinRequest:
    """A request signed by the name's account, which is made where there is none; a vote can admit it."""
    require_free_name(checked_member_name(name))
    identity, ledger = ensure_identity(home, name), open_ledger(home)
    ensure_node_key(home, name)
    request = JoinRequest(
        account=identity.address,
        roles=roles,
        node_key_digest=node_key_digest(home.member(name).node_key),
        name=name,
        deadline=ledger.latest_block().timestamp + days * 86_400,
    )
    return SignedJoinRequest(request=request, signature=sign(identity, ledger.domain("MemberRegistry"), request))


def _mark_joined(folder: Path) -> None:
    (folder / "joined").touch()
