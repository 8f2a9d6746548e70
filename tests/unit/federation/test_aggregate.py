"""The clipped mean: exact norms, a fixed order, streaming, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from federation.aggregate import MeanAggregator, aggregate, clip_scale, median_norm, update_norm
from federation.wire import decode, decode_sparse, encode

SHAPES = {"a": (70, 65), "b": (5000,)}
ACCOUNTS = ("0xAa01", "0xaB02", "0xb003", "0xC004", "0xd005")


def tensor(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def random_update(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.standard_t(3, shape)).astype(np.float32) for name, shape in SHAPES.items()}


def bits(tensors: dict[str, np.ndarray]) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in tensors.items()}


def mean_of(updates: dict[str, dict]) -> dict[str, np.ndarray]:
    return aggregate(updates.__getitem__, {account: update_norm(update) for account, update in updates.items()}, SHAPES)


def test_a_norm_spans_all_tensors() -> None:
    assert update_norm({"a": tensor(3.0, 0.0), "b": tensor(4.0)}) == 5.0


def test_a_norm_keeps_what_a_running_sum_in_float64_would_lose() -> None:
    # 2^80 + 2^20 * 2^20: adding 2^20 to 2^80 one at a time would change nothing.
    update = {"w": np.concatenate([tensor(2.0**40), np.full(2**20, 2.0**10, np.float32)])}

    assert update_norm(update) == math.sqrt(2.0**80 + 2.0**40)


def test_a_norm_is_the_root_of_the_correctly_rounded_sum_of_squares() -> None:
    values = random_update(4)["b"] * np.float32(10.0) ** np.random.default_rng(4).integers(-38, 30, 5000)
    values = values.astype(np.float32)

    expected = math.sqrt(math.fsum(value * value for value in values.tolist()))

    assert update_norm({"w": values}) == expected


def test_a_norm_does_not_depend_on_order_or_layout() -> None:
    flat = random_update(0)["b"]
    shuffled = np.random.default_rng(1).permutation(flat)
    strided = np.repeat(flat, 2)[::2]

    norms = {update_norm({"w": array}) for array in (flat, shuffled, strided, flat[::-1], flat.reshape(50, 100).T)}

    assert len(norms) == 1


def test_norms_of_the_smallest_and_largest_numbers_neither_vanish_nor_overflow() -> None:
    assert update_norm({"w": tensor(2.0**-149)}) == 2.0**-149
    assert update_norm({"w": np.full(4, 2.0**127, np.float32)}) == 2.0**128


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number_has_no_norm(value: float) -> None:
    with pytest.raises(ValueError, match="expected a finite update"):
        update_norm({"w": tensor(1.0, value)})


def test_the_median_of_an_even_number_of_norms_is_the_lower() -> None:
    assert median_norm({"0x1": 9.0, "0x2": 1.0, "0x3": 2.0, "0x4": 3.0}) == 2.0


def test_a_larger_update_is_scaled_down_to_the_median_and_a_smaller_left_alone() -> None:
    updates = {"0x1": {"w": tensor(1.0)}, "0x2": {"w": tensor(-8.0)}, "0x3": {"w": tensor(2.0)}}
    norms = {account: update_norm(update) for account, update in updates.items()}

    mean = aggregate(updates.__getitem__, norms, {"w": (1,)})

    assert mean["w"].tobytes() == (tensor(1.0) / np.float32(3)).tobytes()  # (1 - 2 + 2) / 3


def test_the_mean_is_the_same_bits_whatever_order_the_updates_came_in() -> None:
    updates = {account: random_update(seed) for seed, account in enumerate(ACCOUNTS)}
    reversed_updates = dict(reversed(updates.items()))

    assert bits(mean_of(updates)) == bits(mean_of(reversed_updates))


def test_accounts_ascend_without_regard_to_the_checksum_case() -> None:
    order: list[str] = []

    def load(account: str) -> dict[str, np.ndarray]:
        order.append(account)
        return {"w": tensor(1.0)}

    aggregate(load, dict.fromkeys(reversed(ACCOUNTS), 1.0), {"w": (1,)})

    assert order == list(ACCOUNTS)


def test_sparse_updates_give_the_same_bits_as_their_dense_form() -> None:
    payloads = {account: encode(random_update(s, 1.0 + s), top_k=64) for s, account in enumerate(ACCOUNTS)}
    dense = {account: decode(payload, SHAPES) for account, payload in payloads.items()}
    sparse = {account: decode_sparse(payload, SHAPES) for account, payload in payloads.items()}

    assert [update_norm(sparse[a]) for a in ACCOUNTS] == [update_norm(dense[a]) for a in ACCOUNTS]
    assert bits(mean_of(sparse)) == bits(mean_of(dense))


def test_a_sum_in_chunks_equals_one_operation_per_update() -> None:
    big = {"w": np.random.default_rng(0).standard_normal((3, 50_001)).astype(np.float32)}
    aggregator = MeanAggregator({"w": (3, 50_001)}, limit=1.0)

    aggregator.add("0x1", big, 3.0)

    assert aggregator.mean()["w"].tobytes() == (big["w"] * clip_scale(3.0, 1.0)).tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_a_clip_never_grows_a_norm(seed: int) -> None:
    update = random_update(seed, scale=10.0 ** (seed - 10))
    norm = update_norm(update)
    limit = norm * float(np.random.default_rng(seed).uniform(0.01, 1.5))

    scale = clip_scale(norm, limit)

    assert update_norm({name: scale * value for name, value in update.items()}) <= norm
    assert scale <= 1
    assert float(scale) * norm <= min(limit, norm) * (1 + 2**-52)


def test_an_outsized_update_counts_no_more_than_a_median_one() -> None:
    honest = {account: random_update(seed) for seed, account in enumerate(ACCOUNTS[:4])}
    attacked = {**honest, ACCOUNTS[4]: random_update(9, scale=1e6)}
    limit = median_norm({account: update_norm(update) for account, update in attacked.items()})

    assert update_norm(mean_of(attacked)) <= limit


def test_a_zero_limit_gives_a_zero_mean() -> None:
    updates = {"0x1": {"w": tensor(0.0)}, "0x2": {"w": tensor(5.0)}}

    assert aggregate(updates.__getitem__, {"0x1": 0.0, "0x2": 5.0}, {"w": (1,)})["w"].tolist() == [0.0]


def test_no_update_is_no_mean() -> None:
    with pytest.raises(ValueError, match="at least one admitted update"):
        MeanAggregator(SHAPES, limit=1.0).mean()
    with pytest.raises(ValueError, match="at least one admitted update"):
        aggregate(lambda _: {}, {}, SHAPES)


def test_an_account_twice_or_out_of_order_is_refused() -> None:
    aggregator = MeanAggregator({"w": (1,)}, limit=1.0)
    aggregator.add("0xB", {"w": tensor(1.0)}, 1.0)

    for account in ("0xb", "0xA"):
        with pytest.raises(ValueError, match=f"ascending order, got {account} after 0xb"):
            aggregator.add(account, {"w": tensor(1.0)}, 1.0)
    assert aggregator.mean()["w"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("update", "message"),
    [
        ({}, "differ in the tensor 'w'"),
        ({"w": tensor(1.0), "x": tensor(1.0)}, "differ in the tensor 'x'"),
        ({"w": tensor(1.0, 2.0)}, r"expected float32 of shape \(1,\), got float32 of \(2,\)"),
        ({"w": np.array([1.0])}, r"expected float32 of shape \(1,\), got float64 of \(1,\)"),
    ],
)
def test_an_update_of_other_tensors_is_refused_and_adds_nothing(update: dict, message: str) -> None:
    aggregator = MeanAggregator({"w": (1,)}, limit=1.0)
    aggregator.add("0x1", {"w": tensor(0.5)}, 0.5)

    with pytest.raises(ValueError, match=message):
        aggregator.add("0x2", update, 1.0)
    assert aggregator.mean()["w"].tolist() == [0.5]


def test_one_nan_that_came_with_a_false_norm_ends_in_no_mean() -> None:
    aggregator = MeanAggregator({"w": (2,)}, limit=1.0)
    aggregator.add("0x1", {"w": tensor(1.0, np.nan)}, 1.0)

    with pytest.raises(ValueError, match="w holds a NaN"):
        aggregator.mean()


@pytest.mark.parametrize("norm", [math.nan, math.inf, -1.0])
def test_a_norm_that_is_no_length_is_refused(norm: float) -> None:
    with pytest.raises(ValueError, match="expected a finite norm"):
        clip_scale(norm, 1.0)
    with pytest.raises(ValueError, match="expected a finite norm limit"):
        MeanAggregator({"w": (1,)}, limit=norm)
