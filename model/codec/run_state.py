"""What the training of a video VAE needs to go on as if it had never stopped, as deterministic bytes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch

from model.codec.plan import CodecPlan
from model.codec.vae import VideoVae
from model.codec.vae_file import arrays
from model.tensorfile import decode, encode

FORMAT = "tenwings-vae-run/1"
_WEIGHTS, _MOMENTS = "weights.", ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, kw_only=True)
class Clock:
    """How far a run is."""

    steps: int
    """Steps made."""
    seconds: float
    """Time spent."""

    def share(self, plan: CodecPlan) -> float:
        """Share of the plan that is done."""
        return min(1.0, self.steps / plan.num_steps if plan.num_steps else self.seconds / (60 * plan.minutes))

    def done(self, plan: CodecPlan) -> bool:
        """Whether all of it is."""
        return self.share(plan) >= 1


def write_state(vae: VideoVae, optimizer: torch.optim.Optimizer, plan: CodecPlan, source: str, clock: Clock) -> bytes:
    """Serialise a run between two steps."""
    tensors = {f"{_WEIGHTS}{name}": array for name, array in arrays(vae).items()}
    for name, parameter in _trained(vae):
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = optimizer.state[parameter][moment].float().cpu().contiguous().numpy()
    facts = {"plan": plan.to_json(), "config": vae.config.to_json(), "source": source}
    counts = json.dumps({"steps": clock.steps, "seconds": clock.seconds})
    return encode(tensors, {"format": FORMAT, "clock": counts, **facts})


def read_state(path: Path, vae: VideoVae, optimizer: torch.optim.Optimizer, plan: CodecPlan, source: str) -> Clock:
    """Put weights and moments back and return the clock; a state of another run raises ValueError."""
    if not path.is_file():
        raise ValueError(f"expected the state of an earlier run at {path}, found none; start without resuming")
    tensors, metadata = decode(path.read_bytes())
    here = {"format": FORMAT, "plan": plan.to_json(), "config": vae.config.to_json(), "source": source}
    for name, value in here.items():
        if metadata.get(name) != value:
            raise ValueError(f"{path} is of a run with {name} {metadata.get(name)!r}, this one has {value!r}")
    raw = json.loads(metadata["clock"])
    clock = Clock(steps=int(raw["steps"]), seconds=float(raw["seconds"]))
    if clock.steps < 0 or not math.isfinite(clock.seconds):
        raise ValueError(f"{path} has an impossible clock: {clock}")
    weights = {n.removeprefix(_WEIGHTS): torch.tensor(a) for n, a in tensors.items() if n.startswith(_WEIGHTS)}
    vae.load_state_dict(weights)
    for name, parameter in _trained(vae):
        moments = {m: torch.tensor(tensors[f"{m}.{name}"], device=parameter.device) for m in _MOMENTS}
        optimizer.state[parameter] = {"step": torch.tensor(float(clock.steps)), **moments}
    return clock


def _trained(vae: VideoVae) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in vae.named_parameters() if parameter.requires_grad]
