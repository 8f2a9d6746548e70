"""RewardToken and RewardVault in memory: budgets, claims by proof, balances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from node.deployment import DeploySettings
from node.errors import LedgerRefused
from node.local_ledger.registries import MemberRegistry
from node.local_ledger.run_disputes import INCIDENT_ROLE
from node.local_ledger.runs import TrainingRuns
from node.local_ledger.world import Roles, Tx, World
from node.merkle import contribution_leaf_hash, verify
from node.records.chain import Address
from node.records.rounds import ContributionLeaf, RoundData

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

    def approve(self, tx: Tx, spender: Address, amount: int) -> None:
        """Logged alone: the vault here takes what it is told to."""
        tx.emit(self.NAME, "Approval", owner=tx.sender, spender=spender, value=amount)

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
    granted: int = 0
    """Total of the newest final round that a claim was proved against; never above `funded`."""


@dataclass
class _Vesting:
    locked: int = 0
    starts_at: int = 0
    ends_at: int = 0

    def unvested(self, now: int) -> int:
        """What of `locked` has not vested at Unix time `now`."""
        if now >= self.ends_at:
            return 0
        return self.locked * (self.ends_at - now) // (self.ends_at - self.starts_at)


class RewardVault:
    """Pays what final rounds granted."""

    NAME = "RewardVault"

    def __init__(self, world: World, token: RewardToken, runs: TrainingRuns, members: MemberRegistry) -> None:
        self._chain_id = world.chain_id
        self._address = world.addresses[self.NAME]
        self._runs_address = world.addresses[TrainingRuns.NAME]
        self._token = token
        self._runs = runs
        self._members = members
        self._budgets: defaultdict[int, _Budget] = defaultdict(_Budget)
        self._claimed: dict[tuple[int, int], int] = {}
        self._vestings: dict[tuple[int, int], _Vesting] = {}
        self.roles = Roles(self.NAME, world.addresses["TimelockController"])

    def fund(self, tx: Tx, run_id: int, amount: int) -> None:
        """Add to a run's budget from the sender's balance."""
        self._runs.run(run_id)
        if not 0 <= amount < 1 << 104:
            raise LedgerRefused("SafeCastOverflowedUintDowncast", {"bits": 104, "value": amount})
        self._token.require_balance(tx.sender, amount)
        self._budgets[run_id].funded += amount
        tx.emit(self.NAME, "RunFunded", runId=run_id, funder=tx.sender, amount=amount)
        self._token.transfer(tx, tx.sender, self._address, amount)

    def claim(self, tx: Tx, leaf: ContributionLeaf, data: RoundData, proof: Sequence[bytes]) -> int:
        """Pay what the leaf's member has not had yet; returns it in wei, what is locked of it included."""
        self._runs.require_final(tx, leaf.run_id, leaf.round)
        self._runs.require_data(leaf.run_id, leaf.round, data)
        self._require_proof(leaf, data.contributions_root, proof)
        paid = self.claimed(leaf.run_id, leaf.member_id)
        if leaf.cumulative_reward <= paid:
            values = {
                "runId": leaf.run_id,
                "memberId": leaf.member_id,
                "cumulativeReward": leaf.cumulative_reward,
                "claimed": paid,
            }
            raise LedgerRefused("NothingToClaim", values)
        return self._pay(tx, leaf, data.cumulative_reward)

    def claim_for(
        self, tx: Tx, leaves: Sequence[ContributionLeaf], data: RoundData, proofs: Sequence[Sequence[bytes]]
    ) -> int:
        """The same for many members of one round; returns the wei in all. Not atomic: the caller restores its state
        when this raises."""
        if not leaves or len(leaves) != len(proofs):
            raise LedgerRefused("InvalidBatch", {"leaves": len(leaves), "proofs": len(proofs)})
        run_id, number, total = leaves[0].run_id, leaves[0].round, 0
        self._runs.require_final(tx, run_id, number)
        self._runs.require_data(run_id, number, data)
        for index, (leaf, proof) in enumerate(zip(leaves, proofs, strict=True)):
            if (leaf.run_id, leaf.round) != (run_id, number):
                raise LedgerRefused("AnotherRound", {"index": index, "runId": leaf.run_id, "round": leaf.round})
            if leaf.cumulative_reward > self.claimed(run_id, leaf.member_id):
                self._require_proof(leaf, data.contributions_root, proof)
                total += self._pay(tx, leaf, data.cumulative_reward)
        return total

    def _require_proof(self, leaf: ContributionLeaf, root: bytes, proof: Sequence[bytes]) -> None:
        leaf_hash = contribution_leaf_hash(self._chain_id, self._runs_address, leaf)
        if not verify(root, leaf_hash, proof):
            values = {"runId": leaf.run_id, "round": leaf.round, "leafHash": leaf_hash}
            raise LedgerRefused("InvalidProof", values)

    def _pay(self, tx: Tx, leaf: ContributionLeaf, granted: int) -> int:
        run_id, member_id = leaf.run_id, leaf.member_id
        amount = leaf.cumulative_reward - self.claimed(run_id, member_id)
        account = self._members.account_of(member_id)
        self._spend(run_id, amount, granted)
        self._claimed[run_id, member_id] = leaf.cumulative_reward
        tx.emit(
            self.NAME,
            "RewardClaimed",
            runId=run_id,
            round=leaf.round,
            memberId=member_id,
            account=account,
            amount=amount,
            cumulativeReward=leaf.cumulative_reward,
        )
        params = self._runs.run(run_id).params
        free = self._lock(tx, run_id, member_id, amount) if params.vested_bps else amount
        self._token.transfer(tx, self._address, account, free)
        return amount

    def release(self, tx: Tx, run_id: int, member_id: int) -> int:
        """Pay what has vested of the member's locked reward; returns it in wei."""
        account = self._members.account_of(member_id)
        amount = self._free(tx, run_id, member_id)
        if amount == 0:
            raise LedgerRefused("NothingVested", {"runId": run_id, "memberId": member_id})
        self._token.transfer(tx, self._address, account, amount)
        return amount

    def slash_unvested(self, tx: Tx, run_id: int, member_id: int, amount: int) -> None:
        """Put what has not vested back into the run's budget, up to `amount`."""
        self.roles.require(INCIDENT_ROLE, tx.sender)
        taken = min(amount, self.unvested(run_id, member_id, tx.timestamp))
        vested = self._free(tx, run_id, member_id)
        self._vestings.setdefault((run_id, member_id), _Vesting()).locked -= taken
        self._budgets[run_id].funded += taken
        tx.emit(self.NAME, "RewardSlashed", runId=run_id, memberId=member_id, amount=taken)
        if vested:
            self._token.transfer(tx, self._address, self._members.account_of(member_id), vested)

    def unvested(self, run_id: int, member_id: int, now: int) -> int:
        """What of a member's locked reward has not vested at Unix time `now`."""
        return self._vestings.get((run_id, member_id), _Vesting()).unvested(now)

    def locked(self, run_id: int, member_id: int) -> int:
        """What of a member's reward is locked, or vested and not released, in wei."""
        return self._vestings.get((run_id, member_id), _Vesting()).locked

    def claimed(self, run_id: int, member_id: int) -> int:
        """What the member has claimed from the run, in wei."""
        return self._claimed.get((run_id, member_id), 0)

    def funded(self, run_id: int) -> int:
        """What was ever put into the run's budget, in wei."""
        return self._budgets[run_id].funded if run_id in self._budgets else 0

    def _spend(self, run_id: int, amount: int, granted: int) -> None:
        """A proof against an older round is fine: the grant is then that of the newest round already claimed from."""
        budget = self._budgets[run_id]
        if granted > max(budget.granted, budget.funded):
            raise LedgerRefused("InsufficientFunds", {"runId": run_id, "funded": budget.funded, "needed": granted})
        granted = max(budget.granted, granted)
        if budget.claimed + amount > granted:
            values = {"runId": run_id, "claimedAfter": budget.claimed + amount, "granted": granted}
            raise LedgerRefused("MoreThanGranted", values)
        budget.claimed, budget.granted = budget.claimed + amount, granted

    def _lock(self, tx: Tx, run_id: int, member_id: int, amount: int) -> int:
        """Locks the vested part; returns what is free now. The new end is the mean of both ends, by amount."""
        params = self._runs.run(run_id).params
        added = amount * params.vested_bps // 10_000
        free = amount - added + self._free(tx, run_id, member_id)
        if added == 0:
            return free
        vesting = self._vestings.setdefault((run_id, member_id), _Vesting())
        kept, now = vesting.locked, tx.timestamp
        left = vesting.ends_at - now if kept else 0
        ends_at = now + (kept * left + added * params.vesting_seconds) // (kept + added)
        self._vestings[run_id, member_id] = _Vesting(kept + added, now, ends_at)
        tx.emit(self.NAME, "RewardLocked", runId=run_id, memberId=member_id, amount=added, endsAt=ends_at)
        return free

    def _free(self, tx: Tx, run_id: int, member_id: int) -> int:
        """Takes what has vested out of the lock; the rest vests to the same end."""
        vesting = self._vestings.get((run_id, member_id), _Vesting())
        rest = vesting.unvested(tx.timestamp)
        amount = vesting.locked - rest
        if amount:
            vesting.locked, vesting.starts_at = rest, tx.timestamp
            tx.emit(self.NAME, "RewardVested", runId=run_id, memberId=member_id, amount=amount)
        return amount
