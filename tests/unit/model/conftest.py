"""One torch thread: tiny tensors gain nothing from more, and golden losses should not depend on the machine."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
