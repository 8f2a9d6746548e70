"""The wire format of updates: bytes by hand, round trips, error feedback, refusals and a fuzzed decoder."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from federation.error_feedback import ErrorFeedback
from federation.wire import (
    WireError,
    decode,
    decode_sparse,
    encode,
    max_payload_bytes,
    read_header,
    table_digest,
)

SHAPES = {"conv": (7, 5, 3, 3), "gain": (), "matrix": (130, 70), "vector": (5000,)}
HEADER_BYTES = 41
GOLDEN = ["febb14b2307a8abd", "05374f6d0b394138", "85e6ed7a7b301c7b"]


def random_tensors(seed: int, shapes: dict[str, tuple[int, ...]] | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = SHAPES if shapes is None else shapes
    return {name: np.asarray(1e-3 * rng.standard_t(3, shape)).astype(np.float32) for name, shape in shapes.items()}


def counted_tensors() -> dict[str, np.ndarray]:
    """Heavy tails from integer arithmetic alone: the same on every machine and NumPy."""
    tensors = {}
    for offset, (name, shape) in enumerate(SHAPES.items()):
        count = np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(1000 * offset)
        uniform = ((count * np.uint64(2654435761)) % np.uint64(2**24)).astype(np.float32) / np.float32(2**23) - 1
        tensors[name] = (uniform * uniform * uniform).reshape(shape)
    return tensors


def eight(*, at_2: float, at_6: float) -> dict[str, np.ndarray]:
    return {"w": np.array([0, 0, at_2, 0, 0, 0, at_6, 0], np.float32)}


def bits(tensors: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in tensors.items()}


def code_of(data: bytes, shapes: dict[str, tuple[int, ...]] | None = None, *, top_k: int | None = None) -> str:
    with pytest.raises(WireError) as caught:
        decode(data, SHAPES if shapes is None else shapes, top_k=top_k)
    return caught.value.code


def test_the_bytes_of_a_tiny_update_are_these() -> None:
    # Two of 8 entries; gaps 2 and 3; r = 1: low bits 0 1, quotients 1 1; codes 2 (level 5) and 0 (level -3).
    payload = encode(eight(at_2=5.0, at_6=-3.0), top_k=1024)

    digest = hashlib.sha256(b'[["w",[8]]]').digest()
    header = b"TWSU" + bytes([1, 64]) + (1024).to_bytes(2, "little") + bytes([1]) + digest
    levels = bytes.fromhex("40c0 40c0 a040 a040")
    assert payload == header + levels + bytes([0b10, 0b0010, 0b1010])


def test_a_change_of_the_format_is_noticed() -> None:
    digests = [
        hashlib.sha256(encode(counted_tensors(), top_k=top_k, block=block)).hexdigest()[:16]
        for top_k, block in ((64, 4096), (1024, 4096), (64, 256))
    ]

    assert digests == GOLDEN


def test_levels_that_bfloat16_holds_come_back_exactly() -> None:
    values = eight(at_2=0.5, at_6=-3.0)

    assert bits(decode(encode(values, top_k=1024), {"w": (8,)})) == bits(values)


@pytest.mark.parametrize("top_k", [1, 64, 341, 512, 1024, 2048, 4096])
@pytest.mark.parametrize("block", [64, 4096])
def test_the_largest_entries_of_every_tile_are_sent_and_no_others(top_k: int, block: int) -> None:
    side = {64: 8, 4096: 64}[block]
    tensors = random_tensors(3, {"m": (130, 70)})

    sparse = decode_sparse(encode(tensors, top_k=top_k, block=block), {"m": (130, 70)})["m"]

    sent = np.zeros((130, 70), bool)
    sent.reshape(-1)[sparse.indices] = True
    for top in range(0, 130, side):
        for left in range(0, 70, side):
            tile = np.abs(tensors["m"][top : top + side, left : left + side]).reshape(-1)
            chosen = sent[top : top + side, left : left + side].reshape(-1)
            count = max(1, (top_k * tile.size + 2048) // 4096)
            assert set(np.flatnonzero(chosen)) == set(np.argsort(-tile, kind="stable")[:count])


def test_a_vector_is_cut_into_chunks_of_4096() -> None:
    vector = np.zeros(5000, np.float32)
    vector[[0, 4095, 4096, 4999]] = [3, 2, 1, 1]

    sparse = decode_sparse(encode({"v": vector}, top_k=2), {"v": (5000,)})["v"]

    assert sparse.indices.tolist() == [0, 4095, 4096]  # 2 of 4096, at least 1 of 904


def test_equal_magnitudes_go_to_the_lower_index() -> None:
    ones = np.ones(4096, np.float32)
    ones[1::2] = -1

    sparse = decode_sparse(encode({"v": ones}, top_k=3), {"v": (4096,)})["v"]

    assert sparse.indices.tolist() == [0, 1, 2]
    assert sparse.values.tolist() == [1, -1, 1]


def test_a_tensor_without_entries_is_carried() -> None:
    shapes = {"empty": (0, 5), "flat": (0,), "w": (8,)}
    tensors = {"empty": np.zeros((0, 5), np.float32), "flat": np.zeros(0, np.float32), **eight(at_2=1.0, at_6=2.0)}

    assert bits(decode(encode(tensors, top_k=1024), shapes)) == bits(tensors)


def test_an_update_without_tensors_is_a_header() -> None:
    assert len(encode({}, top_k=64)) == HEADER_BYTES
    assert decode(encode({}, top_k=64), {}) == {}


def test_a_column_slice_encodes_like_its_copy() -> None:
    wide = random_tensors(5, {"m": (128, 140)})["m"]

    assert encode({"m": wide[:, ::2]}, top_k=64) == encode({"m": wide[:, ::2].copy()}, top_k=64)
    assert encode({"m": wide.T}, top_k=64) == encode({"m": wide.T.copy()}, top_k=64)


@pytest.mark.parametrize("top_k", [1, 64, 256, 512, 1024, 2048, 4096])
@pytest.mark.parametrize("block", [64, 256, 1024, 4096])
def test_no_payload_exceeds_the_limit_for_its_shapes(top_k: int, block: int) -> None:
    payload = encode(random_tensors(0), top_k=top_k, block=block)

    assert len(payload) <= max_payload_bytes(SHAPES, top_k=top_k, block=block)


def test_an_entry_in_64_costs_less_than_a_fiftieth_of_a_byte_per_parameter() -> None:
    shapes = {"m": (1024, 1024)}

    assert len(encode(random_tensors(0, shapes), top_k=64)) < 0.0187 * 1024 * 1024


def test_when_half_of_the_entries_are_sent_indices_are_a_bitmap() -> None:
    shapes = {"m": (512, 512)}
    payload = encode(random_tensors(0, shapes), top_k=2048)

    assert read_header(payload).rice == 0
    assert len(payload) <= HEADER_BYTES + 8 + 512 * 512 // 8 + 512 * 512 // 8


def test_quantised_values_are_the_nearest_levels() -> None:
    tensors = random_tensors(1, {"m": (256, 256)})
    sparse = decode_sparse(encode(tensors, top_k=64), {"m": (256, 256)})["m"]
    levels = np.unique(sparse.values).astype(np.float64)
    original = tensors["m"].reshape(-1)[sparse.indices].astype(np.float64)

    nearest = levels[np.abs(original[:, None] - levels).argmin(axis=1)]

    assert len(levels) == 4
    assert nearest.tolist() == sparse.values.tolist()


def test_the_codebook_is_half_as_wrong_as_four_bins_over_six_sigma() -> None:
    values = np.random.default_rng(2).laplace(size=(256, 256)).astype(np.float32)
    sparse = decode_sparse(encode({"m": values}, top_k=64), {"m": (256, 256)})["m"]
    chosen = values.reshape(-1)[sparse.indices].astype(np.float64)
    bins = np.digitize(chosen, chosen.mean() + 1.5 * chosen.std() * np.array([-1, 0, 1]))
    by_bins = np.array([chosen[bins == b].mean() if (bins == b).any() else 0.0 for b in range(4)])[bins]

    ours = np.square(chosen - sparse.values).sum()

    assert ours < 0.6 * np.square(chosen - by_bins).sum()


def test_levels_saturate_below_infinity() -> None:
    largest = float(np.finfo(np.float32).max)

    decoded = decode(encode(eight(at_2=largest, at_6=-largest), top_k=1024), {"w": (8,)})["w"]

    assert decoded[2] == -decoded[6] == np.array(0x7F7F0000, np.uint32).view(np.float32)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_is_not_encoded(value: float) -> None:
    tensors = random_tensors(0)
    tensors["matrix"][100, 69] = value

    with pytest.raises(WireError, match="matrix holds a NaN") as caught:
        encode(tensors, top_k=64)
    assert caught.value.code == "not-finite"


def test_float64_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="w: expected float32, got float64"):
        encode({"w": np.zeros(8)}, top_k=64)


@pytest.mark.parametrize("top_k", [0, 4097, -1])
def test_a_top_k_out_of_range_is_refused(top_k: int) -> None:
    with pytest.raises(ValueError, match="expected top_k of 1 to 4096"):
        encode({}, top_k=top_k)


@pytest.mark.parametrize("block", [0, 1, 100, 128, 16384])
def test_a_block_that_is_no_small_square_is_refused(block: int) -> None:
    with pytest.raises(ValueError, match="expected a block of 64, 256, 1024, 4096"):
        encode({}, top_k=64, block=block)


def test_what_was_transmitted_is_what_everyone_decodes() -> None:
    payload, transmitted = ErrorFeedback().step(random_tensors(0))

    assert bits(decode(payload, SHAPES)) == bits(transmitted)
    assert bits({n: s.dense() for n, s in decode_sparse(payload, SHAPES).items()}) == bits(transmitted)


def test_three_steps_of_error_feedback_by_hand() -> None:
    feedback = ErrorFeedback(decay=0.5, top_k=512)  # one of 8 entries, so a level is that entry
    steps = [feedback.step({"w": np.array([4, 3, -2, 0, 0, 0, 0, 1], np.float32)})[1]["w"].tolist()]
    steps.append(feedback.step({"w": np.array([0, 0, -2, 0, 0, 0, 0, 0], np.float32)})[1]["w"].tolist())
    steps.append(feedback.step({"w": np.zeros(8, np.float32)})[1]["w"].tolist())

    assert steps == [[4, 0, 0, 0, 0, 0, 0, 0], [0, 0, -3, 0, 0, 0, 0, 0], [0, 0.75, 0, 0, 0, 0, 0, 0]]
    assert feedback.error["w"].tolist() == [0, 0, 0, 0, 0, 0, 0, 0.25]


@pytest.mark.parametrize("top_k", [1, 64, 1024, 4096])
def test_error_and_transmitted_make_up_the_decayed_error_and_the_pseudo_gradient(top_k: int) -> None:
    feedback = ErrorFeedback(top_k=top_k)
    before = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    for round_number in range(4):
        gradient = random_tensors(round_number)
        _, transmitted = feedback.step(gradient)
        for name, error in feedback.error.items():
            accumulated = np.float32(0.95) * before[name] + gradient[name]
            unsent = transmitted[name] == 0
            assert error[unsent].tobytes() == accumulated[unsent].tobytes()
            assert error.tobytes() == (accumulated - transmitted[name]).tobytes()
        before = {name: error.copy() for name, error in feedback.error.items()}


def test_without_decay_everything_is_sent_in_the_end() -> None:
    gradient = random_tensors(0)
    feedback = ErrorFeedback(decay=1.0, top_k=512)
    total = {name: np.zeros(shape, np.float64) for name, shape in SHAPES.items()}
    silence = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}
    for step in range(40):
        for name, sent in feedback.step(silence if step else gradient)[1].items():
            total[name] += sent

    left = sum(float(np.square(gradient[n] - total[n]).sum()) for n in SHAPES)
    assert left < 1e-3 * sum(float(np.square(g.astype(np.float64)).sum()) for g in gradient.values())


def test_a_restarted_client_sends_the_same_bytes() -> None:
    running = ErrorFeedback()
    running.step(random_tensors(0))
    restarted = ErrorFeedback.from_bytes(running.to_bytes())

    assert running.step(random_tensors(1))[0] == restarted.step(random_tensors(1))[0]
    assert running.to_bytes() == restarted.to_bytes()


def test_a_buffer_before_the_first_step_survives_a_restart() -> None:
    restarted = ErrorFeedback.from_bytes(ErrorFeedback().to_bytes())

    assert restarted.step(random_tensors(0))[0] == ErrorFeedback().step(random_tensors(0))[0]


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: b"", lambda d: d[:-40] + b"\1" + d[-39:], lambda d: d * 2]
)
def test_a_torn_buffer_is_refused(damage) -> None:  # type: ignore[no-untyped-def]
    feedback = ErrorFeedback()
    feedback.step(random_tensors(0))

    with pytest.raises(WireError, match="error feedback buffer"):
        ErrorFeedback.from_bytes(damage(feedback.to_bytes()))


def test_a_refused_step_leaves_the_buffer_as_it_was() -> None:
    feedback = ErrorFeedback()
    feedback.step(random_tensors(0))
    before = feedback.to_bytes()
    poisoned = random_tensors(1)
    poisoned["vector"][7] = np.nan

    with pytest.raises(WireError, match="vector holds a NaN"):
        feedback.step(poisoned)
    with pytest.raises(ValueError, match="the pseudo-gradient misses tensor"):
        feedback.step({"vector": poisoned["vector"]})
    assert feedback.to_bytes() == before


def test_an_accumulation_beyond_fp32_is_refused() -> None:
    feedback = ErrorFeedback(decay=1.0, top_k=1)
    feedback.step({"w": np.full(8, 3e38, np.float32)})

    with pytest.raises(WireError) as caught:
        feedback.step({"w": np.full(8, 3e38, np.float32)})
    assert caught.value.code == "not-finite"


@pytest.mark.parametrize("decay", [-0.1, 1.1, float("nan")])
def test_a_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="expected a decay of 0 to 1"):
        ErrorFeedback(decay)


def test_an_update_of_another_model_is_refused_as_wrong_shape() -> None:
    payload = encode(random_tensors(0), top_k=64)

    assert code_of(payload, {**SHAPES, "vector": (4999,)}) == "wrong-shape"
    assert code_of(payload, {**SHAPES, "matrix": (70, 130)}) == "wrong-shape"
    assert code_of(payload, {("bias" if n == "gain" else n): s for n, s in SHAPES.items()}) == "wrong-shape"
    assert code_of(payload, {}) == "wrong-shape"


def test_an_update_with_another_top_k_than_agreed_is_refused() -> None:
    payload = encode(random_tensors(0), top_k=64)

    assert code_of(payload, top_k=32) == "malformed"
    assert bits(decode(payload, SHAPES, top_k=64)) == bits(decode(payload, SHAPES))


def test_a_payload_longer_than_any_update_is_refused_before_it_is_read() -> None:
    payload = encode(random_tensors(0), top_k=64)

    assert code_of(payload + bytes(max_payload_bytes(SHAPES, top_k=64))) == "too-large"


@pytest.mark.parametrize("pattern", [0x7F80, 0xFF80, 0x7FC0, 0xFFFF])
def test_a_level_that_is_no_number_is_refused(pattern: int) -> None:
    payload = bytearray(encode(random_tensors(0), top_k=64))
    struct.pack_into("<H", payload, HEADER_BYTES + 6, pattern)

    assert code_of(bytes(payload)) == "not-finite"


@pytest.mark.parametrize(
    ("offset", "replacement"),
    [
        (0, b"TWSV"),  # magic
        (4, b"\x02"),  # version
        (5, b"\x03"),  # block side
        (6, b"\x00\x00"),  # top_k 0
        (6, b"\x01\x10"),  # top_k 4097
        (6, b"\x41\x00"),  # top_k 65: another number of entries
        (8, b"\x0d"),  # Rice parameter 13
        (8, b"\x0c"),  # Rice parameter 12: other sections
        (HEADER_BYTES, b"\xff\x7e"),  # the lowest level above the others
        (-1, b"\x00"),  # the last one of the unary part
    ],
)
def test_a_field_that_does_not_fit_is_refused_as_malformed(offset: int, replacement: bytes) -> None:
    payload = bytearray(encode(random_tensors(0), top_k=64))
    start = offset % len(payload)
    payload[start : start + len(replacement)] = replacement

    assert code_of(bytes(payload)) == "malformed"


def test_an_index_beyond_its_tile_is_refused() -> None:
    payload = encode({"w": np.eye(1, 8, 7, dtype=np.float32)[0]}, top_k=64)  # entry 7 of 8: gap 7, r = 3
    header = bytearray(payload[:HEADER_BYTES])
    header[8] = 0  # as a bitmap: no low bits, one code, the unary part

    assert decode(bytes(header) + payload[41:49] + b"\0" + b"\x80", {"w": (8,)})["w"][7] == 1
    assert code_of(bytes(header) + payload[41:49] + b"\0" + b"\0\x01", {"w": (8,)}) == "malformed"


def test_bits_after_the_last_code_must_be_zero() -> None:
    payload = bytearray(encode(eight(at_2=5.0, at_6=-3.0), top_k=1024))
    payload[-2] |= 0b10000

    assert code_of(bytes(payload), {"w": (8,)}) == "malformed"


def test_every_truncation_is_refused() -> None:
    payload = encode(random_tensors(0), top_k=16)

    assert {code_of(payload[:length]) for length in range(len(payload))} == {"malformed"}


@pytest.mark.parametrize("seed", range(8))
def test_damaged_bytes_are_refused_or_decode_to_finite_tensors_of_the_right_shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    payload = encode(random_tensors(seed), top_k=(4, 64, 700, 4096)[seed % 4], block=(64, 4096)[seed % 2])
    outcomes = set()
    for _ in range(150):
        outcomes.add(outcome_of(damaged(payload, rng)))

    assert {"malformed", "decoded"} <= outcomes <= {"malformed", "wrong-shape", "not-finite", "too-large", "decoded"}


def damaged(payload: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(payload)
    kind = rng.integers(5)
    for _ in range(rng.integers(1, 9)):
        start = 9 if kind == 0 else HEADER_BYTES if kind < 4 else 0
        at = int(rng.integers(start, len(data)))
        data[at] = int(rng.integers(256)) if kind == 1 else data[at] ^ (1 << int(rng.integers(8)))
    if kind == 2:
        del data[int(rng.integers(len(data))) :]
    if kind == 3:
        at = int(rng.integers(len(data)))
        data[at:at] = rng.bytes(int(rng.integers(1, 2 * len(data))))
    return bytes(data)


def outcome_of(data: bytes) -> str:
    try:
        decoded = decode(data, SHAPES)
    except WireError as error:
        return error.code
    assert {name: value.shape for name, value in decoded.items()} == SHAPES
    assert all(np.isfinite(value).all() and value.dtype == np.float32 for value in decoded.values())
    return "decoded"


def test_noise_is_refused() -> None:
    rng = np.random.default_rng(0)

    assert {code_of(rng.bytes(int(size))) for size in rng.integers(0, 3000, 200)} == {"malformed"}


def test_the_table_digest_covers_names_and_shapes_in_ascending_order() -> None:
    expected = hashlib.sha256(b'[["a",[]],["b",[2,3]]]').digest()

    assert table_digest({"b": (2, 3), "a": ()}) == expected
