"""ProposalKinds in memory: which calls take which kind of vote; a proposal's id binds kind and targets' code."""

from __future__ import annotations

from collections.abc import Sequence

from eth_utils.crypto import keccak

from node.abi_codec import selector
from node.deployment import KINDS
from node.errors import LedgerRefused
from node.governance import proposal_id
from node.local_ledger.world import Tx, World
from node.records.chain import Address
from node.records.proposals import Action, ProposalKind

_ALWAYS_CONSTITUTIONAL = ("TenWingsGovernor", "TimelockController", "Charter")
_CONSTITUTIONAL_SELECTORS = frozenset(
    selector("Guardian", function) for function in ("grantRole", "revokeRole", "renounceRole", "appoint")
)


class ProposalKinds:
    """The governed table, under what no table can lower."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fixed = {world.addresses[name] for name in _ALWAYS_CONSTITUTIONAL}
        self._kinds = {(world.addresses[name], selector(name, function)): kind for name, function, kind in KINDS}

    def set(self, tx: Tx, target: Address, function: bytes, kind: int) -> None:
        """The kind of a function's calls from now on."""
        self._kinds[target, function] = ProposalKind(kind)
        tx.emit("TenWingsGovernor", "KindSet", target=target, selector=function, kind=kind)

    def kind_of(self, actions: Sequence[Action]) -> ProposalKind:
        """The highest kind of these calls."""
        return max((self._of_call(action) for action in actions), default=ProposalKind.ROUTINE)

    def proposal_id(self, actions: Sequence[Action], description: str) -> int:
        """Raises LedgerRefused("GovernorInvalidProposalLength") without any call."""
        if not actions:
            raise LedgerRefused("GovernorInvalidProposalLength", {"targets": 0, "calldatas": 0, "values": 0})
        codes = [self.code_hash(action.target) for action in actions]
        return proposal_id(actions, description, codes, self.kind_of(actions))

    def _of_call(self, action: Action) -> ProposalKind:
        function = action.calldata[:4].ljust(4, b"\0")
        if action.target in self._fixed or function in _CONSTITUTIONAL_SELECTORS:
            return ProposalKind.CONSTITUTIONAL
        return self._kinds.get((action.target, function), ProposalKind.STANDARD)

    def code_hash(self, target: Address) -> bytes:
        """The hash of a target's code. Ours never changes here; other addresses have none."""
        name = next((name for name, address in self._world.addresses.items() if address == target), None)
        return bytes(32) if name is None else keccak(text=f"code of {name}")
