"""The tokens between a transformer's blocks: features for probes and for prediction in latent space."""

# ruff: noqa: N803 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from model.network.dit import VideoDiT


def tokens_after(
    model: VideoDiT,
    layer: int,
    x_BCTHW: Tensor,
    t_B: Tensor,
    text_BLE: Tensor,
    mask_BL: Tensor,
    given_BTHW: Tensor | None = None,
    *,
    weights: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return (B, N, D), the residual stream after block `layer`, from 0; `weights` stand in for the model's own.

    Gradients flow. Raises ValueError for a layer that the model does not have.
    """
    if not 0 <= layer < len(model.blocks):
        raise ValueError(f"expected a layer of 0 to {len(model.blocks) - 1}, got {layer}")
    kept: list[Tensor] = []

    def keep(block: Any, inputs: Any, output: Tensor) -> None:
        kept.append(output)

    handle = model.blocks[layer].register_forward_hook(keep)
    arguments = x_BCTHW, t_B, text_BLE, mask_BL, given_BTHW
    try:
        if weights is None:
            model(*arguments)
        else:
            torch.func.functional_call(model, dict(weights), arguments)
    finally:
        handle.remove()
    return kept[0]
