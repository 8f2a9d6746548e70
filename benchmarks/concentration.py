"""How concentrated voting power is: tokens 1:1, the square root alone, and merit, with a whale that splits or not.

python benchmarks/concentration.py                 a table over synthetic members, and one over rounds of the twins
python benchmarks/concentration.py --home FOLDER   the second table over the rounds of a state folder's network
python benchmarks/concentration.py --short         synthetic members alone, fewer of them
python benchmarks/concentration.py --json          for machines
python benchmarks/concentration.py --check         exits 1 and names each missed target

Synthetic members hold log-normal tokens; what they train is log-normal, too, and narrower. The whale holds 28 % of the
tokens and does 28 % of the work. Split, it comes as 50 accounts; the gate lets one false account through per epoch.
Merit, decay, square root, ramp, cap and growth are those of `federation/merit.py`, not a model of it.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isqrt
from pathlib import Path

from federation.merit import MERIT_DECAY_BPS, MERIT_PER_ROUND, EpochPast, bounded_weights, ramped_weight
from node.deployment import DeploySettings
from node.records.chain import Address
from node.records.merit import MeritBounds

NUM_MEMBERS, NUM_SHORT, NUM_EPOCHS, ROUNDS_A_EPOCH = 1_000, 200, 24, 4
TOKEN_SIGMA, WORK_SIGMA = 2.5, 1.0
WHALE, WHALE_SHARE, NUM_IDENTITIES = "whale", 0.28, 50
SEED = 20_261_128
BPS = 10_000
BOUNDS: MeritBounds = DeploySettings(operator=Address("0x" + "0" * 40)).merit_bounds
MAX_GINI, MAX_WHALE_SHARE = 0.60, 0.05


@dataclass(frozen=True, kw_only=True)
class Power:
    """How a rule spreads voting power over members."""

    rule: str
    whale_splits: bool
    num_voters: int
    gini: float
    majority: int
    """Fewest members with more than half of all weight: the Nakamoto coefficient."""
    swing: int
    """Fewest members who turn a vote of 60 to 40 by changing sides."""
    hhi: float
    """Sum of squared shares times 10,000; 10,000 is one member alone."""
    top_share: float
    whale_share: float
    """Of all the whale's accounts together."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A synthetic member, or one account of the whale."""

    name: str
    tokens: int
    work: float
    joins: int
    """First epoch with work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; with --check exit 1 for each missed target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in ("--short", "--json", "--check"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--home", type=Path)
    parser.add_argument("--run", type=int, default=1)
    options = parser.parse_args(arguments)
    powers = synthetic(NUM_SHORT if options.short else NUM_MEMBERS)
    real = [] if options.short else real_rounds(options.home, options.run)
    if options.json:
        print(json.dumps({"synthetic": [asdict(p) for p in powers], "rounds": [asdict(p) for p in real]}))
    else:
        print(table(f"{powers[0].num_voters} synthetic members, {NUM_EPOCHS} epochs, seed {SEED}", powers))
        if real:
            print(table("rounds of the network" if options.home else "rounds of the twins", real))
    missed = missed_targets(powers) if options.check else []
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def synthetic(num_members: int) -> list[Power]:
    """Every rule, with a whale of one account and with one of fifty."""
    powers = []
    for splits in (False, True):
        open_to_all, gated = (community(num_members, splits, gate) for gate in (False, True))
        tokens = {m.name: m.tokens for m in open_to_all}
        powers += [
            measure("tokens 1:1", splits, tokens),
            measure("square root alone", splits, {name: isqrt(amount) for name, amount in tokens.items()}),
            measure("merit, no gate", splits, merit_weights(open_to_all)),
            measure("merit, gated", splits, merit_weights(gated)),
        ]
    return powers


def community(num_members: int, splits: bool, gate: bool) -> list[Member]:
    """The same people whatever the whale does; most are there from the start, the others join over time."""
    dice = random.Random(SEED)
    people = [
        Member(
            name=f"member {n}",
            tokens=int(1e9 * dice.lognormvariate(0.0, TOKEN_SIGMA)),
            work=dice.lognormvariate(0.0, WORK_SIGMA),
            joins=1 if dice.random() < 0.7 else dice.randint(2, NUM_EPOCHS),
        )
        for n in range(num_members - 1)
    ]
    part = WHALE_SHARE / (1 - WHALE_SHARE)
    tokens, work = int(part * sum(m.tokens for m in people)), part * sum(m.work for m in people)
    count = NUM_IDENTITIES if splits else 1
    accounts = [
        Member(name=f"{WHALE} {n}", tokens=tokens // count, work=work / count, joins=n + 1 if gate and splits else 1)
        for n in range(count)
    ]
    if gate:  # who is let in late has spread its work over fewer accounts until then, and still does
        accounts = [m for m in accounts if m.joins <= NUM_EPOCHS]
        accounts = [Member(**{**vars(m), "work": work / len(accounts)}) for m in accounts]
    return [*people, *accounts]


def merit_weights(members: Sequence[Member]) -> dict[str, int]:
    """Weights after all epochs, each cut as a network cuts it."""
    dice = random.Random(SEED + 1)
    merit, first, past = dict[str, int](), dict[str, int](), EpochPast(bounds=BOUNDS)
    weights: dict[str, int] = {}
    for epoch in range(1, NUM_EPOCHS + 1):
        there = [m for m in members if m.joins <= epoch]
        for _ in range(ROUNDS_A_EPOCH):
            merit = {name: amount * MERIT_DECAY_BPS // BPS for name, amount in merit.items()}
            gains = {m.name: int(1e6 * m.work * dice.uniform(0.5, 1.5)) for m in there}
            total = sum(gains.values())
            for name, gain in gains.items():
                merit[name] = merit.get(name, 0) + MERIT_PER_ROUND * gain // total
                first.setdefault(name, epoch)
        held = {name: amount for name, amount in merit.items() if amount > 0}
        ramped = {name: ramped_weight(amount, epoch - first[name] + 1) for name, amount in held.items()}
        weights = bounded_weights(ramped, past)
        past = EpochPast(total_weight=sum(weights.values()), bounds=BOUNDS)
    return weights


def real_rounds(home: Path | None, run_id: int) -> list[Power]:
    """The merit that a network's committed rounds make, by merit itself 1:1, its root, and the weights of the epoch."""
    from federation.replay import epoch_of
    from node.config import Home
    from node.wiring import COORDINATOR, open_ledger, open_store

    if home is None:
        from tests.support.played import Played

        played = Played()
        for gains in ({"alice": 9_000, "bob": 500}, {"alice": 8_000, "bob": 700, "carol": 300}, {"alice": 7_000}):
            played.commit(played.record({"bob": 100, "carol": 50, **gains}))
        ledger, fetch, run_id = played.ledger, played.store.get, played.run_id
    else:
        ledger, fetch = open_ledger(Home(home)), open_store(Home(home), COORDINATOR).get
    _, leaves = epoch_of(ledger, fetch, run_id, 1, ledger.run(run_id).head_round)
    merit = {f"member {leaf.member_id}": leaf.merit for leaf in leaves}
    return [
        measure("merit 1:1", False, merit),
        measure("its square root", False, {name: isqrt(amount) for name, amount in merit.items()}),
        measure("merit, bounded", False, {f"member {leaf.member_id}": leaf.weight for leaf in leaves}),
    ]


def measure(rule: str, whale_splits: bool, weights: Mapping[str, int]) -> Power:
    """All figures of one spread."""
    total, ordered = sum(weights.values()), sorted(weights.values(), reverse=True)
    whale = sum(weight for name, weight in weights.items() if name.startswith(WHALE))
    return Power(
        rule=rule,
        whale_splits=whale_splits,
        num_voters=len(weights),
        gini=gini(ordered),
        majority=fewest(ordered, total / 2),
        swing=fewest(ordered, total / 10),
        hhi=sum((weight / total) ** 2 for weight in ordered) * BPS,
        top_share=ordered[0] / total,
        whale_share=whale / total,
    )


def gini(weights: Sequence[int]) -> float:
    """0 when all are equal, near 1 when one has all."""
    ascending, count = sorted(weights), len(weights)
    ranked = sum(rank * weight for rank, weight in enumerate(ascending, start=1))
    return 2 * ranked / (count * sum(ascending)) - (count + 1) / count


def fewest(descending: Sequence[int], threshold: float) -> int:
    """How many of the largest weights exceed `threshold` together."""
    reached = 0
    for count, weight in enumerate(descending, start=1):
        reached += weight
        if reached > threshold:
            return count
    return len(descending)


def missed_targets(powers: Sequence[Power]) -> list[str]:
    """The targets that these figures miss, in words."""
    missed = []
    for splits in (False, True):
        tokens, _, _, ours = (p for p in powers if p.whale_splits == splits)
        if ours.gini > MAX_GINI or ours.gini > tokens.gini:
            missed.append(f"Gini of gated merit at most {MAX_GINI} and below that of tokens, is {ours.gini:.3f}")
        if ours.majority <= tokens.majority:
            missed.append(f"more than {tokens.majority} members for a majority, {ours.majority} are enough")
    if powers[3].whale_share > MAX_WHALE_SHARE:
        missed.append(f"a whale of one account at most {MAX_WHALE_SHARE:.0%}, has {powers[3].whale_share:.1%}")
    if powers[7].whale_share >= powers[6].whale_share:
        missed.append("a gate makes the whale that splits smaller; it did not")
    return missed


def table(title: str, powers: Sequence[Power]) -> str:
    """One line a rule."""
    lines = [title, f"{'rule':<20}{'whale':>12}{'Gini':>8}{'majority':>10}{'swing':>7}{'HHI':>8}{'top':>8}{'whale':>8}"]
    for p in powers:
        whale = "50 accounts" if p.whale_splits else "1 account"
        lines.append(
            f"{p.rule:<20}{whale:>12}{p.gini:>8.3f}{p.majority:>10}{p.swing:>7}{p.hhi:>8.0f}"
            f"{p.top_share:>8.1%}{p.whale_share:>8.1%}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
