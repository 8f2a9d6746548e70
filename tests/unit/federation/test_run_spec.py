"""The run spec: equal rules have equal bytes, and every setting that cannot be used is named."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from decimal import Decimal

import pytest

from federation.aggregate import AGGREGATION_RULES
from federation.config import InnerSpec, OuterSpec, RewardSpec, RoundSpec, RunSpec
from node import cid as cids
from node.errors import ConfigError
from node.records.runs import SpecParams

TOML = """
name = "worlds"
[inner]
num_steps = 20
learning_rate = 0.0020
[reward]
per_round = "100000000000000000000"
"""


def raw(**sections: object) -> bytes:
    return json.dumps({"version": 1, **sections}).encode()


def test_a_spec_survives_its_bytes_exactly() -> None:
    spec = RunSpec.from_toml(TOML)

    again = RunSpec.from_bytes(spec.to_bytes())

    assert again == spec
    assert again.to_bytes() == spec.to_bytes()
    assert (spec.name, spec.inner.num_steps, spec.reward.per_round) == ("worlds", 20, 10**20)


def test_the_bytes_are_sorted_json_without_spaces_or_floats() -> None:
    changes = {"gate.max_norm_ratio": "10", "inner.batch_size": "8", "inner.learning_rate": "0.002"}
    data = RunSpec().with_changes({**changes, "reward.per_round": str(10**20)}).to_bytes()

    assert data.startswith(b'{"gate":{"max_norm_ratio":"10"},"inner":{"batch_size":8,')
    assert b'"learning_rate":"0.002"' in data
    assert b'"per_round":"100000000000000000000"' in data
    assert b'"version":1' in data
    assert b" " not in data


@pytest.mark.parametrize("seed", range(5))
def test_equal_specs_have_equal_bytes_in_any_order_of_sections_and_settings(seed: int) -> None:
    spec = json.loads(RunSpec().to_bytes())
    shuffle = random.Random(seed).sample
    mixed = {k: dict(shuffle(list(v.items()), len(v))) if isinstance(v, dict) else v for k, v in spec.items()}
    mixed = dict(shuffle(list(mixed.items()), len(mixed)))

    assert RunSpec.from_bytes(json.dumps(mixed).encode()).to_bytes() == RunSpec().to_bytes()


@pytest.mark.parametrize("text", ["0.5", "0.50", "00.5", ".5", "5e-1", "+0.5", " 0.5 "])
def test_equal_numbers_have_equal_bytes_in_any_spelling(text: str) -> None:
    written = RunSpec().with_changes({"outer.alpha": text})

    assert written.to_bytes() == RunSpec(outer=OuterSpec(alpha=Decimal("0.5"))).to_bytes()
    assert b'"alpha":"0.5"' in written.to_bytes()


@pytest.mark.parametrize("text", ["0", "-0", "0.000", "0e7"])
def test_zero_has_one_spelling_and_no_sign(text: str) -> None:
    assert b'"weight_decay":"0"' in RunSpec().with_changes({"inner.weight_decay": text}).to_bytes()


def test_equal_specs_made_in_python_have_equal_bytes() -> None:
    made = [RunSpec(outer=OuterSpec(alpha=Decimal(text))) for text in ("1", "1.00", "1E0")]

    assert {spec.to_bytes() for spec in made} == {made[0].to_bytes()}


@pytest.mark.parametrize("value", [0.001, "0.001", "1e-3"])
def test_a_real_number_may_come_as_json_number_or_as_text(value: object) -> None:
    spec = RunSpec.from_bytes(raw(inner={"learning_rate": value}))

    assert spec.inner.learning_rate == Decimal("0.001")


def test_a_changed_setting_makes_another_cid_and_leaves_the_rest() -> None:
    changed = RunSpec().with_changes({"inner.num_steps": "20", "round.min_updates": "3"})

    assert (changed.inner.num_steps, changed.round.min_updates) == (20, 3)
    assert changed.wire == RunSpec().wire
    assert cids.of(changed.to_bytes()) != cids.of(RunSpec().to_bytes())


def test_settings_that_only_fit_together_can_be_changed_together() -> None:
    changed = RunSpec().with_changes({"reward.trainers_bps": "7000", "reward.evaluators_bps": "3000"})

    assert (changed.reward.trainers_bps, changed.reward.evaluators_bps) == (7_000, 3_000)


def test_settings_that_are_left_out_have_their_defaults() -> None:
    assert RunSpec.from_bytes(raw()) == RunSpec()
    assert RunSpec.from_toml("") == RunSpec()


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("inner.num_steps", "0", "inner.num_steps: expected 1 to 10000, got 0"),
        ("inner.num_steps", "many", "inner.num_steps: expected an integer such as .*, got 'many'"),
        ("inner.num_steps", "1.5", "inner.num_steps: expected an integer such as .*, got '1.5'"),
        ("inner.learning_rate", "fast", "inner.learning_rate: expected a decimal number such as .*, got 'fast'"),
        ("inner.learning_rate", "nan", "inner.learning_rate: expected a decimal number"),
        ("inner.learning_rate", "inf", "inner.learning_rate: expected a decimal number"),
        ("inner.learning_rate", "1e99999999", "inner.learning_rate: expected a decimal number"),
        ("outer.alpha", "11", "outer.alpha: expected 0.001 to 10, got 11"),
        ("outer.strategy", "best", "outer.strategy: expected one of sparseloco.*, got 'best'"),
        ("wire.top_k", "4097", "wire.top_k: expected 1 to 4096, got 4097"),
        ("gate.max_norm_ratio", "0.5", "gate.max_norm_ratio: expected 1 to 1000, got 0.5"),
        ("score.num_clips", "0", "score.num_clips: expected 2 to 4096, got 0"),
        ("model.width", "4", "model.width: expected 8 to 4096, got 4"),
        ("inner.tasks", "", "inner.tasks: expected tasks of unconditional, predict.*, got ''"),
        ("inner.tasks", "tube,tube", "inner.tasks: expected tasks, each once and with a positive weight"),
        ("inner.tasks", "guess", "inner.tasks: expected tasks of unconditional, predict.*, got 'guess'"),
        ("inner.tasks", "tube:much", "inner.tasks: expected tasks as name:weight,name:weight, got 'tube:much'"),
        ("inner.tasks", "tube:0", "inner.tasks: expected tasks, each once and with a positive weight, got 'tube:0'"),
        ("inner.steps", "4", "unknown setting inner.steps; expected one of .*'num_steps'"),
        ("inner", "4", "unknown setting 'inner'; expected SECTION.NAME"),
        ("inner.", "4", "unknown setting 'inner.'; expected SECTION.NAME"),
        ("name", "x", "unknown setting 'name'; expected SECTION.NAME"),
        ("outest.alpha", "1", "unknown setting 'outest.alpha'.*SECTION one of"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_what_was_expected(setting: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunSpec().with_changes({setting: value})


def test_an_enormous_number_is_refused_in_one_short_line() -> None:
    with pytest.raises(ConfigError) as caught:
        RunSpec().with_changes({"outer.alpha": "1e900000"})

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected JSON"),
        (b"\xff\xfe", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", "expected a JSON object of version 1"),
        (b"{}", "expected a JSON object of version 1"),
        (raw(version=2), "expected a JSON object of version 1"),
        (raw(inner=7), "inner: expected a table of settings, got 7"),
        (raw(inner={"num_steps": True}), "inner.num_steps: expected an integer"),
        (raw(inner={"num_steps": None}), "inner.num_steps: expected an integer"),
        (raw(model={"preset": ["nano"]}), "model.preset: expected text"),
        (raw(wier={}), r"unknown section \['wier'\]"),
        (raw(name=""), "name: expected 1 to 64 characters"),
        (raw(name="x" * 65), "name: expected 1 to 64 characters"),
        (raw(name=5), "name: expected 1 to 64 characters, got 5"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bytes_that_are_no_spec_are_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunSpec.from_bytes(data)


def test_toml_with_a_mistake_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"not TOML: .*line 2"):
        RunSpec.from_toml("[inner]\nnum_steps 20\n")


def test_shares_of_the_reward_must_fill_the_whole() -> None:
    with pytest.raises(ConfigError, match="sum to 10000"):
        RewardSpec(trainers_bps=8_000, evaluators_bps=1_999)
    with pytest.raises(ConfigError, match="sum to 10000"):
        RewardSpec(trainers_bps=10_001, evaluators_bps=-1)


def test_every_clock_of_a_round_has_a_range() -> None:
    for name in ("deadline_seconds", "score_deadline_seconds", "cosign_deadline_seconds"):
        with pytest.raises(ConfigError, match=f"round.{name}: expected 1 to 86400, got 0"):
            RoundSpec(**{name: 0})
    assert RoundSpec(grace_seconds=0).grace_seconds == 0


def test_a_batch_of_no_clips_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"inner\.batch_size"):
        InnerSpec(batch_size=0)


def test_tasks_are_names_with_weights_and_a_name_alone_weighs_one() -> None:
    spec = RunSpec().with_changes({"inner.tasks": "predict:0.25,tube"})
    assert spec.inner.task_weights() == (("predict", 0.25), ("tube", 1.0))
    assert RunSpec().inner.task_weights() == (("unconditional", 1.0),)


def test_the_chain_is_told_eight_numbers_of_a_spec_in_whole_units() -> None:
    spec = RunSpec().with_changes(
        {
            "inner.num_steps": "20",
            "inner.learning_rate": "0.0003",
            "inner.batch_size": "4",
            "outer.alpha": "0.65",
            "round.min_updates": "3",
            "reward.per_round": "7",
            "reward.trainers_bps": "6000",
            "reward.evaluators_bps": "4000",
        }
    )

    assert spec.chain_params == SpecParams(
        inner_steps=20,
        learning_rate_millionths=300,
        batch_size=4,
        outer_alpha_bps=6_500,
        min_updates=3,
        reward_per_round=7,
        trainers_bps=6_000,
        aggregation_rule=1,
    )


@pytest.mark.parametrize(
    ("setting", "value", "unit"),
    [("inner.learning_rate", "0.0000015", "0.000001"), ("outer.alpha", "0.65005", "0.0001")],
)
def test_a_number_that_the_chain_cannot_count_is_refused(setting: str, value: str, unit: str) -> None:
    with pytest.raises(ConfigError, match=f"{setting}: expected a multiple of {unit}, got {value}"):
        RunSpec().with_changes({setting: value})


def test_an_unknown_aggregation_rule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"outer\.aggregation: expected one of clipped-mean, got 'loudest'"):
        RunSpec().with_changes({"outer.aggregation": "loudest"})


def test_every_aggregation_rule_has_an_id_of_its_own() -> None:
    ids = [rule.rule_id for rule in AGGREGATION_RULES.values()]
    assert (len(set(ids)), min(ids)) == (len(ids), 1)


def test_an_honest_declaration_is_taken_and_a_lying_one_named() -> None:
    spec = RunSpec()
    spec.require_declared(spec.chain_params)
    with pytest.raises(ConfigError, match="expected reward_per_round = 0 as its proposal declared on chain"):
        spec.require_declared(replace(spec.chain_params, reward_per_round=0))
