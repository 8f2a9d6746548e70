"""A learned captioner: convolutions find things in each frame, a transformer reads the frames, a head a slot speaks.

What stands where is a map with a loss of its own in training (as the centres of arXiv 1904.07850): the worlds know the
place, colour and shape of every body, and who has learnt to point needs few clips to speak. The sentence follows from
the slots by the worlds' grammar, so it is always well formed. Trained by captioner_training.py; about 5M parameters at
preset `base`.
Shapes: B clips, T frames, N = B T, C channels, H and W pixels, G cells a side, D width.
"""

# ruff: noqa: N803, N806, N815 (tensor names carry their shape)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model.data.worlds.words import caption
from model.text.blocks import Block
from model.text.caption import Caption, check_frames
from model.text.part_file import load_into, read_config, save
from model.text.slot_heads import SlotHeads
from model.text.slots import VOCABULARY

FORMAT = "tenwings-captioner/1"
NUM_LOOKS, SIZE = 9, 64
"""Frames and pixels that the network sees; any clip is brought to them."""
_GROUPS = 8
_BATCH = 32
GRID = SIZE // 8
"""Cells along each side of the map of things."""
_COLOURS, _SHAPES = len(VOCABULARY["colour"]), len(VOCABULARY["shape"])
_KINDS = (_COLOURS + 1) * (_SHAPES + 1)
"""Pairs of a colour or any and a shape or any; of each, a frame's token tells how many and where."""
_SPARSE = 61
"""One pixel in so many is enough for a median."""


@dataclass(frozen=True, kw_only=True)
class CaptionerConfig:
    """The sizes of a learned captioner."""

    channels: tuple[int, ...]
    """Of the convolutions; the first quarters height and width, the second halves them, the others keep them."""
    width: int
    """Features of a frame's token."""
    num_layers: int
    """Blocks over frames."""
    num_heads: int
    """Of each block."""

    def __post_init__(self) -> None:
        ok = len(self.channels) >= 2 and all(
            type(c) is int and 0 < c <= 1024 and c % _GROUPS == 0 for c in self.channels
        )
        if not ok:
            raise ValueError(f"channels must be 2 or more multiples of {_GROUPS} up to 1024, got {self.channels}")
        for name in ("width", "num_layers", "num_heads"):
            value = getattr(self, name)
            if type(value) is not int or not 0 < value <= 4096:
                raise ValueError(f"{name} must be an integer from 1 to 4096, got {value!r}")


CAPTIONER_PRESETS: Final = {
    "nano": CaptionerConfig(channels=(8, 16), width=32, num_layers=1, num_heads=2),
    "small": CaptionerConfig(channels=(32, 64, 96), width=128, num_layers=3, num_heads=4),
    "base": CaptionerConfig(channels=(48, 96, 128), width=256, num_layers=5, num_heads=4),
}


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What the network makes of clips."""

    features_BD: Tensor
    """What the slots are read off."""
    colour_NCGG: Tensor
    """Logits of each cell's colour; the first is for no thing."""
    shape_NCGG: Tensor
    """Logits of its shape, given that there is a thing."""
    offset_NCGG: Tensor
    """Where in its cell the middle of the thing is, (x, y) from 0 to 1."""


class ClipReader(nn.Module):
    """Frames -> a map of things a frame, and one feature vector."""

    cells_CGG: Tensor
    """(2, G, G), x and y of the cells' top left corners in cells."""

    def __init__(self, config: CaptionerConfig) -> None:
        super().__init__()
        self.config = config
        last = config.channels[-1]
        self.eye = _eye(config.channels)
        self.point = nn.Conv2d(last, 1 + _COLOURS + _SHAPES + 2, 1)
        self.gather = nn.Linear(2 * (2 * last + 3 * _KINDS), config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.num_heads) for _ in range(config.num_layers))
        self.read = nn.Linear(NUM_LOOKS * config.width, config.width)
        self.norm = nn.RMSNorm(config.width, eps=1e-6)
        self.heads = SlotHeads(config.width)
        axis = torch.arange(GRID, dtype=torch.float32)
        self.register_buffer("cells_CGG", torch.stack(torch.meshgrid(axis, axis, indexing="xy")), persistent=False)

    def forward(self, frames_BTCHW: Tensor) -> Sight:
        """Look at frames in [-1, 1]."""
        shown = _with_ground(frames_BTCHW).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        seen_NCGG = self.eye(shown)
        colour, shape, offset = torch.split(self.point(seen_NCGG), [1 + _COLOURS, _SHAPES, 2], dim=1)
        things_ND = self._things(colour, shape, offset.sigmoid())
        what_ND = torch.cat([seen_NCGG.mean((2, 3)), seen_NCGG.amax((2, 3)), things_ND], dim=1)
        what_BTD = torch.unflatten(what_ND, 0, frames_BTCHW.shape[:2])
        # A thing moves little from look to look; per clip its way is as large as its place.
        change = (NUM_LOOKS - 1) * torch.diff(what_BTD, dim=1, prepend=what_BTD[:, :1])
        tokens = self.gather(torch.cat([what_BTD, change], dim=2))
        for block in self.blocks:
            tokens = block(tokens)
        features = self.norm(nn.functional.gelu(self.read(tokens.flatten(1))))
        return Sight(features_BD=features, colour_NCGG=colour, shape_NCGG=shape, offset_NCGG=offset.sigmoid())

    def _things(self, colour: Tensor, shape: Tensor, offset: Tensor) -> Tensor:
        """How many of each kind and the sums of their x and y, (N, 3 _KINDS)."""
        of_colour = colour.softmax(1)[:, 1:]
        of_colour = torch.cat([of_colour, of_colour.sum(1, keepdim=True)], dim=1)
        of_shape = shape.softmax(1)
        of_shape = torch.cat([of_shape, torch.ones_like(of_shape[:, :1])], dim=1)
        kinds_NKG = torch.einsum("ncyx,nsyx->ncsyx", of_colour, of_shape).flatten(1, 2).flatten(2)
        place_NAG = ((self.cells_CGG + offset) / (GRID / 2) - 1).flatten(2)
        sums = torch.einsum("nkg,nag->nka", kinds_NKG, place_NAG)
        return torch.cat([kinds_NKG.sum(2), sums.flatten(1)], dim=1)


def _with_ground(frames_BTCHW: Tensor) -> Tensor:
    """Six channels: colours, and how they differ from the clip's median colour."""
    ground = frames_BTCHW.transpose(1, 2).flatten(2)[:, :, ::_SPARSE].median(dim=2).values
    return torch.cat([frames_BTCHW, frames_BTCHW - ground[:, None, :, None, None]], dim=2)


def _eye(channels: tuple[int, ...]) -> nn.Sequential:
    """Convolutions from a frame to the last channels at an eighth of its height and width."""
    layers: list[nn.Module] = []
    for i, (old, new) in enumerate(pairwise((6, *channels))):
        size, stride = ((8, 4), (3, 2), (3, 1))[min(i, 2)]
        layers += [nn.Conv2d(old, new, size, stride, padding=(size - 1) // 2 if stride < 4 else 2)]
        layers += [nn.GroupNorm(_GROUPS, new), nn.GELU()]
    return nn.Sequential(*layers)


class LearnedCaptioner:
    """A trained `ClipReader` behind the interface of a captioner."""

    def __init__(self, module: ClipReader) -> None:
        self._module = module.eval()

    def caption(self, frames: NDArray[np.uint8]) -> Caption:
        """Describe frames (T, H, W, 3)."""
        return self.caption_all([frames])[0]

    def caption_all(self, clips: Sequence[NDArray[np.uint8]]) -> list[Caption]:
        """Describe many clips, of any shapes."""
        found: list[dict[str, str]] = []
        for start in range(0, len(clips), _BATCH):
            looks = np.stack([looks_of(frames) for frames in clips[start : start + _BATCH]])
            with torch.inference_mode():
                found += self._module.heads.decode(self._module(as_input(looks)).features_BD)
        return [Caption(text=caption(slots), slots=slots) for slots in found]


def looks_of(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a clip to (NUM_LOOKS, SIZE, SIZE, 3): frames evenly spread, pixels by area or cubic."""
    check_frames(frames)
    chosen = frames[np.linspace(0, len(frames) - 1, NUM_LOOKS).round().astype(int)]
    if chosen.shape[1:3] == (SIZE, SIZE):
        return np.asarray(chosen)
    method = cv2.INTER_AREA if min(chosen.shape[1:3]) > SIZE else cv2.INTER_CUBIC
    return np.stack([np.asarray(cv2.resize(f, (SIZE, SIZE), interpolation=method), np.uint8) for f in chosen])


def as_input(looks: NDArray[np.uint8], device: str = "cpu") -> Tensor:
    """(B, T, H, W, 3) bytes -> (B, T, 3, H, W) in [-1, 1]."""
    return torch.tensor(looks, device=device).permute(0, 1, 4, 2, 3).float() / 127.5 - 1


def save_captioner(module: ClipReader) -> bytes:
    """Serialise a captioner."""
    return save(module, module.config, FORMAT)


def load_captioner(data: bytes) -> LearnedCaptioner:
    """Read `save_captioner` back; another file raises ValueError."""
    module = ClipReader(read_config(data, CaptionerConfig, FORMAT))
    load_into(module, data)
    return LearnedCaptioner(module)
