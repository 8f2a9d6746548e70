"""The Frechet distance between two sets of clips (FVD, arXiv 1812.01717), with feature networks from a file.

Only features of the published I3D network (TorchScript, named by path) make the number an FVD. With any other
network, or with our own features, it is a Frechet score and is called so: the two are not comparable. Neither are
FVDs of different frame counts, resizing or clip counts, so the report carries them.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BATCH = 8
_I3D_SIDE = 224
_I3D_FEATURES = 400


@dataclass(frozen=True, kw_only=True)
class FrechetScore:
    """A Frechet distance and all that it depends on."""

    name: str
    """`FVD` for the I3D network, else `Frechet score`."""
    distance: float
    """Squared 2-Wasserstein distance of the two fitted normal distributions; 0 for equal sets."""
    network: str
    """SHA-256 of the network's file."""
    num_clips: int
    """Clips on each side."""
    num_frames: int
    """Frames of each clip."""
    num_features: int
    """Features of a clip; with fewer clips than features the distance is far too large to quote."""


class Features(Protocol):
    """Clips as vectors."""

    def __call__(self, clips: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Map uint8 (clips, T, H, W, 3) to (clips, features)."""


def frechet_distance(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the distance of two sets of feature vectors, each (num, features) with num >= 2."""
    for name, rows in (("left", left), ("right", right)):
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] != left.shape[1]:
            raise ValueError(f"expected at least 2 rows of equal width on both sides, got {name} {rows.shape}")
        if not np.isfinite(rows).all():
            raise ValueError(f"the {name} features hold values that are not finite")
    means = left.mean(axis=0) - right.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (left, right)]
    return gaussian_distance(means, *covariances)


def gaussian_distance(means: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """|difference of means|^2 + tr(left + right - 2 (left right)^(1/2)) of two covariances.

    The product's root is never formed: its trace is the sum of the roots of the eigenvalues of the symmetric
    left^(1/2) right left^(1/2), which are those of the product.
    """
    values, vectors = np.linalg.eigh(left)
    root = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    inner = root @ right @ root
    overlap = np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0.0, None)).sum()
    return max(0.0, float(means @ means + np.trace(left) + np.trace(right) - 2 * overlap))


class TorchScriptFeatures:
    """A feature network from a TorchScript file.

    The file is code as well as weights and runs on this machine: load none that you do not trust. It is called
    with float32 (clips, 3, T, side, side) in [-1, 1] (the published I3D's convention, which also needs
    `rescale=False, resize=False, return_features=True` and gets them when it takes them).
    """

    def __init__(self, path: Path, *, side: int = _I3D_SIDE) -> None:
        if not path.is_file():
            raise ValueError(f"expected a TorchScript file of a feature network, got {path}; name an existing file")
        data = path.read_bytes()
        self.digest = hashlib.sha256(data).hexdigest()
        self._side = side
        try:
            with warnings.catch_warnings():  # TorchScript is deprecated, but the published networks come in it
                warnings.filterwarnings("ignore", message=".*torch.jit.load.*", category=DeprecationWarning)
                self._network = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(f"{path} is not a TorchScript file: {str(error).splitlines()[0]}") from error
        schema = self._network.forward.schema
        takes = {argument.name for argument in schema.arguments}
        flags = {"rescale": False, "resize": False, "return_features": True}
        self._flags = {name: value for name, value in flags.items() if name in takes}
        self._takes_flags = set(flags) <= takes

    def is_i3d(self, num_features: int) -> bool:
        """True for a network that is called like the published I3D and answers with its Kinetics-400 logits."""
        return self._takes_flags and num_features == _I3D_FEATURES

    def __call__(self, clips: NDArray[np.uint8]) -> NDArray[np.float64]:
        parts = [self._batch(clips[start : start + _BATCH]) for start in range(0, len(clips), _BATCH)]
        return np.concatenate(parts)

    def _batch(self, clips: NDArray[np.uint8]) -> NDArray[np.float64]:
        x = torch.from_numpy(clips.copy()).permute(0, 4, 1, 2, 3).float() / 127.5 - 1
        size = (x.shape[2], self._side, self._side)
        x = torch.nn.functional.interpolate(x, size=size, mode="trilinear", align_corners=False)
        with torch.no_grad():
            features: Tensor = self._network(x, **self._flags)
        return features.flatten(1).double().numpy()


def frechet_score(network: TorchScriptFeatures, real: NDArray[np.uint8], made: NDArray[np.uint8]) -> FrechetScore:
    """Score clips (clips, T, H, W, 3) against as many real ones of the same shape."""
    if real.shape != made.shape:
        raise ValueError(f"expected as many made clips as real ones and of one shape, got {made.shape}, {real.shape}")
    left, right = network(real), network(made)
    return FrechetScore(
        name="FVD" if network.is_i3d(left.shape[1]) else "Frechet score",
        distance=frechet_distance(left, right),
        network=network.digest,
        num_clips=len(real),
        num_frames=real.shape[1],
        num_features=left.shape[1],
    )
