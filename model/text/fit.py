"""The training loop of the small networks around the video model: AdamW, warm-up, decay, and a last good copy."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

Report = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class FitPlan:
    """How long and how fast to train."""

    num_steps: int
    """Steps at most."""
    seconds: float = math.inf
    """Seconds at most; where this limit ends a run, its result depends on the machine's speed."""
    learning_rate: float = 1e-3
    """Of AdamW after the warm-up; decays to zero along a half cosine."""
    weight_decay: float = 0.01
    """Decoupled, on matrices."""
    warmup: float = 0.03
    """Share of the training in which the rate climbs."""
    max_grad_norm: float = 1.0
    """Longer gradients are scaled down."""
    seed: int = 0
    """Of weights, batches and corruption."""
    say_every: int = 100
    """Steps between two lines of report."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "say_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seconds", "learning_rate", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


@dataclass(kw_only=True)
class Fit:
    """What a training did."""

    losses: list[float] = field(default_factory=list)
    """Of every step."""
    seconds: float = 0.0
    """It took."""
    diverged: bool = False
    """A loss or gradient was not finite: training stopped, and the weights are those of the last good copy."""


def fit(
    module: nn.Module, loss_of: Callable[[np.random.Generator], Tensor], plan: FitPlan, report: Report = lambda _: None
) -> Fit:
    """Train `module` in place on the loss of a random batch; equal plans that end by steps give equal weights."""
    rng = np.random.Generator(np.random.Philox(key=[plan.seed, 31]))
    optimizer = _optimizer(module, plan)
    done, good, start = Fit(), _copy(module), time.monotonic()
    module.train()
    for step in range(plan.num_steps):
        progress = max(step / plan.num_steps, (time.monotonic() - start) / plan.seconds)
        if progress >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * _pace(progress, plan.warmup)
        loss = _step(module, optimizer, loss_of(rng), plan)
        if not math.isfinite(loss):
            module.load_state_dict(good)
            done.diverged = True
            report(f"step {step + 1}: the loss is {loss}; stopped, the last good weights are kept")
            break
        done.losses.append(loss)
        if (step + 1) % plan.say_every == 0:
            good = _copy(module)
            recent = float(np.mean(done.losses[-plan.say_every :]))
            report(f"step {step + 1}, {time.monotonic() - start:.0f} s: loss {recent:.4f}")
    done.seconds = time.monotonic() - start
    module.eval()
    return done


def _step(module: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, plan: FitPlan) -> float:
    """Return the loss, or nan where the gradient is not finite; then no weight has moved."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), plan.max_grad_norm)
    if not (torch.isfinite(norm) and torch.isfinite(loss)):
        return math.nan
    optimizer.step()
    return float(loss.detach())


def _optimizer(module: nn.Module, plan: FitPlan) -> torch.optim.AdamW:
    matrices = [p for p in module.parameters() if p.ndim >= 2]
    others = [p for p in module.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.98), foreach=True)


def _pace(progress: float, warmup: float) -> float:
    """Share of the full learning rate."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - warmup) / (1 - warmup))


def _copy(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}
