"""The sizes a run can choose by name, from a laptop's nano to a cluster's 5B.

Parameters, in millions, with the embedded parts: 1.832, 9.17, 29.9, 118.8, 412.3, 606.6, 1915 and 4911. Under a text
encoder of width 4096 (T5-XXL) and a codec of 16 channels the largest four have 416.0, 610.8, 1922.6 and 4922.4.
"""

from __future__ import annotations

from model.config import ModelConfig

_SIZES = {
    "nano": (128, 6, 2),
    "tiny": (256, 8, 4),
    "S": (384, 12, 6),
    "B": (768, 12, 12),
    "L": (1024, 24, 16),
    "XL": (1152, 28, 18),
    "2B": (2048, 28, 16),
    "5B": (3072, 32, 24),
}
"""name -> (width, layers, heads)"""

PRESETS = tuple(_SIZES)
"""The known names, smallest first."""


def preset(name: str) -> ModelConfig:
    """Return the configuration called `name`; an unknown one raises ValueError with the known."""
    if name not in _SIZES:
        raise ValueError(f"unknown preset {name!r}; choose one of {', '.join(PRESETS)}")
    width, num_layers, num_heads = _SIZES[name]
    return ModelConfig(preset=name, width=width, num_layers=num_layers, num_heads=num_heads)
