"""What is trained and paid: datasets, quorum, rewards, the head, bounds of specs, releases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node import cid as cids
from node.chain_records import bounds_fields, data_fields, data_of
from node.forms.form import (
    A_COMMUNITY_THAT_LASTS,
    ALL_CAN_BE_CHECKED,
    NO_ONE_RULES_ALONE,
    RESPECT,
    TRAIN_TOGETHER,
    exactly,
    form,
    told,
)
from node.membership import MemberDesk
from node.records.runs import ParamBounds, SpecParams


def _licence(_desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    name, verb = exactly(words, 2)
    allowed = {"allow": True, "forbid": False}.get(verb)
    if allowed is None:
        raise ValueError(f"expected allow or forbid, got {verb!r}")
    return [name, allowed], f"{verb.capitalize()} the licence {name} for new artifacts.", {}


def _dataset(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (text,) = exactly(words, 1)
    digest, state = cids.digest(cids.parse(text)), desk.ledger.run(run)
    if desk.ledger.artifact(digest) is None:
        raise ValueError(f"expected a registered dataset, got {text}")
    changes = {"dataset": (f"0x{state.dataset_digest.hex()}", f"0x{digest.hex()}")}
    return [run, digest], f"Run {run}: train on dataset {text}.", changes


def _quorum(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (number,) = exactly(words, 1)
    changes = {"quorum": (str(desk.ledger.run(run).quorum), number)}
    return [run, int(number)], f"Run {run}: have {number} evaluators co-sign a round.", changes


def _reward_cap(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (wei,) = exactly(words, 1)
    changes = {"reward_cap": (str(desk.ledger.run(run).reward_cap), wei)}
    return [run, int(wei)], f"Run {run}: let a round pay at most {wei} wei.", changes


def _budget(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    """From what the timelock holds: it lets the vault take that much, and the vault takes it."""
    (wei,) = exactly(words, 1)
    amount, addresses = int(wei), desk.ledger.addresses()
    if not desk.ledger.pays_rewards():
        raise ValueError("expected a network with a reward token, this one has none")
    held, before = desk.ledger.reward_balance(addresses["TimelockController"]), desk.ledger.funded(run)
    if not 0 < amount <= held:
        raise ValueError(f"expected 1 to {held} wei, which the timelock holds, got {wei}")
    calls = [("RewardToken", "approve", (addresses["RewardVault"], amount)), ("RewardVault", "fund", (run, amount))]
    changes = {"budget": (str(before), str(before + amount)), "treasury": (str(held), str(held - amount))}
    return calls, f"Run {run}: add {amount} wei of the community's treasury to its budget.", changes


def _rollback(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (number,) = exactly(words, 1)
    state, now = desk.ledger.round(run, int(number)), desk.ledger.run(run)
    if state is None or not state.final:
        raise ValueError(f"expected a final round of run {run}, got {number}")
    changes = {"head": (now.head_cid, state.commit.checkpoint_cid)}
    effect = f"Run {run}: go back to the checkpoint of round {number}; rewards stay."
    return [run, int(number), data_fields(data_of(state))], effect, changes


def _spec_bounds(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    now, changes = desk.ledger.spec_bounds(), {}
    least, most = dict(vars(now.least)), dict(vars(now.most))
    for word in words:
        name, _, ends = word.partition("=")
        low, dots, high = ends.partition("..")
        if name not in least or not dots or not (low.isdecimal() and high.isdecimal()):
            raise ValueError(f"expected NAME=LEAST..MOST with a name of {', '.join(least)}, got {word!r}")
        changes[name] = (f"{least[name]}..{most[name]}", ends)
        least[name], most[name] = int(low), int(high)
    if not changes:
        raise ValueError("expected a change, got nothing")
    wanted = ParamBounds(least=SpecParams(**least), most=SpecParams(**most))
    return [bounds_fields(wanted)], f"Change the bounds of specs: {told(changes)}.", changes


def _promote(_desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (text,) = exactly(words, 1)
    return [run, cids.to_bytes(cids.parse(text))], f"Run {run}: make {text} the head checkpoint.", {}


def _release(_desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (text,) = exactly(words, 1)
    return [cids.digest(cids.parse(text))], f"Certify the release {text}.", {}


FORMS = dict((
    form("licence SPDX allow|forbid", "ArtifactRegistry.setLicence", RESPECT, _licence),
    form("dataset CID", "TrainingRuns.setDataset", TRAIN_TOGETHER, _dataset),
    form("quorum NUMBER", "TrainingRuns.setQuorum", ALL_CAN_BE_CHECKED, _quorum),
    form("reward-cap WEI", "TrainingRuns.setRewardCap", A_COMMUNITY_THAT_LASTS, _reward_cap),
    form("budget WEI", "RewardVault.fund", A_COMMUNITY_THAT_LASTS, _budget, many=True),
    form("rollback ROUND", "TrainingRuns.rollBack", TRAIN_TOGETHER, _rollback),
    form("spec-bounds NAME=LEAST..MOST...", "TrainingRuns.setBounds", NO_ONE_RULES_ALONE, _spec_bounds),
    form("promote CID", "TrainingRuns.promote", TRAIN_TOGETHER, _promote),
    form("release CID", "ArtifactRegistry.certifyRelease", TRAIN_TOGETHER, _release),
))  # fmt: skip
"""By the word that names it."""
