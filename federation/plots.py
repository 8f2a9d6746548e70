"""The held-out loss of each round as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Held-out losses of a run."""

    losses_micro: tuple[int, ...]
    """Of the genesis checkpoint and after every round, in millionths."""


def plot_losses(curve: Curve, path: Path) -> None:
    """Write a PNG with one point a checkpoint."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = [micro / 1e6 for micro in curve.losses_micro]
    figure = Figure(figsize=(6.4, 3.6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(range(len(values)), values, marker="o", color="#1f5f8b")
    for x, y in enumerate(values):
        axes.annotate(f"{y:.3f}", (x, y), textcoords="offset points", xytext=(0, 8), ha="center", fontsize=8)
    axes.set_xlabel("round (0: genesis checkpoint)")
    axes.set_ylabel("held-out loss")
    axes.set_xticks(range(len(values)))
    axes.set_ylim(0, max(values) * 1.15)
    axes.grid(visible=True, alpha=0.3)
    axes.set_title("Held-out loss after each round", fontsize=10, loc="left")
    figure.savefig(path)
