"""Proposals that change a spec: the effect is in plain sight, and nothing is proposed that could not be used."""

from __future__ import annotations

import pytest

from federation.config import RunSpec
from federation.proposals import Change, plan_spec, spec_changes
from node.cid import from_bytes
from node.errors import ConfigError
from node.forms import Plan
from node.membership import MemberDesk
from node.records.proposals import ProposalKind
from tests.support.desk import desk_of
from tests.support.played import Played
from tests.support.tiny import identity


@pytest.fixture
def played() -> Played:
    """A run with a merit epoch: without one there is no voting weight and no proposal."""
    found = Played()
    found.commit(found.record({"alice": 3_000, "bob": 1_000}))
    found.commit_epoch(1, 1)
    return found


def bob(played: Played) -> MemberDesk:
    return desk_of(identity("bob"), played.ledger, played.store)


def proposed_spec(played: Played, plan: Plan) -> RunSpec:
    call = played.ledger.describe_action(plan.actions[0])
    return RunSpec.from_bytes(played.store.get(from_bytes(call["args"]["specCid"])))


def test_only_the_settings_that_differ_are_changes() -> None:
    before = RunSpec().with_changes({"inner.num_steps": "14", "outer.alpha": "1"})
    after = before.with_changes({"inner.num_steps": "20", "outer.alpha": "0.650"})

    assert list(spec_changes(before, after)) == [
        Change(setting="inner.num_steps", before="14", after="20"),
        Change(setting="outer.alpha", before="1", after="0.65"),
    ]


def test_equal_specs_have_no_changes_however_they_are_spelt() -> None:
    before = RunSpec().with_changes({"inner.num_steps": "14", "outer.alpha": "0.5"})

    assert list(spec_changes(before, before.with_changes({"inner.num_steps": " 014 ", "outer.alpha": "0.50"}))) == []


def test_a_proposal_names_its_effect_and_calls_the_runs_contract(played: Played) -> None:
    plan = plan_spec(bob(played), 1, {"inner.num_steps": "18", "round.min_updates": "3"})
    number = bob(played).propose(plan.actions, plan.text("Fewer messages."), plan.article)

    (stored,) = played.ledger.proposals()
    assert (stored.proposal_id, stored.kind) == (number, ProposalKind.ROUTINE)
    assert stored.description.startswith(
        "Run 1: change inner.num_steps from 14 to 18, round.min_updates from 2 to 3.\n\nFewer messages."
        "\n#article=1\n#proposer=0x"
    )
    call = played.ledger.describe_action(stored.actions[0])
    assert (call["contract"], call["function"]) == ("TrainingRuns", "setSpec")
    assert proposed_spec(played, plan).inner.num_steps == 18
    assert plan.changes == {"inner.num_steps": ("14", "18"), "round.min_updates": ("2", "3")}


def test_the_spec_in_force_is_what_changes_are_compared_with(played: Played) -> None:
    played.set_spec(played.spec.with_changes({"inner.num_steps": "30"}))

    plan = plan_spec(bob(played), 1, {"inner.batch_size": "4"})

    assert list(plan.changes) == ["inner.batch_size"]
    assert proposed_spec(played, plan).inner.num_steps == 30


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inner.num_steps": "14"}, "in force already"),
        ({"inner.num_steps": "014"}, "in force already"),
        ({}, "in force already"),
        ({"inner.steps": "3"}, "unknown setting inner.steps"),
        ({"outer.strategy": "magic"}, r"outer\.strategy: expected one of"),
        ({"inner.num_steps": "-1"}, r"inner\.num_steps: expected 1 to 10000, got -1"),
    ],
)
def test_what_changes_nothing_or_cannot_be_used_is_not_proposed(
    played: Played, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_spec(bob(played), 1, settings)


def test_a_run_that_is_not_on_chain_is_named(played: Played) -> None:
    with pytest.raises(ConfigError, match="expected a run on chain, got 9"):
        plan_spec(bob(played), 9, {"inner.num_steps": "18"})
