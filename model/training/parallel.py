"""Several processes, one run: FSDP2 (arXiv 2304.11277) under torchrun, a block of the transformer at a time.

Each process holds a share of every tensor and gathers a block's whole weights only while it computes with it.
Checkpoints are gathered, so that their bytes do not depend on the number of processes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.network.dit import VideoDiT


@dataclass(frozen=True, kw_only=True)
class Group:
    """This process among those of a run."""

    rank: int = 0
    """From 0; process 0 writes files and speaks."""
    size: int = 1
    """Number of processes."""
    device: str = "cpu"
    """Where this process computes."""

    def mean(self, value: float) -> float:
        """Average a number over the processes."""
        if self.size == 1:
            return value
        number = torch.tensor([value], dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(number)
        return float(number) / self.size

    def any(self, flag: bool) -> bool:
        """Say whether any process says so: all must leave a loop together."""
        return self.mean(float(flag)) > 0


def join_group(device: str | None = None) -> Group:
    """Return this process's place: torchrun's, which its variables name, or alone. `device` defaults to cuda."""
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if "RANK" not in os.environ:
        return Group(device=kind)
    if kind == "cuda":
        kind = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(kind)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if kind.startswith("cuda") else "gloo")
    return Group(rank=torch.distributed.get_rank(), size=torch.distributed.get_world_size(), device=kind)


def leave_group() -> None:
    """Let the other processes end, too."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def shard(model: VideoDiT, group: Group) -> None:
    """Spread a model's tensors over the processes, in place; nothing changes for one process."""
    if group.size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    mesh = init_device_mesh(group.device.split(":")[0], (group.size,))
    policy = MixedPrecisionPolicy(
        param_dtype=model.compute_dtype, reduce_dtype=torch.float32, cast_forward_inputs=False
    )
    for block in model.blocks:
        fully_shard(block, mesh=mesh, mp_policy=policy)
    # resharded after each forward pass, or a score without a backward pass would leave whole, stale copies in place
    fully_shard(model, mesh=mesh, reshard_after_forward=True)


def whole(tensor: Tensor) -> NDArray[np.float32]:
    """Copy a tensor out, gathered when it is sharded: then every process must call this."""
    tensor = tensor.detach()
    gathered = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    array: NDArray[np.float32] = gathered.cpu().numpy().copy()
    return array


def like(array: NDArray[np.float32], tensor: Tensor) -> Tensor:
    """Return `array` on the device, and in the shards, of `tensor`."""
    copy = torch.tensor(array).to(tensor.device)
    if not hasattr(tensor, "full_tensor"):
        return copy
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(tensor, DTensor)
    return distribute_tensor(copy, tensor.device_mesh, tensor.placements)
