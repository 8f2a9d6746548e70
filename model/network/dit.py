"""The video diffusion transformer: DiT (arXiv 2212.09748) over space-time patches (Sora).

- one token per space-time patch of the latent; 3-D rotary positions in attention, fixed sinusoids at
  the input (rotary positions alone do not tell the top from the bottom); none learned, any grid fits
- adaLN-single (PixArt-alpha, arXiv 2310.00426): one projection of the timestep for all blocks plus a
  small table per block; zero at the start, so every block begins as the identity
- a token that is given (a mask says so) is modulated as t = 0: the rows of {t, 0} are gathered per token
- RMSNorm without statistics: nothing in the state depends on the data seen, so states average well
- text enters by cross-attention, and its mean joins the timestep (Stable Diffusion 3, arXiv 2403.03206)
- the tensor names are part of the protocol (shapes.py)

Shapes: B clips, C latent channels, T H W latent grid, N tokens, L text tokens, D width, E text width,
R rows of modulation, K modulations of a row.
"""

# ruff: noqa: N803, N806, N812 (tensor names carry their shape)

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.config import ModelConfig
from model.network.block import Block, Context, Final, mlp
from model.network.groups import Grids, Layout, layout_of
from model.network.rope import Grid, landmarks
from model.shapes import TIME_FEATURES, num_modulations


class VideoDiT(nn.Module):
    """Maps a noisy latent, its timestep and a prompt to what the objective asks for.

    `checkpoint_activations` keeps only each block's input for the backward pass and computes the rest again.
    `compute_dtype` bfloat16 runs the blocks' matrix products and attention in half precision; weights, gradients,
    residual stream, norms, modulations and the answer stay float32. Both may be set on a model at any time: they
    change memory and speed, not what the model is, and are no part of its state.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        checkpoint_activations: bool = False,
        compute_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.config = config
        self.checkpoint_activations = checkpoint_activations
        self.compute_dtype = compute_dtype
        width = config.width
        self.patch_in = nn.Linear(config.patch_features, width)
        self.text_in = mlp(config.text.width, width, width)
        self.time_in = mlp(TIME_FEATURES, width, width)
        if config.modulation == "single":
            self.modulation = nn.Linear(width, num_modulations(config) * width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.final = Final(config)

    def forward(
        self, x_BCTHW: Tensor, t_B: Tensor, text_BLE: Tensor, mask_BL: Tensor, given_BTHW: Tensor | None = None
    ) -> Tensor:
        """Return the network's answer, shaped like `x_BCTHW`; `t_B` runs from 0 (clean) to 1.

        `mask_BL` is True where a text token is real. `given_BTHW` is True where a latent cell is given: there
        `x_BCTHW` must hold the clean latent, and a token whose whole patch is given is modulated as t = 0.
        """
        grid = self.grid(x_BCTHW)
        self._check(len(x_BCTHW), t_B, text_BLE)
        given_BN = None if given_BTHW is None else self.given_tokens(x_BCTHW, given_BTHW)
        x_BNP = patchify(x_BCTHW, self.config.patch)
        x_BNP = self.answer((grid,) * len(x_BCTHW), x_BNP, t_B, text_BLE, mask_BL, given_BN)
        return unpatchify(x_BNP, grid, self.config.patch)

    def answer(
        self,
        grids: Grids,
        x_BNP: Tensor,
        t_S: Tensor,
        text_SLE: Tensor,
        mask_SL: Tensor,
        given_BN: Tensor | None = None,
    ) -> Tensor:
        """Return the answer for S clips as tokens, shaped like `x_BNP`.

        Clips of equal grids lie side by side (B = S); others one after the other (B = 1, token counts not falling),
        see packing.py.
        """
        layout = layout_of(self.config, grids, str(x_BNP.device))
        text_SLD = self.text_in(text_SLE)
        pooled_SD = _pooled(text_SLD, mask_SL)
        condition_RD, row_BN = self._conditions(layout, t_S, pooled_SD, given_BN)
        context = Context(
            signal_RX=self._signal(condition_RD),
            row_BN=row_BN,
            text_SLD=text_SLD,
            mask_SL=mask_SL,
            clips=layout.clips,
        )
        x_BND = self._blocks(self.patch_in(x_BNP) + self._landmarks(layout, x_BNP), context, layout)
        result: Tensor = self.final(x_BND, condition_RD, row_BN)
        return result

    def _blocks(self, x_BND: Tensor, context: Context, layout: Layout) -> Tensor:
        again = self.checkpoint_activations and torch.is_grad_enabled()
        with self._precision(x_BND.device.type):
            for layer, block in enumerate(self.blocks):
                groups = layout.cycle[layer % len(layout.cycle)]
                if again:
                    x_BND = checkpoint(block, x_BND, context, groups, use_reentrant=False)
                else:
                    x_BND = block(x_BND, context, groups)
        return x_BND

    def _precision(self, device: str) -> AbstractContextManager[object]:
        """Half precision where `compute_dtype` asks for it; else whatever the caller's own autocast says."""
        if self.compute_dtype == torch.float32:
            return nullcontext()
        return torch.autocast(device, self.compute_dtype)

    def _conditions(
        self, layout: Layout, t_S: Tensor, pooled_SD: Tensor, given_BN: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the condition's rows and each token's row; None where row b is clip b's."""
        condition_SD = self.time_in(_time_features(t_S)) + pooled_SD
        if given_BN is None:
            return condition_SD, layout.clip_of
        clean_SD = self.time_in(_time_features(torch.zeros_like(t_S))) + pooled_SD
        clip_of = layout.clip_of
        if clip_of is None:
            clip_of = torch.arange(len(t_S), device=t_S.device)[:, None]
        return torch.cat([condition_SD, clean_SD]), clip_of + len(t_S) * given_BN

    def _signal(self, condition_RD: Tensor) -> Tensor:
        active_RD = F.silu(condition_RD)
        return self.modulation(active_RD) if self.config.modulation == "single" else active_RD

    def _landmarks(self, layout: Layout, x_BNP: Tensor) -> Tensor:
        grids = layout.grids[:1] if layout.clip_of is None else layout.grids
        return torch.cat([landmarks(grid, self.config.width, str(x_BNP.device)) for grid in grids])

    def grid(self, x_BCTHW: Tensor) -> Grid:
        """Return a latent's tokens along (time, height, width); one that does not fit raises ValueError."""
        channels, patch = self.config.codec.channels, self.config.patch
        sizes = tuple(x_BCTHW.shape[2:])
        fits = x_BCTHW.ndim == 5 and x_BCTHW.shape[1] == channels and min(x_BCTHW.shape) > 0
        if not fits or any(n % p for n, p in zip(sizes, patch, strict=True)):
            want = f"(clips, {channels}, T, H, W) with T, H, W multiples of {patch}"
            raise ValueError(f"latent must be {want}, got {tuple(x_BCTHW.shape)}")
        time, height, width = (n // p for n, p in zip(sizes, patch, strict=True))
        return time, height, width

    def given_tokens(self, x_BCTHW: Tensor, given_BTHW: Tensor) -> Tensor:
        """Which tokens are given, (B, N): those whose cells all are."""
        want = (x_BCTHW.shape[0], *x_BCTHW.shape[2:])
        if given_BTHW.dtype != torch.bool or given_BTHW.shape != want:
            raise ValueError(f"given must be bool {want}, got {given_BTHW.dtype} {tuple(given_BTHW.shape)}")
        return patchify(given_BTHW[:, None], self.config.patch).all(2)

    def load_arrays(self, tensors: Mapping[str, NDArray[np.float32]]) -> None:
        """Copy a checkpoint's tensors in; names and shapes must be exactly the model's."""
        self.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()})

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Copy the tensors out as NumPy arrays."""
        state = self.state_dict()
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in state.items()}

    def _check(self, num_clips: int, t_B: Tensor, text_BLE: Tensor) -> None:
        if t_B.shape != (num_clips,) or len(text_BLE) != num_clips:
            raise ValueError(
                f"expected one timestep and one prompt for each of {num_clips} "
                f"clips, got {tuple(t_B.shape)} and {tuple(text_BLE.shape)}"
            )


def patchify(x_BCTHW: Tensor, patch: tuple[int, int, int]) -> Tensor:
    """Cut a latent into tokens (B, N, C * patch volume), in (t, h, w) order."""
    (time, height, width), (clips, channels, *sizes) = patch, x_BCTHW.shape
    t, h, w = (size // step for size, step in zip(sizes, patch, strict=True))
    x = x_BCTHW.reshape(clips, channels, t, time, h, height, w, width)
    return x.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(clips, t * h * w, -1)


def unpatchify(x_BNP: Tensor, grid: Grid, patch: tuple[int, int, int]) -> Tensor:
    """Undo `patchify`."""
    sizes = (n * p for n, p in zip(grid, patch, strict=True))
    x = x_BNP.reshape(len(x_BNP), *grid, -1, *patch).permute(0, 4, 1, 5, 2, 6, 3, 7)
    return x.reshape(len(x_BNP), -1, *sizes)


def _pooled(text_BLD: Tensor, mask_BL: Tensor) -> Tensor:
    """Mean of the prompt's real tokens: a short way for what holds all over the clip."""
    weights = mask_BL.to(text_BLD.dtype).unsqueeze(2)
    return (text_BLD * weights).sum(1) / weights.sum(1)


def _time_features(t_B: Tensor) -> Tensor:
    half = TIME_FEATURES // 2
    steps = torch.arange(half, dtype=torch.float32, device=t_B.device)
    angles = 1000.0 * t_B[:, None] * torch.exp(-math.log(10000.0) / half * steps)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
