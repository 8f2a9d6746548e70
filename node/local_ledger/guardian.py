"""Guardian in memory: cancels a proposal or pauses a run, once, until its term ends or a vote takes it away."""

from __future__ import annotations

from dataclasses import replace

from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.governor import Governor
from node.local_ledger.registries import GOVERNANCE_ROLE
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.world import Roles, Tx, World
from node.records.chain import Address
from node.records.governance import GuardianState

NOBODY = Address("0x" + "0" * 40)
_MAX_TERM_SECONDS = 366 * 86_400


class Guardian:
    """Who holds the right, and whether it was used."""

    NAME = "Guardian"

    def __init__(self, world: World, settings: DeploySettings, governor: Governor, runs: TrainingRuns) -> None:
        self._governor, self._runs = governor, runs
        self._address = world.addresses[self.NAME]
        timelock = world.addresses["TimelockController"]
        self.roles = Roles(self.NAME, timelock)
        self.roles.hold(GOVERNANCE_ROLE, timelock)
        self.state: GuardianState | None = None
        if settings.guardian is not None:
            ends_at = world.now() + settings.guardian_term_seconds
            self.state = GuardianState(account=settings.guardian, ends_at=ends_at, armed=True)

    def appoint(self, tx: Tx, account: Address, ends_at: int) -> None:
        """Name another, or nobody."""
        self.roles.require(GOVERNANCE_ROLE, tx.sender)
        if account != NOBODY and not tx.timestamp < ends_at <= tx.timestamp + _MAX_TERM_SECONDS:
            raise LedgerRefused("InvalidTerm", {"endsAt": ends_at})
        self.state = None if account == NOBODY else GuardianState(account=account, ends_at=ends_at, armed=True)
        tx.emit(self.NAME, "GuardianAppointed", account=account, endsAt=ends_at)

    def cancel(self, tx: Tx, number: int) -> None:
        """Stop a proposal that is not executed yet."""
        state = self._usable(tx)
        self._governor.cancel(tx.from_contract(self._address), number)
        self.state = replace(state, armed=False)
        tx.emit(self.NAME, "GuardianCanceled", proposalId=number, account=tx.sender)

    def pause(self, tx: Tx, run_id: int, until: int) -> None:
        """Refuse a run's commits until then."""
        state = self._usable(tx)
        self._runs.pause(tx.from_contract(self._address), run_id, until)
        self.state = replace(state, armed=False)
        tx.emit(self.NAME, "GuardianPaused", runId=run_id, account=tx.sender, until=until)

    def _usable(self, tx: Tx) -> GuardianState:
        state = self.state
        if state is None or not state.armed or state.account != tx.sender or tx.timestamp >= state.ends_at:
            raise LedgerRefused("NotTheGuardian", {"account": tx.sender})
        return state
