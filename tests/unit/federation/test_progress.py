"""Progress for people and for scripts; what members wrote is shown as they wrote it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from federation.progress import watch
from node.console import Out

REFUSAL = {"account": "0xabc", "reason": "client-error", "detail": "see [/tmp/log] and [bold]this"}
COMMITTED = {
    "event": "committed",
    "round": 3,
    "heldout_loss_micro": 1_350_000,
    "parent_heldout_loss_micro": 1_500_000,
    "num_clients": 2,
    "refusals": [REFUSAL],
}
ROUND: list[Mapping[str, Any]] = [
    {"event": "round-opened", "round": 3},
    {"event": "training", "round": 3, "members": ["alice", "bob"]},
    {"event": "answered", "round": 3, "phase": "train", "member": "alice", "seconds": 1.0},
    {"event": "gated", "round": 3},
    {"event": "scoring", "round": 3, "members": ["dora"]},
    {"event": "cosigning", "round": 3},
    COMMITTED,
]


def shown(capsys: pytest.CaptureFixture[str], events: list[Mapping[str, Any]], *, as_json: bool = False) -> str:
    with watch(Out(as_json=as_json), 1) as tell:
        for event in events:
            tell(event)
    return " ".join(capsys.readouterr().out.split())


def test_a_round_is_told_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, ROUND)

    assert "round 3 committed: held-out loss 1.5000 → 1.3500 (-10.0 %), 2 updates" in text


def test_a_refusal_is_shown_as_its_owner_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "refused 0xabc: client-error: see [/tmp/log] and [bold]this" in shown(capsys, [COMMITTED])


def test_a_failed_round_says_why_and_that_the_head_stays(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [{"event": "round-failed", "round": 3, "detail": "too-few-updates: [/x]"}])

    assert "round 3 failed: too-few-updates: [/x]; the head stays, it is tried again" in text


def test_a_merit_epoch_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, [{"event": "epoch-committed", "epoch": 2, "members": 5, "upto_round": 6}])

    assert "merit epoch 2 committed: 5 members, up to round 6" in text


def test_names_with_markup_in_them_do_no_harm(capsys: pytest.CaptureFixture[str]) -> None:
    shown(capsys, [{"event": "training", "round": 1, "members": ["[/bold]"]},
                   {"event": "scoring", "round": 1, "members": ["[/red]"]}])  # fmt: skip


def test_a_loss_of_zero_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "committed" in shown(capsys, [{**COMMITTED, "parent_heldout_loss_micro": 0, "refusals": []}])


def test_an_event_that_nobody_knows_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert "committed" not in shown(capsys, [{"event": "sneezed", "round": 1}])


def test_scripts_get_every_event_as_one_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    with watch(Out(as_json=True), 1) as tell:
        for event in ROUND:
            tell(event)

    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == ROUND
