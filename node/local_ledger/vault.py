"""RewardToken and RewardVault in memory: budgets, claims by proof, balances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.world import Tx, World
from node.merkle import contribution_leaf_hash, verify
from node.records import Address, ContributionLeaf

NOBODY = Address("0x" + "0" * 40)


class RewardToken:
    """A plain ERC-20 with a fixed supply."""

    NAME = "RewardToken"

    def __init__(self, settings: DeploySettings) -> None:
        self._balances: defaultdict[Address, int] = defaultdict(int)
        self._balances[settings.token_holder] = settings.reward_supply_wei

    def balance_of(self, account: Address) -> int:
        """In wei."""
        return self._balances.get(account, 0)

    def require_balance(self, account: Address, amount: int) -> None:
        """Raises LedgerRefused("ERC20InsufficientBalance")."""
        balance = self.balance_of(account)
        if balance < amount:
            values = {"sender": account, "balance": balance, "needed": amount}
            raise LedgerRefused("ERC20InsufficientBalance", values)

    def transfer(self, tx: Tx, source: Address, target: Address, amount: int) -> None:
        """Move `amount` wei."""
        self.require_balance(source, amount)
        self._balances[source] -= amount
        self._balances[target] += amount
        tx.emit(self.NAME, "Transfer", from_=source, to=target, value=amount)


@dataclass
class _Budget:
    funded: int = 0
    claimed: int = 0
    latest_round: int = 0
    """The newest round that a claim was proved against."""


class RewardVault:
    """Pays what final rounds granted."""

    NAME = "RewardVault"

    def __init__(self, world: World, token: RewardToken, runs: TrainingRuns) -> None:
        self._chain_id = world.chain_id
        self._address = world.addresses[self.NAME]
        self._runs_address = world.addresses[TrainingRuns.NAME]
        self._token = token
        self._runs = runs
        self._budgets: defaultdict[int, _Budget] = defaultdict(_Budget)
        self._claimed: dict[tuple[int, Address], int] = {}

    def fund(self, tx: Tx, run_id: int, amount: int) -> None:
        """Add to a run's budget from the sender's balance."""
        self._runs.run(run_id)
        if not 0 <= amount < 1 << 112:
            raise LedgerRefused("SafeCastOverflowedUintDowncast", {"bits": 112, "value": amount})
        self._token.require_balance(tx.sender, amount)
        self._budgets[run_id].funded += amount
        tx.emit(self.NAME, "RunFunded", runId=run_id, funder=tx.sender, amount=amount)
        self._token.transfer(tx, tx.sender, self._address, amount)

    def claim(self, tx: Tx, leaf: ContributionLeaf, proof: Sequence[bytes]) -> int:
        """Pay what the leaf's account has not had yet; returns it in wei."""
        root, granted = self._runs.final_round(tx, leaf.run_id, leaf.round)
        leaf_hash = contribution_leaf_hash(self._chain_id, self._runs_address, leaf)
        if not verify(root, leaf_hash, proof):
            values = {"runId": leaf.run_id, "round": leaf.round, "leafHash": leaf_hash}
            raise LedgerRefused("InvalidProof", values)
        amount = self._require_unpaid(leaf)
        self._spend(tx, leaf, amount, granted)
        self._claimed[leaf.run_id, leaf.account] = leaf.cumulative_reward
        tx.emit(
            self.NAME,
            "RewardClaimed",
            runId=leaf.run_id,
            round=leaf.round,
            memberId=leaf.member_id,
            account=leaf.account,
            amount=amount,
            cumulativeReward=leaf.cumulative_reward,
        )
        self._token.transfer(tx, self._address, leaf.account, amount)
        return amount

    def claimed(self, run_id: int, account: Address) -> int:
        """What the account has been paid from the run, in wei."""
        return self._claimed.get((run_id, account), 0)

    def funded(self, run_id: int) -> int:
        """What was ever put into the run's budget, in wei."""
        return self._budgets[run_id].funded if run_id in self._budgets else 0

    def _require_unpaid(self, leaf: ContributionLeaf) -> int:
        paid = self.claimed(leaf.run_id, leaf.account)
        if leaf.cumulative_reward <= paid:
            values = {
                "runId": leaf.run_id,
                "account": leaf.account,
                "cumulativeReward": leaf.cumulative_reward,
                "claimed": paid,
            }
            raise LedgerRefused("NothingToClaim", values)
        return leaf.cumulative_reward - paid

    def _spend(self, tx: Tx, leaf: ContributionLeaf, amount: int, granted: int) -> None:
        """A proof against an older round is fine: the grant is then that of the newest round already claimed from."""
        budget = self._budgets[leaf.run_id]
        available = budget.funded - budget.claimed
        if amount > available:
            values = {"runId": leaf.run_id, "available": available, "needed": amount}
            raise LedgerRefused("InsufficientFunds", values)
        if leaf.round < budget.latest_round:
            _, granted = self._runs.final_round(tx, leaf.run_id, budget.latest_round)
        if budget.claimed + amount > granted:
            values = {"runId": leaf.run_id, "claimedAfter": budget.claimed + amount, "granted": granted}
            raise LedgerRefused("MoreThanGranted", values)
        budget.claimed += amount
        budget.latest_round = max(budget.latest_round, leaf.round)
