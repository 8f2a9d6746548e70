"""One forward pass for clips of mixed duration, resolution and aspect (NaViT, arXiv 2307.06304), without padding.

The clips' tokens follow each other in one stream, so every matrix product is one large one. Attention stays inside
each clip, whatever its kind: on CUDA in half precision by PyTorch's variable-length kernel, elsewhere by one batch for
each length of group. Answers equal those of the clips alone.

Under FSDP2 call `torch.distributed.fsdp.register_fsdp_forward_method(model, "answer")` first: this enters there.

Shapes: S clips, C latent channels, T H W a clip's own latent grid, M tokens of the stream, P values of a patch.
"""

# ruff: noqa: N803, N806 (tensor names carry their shape)

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from model.network.dit import VideoDiT, patchify, unpatchify
from model.network.rope import Grid


def answer_packed(
    model: VideoDiT,
    latents: Sequence[Tensor],
    t_S: Tensor,
    text_SLE: Tensor,
    mask_SL: Tensor,
    given: Sequence[Tensor | None] | None = None,
) -> list[Tensor]:
    """Return the model's answer for each latent (C, T, H, W), shaped like it and in the order they came.

    `t_S`, `text_SLE` and `mask_SL` have a row a clip, as in `VideoDiT.forward`. `given` has an entry a clip: bool
    (T, H, W), True where the latent is given, or None where nothing is. Raises ValueError for an empty list and for
    a latent, a mask or a number of rows that does not fit.
    """
    _check(latents, t_S, text_SLE, mask_SL, given)
    grids = [model.grid(latent[None]) for latent in latents]
    order = sorted(range(len(grids)), key=lambda clip: (math.prod(grids[clip]), grids[clip]))
    rows = torch.tensor(order, device=t_S.device)
    ordered = tuple(grids[clip] for clip in order)
    x_MP = torch.cat([patchify(latents[clip][None], model.config.patch)[0] for clip in order])
    given_M = (
        None if given is None else _given(model, [latents[clip] for clip in order], [given[clip] for clip in order])
    )
    num_rows = len(order) if len(set(ordered)) == 1 else 1
    answer_BNP = model.answer(
        ordered,
        x_MP.view(num_rows, -1, x_MP.shape[1]),
        t_S[rows],
        text_SLE[rows],
        mask_SL[rows],
        None if given_M is None else given_M.view(num_rows, -1),
    )
    return _unpacked(answer_BNP.flatten(0, 1), ordered, order, model.config.patch)


def _given(model: VideoDiT, latents: Sequence[Tensor], given: Sequence[Tensor | None]) -> Tensor:
    """Which tokens of the stream are given, (M,)."""
    parts = []
    for latent, mask in zip(latents, given, strict=True):
        known = torch.zeros(latent.shape[1:], dtype=torch.bool, device=latent.device) if mask is None else mask
        parts.append(model.given_tokens(latent[None], known[None])[0])
    return torch.cat(parts)


def _unpacked(
    answer_MP: Tensor, grids: Sequence[Grid], order: Sequence[int], patch: tuple[int, int, int]
) -> list[Tensor]:
    parts = torch.split(answer_MP, [math.prod(grid) for grid in grids])
    made = {clip: unpatchify(part[None], grid, patch)[0] for clip, part, grid in zip(order, parts, grids, strict=True)}
    return [made[clip] for clip in range(len(order))]


def _check(
    latents: Sequence[Tensor],
    t_S: Tensor,
    text_SLE: Tensor,
    mask_SL: Tensor,
    given: Sequence[Tensor | None] | None,
) -> None:
    num_clips = len(latents)
    if not num_clips:
        raise ValueError("expected at least one latent to pack, got none")
    rows = {
        "timestep": t_S,
        "prompt": text_SLE,
        "text mask": mask_SL,
        "given mask": latents if given is None else given,
    }
    for name, values in rows.items():
        if len(values) != num_clips:
            raise ValueError(f"expected one {name} for each of {num_clips} latents, got {len(values)}")
