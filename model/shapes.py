"""Names and shapes of a VideoDiT's tensors, without torch: what a checkpoint must hold."""

from __future__ import annotations

from model.config import ModelConfig

TIME_FEATURES = 256
"""Sinusoids that describe a timestep."""

Shapes = dict[str, tuple[int, ...]]


def tensor_shapes(config: ModelConfig) -> Shapes:
    """Return every tensor's shape by its stable name; `dit.py` builds exactly these."""
    width, text_width, patch = config.width, config.text.width, config.patch_features
    shapes: Shapes = {
        **_linear("patch_in", patch, width),
        **_linear("text_in.0", text_width, width),
        **_linear("text_in.2", width, width),
        **_linear("time_in.0", TIME_FEATURES, width),
        **_linear("time_in.2", width, width),
        **_linear("modulation", width, 6 * width),
        "final.table": (2, width),
        **_linear("final.patch_out", width, patch),
    }
    for layer in range(config.num_layers):
        block = _block(config)
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in block.items()}
    return shapes


def num_parameters(config: ModelConfig) -> int:
    """Count the trained values."""
    total = 0
    for shape in tensor_shapes(config).values():
        size = 1
        for dimension in shape:
            size *= dimension
        total += size
    return total


def _block(config: ModelConfig) -> Shapes:
    width, head, hidden = config.width, config.head_width, config.mlp_ratio * config.width
    return {
        "table": (6, width),
        "attention.qkv.weight": (3 * width, width),
        "attention.query_norm": (head,),
        "attention.key_norm": (head,),
        **_linear("attention.out", width, width),
        "cross.query.weight": (width, width),
        "cross.key_value.weight": (2 * width, width),
        "cross.query_norm": (head,),
        "cross.key_norm": (head,),
        **_linear("cross.out", width, width),
        **_linear("mlp.0", width, hidden),
        **_linear("mlp.2", hidden, width),
    }


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
