"""A report folder: `report.json` for machines and `report.html`, one page with plots and clips that needs no script."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from model.evaluate.intervals import Estimate
from model.evaluate.report_parts import Cell, animation, plausibility_plot, stills, table, trajectory_plot
from model.evaluate.world import Example, SplitScores, WorldReport

_CSS = """
:root { --paper: #faf8f4; --card: #fffefb; --ink: #1f1d1a; --muted: #66605a; --line: #e3ddd2; --seal: #9f2f1f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #161513; --card: #1d1c19; --ink: #ebe6dd; --muted: #a8a197; --line: #34312c; --seal: #f08a72; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1.5rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1, h3 { font-family: "Iowan Old Style", Palatino, "Source Serif 4", Georgia, serif; font-weight: 500; }
h1 { font-size: 2.1rem; margin: .2rem 0 .6rem; }
h1, h2, h3 { line-height: 1.25; }
h2 { margin: 2.6rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: 1.35rem; }
h3 { font-size: 1.15rem; margin: 1.6rem 0 .6rem; }
p { max-width: 44rem; margin: .5rem 0; }
.muted, figcaption, caption, small { color: var(--muted); }
nav a { margin-right: 1rem; color: inherit; text-decoration-color: var(--seal); }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .86em; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .8rem 0 1.2rem; }
table { border-collapse: collapse; background: var(--card); border: 1px solid var(--line); font-size: .92rem; }
caption { text-align: left; padding: .3rem 0; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th[scope=row], th:first-child { text-align: left; }
th { font-weight: 600; }
td small { font-size: .8em; }
figure { margin: 0 0 1rem; background: #fffefb; border: 1px solid var(--line); border-radius: 8px; padding: .8rem;
  max-width: max-content; overflow-x: auto; }
figure img { display: block; max-width: 100%; height: auto; }
figure.clip { background: var(--card); }
figure.clip img { image-rendering: pixelated; width: 60rem; }
figure.clip .row { display: flex; width: min(60rem, 100%); }
figure.clip .row span { flex: 1; text-align: center; }
figcaption { font-size: .86rem; padding-top: .3rem; }
details > summary { cursor: pointer; margin: .4rem 0; }
"""
_HOW = """
<p>Every predictor sees the first {num_given} frames of a clip and goes on. <em>Copy last</em> repeats the last of them,
<em>constant velocity</em> moves every body straight on, the <em>oracle</em> is the simulation drawn again: what it
scores is the tracker's own error. Lengths are in canvas heights. A body that is not found costs
{missing:.2f}, a random guess.
Intervals in brackets hold 95 %. <em>Plausibility error</em> is the share of matched sets in which the model's denoising
loss prefers impossible clips to valid ones that hold the same frames: 0 is best, a coin has 50 %.</p>
"""


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """What was written."""

    json: Path
    """For machines."""
    html: Path
    """For people."""


def write_report(folder: Path, report: WorldReport, examples: Sequence[Example], num_clips: int) -> ReportFiles:
    """Write both files; the page shows up to `num_clips` examples a split."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ReportFiles(json=folder / "report.json", html=folder / "report.html")
    files.json.write_text(report.to_json() + "\n", encoding="utf-8")
    files.html.write_text(page(report, examples, num_clips), encoding="utf-8")
    return files


def page(report: WorldReport, examples: Sequence[Example], num_clips: int) -> str:
    """The whole page."""
    from model.evaluate.observe import MISSING

    shape = report.plan.shape
    links = "".join(f'<a href="#{scores.split}">{scores.split}</a>' for scores in report.splits)
    shown = {
        scores.split: [e for e in examples if e.scene.split == scores.split][:num_clips] for scores in report.splits
    }
    sections = "".join(_section(scores, shown[scores.split]) for scores in report.splits)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>World-model scores of {html.escape(report.preset)} {report.checkpoint_sha256[:12]}</title>
<style>{_CSS}</style></head>
<body><main>
<p class="muted">Ten Wings</p><h1>Is it a world model?</h1>
<p>Preset {html.escape(report.preset)}, {report.num_parameters:,} parameters; clips of {shape.num_frames} frames at
{shape.height} × {shape.width}; {report.plan.num_scenes} clips a law, {report.plan.num_pairs} matched sets a split,
seed {report.plan.seed}, {report.plan.recipe.num_steps} solver steps, guidance {report.plan.recipe.guidance:g}.</p>
<p class="muted">Checkpoint SHA-256 <code>{report.checkpoint_sha256}</code></p>
<nav aria-label="Splits">{links}</nav>
{_summary(report)}
{_HOW.format(num_given=report.plan.num_given, missing=MISSING)}
{sections}
</main></body></html>
"""


def _summary(report: WorldReport) -> str:
    header = ["split", "plausibility error", "permanence kept", "counting exact"]
    rows: list[list[Cell]] = [
        [
            scores.split,
            _overall(scores),
            scores.permanence["model"].kept if scores.permanence else None,
            scores.counting["model"].exact if scores.counting else None,
        ]
        for scores in report.splits
    ]
    return table("The model at a glance", header, rows, percent=True) + _last_frames(report)


def _last_frames(report: WorldReport) -> str:
    names = ["model", "copy last", "constant velocity", "oracle"]
    rows: list[list[Cell]] = [
        [f"{scores.split}: {result.law}", *(result.errors[name].position[-1] for name in names), result.tracker_floor]
        for scores in report.splits
        for result in scores.trajectories
        if result.law == "uniform"
    ]
    return table("Position RMSE at the last frame, canvas heights", ["clips", *names, "tracker floor"], rows)


def _section(scores: SplitScores, examples: Sequence[Example]) -> str:
    what = "in distribution" if scores.split == "train" else "outside the training distribution"
    clips = "".join(f"<h3>{html.escape(e.scene.caption)}</h3>{_clips(e)}" for e in examples)
    return f"""<section id="{scores.split}"><h2>Split {scores.split}: {what}</h2>
<h3>Plausibility</h3>{plausibility_plot(scores.plausibility)}
<h3>Trajectories</h3>{trajectory_plot(scores.trajectories)}{_found(scores)}
<h3>Laws of motion</h3>{_laws(scores)}
{_memory(scores)}{_frechet(scores)}
{"<h3>Clips</h3>" if clips else ""}{clips}</section>"""


def _clips(example: Example) -> str:
    order = {"oracle": "truth", "model": "model", "copy last": "copy last", "constant velocity": "constant velocity"}
    clips = {words: example.clips[name] for name, words in order.items() if name in example.clips}
    words = f"Frames one by one; the first {example.num_given} are given"
    return f"{animation(clips)}<details><summary>{words}</summary>{stills(clips)}</details>"


def _found(scores: SplitScores) -> str:
    names = list(scores.trajectories[0].errors) if scores.trajectories else []
    rows: list[list[Cell]] = [[r.law, *(r.errors[name].found for name in names)] for r in scores.trajectories]
    return table("Share of bodies that the tracker finds in predicted frames", ["law", *names], rows, percent=True)


def _laws(scores: SplitScores) -> str:
    rows: list[list[Cell]] = [[name, *by.values()] for name, by in scores.laws.items()]
    header = ["0 is best", *next(iter(scores.laws.values()), {})]
    return table("Drift of momentum and energy; error of fitted gravity and restitution", header, rows)


def _memory(scores: SplitScores) -> str:
    parts = []
    if scores.permanence:
        shares: list[list[Cell]] = [[n, p.kept, p.colour, p.count] for n, p in scores.permanence.items()]
        parts.append(table("What comes out of hiding", ["predictor", "kept", "colour", "count"], shares, percent=True))
        places: list[list[Cell]] = [[n, p.place, p.time] for n, p in scores.permanence.items()]
        parts.append(table("Where and when", ["predictor", "place, heights", "time, frames"], places))
    if scores.counting:
        counts: list[list[Cell]] = [[n, c.exact, c.error] for n, c in scores.counting.items()]
        parts.append(table("Counting", ["predictor", "exact frames", "bodies off"], counts))
    return "<h3>Permanence and counting</h3>" + "".join(parts) if parts else ""


def _frechet(scores: SplitScores) -> str:
    score = scores.frechet
    if score is None:
        return ""
    few = " Fewer clips than features: far too large to quote." if score.num_clips <= score.num_features else ""
    return (
        f"<h3>{score.name}</h3><p>{score.distance:.2f} over {score.num_clips} clips of {score.num_frames} frames, "
        f"{score.num_features} features of the network <code>{score.network}</code>.{few}</p>"
    )


def _overall(scores: SplitScores) -> Estimate:
    result = scores.plausibility
    return Estimate(value=result.error, low=result.low, high=result.high, num=result.num_pairs)
