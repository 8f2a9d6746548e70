"""Updates as low-rank adapters: dense before they are judged, refused by the reason code of what is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.config import RunSpec
from federation.gate import Refused
from federation.payload import payload_of
from model.checkpoint import initial, read
from model.tensorfile import encode
from model.training.lora_file import LoraConfig, adapter_shapes, new_adapters, read_adapters, write_adapters
from tests.support.tiny import SMALL, constant_update, payload, small_base

LORA = LoraConfig(rank=2, alpha=4.0)
BASE = initial(SMALL, 0)
SPEC = RunSpec().with_changes({"inner.lora_rank": "2", "inner.lora_alpha": "4"})


def adapters(**changes: float) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """New adapters whose `up` matrices are constant where asked."""
    tensors = new_adapters(SMALL, LORA, seed=1)
    for name, value in changes.items():
        tensors[f"blocks.0.{name}.lora_up"] = np.full_like(tensors[f"blocks.0.{name}.lora_up"], value)
    return tensors


def refusal(data: bytes) -> str:
    with pytest.raises(Refused) as caught:
        payload_of(SPEC, read(BASE)).read(data)
    return caught.value.reason


def test_adapters_become_a_dense_update_of_low_rank_on_their_matrices_alone() -> None:
    tensors = adapters(**{"attention.out": 0.5})
    update = payload_of(SPEC, read(BASE)).read(write_adapters(BASE, LORA, tensors))

    down = tensors["blocks.0.attention.out.lora_down"]
    expected = -(4.0 / 2) * 0.5 * np.broadcast_to(down.sum(0), (32, 32))
    np.testing.assert_allclose(update["blocks.0.attention.out.weight"], expected, atol=1e-6)
    assert [name for name, tensor in update.items() if tensor.any()] == ["blocks.0.attention.out.weight"]


def test_the_largest_honest_file_fits_the_limit_and_is_not_far_below_it() -> None:
    limit = payload_of(SPEC, read(BASE)).max_bytes
    size = len(write_adapters(BASE, LORA, adapters()))
    numbers = 4 * sum(int(np.prod(shape)) for shape in adapter_shapes(SMALL, LORA).values())
    assert numbers < size <= limit < numbers + 16_384


def test_every_wrong_file_has_its_reason() -> None:
    good = adapters(**{"attention.out": 0.5})
    metadata = {"format": "tenwings-lora/1", "lora": LORA.to_json()}
    other_base = initial(SMALL, 1)
    written = write_adapters(BASE, LORA, good)
    base_digest = {"base_digest": read_adapters(written).base_digest}
    short = {name: array for name, array in good.items() if name != "blocks.0.mlp.0.lora_up"}
    wild = {**good, "blocks.0.mlp.0.lora_up": np.full_like(good["blocks.0.mlp.0.lora_up"], np.nan)}
    huge = {name: np.full_like(array, 3e38) for name, array in good.items()}

    assert refusal(b"no file") == "malformed"
    assert refusal(payload(constant_update(small_base(), 0.1))) == "malformed"
    assert refusal(write_adapters(BASE, replace(LORA, alpha=8.0), good)) == "malformed"
    assert refusal(write_adapters(other_base, LORA, good)) == "stale-base"
    assert refusal(encode(short, {**metadata, **base_digest})) == "wrong-shape"
    assert refusal(encode(wild, {**metadata, **base_digest})) == "not-finite"
    assert refusal(encode(huge, {**metadata, **base_digest})) == "not-finite"
    assert refusal(write_adapters(BASE, LORA, adapters())) == "zero-update"


def test_a_sparse_run_takes_no_adapters() -> None:
    with pytest.raises(Refused, match="malformed"):
        payload_of(RunSpec(), read(BASE)).read(write_adapters(BASE, LORA, adapters(**{"mlp.0": 1.0})))
