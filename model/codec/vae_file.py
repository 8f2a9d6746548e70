"""A trained video VAE with its latent statistics <-> one canonical file; the file's SHA-256 is the codec's digest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from model import tensorfile
from model.codec.vae import VideoVae
from model.codec.vae_config import VaeConfig

FORMAT = "tenwings-vae/1"
_MEAN, _STD = "latent.mean", "latent.std"
_Vector = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Latent statistics, computed once over a training set and shipped with the weights."""

    mean: NDArray[np.float32]
    """(latent channels,)."""
    std: NDArray[np.float32]
    """(latent channels,), all above 0."""

    def __post_init__(self) -> None:
        for name, array in (("mean", self.mean), ("std", self.std)):
            if array.dtype != np.float32 or array.ndim != 1 or not np.isfinite(array).all():
                raise ValueError(f"latent {name} must be finite float32 (channels,), got {array.dtype} {array.shape}")
        if self.mean.shape != self.std.shape or not (self.std > 0).all():
            raise ValueError(f"latent std must be positive, one per mean, got {self.std} for {self.mean.shape}")


def pack(vae: VideoVae, statistics: Statistics) -> bytes:
    """Serialise; weights that are not finite raise ValueError."""
    tensors = arrays(vae)
    _check(tensors, vae.config)
    tensors |= {_MEAN: statistics.mean, _STD: statistics.std}
    return tensorfile.encode(tensors, {"format": FORMAT, "config": vae.config.to_json()})


def unpack(data: bytes) -> tuple[VideoVae, Statistics]:
    """Read `pack` back; cut, damaged or alien bytes raise ValueError saying what is off."""
    try:
        tensors, metadata = tensorfile.decode(data)
    except ValueError as error:
        raise ValueError(f"not a codec file ({FORMAT}): {error}") from error
    if metadata.get("format") != FORMAT:
        raise ValueError(f"expected a {FORMAT} file, got format {metadata.get('format')!r}")
    config = VaeConfig.from_json(metadata.get("config", ""))
    if not {_MEAN, _STD} <= tensors.keys():
        raise ValueError(f"a codec file holds {_MEAN!r} and {_STD!r}, this one does not; train it to its end")
    statistics = Statistics(mean=tensors.pop(_MEAN), std=tensors.pop(_STD))
    if statistics.mean.shape != (config.latent_channels,):
        raise ValueError(f"expected statistics of {config.latent_channels} channels, got {statistics.mean.shape}")
    return load(config, tensors), statistics


def arrays(vae: VideoVae) -> dict[str, _Vector]:
    """Return the weights as float32 arrays by their stable name."""
    return {name: t.detach().float().cpu().contiguous().numpy() for name, t in vae.state_dict().items()}


def load(config: VaeConfig, tensors: dict[str, _Vector]) -> VideoVae:
    """Build a VAE from its weights; wrong names, shapes or values that are not finite raise ValueError."""
    _check(tensors, config)
    with torch.device("meta"):
        vae = VideoVae(config)
    vae.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()}, assign=True)
    return vae.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload,no-any-return]


def _check(tensors: dict[str, _Vector], config: VaeConfig) -> None:
    with torch.device("meta"):
        want = {name: tuple(t.shape) for name, t in VideoVae(config).state_dict().items()}
    if odd := sorted(want.keys() ^ tensors.keys()):
        raise ValueError(f"expected the {len(want)} tensors of {config.preset!r}; {odd[0]!r} is missing or unknown")
    for name, array in tensors.items():
        if array.dtype != np.float32 or array.shape != want[name]:
            raise ValueError(f"tensor {name!r} must be float32 {want[name]}, got {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"tensor {name!r} holds values that are not finite")
