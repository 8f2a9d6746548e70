"""Low-rank adapters in a model (LoRA, arXiv 2106.09685): a few trained values beside frozen matrices.

The model itself stays as it is, names and all: each adapted layer's output gets the adapters' answer added on its way
out. `lora_file.py` says how the adapters are written and merged.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own habit)
from torch import Tensor, nn

from model.network.dit import VideoDiT
from model.training.lora_file import Arrays, LoraConfig, new_adapters


class Adapters(nn.Module):
    """Adapters of one model, which they freeze: from then on, only they train."""

    def __init__(self, model: VideoDiT, config: LoraConfig, seed: int) -> None:
        """New adapters, from a seed alone; they change nothing before they are trained."""
        super().__init__()
        self.config = config
        device = next(model.parameters()).device
        model.requires_grad_(False)
        for name, array in new_adapters(model.config, config, seed).items():
            self.register_parameter(name.replace(".", "/"), nn.Parameter(torch.tensor(array).to(device)))
        for layer in sorted({name.rpartition(".")[0] for name in self.named()}):
            down, up = self.named()[f"{layer}.lora_down"], self.named()[f"{layer}.lora_up"]
            model.get_submodule(layer).register_forward_hook(partial(_add, down, up, config.scale))

    def named(self) -> dict[str, nn.Parameter]:
        """The adapters by their stable name; torch allows no dots in a parameter's own."""
        return {name.replace("/", "."): parameter for name, parameter in self.named_parameters()}

    def arrays(self) -> Arrays:
        """Copy the tensors out by their stable name."""
        return {name: parameter.detach().cpu().numpy().copy() for name, parameter in self.named().items()}


def _add(down: Tensor, up: Tensor, scale: float, layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    change = F.linear(F.linear(inputs[0], down), up)
    return output + scale * change
