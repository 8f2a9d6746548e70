"""Creating a run and having it trained: what stands behind `tenwings run create` and `tenwings train`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from federation.config import RunSpec
from federation.frozen_parts import model_config, part_cids
from federation.network import federation_of
from federation.server_app import progress_path
from federation.superlink import Federation, RunValue, build_fab
from model.checkpoint import initial, read
from model.config import ModelConfig
from node import cid as cids
from node.config import Home
from node.errors import ConfigError, DaemonUnavailable, LedgerRefused
from node.ports import ContentStore, Ledger
from node.records.content import Cid
from node.records.datasets import DatasetManifest
from node.records.runs import RunParams, RunState
from node.wiring import COORDINATOR, open_identity, open_ledger, open_store

ROOT = Path(__file__).resolve().parent.parent
FUNDED_ROUNDS = 100
POLL_SECONDS = 0.2
Event = Mapping[str, Any]


def create_run(
    home: Home,
    spec: RunSpec,
    dataset: Cid,
    *,
    start: bytes | None = None,
    quorum: int = 2,
    dispute_window_seconds: int = 2,
) -> RunState:
    """Put the spec and the genesis checkpoint on IPFS, create the run on chain and fund its rewards; in a network
    without a token its rounds reward nothing.

    `start` is a trained checkpoint to begin with; without one the genesis follows from the spec's seed. Raises
    ConfigError for one of another configuration than the spec's.
    """
    ledger, store = open_ledger(home, open_identity(home, COORDINATOR)), open_store(home, COORDINATOR)
    if not ledger.pays_rewards():
        spec = spec.with_changes({"reward.per_round": "0"})
    genesis = _genesis(model_config(store, spec.model), spec.model.seed, start)
    if ledger.artifact(cids.digest(dataset)) is None:
        raise ConfigError(f"expected a registered dataset, got {dataset}; `tenwings data add` registers one")
    _pin_dataset(store, dataset)
    for part in part_cids(spec.model):
        store.pin(part)
    params = RunParams(
        name=spec.name,
        spec_cid=store.put(spec.to_bytes()),
        spec_params=spec.chain_params,
        genesis_cid=store.put(genesis),
        dataset_digest=cids.digest(dataset),
        reward_cap=spec.reward.per_round,
        quorum=quorum,
        dispute_window_seconds=dispute_window_seconds,
    )
    run_id = ledger.create_run(params)
    if ledger.pays_rewards():
        ledger.fund(run_id, FUNDED_ROUNDS * spec.reward.per_round)
    return ledger.run(run_id)


def _genesis(config: ModelConfig, seed: int, start: bytes | None) -> bytes:
    if start is None:
        return initial(config, seed)
    try:
        found = read(start).config
    except ValueError as error:
        raise ConfigError(f"--start: {error}") from error
    if found != config:
        raise ConfigError(f"--start: expected a checkpoint of the spec's configuration {config.to_json()}, got {found}")
    return start


def _pin_dataset(store: ContentStore, dataset: Cid) -> None:
    """Keep the dataset on the coordinator's node, which every node can fetch from."""
    store.pin(dataset)
    for shard in DatasetManifest.from_bytes(store.get(dataset)).shards:
        store.pin(shard.cid)


def require_run(ledger: Ledger, run_id: int) -> RunState:
    """The run. Raises ConfigError when it is not on chain."""
    try:
        return ledger.run(run_id)
    except LedgerRefused as error:
        raise ConfigError(f"expected a run on chain, got {run_id}; `tenwings run ls` shows them") from error


def train(home: Home, run_id: int, num_rounds: int, *, tell: Callable[[Event], None]) -> None:
    """Run `num_rounds` rounds by Flower's deployment engine; `tell` hears the coordinator's progress.

    Raises DaemonUnavailable when the coordinator's process ends before the rounds do; what is committed stays and the
    next call goes on from the chain's head.
    """
    require_run(open_ledger(home), run_id)
    path = progress_path(home, run_id)
    start = path.stat().st_size if path.exists() else 0
    config: dict[str, RunValue] = {"home": str(home.root), "run-id": run_id, "num-rounds": num_rounds}
    with federation_of(home) as flower:
        flower_run = flower.start_run(build_fab(ROOT), config)
        try:
            for event in _follow(path, start, lambda: _ended(flower, flower_run)):
                tell(event)
                if event["event"] == "finished":
                    return
                if event["event"] == "stopped":
                    raise DaemonUnavailable(f"the rounds stopped: {event['error']}")
        except KeyboardInterrupt:
            flower.stop_run(flower_run)
            raise
        status = flower.run_status(flower_run)
    raise DaemonUnavailable(
        f"the coordinator's process ended ({status.sub_status}: {status.details or 'no details'}) too early; "
        f"what is committed stays: run `tenwings train` again to go on from the chain's head"
    )


def _ended(flower: Federation, flower_run: int) -> bool:
    return flower.run_status(flower_run).finished


def _follow(path: Path, start: int, ended: Callable[[], bool]) -> Iterator[Event]:
    """New lines of the progress file until the Flower run has ended and all are read."""
    position, pending, checked, last = start, b"", time.monotonic(), False
    while True:
        data = b""
        if path.exists():
            with path.open("rb") as file:
                file.seek(position)
                data = file.read()
        position += len(data)
        *lines, pending = (pending + data).split(b"\n")
        yield from (json.loads(line) for line in lines if line)
        if last:
            return
        if time.monotonic() - checked > 1.0:
            checked, last = time.monotonic(), ended()
        if not data:
            time.sleep(POLL_SECONDS)
