"""A run's curves as TensorBoard event files."""

from __future__ import annotations

from pathlib import Path

from model.training.fit import Progress


class Board:
    """Hears of each step and writes it down; `tensorboard --logdir FOLDER` shows the curves."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and few runs ask for it

        self._writer = SummaryWriter(str(folder))

    def write(self, progress: Progress) -> None:
        """Add a step to the curves."""
        values = {
            "loss": progress.loss,
            "gradient norm": progress.grad_norm,
            "learning rate": progress.learning_rate,
            "clips per second": progress.clips_per_second,
            "held-out loss": progress.heldout_loss,
        }
        for name, value in values.items():
            if value is not None:
                self._writer.add_scalar(name, value, progress.step)

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
