"""torch.compile for a VideoDiT: block by block, with sizes left open.

Every block has the same code, so it is compiled once and serves all layers; sizes are symbols, so clips of another
shape need no new compilation. Three things do: one clip alone (a size of 1 is a special case to the compiler), another
number of distinct group lengths (window attention at ragged edges), and a change between training and inference.
"""

from __future__ import annotations

from model.network.block import Block
from model.network.dit import VideoDiT


def compile_blocks(model: VideoDiT, *, backend: str = "inductor") -> None:
    """Compile the model's blocks in place, at their first call; names and values of tensors stay.

    `inductor` needs a C++ compiler on a CPU and Triton on CUDA; without them the first call raises
    torch._inductor.exc.InductorError.
    """
    for block in model.blocks:
        assert isinstance(block, Block)
        block.compile(dynamic=True, backend=backend)
