"""A run of its own: from a checkpoint and a feed of clips to a better checkpoint, resumable to the bit.

    trainer = Trainer(initial("nano", seed=0), FitPlan(num_steps=100, seed=0), feed)
    trainer.run()
    video = sample(trainer.checkpoint(averaged=True), "a red ball moves right on a white background", seed=1)

The inner loop of a federated round (train.py) makes the same steps by the same code (step.py).
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor

from model.checkpoint import from_numpy, load_model, read
from model.config import ModelConfig
from model.data.clips import Clips
from model.denoiser import Denoiser, Prepared
from model.training.ema import Ema
from model.training.feed import Feed, generator
from model.training.lora import Adapters
from model.training.lora_file import merged, write_adapters
from model.training.memory import Load, advising, check_fits, num_tokens
from model.training.optimizer import build_optimizer, moments_of, set_moments
from model.training.parallel import Group, join_group, like, shard, whole
from model.training.plan import FitPlan
from model.training.run_state import Arrays, RunState
from model.training.sources import Source
from model.training.step import Step, optimizer_step


class Trainer:
    """A model in training: weights, their average, AdamW's moments and the place in the feed."""

    def __init__(self, checkpoint: bytes, plan: FitPlan, feed: Feed, *, group: Group | None = None) -> None:
        self.plan, self.feed = plan, feed
        self.group = group or join_group()
        if plan.parts % self.group.size:
            raise ValueError(f"parts must be a multiple of the {self.group.size} processes, got {plan.parts}")
        self._loads = {source.name: self._load(read(checkpoint).config, source) for source in feed.sources}
        for load in self._loads.values():
            check_fits(load, self.group.device)
        model = load_model(checkpoint, self.group.device)
        model.checkpoint_activations = plan.recompute
        model.compute_dtype = torch.bfloat16 if plan.bf16 else torch.float32
        if plan.lora and self.group.size > 1:
            raise ValueError(f"adapters train in one process, got {self.group.size}; leave lora_rank at 0")
        shard(model, self.group)
        self.denoiser = Denoiser(model)
        adapters = Adapters(model, plan.lora, plan.seed) if plan.lora else None
        self.trained = adapters or model
        self.parameters = adapters.named() if adapters else dict(model.named_parameters())
        self.optimizer = build_optimizer(self.trained, plan)
        self.ema = Ema(self.parameters, plan.ema_decay)
        self.num_steps = 0
        self.positions = feed.start()

    @staticmethod
    def resume(state: bytes, plan: FitPlan, feed: Feed, *, group: Group | None = None) -> Trainer:
        """Go on where `state` was taken. A plan or feed other than the run's raises ValueError."""
        run = RunState.from_bytes(state)
        _check_plan(run.plan, plan)
        feed.check(run.positions)
        trainer = Trainer(from_numpy(run.frozen or run.weights, run.config), plan, feed, group=group)
        trainer.num_steps, trainer.positions = run.step, dict(run.positions)
        trainer._restore(run)
        return trainer

    def run(self) -> None:
        """Make the steps that are left of the plan."""
        while self.num_steps < self.plan.num_steps:
            self.step()

    def step(self) -> Step:
        """Make one step. Raises TrainingDiverged, with every weight as it was."""
        index = self.num_steps + 1
        source = self.feed.choose(self.plan.seed, index)
        with advising(self._loads[source.name], self.group.device):
            parts = [partial(self._loss, part, index) for part in self._batch(source)]
            step = optimizer_step(self.trained, self.optimizer, parts, self.plan, index, self.group.mean)
            self.ema.update()
        self.positions[source.name] += self.plan.batch_size
        self.num_steps = index
        return step

    def checkpoint(self, *, averaged: bool = False) -> bytes:
        """Return the weights, or their moving average, as a checkpoint."""
        arrays, config, lora = self._arrays(averaged=averaged), self.denoiser.model.config, self.plan.lora
        return from_numpy(merged(self._frozen(), arrays, config, lora) if lora else arrays, config)

    def adapters(self, *, averaged: bool = False) -> bytes:
        """Return the adapters, or their moving average, as a file; only a plan with a `lora_rank` has them."""
        if not self.plan.lora:
            raise ValueError("this run trains the weights and has no adapters; set lora_rank in its plan")
        base = from_numpy(self._frozen(), self.denoiser.model.config)
        return write_adapters(base, self.plan.lora, self._arrays(averaged=averaged))

    def state(self) -> bytes:
        """Return all that `resume` needs."""
        return RunState(
            config=self.denoiser.model.config,
            plan=self.plan,
            step=self.num_steps,
            positions=self.positions,
            frozen=self._frozen(),
            weights=self._arrays(),
            averages=self._arrays(averaged=True),
            num_averaged=self.ema.num_updates,
            moments=moments_of(self.trained, self.optimizer),
        ).to_bytes()

    def _load(self, config: ModelConfig, source: Source) -> Load:
        """What a step on this source's clips holds."""
        return Load(
            config=config,
            num_clips=self.plan.batch_size // self.plan.parts,
            num_tokens=num_tokens(config, source.shape),
            bf16=self.plan.bf16,
            recompute=self.plan.recompute,
            num_processes=self.group.size,
        )

    def _batch(self, source: Source) -> list[tuple[int, Prepared]]:
        """This process's numbered parts of a step's batch."""
        size, first = self.plan.batch_size // self.plan.parts, self.positions[source.name]
        mine = range(self.group.rank, self.plan.parts, self.group.size)
        return [(n, self._prepared(source.take(first + n * size, size))) for n in mine]

    def _prepared(self, batch: Clips | Prepared) -> Prepared:
        return batch.to(self.denoiser.device) if isinstance(batch, Prepared) else self.denoiser.prepare(batch)

    def _loss(self, part: tuple[int, Prepared], index: int) -> Tensor:
        number, batch = part
        return self.denoiser.training_loss(batch, generator(self.plan.seed, index, number), dict(self.plan.tasks))

    def _arrays(self, *, averaged: bool = False) -> Arrays:
        """The trained tensors, or their moving average."""
        tensors = self.ema.averages if averaged else self.parameters
        return {name: whole(tensor) for name, tensor in tensors.items()}

    def _frozen(self) -> Arrays:
        """The model's own tensors, where adapters train beside them."""
        return self.denoiser.model.arrays() if self.plan.lora else {}

    def _restore(self, run: RunState) -> None:
        for ours, saved in ((self.parameters, run.weights), (self.ema.averages, run.averages)):
            with torch.no_grad():
                for name, tensor in ours.items():
                    tensor.copy_(like(saved[name], tensor))
        self.ema.num_updates = run.num_averaged
        set_moments(self.trained, self.optimizer, run.moments)


def _check_plan(was: FitPlan, now: FitPlan) -> None:
    before, after = asdict(was), asdict(now)
    if changed := [name for name, value in before.items() if after[name] != value]:
        words = ", ".join(f"{name} {before[name]} (now {after[name]})" for name in changed)
        raise ValueError(f"expected the plan that the run was started with, which has {words}; start a run of its own")
