"""What the report page is made of: plots as SVG, clips as animated WebP with a strip of stills, tables; all inline."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from PIL import Image

from model.data.video import contact_sheet
from model.evaluate.intervals import Estimate
from model.evaluate.plausibility import PlausibilityResult
from model.evaluate.tracker import Frames
from model.evaluate.trajectory import TrajectoryResult

COLOURS = {"model": "#9f2f1f", "copy last": "#77716a", "constant velocity": "#1f5f8b", "oracle": "#2c6a4c"}
"""Of predictors, in plots."""
_MARKS = {"model": "o", "copy last": "s", "constant velocity": "^", "oracle": "d"}
"""Beside colour, so that lines can be told apart without it."""
_FRAME_MILLISECONDS = 140
_GAP = 2

Cell = str | float | Estimate | None


def trajectory_plot(results: Sequence[TrajectoryResult]) -> str:
    """Position error over frames ahead, a panel a law, with the tracker's floor."""
    columns = min(3, len(results))
    rows = math.ceil(len(results) / columns)
    with _style():
        figure = Figure(figsize=(3.3 * columns, 2.5 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).ravel()
        for panel, result in zip(axes, results, strict=False):
            ahead = np.arange(1, len(result.rmse_model) + 1)
            for name, errors in result.errors.items():
                style = {"color": COLOURS[name], "marker": _MARKS[name], "markersize": 3.5, "linewidth": 1.3}
                panel.plot(ahead, errors.position, label=name, **style)
            panel.axhline(result.tracker_floor, color="#66605a", linestyle=":", linewidth=1, label="tracker floor")
            panel.set_title(result.law, loc="left", fontsize=9)
            panel.set_xlabel("frames ahead")
            panel.set_ylabel("RMSE, canvas heights")
            panel.set_ylim(bottom=0)
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            panel.grid(visible=True, alpha=0.25)
        for panel in axes[len(results) :]:
            panel.set_axis_off()
        axes[0].legend(fontsize=7, frameon=False)
        return _svg(figure, "Position error of each predictor over frames ahead, a panel for each law")


def plausibility_plot(result: PlausibilityResult) -> str:
    """Error of each edit with its interval; a coin's line at a half."""
    rows = {"all matched": Estimate(value=result.error, low=result.low, high=result.high, num=result.num_pairs)}
    rows |= result.by_edit | {f"{name}, unmatched": estimate for name, estimate in result.unmatched.items()}
    with _style():
        figure = Figure(figsize=(5.2, 0.32 * len(rows) + 0.8), layout="constrained")
        axes = figure.subplots()
        for place, estimate in enumerate(reversed(rows.values())):
            axes.plot([100 * estimate.low, 100 * estimate.high], [place, place], color=COLOURS["model"], linewidth=1.2)
            axes.plot(100 * estimate.value, place, "o", color=COLOURS["model"], markersize=5)
        axes.axvline(50, color="#66605a", linestyle=":", linewidth=1)
        axes.set_yticks(range(len(rows)), [f"{name} ({e.num})" for name, e in reversed(rows.items())])
        axes.set_xlim(-2, 102)
        axes.set_xlabel("impossible clip preferred, % (a coin: 50)")
        axes.grid(visible=True, axis="x", alpha=0.25)
        return _svg(figure, "Plausibility preference error by kind of edit, with 95 % intervals")


def animation(clips: Mapping[str, Frames]) -> str:
    """Clips side by side, moving, as one inline image with the names under it."""
    tiles = [np.pad(clip, ((0, 0), (_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=255) for clip in clips.values()]
    frames: NDArray[np.uint8] = np.concatenate(tiles, axis=2)
    first, *rest = [Image.fromarray(frame) for frame in frames]
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=rest, duration=_FRAME_MILLISECONDS, loop=0, lossless=True)
    names = "".join(f"<span>{html.escape(name)}</span>" for name in clips)
    image = _image("webp", buffer.getvalue(), f"Moving clips side by side: {', '.join(clips)}")
    return f'<figure class="clip">{image}<figcaption class="row">{names}</figcaption></figure>'


def stills(clips: Mapping[str, Frames]) -> str:
    """The same clips as a row of frames each."""
    sheet = contact_sheet(list(clips.values()), scale=1, gap=1)
    words = f"Frames from left to right; from top to bottom: {', '.join(clips)}"
    return f'<figure class="clip">{_image("png", sheet, words)}<figcaption>{html.escape(words)}</figcaption></figure>'


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[Cell]], *, percent: bool = False) -> str:
    """A table whose first column names the row; estimates carry their interval."""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{html.escape(str(row[0]))}</th>'
        + "".join(f"<td>{_cell(cell, percent)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    caption = f"<caption>{html.escape(title)}</caption>"
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Cell, percent: bool) -> str:
    if isinstance(cell, Estimate):
        if not math.isfinite(cell.value):
            return "not measurable"
        value, low, high = (_number(number, percent) for number in (cell.value, cell.low, cell.high))
        return f"{value} <small>[{low}, {high}]</small>"
    if isinstance(cell, float):
        return _number(cell, percent) if math.isfinite(cell) else "not measurable"
    return html.escape(str(cell)) if cell is not None else "–"


def _number(value: float, percent: bool) -> str:
    return f"{100 * value:.0f} %" if percent else f"{value:.3f}"


def _style() -> AbstractContextManager[None]:
    """Text as text, equal bytes for equal numbers."""
    return matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "ten-wings", "font.size": 9})


def _svg(figure: Figure, alt: str) -> str:
    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    return f"<figure>{_image('svg+xml', buffer.getvalue(), alt)}</figure>"


def _image(kind: str, data: bytes, alt: str) -> str:
    return f'<img src="data:image/{kind};base64,{base64.b64encode(data).decode()}" alt="{html.escape(alt)}">'
