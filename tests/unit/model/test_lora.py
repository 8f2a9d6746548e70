from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.checkpoint import initial, load_model, read, to_numpy
from model.config import CodecConfig
from model.data.worlds import make_clips
from model.job import TrainJob, VideoShape
from model.presets import preset
from model.train import train_inner
from model.training.feed import Feed
from model.training.lora import Adapters
from model.training.lora_file import LoraConfig, adapter_shapes, merge, merged, read_adapters
from model.training.plan import FitPlan
from model.training.sources import ClipSource
from model.training.trainer import Trainer

MINI = replace(preset("nano"), preset="custom", width=48, num_layers=2, num_heads=2, codec=CodecConfig(factor=2))
CLIPS = make_clips(num_clips=6, seed=0, shape=VideoShape(num_frames=3, height=8, width=8))
JOB = TrainJob(num_steps=6, batch_size=4, seed=1, learning_rate=3e-3)
START = train_inner(initial(MINI, seed=0), CLIPS, JOB).end_state  # a trained base: a new model's gates are closed
LORA = LoraConfig(rank=4, alpha=8.0)


def test_adapters_have_stable_names_and_shapes() -> None:
    shapes = adapter_shapes(MINI, LoraConfig(rank=4, targets=("attention.qkv",)))
    assert shapes == {
        f"blocks.{layer}.attention.qkv.lora_{end}": shape
        for layer in (0, 1)
        for end, shape in (("down", (4, 48)), ("up", (144, 4)))
    }


def test_new_adapters_change_nothing() -> None:
    model, adapted = load_model(START), load_model(START)
    Adapters(adapted, LORA, seed=0)
    for ours, theirs in zip(_answers(model), _answers(adapted), strict=True):
        assert torch.equal(ours, theirs)


def test_the_merged_model_answers_as_the_adapted_one() -> None:
    model = load_model(START)
    adapters = Adapters(model, LORA, seed=0)
    with torch.no_grad():
        for number, parameter in enumerate(adapters.parameters()):
            parameter.normal_(0.0, 0.05, generator=torch.Generator().manual_seed(number))
    whole = load_model(START)
    whole.load_arrays(merged(to_numpy(START), adapters.arrays(), MINI, LORA))
    before, after = _answers(load_model(START))[0], _answers(whole)[0]
    assert torch.allclose(_answers(model)[0], after, atol=1e-5)
    assert float((before - after).abs().max()) > 0.01


def test_only_adapters_train_and_the_change_has_their_rank() -> None:
    result = train_inner(START, CLIPS, JOB, lora=LORA)
    before, after = to_numpy(START), to_numpy(result.end_state)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {f"{name.rpartition('.')[0]}.weight" for name in adapter_shapes(MINI, LORA)} == changed
    for name in changed:
        values = np.linalg.svd(after[name].astype(np.float64) - before[name], compute_uv=False)
        assert values[3] > 1e-6 > values[4]  # above float32's rounding: rank 4
    assert result.end_loss < result.start_loss


def test_adapters_alone_carry_the_whole_update() -> None:
    result = train_inner(START, CLIPS, JOB, lora=LORA)
    assert result.adapters is not None
    assert merge(START, result.adapters) == result.end_state
    assert result == train_inner(START, CLIPS, JOB, lora=LORA)
    assert len(result.adapters) < 0.35 * len(result.end_state)
    with pytest.raises(ValueError, match="that the adapters were trained on"):
        merge(initial(MINI, seed=0), result.adapters)
    with pytest.raises(ValueError, match="not an adapter file"):
        read_adapters(result.adapters[:-1])


def test_a_run_of_adapters_resumes_to_the_bit() -> None:
    plan = FitPlan(num_steps=5, seed=0, batch_size=2, lora_rank=4, lora_alpha=8.0)
    feed = Feed(sources=[ClipSource(name="clips", clips=CLIPS)])
    whole, cut = Trainer(START, plan, feed), Trainer(START, plan, feed)
    whole.run()
    cut.step()
    again = Trainer.resume(cut.state(), plan, feed)
    again.run()
    assert again.state() == whole.state()
    assert merge(START, again.adapters()) == whole.checkpoint()
    assert read(whole.checkpoint(averaged=True)).config == MINI


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rank": 0}, "rank must be"),
        ({"rank": 4, "alpha": 0.0}, "alpha"),
        ({"rank": 4, "targets": ("mlp",)}, "targets"),
    ],
)
def test_impossible_adapters_are_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LoraConfig(**options)  # type: ignore[arg-type]


def test_a_rank_beyond_a_matrix_is_refused() -> None:
    with pytest.raises(ValueError, match="rank must be at most 48 for blocks"):
        train_inner(START, CLIPS, JOB, lora=LoraConfig(rank=64))


def _answers(model: torch.nn.Module) -> list[torch.Tensor]:
    torch.manual_seed(0)
    x, text = torch.randn(2, 12, 2, 4, 4), torch.randn(2, 24, 256)
    with torch.no_grad():
        return [model(x, torch.tensor([0.3, 0.8]), text, torch.ones(2, 24, dtype=torch.bool))]
