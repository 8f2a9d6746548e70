"""The tools of the contracts: an invariant that nothing puts to the test is named."""

from __future__ import annotations

from contracts.tools import fuzz

TABLE = """
[PASS] invariant_rewards_are_claimed_once() (runs: 32, calls: 1280, reverts: 624)

╭----------------+--------------+-------+---------+----------╮
| Contract       | Selector     | Calls | Reverts | Discards |
+============================================================+
| RewardsHandler | claim        | 172   | 160     | 0        |
|----------------+--------------+-------+---------+----------|
| RewardsHandler | dispute      | 94    | 94      | 0        |
|----------------+--------------+-------+---------+----------|
| RewardsHandler | attack_vault | 71    | 71      | 0        |
|----------------+--------------+-------+---------+----------|
| RewardsHandler | attack_role  | 71    | 70      | 0        |
╰----------------+--------------+-------+---------+----------╯
"""


def test_the_rows_of_an_invariant_are_read() -> None:
    actions = fuzz.parse(TABLE.splitlines())
    assert [action.name for action in actions] == ["claim", "dispute", "attack_vault", "attack_role"]
    assert actions[0] == fuzz.Action(handler="RewardsHandler", name="claim", calls=172, reverts=160)


def test_a_run_without_a_table_shows_nothing() -> None:
    assert fuzz.misses([]) == ["forge printed no table of calls and reverts"]


def test_what_never_succeeds_and_an_attack_that_does_are_named() -> None:
    assert fuzz.misses(fuzz.parse(TABLE.splitlines())) == [
        "RewardsHandler.dispute was called 94 times and always reverted",
        "RewardsHandler.attack_role succeeded 1 times and should never",
    ]
