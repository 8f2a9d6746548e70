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
        "final.table": (2, width),
        **_linear("final.patch_out", width, patch),
    }
    if config.modulation == "single":
        shapes |= _linear("modulation", width, num_modulations(config) * width)
    block = _block(config)
    for layer in range(config.num_layers):
        shapes |= {f"blocks.{layer}.{name}": shape for name, shape in block.items()}
    return shapes


def num_modulations(config: ModelConfig) -> int:
    """Shift, scale and gate of each modulated branch of a block: attention, MLP and, if factorised, time attention."""
    return 9 if config.attention == "factorised" else 6


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
    width, hidden, num = config.width, config.mlp_ratio * config.width, num_modulations(config)
    single, factorised = config.modulation == "single", config.attention == "factorised"
    return {
        **({"table": (num, width)} if single else _linear("modulation", width, num * width)),
        **_self_attention("attention", config),
        **(_self_attention("temporal", config) if factorised else {}),
        "cross.query.weight": (width, width),
        "cross.key_value.weight": (2 * width, width),
        "cross.query_norm": (config.head_width,),
        "cross.key_norm": (config.head_width,),
        **_linear("cross.out", width, width),
        **_linear("mlp.0", width, hidden),
        **_linear("mlp.2", hidden, width),
    }


def _self_attention(name: str, config: ModelConfig) -> Shapes:
    width, head = config.width, config.head_width
    return {
        f"{name}.qkv.weight": (3 * width, width),
        f"{name}.query_norm": (head,),
        f"{name}.key_norm": (head,),
        **_linear(f"{name}.out", width, width),
    }


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}
