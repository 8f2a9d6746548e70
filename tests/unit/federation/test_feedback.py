"""Error feedback on disk: what counted is sent once, and a round that did not count leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from federation.config import WireSpec
from federation.error_feedback import ErrorFeedback
from federation.feedback import FeedbackFile
from federation.wire import decode
from node import cid as cids

Tensors = dict[str, NDArray[np.float32]]
SHAPES = {"matrix": (40, 30), "vector": (70,)}
Counted = Callable[[int, bytes], bool]


def counted(round_number: int, digest: bytes) -> bool:
    return True


def lost(round_number: int, digest: bytes) -> bool:
    return False


def never(round_number: int, digest: bytes) -> bool:
    raise AssertionError("expected no question: there was no update before")


def pseudo_gradient(seed: int) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def feedback(folder: Path, *, decay: str = "1", top_k: int = 512) -> FeedbackFile:
    return FeedbackFile(path=folder / "feedback-1.bin", wire=WireSpec(top_k=top_k, error_decay=Decimal(decay)))


def buffer_of(file: FeedbackFile) -> Tensors:
    saved = file._load()
    assert saved is not None
    return dict(ErrorFeedback.from_bytes(saved.after, decay=1, top_k=file.wire.top_k).error)


def assert_sums(parts: list[Tensors], wanted: list[tuple[float, Tensors]]) -> None:
    for name in SHAPES:
        total = sum(part[name].astype(np.float64) for part in parts)
        np.testing.assert_allclose(total, sum(f * w[name].astype(np.float64) for f, w in wanted), atol=1e-5)


def test_the_first_update_asks_for_none_before_it(tmp_path: Path) -> None:
    payload = feedback(tmp_path).compress(pseudo_gradient(1), round_number=1, was_counted=never)

    assert sorted(decode(payload, SHAPES, top_k=512)) == ["matrix", "vector"]


def test_what_was_sent_and_what_is_kept_make_the_pseudo_gradient(tmp_path: Path) -> None:
    file, first = feedback(tmp_path), pseudo_gradient(1)

    payload = file.compress(first, round_number=1, was_counted=never)

    assert_sums([decode(payload, SHAPES), buffer_of(file)], [(1, first)])


def test_over_two_counted_rounds_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    first, second = pseudo_gradient(1), pseudo_gradient(2)

    one = feedback(tmp_path).compress(first, round_number=1, was_counted=never)
    two = feedback(tmp_path).compress(second, round_number=2, was_counted=counted)

    assert_sums([decode(one, SHAPES), decode(two, SHAPES), buffer_of(feedback(tmp_path))], [(1, first), (1, second)])


def test_a_lost_update_leaves_no_trace(tmp_path: Path) -> None:
    first, second, third = (pseudo_gradient(seed) for seed in (1, 2, 3))
    for folder in ("lost", "absent"):
        (tmp_path / folder).mkdir()
        feedback(tmp_path / folder).compress(first, round_number=1, was_counted=never)

    feedback(tmp_path / "lost").compress(second, round_number=2, was_counted=counted)
    after_a_loss = feedback(tmp_path / "lost").compress(third, round_number=3, was_counted=lost)
    without_it = feedback(tmp_path / "absent").compress(third, round_number=3, was_counted=counted)

    assert after_a_loss == without_it


def test_updates_of_a_trainer_that_is_always_refused_do_not_grow(tmp_path: Path) -> None:
    gradient = pseudo_gradient(1)
    payloads = {
        feedback(tmp_path, decay="0.95").compress(gradient, round_number=number, was_counted=lost)
        for number in range(1, 9)
    }

    assert len(payloads) == 1


def test_the_same_round_asked_twice_gives_the_same_update(tmp_path: Path) -> None:
    first, second = pseudo_gradient(1), pseudo_gradient(2)

    feedback(tmp_path).compress(first, round_number=1, was_counted=never)
    once = feedback(tmp_path).compress(second, round_number=2, was_counted=counted)
    again = feedback(tmp_path).compress(second, round_number=2, was_counted=lost)

    assert again == once


@pytest.mark.parametrize("fates", [(counted, lost, counted), (lost, lost, lost), (counted, counted, counted)])
def test_the_mass_of_counted_rounds_alone_arrives_or_is_kept(tmp_path: Path, fates: tuple[Counted, ...]) -> None:
    gradients = [pseudo_gradient(seed) for seed in range(4)]
    payloads = [
        feedback(tmp_path).compress(gradient, round_number=number, was_counted=fate)
        for number, (gradient, fate) in enumerate(zip(gradients, (never, *fates), strict=True), start=1)
    ]

    arrived = [decode(p, SHAPES) for p, fate in zip(payloads, (*fates, counted), strict=True) if fate is counted]
    trained = [g for g, fate in zip(gradients, (*fates, counted), strict=True) if fate is counted]
    assert_sums([*arrived, buffer_of(feedback(tmp_path))], [(1, gradient) for gradient in trained])


def test_the_chain_is_asked_about_exactly_the_last_update(tmp_path: Path) -> None:
    asked: list[tuple[int, bytes]] = []

    one = feedback(tmp_path).compress(pseudo_gradient(1), round_number=5, was_counted=never)
    feedback(tmp_path).compress(
        pseudo_gradient(2),
        round_number=9,
        was_counted=lambda number, digest: bool(asked.append((number, digest))) or True,
    )

    assert asked == [(5, cids.digest(cids.of(one)))]


def test_the_same_history_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    payloads = [
        [feedback(tmp_path / folder).compress(pseudo_gradient(n), round_number=n, was_counted=counted) for n in (1, 2)]
        for folder in ("a", "b")
    ]

    assert payloads[0] == payloads[1]
    assert (tmp_path / "a/feedback-1.bin").read_bytes() == (tmp_path / "b/feedback-1.bin").read_bytes()


def test_a_voted_top_k_takes_the_buffer_over(tmp_path: Path) -> None:
    first, second = pseudo_gradient(1), pseudo_gradient(2)

    one = feedback(tmp_path, top_k=512).compress(first, round_number=1, was_counted=never)
    two = feedback(tmp_path, top_k=64).compress(second, round_number=2, was_counted=counted)

    assert len(two) < len(one)
    sent = [decode(one, SHAPES, top_k=512), decode(two, SHAPES, top_k=64)]
    assert_sums([*sent, buffer_of(feedback(tmp_path))], [(1, first), (1, second)])


@pytest.mark.parametrize("fate", [counted, lost])
def test_tensors_of_other_shapes_begin_with_an_empty_buffer(tmp_path: Path, fate: Counted) -> None:
    feedback(tmp_path).compress(pseudo_gradient(1), round_number=1, was_counted=never)
    other = {"vector": np.ones(9, np.float32)}

    payload = feedback(tmp_path, top_k=4096).compress(other, round_number=2, was_counted=fate)

    np.testing.assert_array_equal(decode(payload, {"vector": (9,)})["vector"], 1)


def damaged(data: bytes) -> dict[str, bytes]:
    flipped = bytearray(data)
    flipped[200] ^= 1
    size = (1).to_bytes(8, "big")
    return {
        "empty": b"",
        "short": data[:5],
        "text": b"not a feedback file at all",
        "cut in the buffer": data[: len(data) // 4],
        "a flipped bit": bytes(flipped),
        "a head that is a number": size + b"5" + data,
        "a head that is a list": (2).to_bytes(8, "big") + b"[]" + data,
        "a head without lengths": (2).to_bytes(8, "big") + b"{}" + data,
        "a length that is text": (39).to_bytes(8, "big") + b'{"round": 1, "before": "9", "after": 9}' + data,
        "a head of a size beyond the file": (2**63).to_bytes(8, "big") + data,
    }


@pytest.mark.parametrize("what", list(damaged(bytes(1000))))
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, what: str) -> None:
    file = feedback(tmp_path)
    file.compress(pseudo_gradient(1), round_number=1, was_counted=never)
    file.path.write_bytes(damaged(file.path.read_bytes())[what])

    with pytest.raises(ValueError, match=r"feedback-1\.bin: expected an error feedback file; delete it to start"):
        file.compress(pseudo_gradient(2), round_number=2, was_counted=counted)


def test_a_pseudo_gradient_that_is_not_finite_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = feedback(tmp_path)
    file.compress(pseudo_gradient(1), round_number=1, was_counted=never)
    before = file.path.read_bytes()
    bad = pseudo_gradient(2)
    bad["vector"][3] = np.nan

    with pytest.raises(ValueError, match="vector"):
        file.compress(bad, round_number=2, was_counted=counted)

    assert file.path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["feedback-1.bin"]
