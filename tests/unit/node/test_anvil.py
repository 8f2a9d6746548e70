"""The chain's state survives a kill, even in the middle of being written."""

from __future__ import annotations

from pathlib import Path

from node import anvil


def test_a_whole_state_is_left_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"block": 2}')
    anvil.copy_path(state).write_text('{"block": 1}')
    anvil.restore(state)
    assert state.read_text() == '{"block": 2}'


def test_half_a_state_gives_way_to_the_last_whole_copy(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"block": 1}')
    assert anvil.keep_copy(state)
    state.write_text('{"blo')
    anvil.restore(state)
    assert state.read_text() == '{"block": 1}'
    assert (tmp_path / "state.broken.json").read_text() == '{"blo'


def test_half_a_state_is_never_kept_as_a_copy(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"block": 1}')
    anvil.keep_copy(state)
    state.write_text('{"blo')
    assert not anvil.keep_copy(state)
    assert anvil.copy_path(state).read_text() == '{"block": 1}'


def test_without_any_whole_state_the_chain_begins_anew(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("")
    anvil.restore(state)
    assert not state.exists()
