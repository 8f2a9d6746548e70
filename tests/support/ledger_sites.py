"""The cast of a ledger's story, and the two chains that it is played on: the twin in memory and a live anvil."""

from __future__ import annotations

from typing import Protocol

from node import cid as cids
from node.chain_ledger import ChainLedger
from node.chain_rpc import Rpc
from node.deployment import Deployment, DeploySettings
from node.identity import Identity
from node.local_ledger import LocalLedger, ManualClock
from node.ports import Ledger
from node.records.chain import Address
from node.records.runs import SpecParams

OPERATOR = Identity(b"\x0e".rjust(32, b"\0"))

MEMBERS = [Identity(bytes([number]).rjust(32, b"\0")) for number in range(1, 7)]

ADA, BO, CY, DEE, EVE, FAY = MEMBERS

OUTSIDER = Identity(b"\x0f".rjust(32, b"\0"))

TWR = 10**18

NOBODY = Address("0x" + "0" * 40)

SPEC_PARAMS = SpecParams(
    inner_steps=30,
    learning_rate_millionths=300,
    batch_size=8,
    outer_alpha_bps=10_000,
    min_updates=2,
    reward_per_round=10 * TWR,
    trainers_bps=8_000,
    aggregation_rule=1,
)

SETTINGS = DeploySettings(
    operator=OPERATOR.address,
    licences=("CC0-1.0", "CC-BY-4.0"),
    reward_supply_wei=1_000 * TWR,
    epoch_finality_seconds=60,
    voting_delay_seconds=100,
    voting_period_seconds=1_000,
    quorum_bps=5_000,
    constitutional_quorum_bps=5_000,
    standard_sponsors=1,
    constitutional_sponsors=2,
    timelock_delay_seconds=200,
    merit_max_share_bps=4_000,
    guardian=FAY.address,
    charter_cid=cids.of(b"charter"),
    charter_articles=3,
)


class Site(Protocol):
    """A chain of one test."""

    def ledger(self, sender: Identity) -> Ledger: ...
    def address(self, contract: str) -> Address: ...
    def now(self) -> int: ...
    def advance(self, seconds: int) -> None: ...


class LocalSite:
    def __init__(self, start: int | None = None) -> None:
        self.clock = ManualClock() if start is None else ManualClock(start)
        self.chain = LocalLedger(SETTINGS, clock=self.clock)

    def ledger(self, sender: Identity) -> LocalLedger:
        return self.chain.acting_as(sender.address)

    def address(self, contract: str) -> Address:
        return self.chain.addresses()[contract]

    def now(self) -> int:
        return self.clock()

    def advance(self, seconds: int) -> None:
        self.clock.advance(seconds)


class AnvilSite:
    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.rpc = Rpc(deployment.rpc_url)

    def ledger(self, sender: Identity) -> ChainLedger:
        return ChainLedger(self.deployment, key=sender)

    def address(self, contract: str) -> Address:
        return self.deployment.addresses[contract]

    def now(self) -> int:
        return self.rpc.now()

    def advance(self, seconds: int) -> None:
        self.rpc.request("evm_increaseTime", seconds)
