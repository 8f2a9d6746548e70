"""The coordinator's journal: what was gathered for exactly this round survives, everything else is dropped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from federation.journal import Journal

ROUND = (1, 4, "spec", "base")


def journal(tmp_path: Path) -> Journal:
    return Journal(path=tmp_path / "journal.json")


def never() -> Any:
    raise AssertionError("expected the journal's result, the phase was gathered again")


def test_a_new_round_has_no_phases(tmp_path: Path) -> None:
    assert journal(tmp_path).open_round(*ROUND) == {}


def test_a_phase_is_gathered_once_and_kept_over_a_restart(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    assert first.phase("train", lambda: {"replies": [1, 2]}) == {"replies": [1, 2]}
    assert first.phase("train", never) == {"replies": [1, 2]}

    second = journal(tmp_path)

    assert second.open_round(*ROUND) == {"train": {"replies": [1, 2]}}
    assert second.phase("train", never) == {"replies": [1, 2]}
    assert second.phase("score", lambda: "sheets") == "sheets"
    assert journal(tmp_path).open_round(*ROUND) == {"train": {"replies": [1, 2]}, "score": "sheets"}


@pytest.mark.parametrize("other", [(2, 4, "spec", "base"), (1, 5, "spec", "base"), (1, 4, "voted", "base"),
                                   (1, 4, "spec", "other")])  # fmt: skip
def test_a_journal_of_another_run_round_spec_or_base_is_dropped(tmp_path: Path, other: tuple[Any, ...]) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    first.phase("train", lambda: "old")

    second = journal(tmp_path)

    assert second.open_round(*other) == {}
    assert second.phase("train", lambda: "new") == "new"
    assert journal(tmp_path).open_round(*ROUND) == {}


def test_a_closed_round_is_forgotten_and_closing_twice_is_no_error(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    first.phase("train", lambda: "old")

    first.close_round()
    first.close_round()

    assert journal(tmp_path).open_round(*ROUND) == {}


def test_opening_again_after_a_failed_attempt_gathers_anew(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    first.phase("train", lambda: "old")
    first.close_round()

    first.open_round(*ROUND)

    assert first.phase("train", lambda: "new") == "new"


def test_a_phase_that_fails_is_not_kept(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    with pytest.raises(ZeroDivisionError):
        first.phase("train", lambda: 1 / 0)

    assert first.phase("train", lambda: "again") == "again"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b'{"round": [1, 4, "sp',
        b"[]",
        b"5",
        b"{}",
        json.dumps({"round": list(ROUND)}).encode(),
        json.dumps({"round": list(ROUND), "phases": None}).encode(),
        json.dumps({"round": list(ROUND), "phases": ["train"]}).encode(),
    ],
)
def test_a_damaged_journal_is_dropped(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "journal.json").write_bytes(data)

    first = journal(tmp_path)

    assert first.open_round(*ROUND) == {}
    assert first.phase("train", lambda: "new") == "new"


def test_nothing_but_the_journal_stays_in_the_folder(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.open_round(*ROUND)
    first.phase("train", lambda: "x" * 100_000)

    assert [p.name for p in tmp_path.iterdir()] == ["journal.json"]
