"""Guardian in memory: may cancel one proposal, until its term ends by itself or a vote takes it away."""

from __future__ import annotations

from dataclasses import replace

from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.world import Tx, World
from node.records import Address, GuardianState

NOBODY = Address("0x" + "0" * 40)
_MAX_TERM_SECONDS = 366 * 86_400


class Guardian:
    """Who holds it, and whether it was used."""

    def __init__(self, world: World, settings: DeploySettings) -> None:
        self.state: GuardianState | None = None
        if settings.guardian is not None:
            ends_at = world.now() + settings.guardian_term_seconds
            self.state = GuardianState(account=settings.guardian, ends_at=ends_at, armed=True)

    def set(self, tx: Tx, account: Address, ends_at: int) -> None:
        """Name another, or nobody."""
        if account != NOBODY and not tx.timestamp < ends_at <= tx.timestamp + _MAX_TERM_SECONDS:
            raise LedgerRefused("InvalidTerm", {"endsAt": ends_at})
        self.state = None if account == NOBODY else GuardianState(account=account, ends_at=ends_at, armed=True)
        tx.emit("TenWingsGovernor", "GuardianSet", account=account, endsAt=ends_at)

    def may_act(self, tx: Tx) -> bool:
        """Whether the sender holds the unused right."""
        state = self.state
        return state is not None and state.armed and state.account == tx.sender and tx.timestamp < state.ends_at

    def act(self, tx: Tx, proposal_id: int) -> None:
        """Use the right up."""
        assert self.state is not None, "may_act was asked first"
        self.state = replace(self.state, armed=False)
        tx.emit("TenWingsGovernor", "GuardianCanceled", proposalId=proposal_id, account=tx.sender)
