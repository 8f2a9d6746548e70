"""From a checkpoint's CID and prompts to video files and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from federation.config import RunSpec
from federation.runs import require_run
from node.config import Home
from node.errors import ConfigError
from node.records import Cid
from node.wiring import COORDINATOR, open_ledger, open_store


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """What is asked of the sampler: one clip a prompt."""

    prompts: Sequence[str]
    seed: int = 0
    num_steps: int = 24
    guidance: float = 1.5

    def __post_init__(self) -> None:
        if not self.prompts or not all(p.strip() for p in self.prompts):
            raise ConfigError(f"expected a prompt in words, got {self.prompts!r}")
        if not 1 <= self.num_steps <= 1000:
            raise ConfigError(f"expected 1 to 1000 solver steps, got {self.num_steps}")


def sample_videos(
    home: Home, run_id: int, checkpoint: Cid | None, request: SampleRequest, out: Path
) -> tuple[Path, Cid]:
    """Write the first prompt's clip to `out` (MP4) and all clips, a row each, to a PNG contact sheet beside it.

    The checkpoint is the run's head unless named. Returns the sheet's path and the checkpoint's CID.
    """
    from model.checkpoint import load_model
    from model.data.video import contact_sheet, write_mp4
    from model.denoiser import Denoiser
    from model.job import VideoShape
    from model.sample import sample_many

    run, store = require_run(open_ledger(home), run_id), open_store(home, COORDINATOR)
    spec = RunSpec.from_bytes(store.get(run.spec_cid)).model
    cid = checkpoint or run.head_cid
    clips = sample_many(
        Denoiser(load_model(store.get(cid))),
        list(request.prompts),
        shape=VideoShape(num_frames=spec.num_frames, height=spec.height, width=spec.width),
        seed=request.seed,
        num_steps=request.num_steps,
        guidance=request.guidance,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(out, clips[0])
    sheet = out.with_suffix(".png")
    sheet.write_bytes(contact_sheet(clips, scale=3))
    return sheet, cid
