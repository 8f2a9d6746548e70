"""Rewards on a chain: the vault's budget, claims by proof, balances."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain_ledger.runs import ChainRuns
from node.chain_records import data_fields, data_of, leaf_fields
from node.errors import LedgerRefused, NoRewards
from node.records.chain import Address
from node.records.rounds import ContributionLeaf


class ChainRewards(ChainRuns):
    """Rewards: budgets, claims, balances."""

    def pays_rewards(self) -> bool:
        return not self._deployment.settings.zero_token

    def fund(self, run_id: int, amount: int) -> bytes:
        self._require_money()
        self._allow("RewardVault", amount)
        return self._send("RewardVault", "fund", run_id, amount).tx_hash

    def funded(self, run_id: int) -> int:
        self._require_money()
        return int(self._call("RewardVault", "funded", run_id))

    def claim(self, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        self._require_money()
        state = self.round(leaf.run_id, leaf.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": leaf.run_id, "round": leaf.round})
        data = data_fields(data_of(state))
        receipt = self._send("RewardVault", "claim", leaf_fields(leaf), data, list(proof))
        return int(self._logged(receipt, "RewardClaimed").args["amount"])

    def claim_for(self, claims: Sequence[tuple[ContributionLeaf, Sequence[bytes]]]) -> int:
        self._require_money()
        first = claims[0][0]
        state = self.round(first.run_id, first.round)
        if state is None:
            raise LedgerRefused("RoundNotFinal", {"runId": first.run_id, "round": first.round})
        leaves, proofs = [leaf_fields(leaf) for leaf, _ in claims], [list(proof) for _, proof in claims]
        receipt = self._send("RewardVault", "claimFor", leaves, data_fields(data_of(state)), proofs)
        events = (self._fetcher.decode(log) for log in receipt.logs)
        return sum(event.args["amount"] for event in events if event is not None and event.name == "RewardClaimed")

    def release(self, run_id: int, member_id: int) -> int:
        self._require_money()
        receipt = self._send("RewardVault", "release", run_id, member_id)
        return int(self._logged(receipt, "RewardVested").args["amount"])

    def claimed(self, run_id: int, member_id: int) -> int:
        self._require_money()
        return int(self._call("RewardVault", "claimed", run_id, member_id))

    def locked(self, run_id: int, member_id: int) -> int:
        self._require_money()
        amount, _ = self._call("RewardVault", "locked", run_id, member_id)
        return int(amount)

    def reward_balance(self, account: Address) -> int:
        self._require_money()
        return int(self._call("RewardToken", "balanceOf", account))

    def _allow(self, contract: str, amount: int) -> None:
        """Let a contract take so many wei from the sender."""
        self._require_money()
        spender = self._deployment.addresses[contract]
        if self._call("RewardToken", "allowance", self._sending().address, spender) < amount:
            self._send("RewardToken", "approve", spender, amount)

    def _require_money(self) -> None:
        if not self.pays_rewards():
            raise NoRewards
