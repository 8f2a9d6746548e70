"""From a checkpoint's CID and a prompt to a video file and a contact sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from federation.config import RunSpec
from federation.runs import require_run
from node.config import Home
from node.records import Cid
from node.wiring import COORDINATOR, open_ledger, open_store


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """What is asked of the sampler."""

    prompt: str
    seed: int = 0
    num_steps: int = 24
    guidance: float = 1.5


def sample_video(
    home: Home, run_id: int, checkpoint: Cid | None, request: SampleRequest, out: Path
) -> tuple[Path, Cid]:
    """Write `out` (MP4) and a PNG contact sheet beside it. Returns the sheet's path and the checkpoint's CID."""
    from model.data.video import contact_sheet, write_mp4
    from model.sample import sample

    run, store = require_run(open_ledger(home), run_id), open_store(home, COORDINATOR)
    spec = RunSpec.from_bytes(store.get(run.spec_cid))
    cid = checkpoint or run.head_cid
    frames = sample(
        store.get(cid),
        request.prompt,
        seed=request.seed,
        num_steps=request.num_steps,
        guidance=request.guidance,
        num_frames=spec.model.num_frames,
        height=spec.model.height,
        width=spec.model.width,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(out, frames)
    sheet = out.with_suffix(".png")
    sheet.write_bytes(contact_sheet([frames], scale=3))
    return sheet, cid
