"""Verbs of datasets: data add."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli import AsOption, open_desk
from node.console import HomeOption, JsonOption, Out, find_home, verb
from node.records import ArtifactKind

data_app = typer.Typer(help="Datasets.", no_args_is_help=True)


def add_verbs(app: typer.Typer) -> None:
    """Add the group `data`."""
    data_app.command("add")(data_add)
    app.add_typer(data_app, name="data")


@verb
def data_add(
    name: AsOption,
    clips_per_shard: Annotated[int, typer.Option(help="Clips of each trainer's shard.")] = 96,
    shards: Annotated[int, typer.Option(help="Train shards.")] = 3,
    seed: Annotated[int, typer.Option(help="Of the procedural world and the crops.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build the built-in dataset (Big Buck Bunny, procedural world), put it on IPFS and register it."""
    from federation.datasets import LICENCE, DatasetPlan, build

    out, desk = Out(as_json=as_json), open_desk(find_home(home), name)
    plan = DatasetPlan(num_train_shards=shards, clips_per_shard=clips_per_shard, seed=seed)
    cid, manifest = build(desk.store, plan, out.say)
    desk.register(ArtifactKind.DATASET, cid, LICENCE)
    num_clips = sum(s.num_clips for s in manifest.shards)
    out.result(
        {"dataset": cid, "licence": LICENCE, "clips": num_clips, "shards": len(manifest.shards)},
        f"dataset {cid}\n{num_clips} clips in {len(manifest.shards)} shards, licence {LICENCE}",
    )
