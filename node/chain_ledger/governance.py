"""What votes on a chain go by, and the calls that they make."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node import governance
from node.chain_ledger.runs import ChainRuns
from node.chain_records import bounds_from, charter_from, guardian_from, record_from
from node.records.content import Cid
from node.records.governance import CharterState, GovernorRules, GuardianState
from node.records.proposals import Action
from node.records.runs import ParamBounds, SpecParams


class ChainGovernance(ChainRuns):
    """Rules, bounds, the charter, the guardian; calls for proposals."""

    def spec_bounds(self) -> ParamBounds:
        return bounds_from(self._call("TrainingRuns", "bounds"))

    def action(self, contract: str, function: str, *args: Any) -> Action:
        return governance.action(self._deployment.addresses, contract, function, *args)

    def set_spec_action(self, run_id: int, spec_cid: Cid, params: SpecParams | None = None) -> Action:
        chosen = params or self.run(run_id).spec_params
        return governance.set_spec(self._deployment.addresses["TrainingRuns"], run_id, spec_cid, chosen)

    def describe_action(self, action: Action) -> Mapping[str, Any]:
        return governance.describe_action(self._deployment.addresses, action)

    def rules(self) -> GovernorRules:
        return record_from(GovernorRules, self._call("TenWingsGovernor", "rulesAt", self._rpc.now()))

    def charter(self) -> CharterState:
        newest = self._log.refreshed().named("CharterSet")[-1]
        return charter_from(newest)

    def guardian(self) -> GuardianState | None:
        return guardian_from(self._call("Guardian", "guardian"))

    def pause_as_guardian(self, run_id: int, until: int) -> bytes:
        return self._send("Guardian", "pause", run_id, until).tx_hash
