from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import torch

from model.checkpoint import from_numpy, initial, load_model, read, save_model, to_numpy
from model.config import CodecConfig
from model.presets import preset
from model.tensorfile import decode, encode

MINI = replace(preset("nano"), preset="custom", width=24, num_layers=1, num_heads=2, codec=CodecConfig(factor=1))
START = initial(MINI, seed=0)


def test_equal_seeds_give_equal_genesis_bytes() -> None:
    assert initial("nano", seed=3) == initial("nano", seed=3)
    assert initial("nano", seed=3) != initial("nano", seed=4)


def test_a_genesis_is_the_same_bytes_on_every_machine() -> None:
    tensors = to_numpy(initial("nano", seed=0))
    first = tensors["blocks.0.attention.qkv.weight"]
    assert (
        hashlib.sha256(first.tobytes()).hexdigest()
        == "4a8d2b967b002eb3748bb36b6aab9825384ef0408a87f30fa14d0d26bcf16777"
    )


def test_numpy_and_torch_write_the_same_bytes() -> None:
    assert from_numpy(to_numpy(START), MINI) == START
    assert save_model(load_model(START)) == START
    reversed_order = dict(reversed(to_numpy(START).items()))
    assert from_numpy(reversed_order, MINI) == START


def test_a_step_in_numpy_equals_the_step_in_torch() -> None:
    model = load_model(START)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.sub_(0.5)
    stepped = {name: array - np.float32(0.5) for name, array in to_numpy(START).items()}
    assert from_numpy(stepped, MINI) == save_model(model)


def test_a_checkpoint_names_its_preset_and_configuration() -> None:
    _, metadata = decode(initial("nano", seed=0))
    assert metadata["preset"] == "nano"
    assert metadata["config_digest"] == preset("nano").digest
    assert read(START).config == MINI


def test_other_readers_of_safetensors_understand_the_bytes() -> None:
    theirs = safetensors.numpy.load(START)
    ours = to_numpy(START)
    assert theirs.keys() == ours.keys()
    assert all(np.array_equal(theirs[name], ours[name]) for name in ours)


@pytest.mark.parametrize("place", [-1, -5000, 3, 40])
def test_a_flipped_bit_is_refused(place: int) -> None:
    damaged = bytearray(START)
    damaged[place] ^= 1
    with pytest.raises(ValueError, match=r"checkpoint|configuration"):
        to_numpy(bytes(damaged))


@pytest.mark.parametrize("length", [0, 7, 100, len(START) - 1])
def test_a_cut_checkpoint_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        to_numpy(START[:length])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(ValueError, match="not a checkpoint"):
        to_numpy(START + b"\0")


def test_an_alien_file_is_refused() -> None:
    alien = encode({"x": np.zeros(3, np.float32)}, {"format": "other"})
    with pytest.raises(ValueError, match=r"expected a tenwings-checkpoint/1 file, got format 'other'"):
        to_numpy(alien)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_the_tensor_named(value: float) -> None:
    tensors = {name: array.copy() for name, array in to_numpy(START).items()}
    tensors["final.table"][1, 2] = value
    with pytest.raises(ValueError, match=r"'final\.table' holds values that are not finite"):
        from_numpy(tensors, MINI)


def test_missing_alien_and_misshapen_tensors_are_refused_by_name() -> None:
    tensors = to_numpy(START)
    with pytest.raises(ValueError, match=r"lacks 1 tensors, the first is 'final\.table'"):
        from_numpy({name: array for name, array in tensors.items() if name != "final.table"}, MINI)
    with pytest.raises(ValueError, match="1 unknown tensors, first 'zebra'"):
        from_numpy(tensors | {"zebra": np.zeros(1, np.float32)}, MINI)
    with pytest.raises(ValueError, match=r"'final\.table' must be float32 \(2, 24\), got float64 \(2, 24\)"):
        from_numpy(tensors | {"final.table": np.zeros((2, 24))}, MINI)
    with pytest.raises(ValueError, match=r"'final\.table' must be float32 \(2, 24\), got float32 \(24, 2\)"):
        from_numpy(tensors | {"final.table": np.zeros((24, 2), np.float32)}, MINI)


def test_forged_headers_raise_nothing_but_value_errors() -> None:
    rng, header = np.random.default_rng(0), 8 + int.from_bytes(START[:8], "little")
    for _ in range(300):
        forged = bytearray(START)
        for place in rng.integers(0, header, 3):
            forged[place] = rng.integers(256)
        with pytest.raises(ValueError, match="checkpoint"):
            read(bytes(forged))
    deep = b"[" * 200_000
    with pytest.raises(ValueError, match="header is not JSON"):
        decode(len(deep).to_bytes(8, "little") + deep)
    huge = b'{"__metadata__":{},"x":{"dtype":"F32","shape":[4611686018427387904,4]}}'
    with pytest.raises(ValueError, match="cut short"):
        decode(len(huge).to_bytes(8, "little") + huge)


def test_a_header_in_another_order_is_refused() -> None:
    loose = safetensors.numpy.save({"b": np.ones(2, np.float32)}, metadata={"sha256": "0" * 64})
    with pytest.raises(ValueError, match="digest"):
        decode(loose)


def test_a_wrong_digest_of_the_configuration_is_refused() -> None:
    tensors, metadata = decode(START)
    forged = encode(tensors, metadata | {"config_digest": "0" * 64})
    with pytest.raises(ValueError, match="config_digest differs"):
        read(forged)
