"""Incidents on a chain: cases rebuilt from events, bonds asked of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from node import cid as cids
from node.chain_ledger.rewards import ChainRewards
from node.chain_records import record_from
from node.incidents import Bond, Case, IncidentSettings, Target, cases_of
from node.records.content import Cid


class ChainIncidents(ChainRewards):
    """Cases and bonds."""

    def cases(self) -> Sequence[Case]:
        events = (e for e in self._log.refreshed().between(0, None) if e.contract == "IncidentManager")
        return tuple(cases_of(events).values())

    def contain(self, case_id: int, target: Target, until: int) -> bytes:
        return self._send("IncidentManager", "contain", case_id, int(target), until).tx_hash

    def lapse_case(self, case_id: int) -> bytes:
        return self._send("IncidentManager", "lapse", case_id).tx_hash

    def close_case(self, case_id: int, post_mortem_cid: Cid) -> bytes:
        return self._send("IncidentManager", "close", case_id, cids.to_bytes(post_mortem_cid)).tx_hash

    def bond(self, member_id: int) -> Bond:
        found = self._call("IncidentManager", "bondOf", member_id)
        return Bond(
            amount=found["amount"],
            leaving=found["leaving"],
            leaves_from=found["leavesFrom"],
            open_cases=found["openCases"],
            staked=found["staked"],
        )

    def incident_settings(self) -> IncidentSettings:
        return record_from(IncidentSettings, self._call("IncidentManager", "settings"))

    def deposit_bond(self, member_id: int, amount: int) -> bytes:
        self._allow("IncidentManager", amount)
        return self._send("IncidentManager", "deposit", member_id, amount).tx_hash

    def withdraw_bond(self, member_id: int) -> bytes:
        return self._send("IncidentManager", "withdraw", member_id).tx_hash
