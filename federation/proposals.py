"""Proposals that change a run's spec: from settings to an action, with its effect in plain sight."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from federation.config import RunSpec
from federation.runs import require_run
from node.errors import ConfigError
from node.membership import MemberDesk
from node.records import Cid


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting of the spec, before and after."""

    setting: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ProposedSpec:
    """A proposal to replace a run's spec."""

    proposal_id: int
    spec_cid: Cid
    changes: tuple[Change, ...]


def propose_spec(desk: MemberDesk, run_id: int, settings: Mapping[str, str], why: str) -> ProposedSpec:
    """Put the changed spec on IPFS and propose it. Raises ConfigError for unknown settings or when nothing changes."""
    run = require_run(desk.ledger, run_id)
    current = RunSpec.from_bytes(desk.store.get(run.spec_cid))
    wanted = current.with_changes(settings)
    changes = tuple(spec_changes(current, wanted))
    if not changes:
        raise ConfigError(f"expected a change of run {run_id}'s spec, these settings are in force already: {settings}")
    cid = desk.store.put(wanted.to_bytes())
    effect = ", ".join(f"{c.setting} from {c.before} to {c.after}" for c in changes)
    text = f"Run {run_id}: change {effect}." + (f"\n\n{why}" if why else "")
    number = desk.propose([desk.ledger.set_spec_action(run_id, cid, wanted.chain_params)], text)
    return ProposedSpec(proposal_id=number, spec_cid=cid, changes=changes)


def spec_changes(before: RunSpec, after: RunSpec) -> Iterator[Change]:
    """The settings that differ, by dotted name."""
    old, new = _flat(json.loads(before.to_bytes())), _flat(json.loads(after.to_bytes()))
    for name in sorted(old):
        if old[name] != new[name]:
            yield Change(setting=name, before=str(old[name]), after=str(new[name]))


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.") if isinstance(item, Mapping) else {f"{prefix}{key}": item}
    return flat
