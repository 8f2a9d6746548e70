"""Proposals that change a run's spec: from settings to an action, with its effect in plain sight."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from federation.config import RunSpec
from federation.runs import require_run
from node.errors import ConfigError
from node.forms import TRAIN_TOGETHER, Plan
from node.membership import MemberDesk


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting of the spec, before and after."""

    setting: str
    before: str
    after: str


def plan_spec(desk: MemberDesk, run_id: int, settings: Mapping[str, str]) -> Plan:
    """Put the changed spec on IPFS. Raises ConfigError for unknown settings or when nothing changes."""
    run = require_run(desk.ledger, run_id)
    current = RunSpec.from_bytes(desk.store.get(run.spec_cid))
    wanted = current.with_changes(settings)
    changes = {c.setting: (c.before, c.after) for c in spec_changes(current, wanted)}
    if not changes:
        raise ConfigError(f"expected a change of run {run_id}'s spec, these settings are in force already: {settings}")
    cid = desk.store.put(wanted.to_bytes())
    effect = ", ".join(f"{name} from {before} to {after}" for name, (before, after) in changes.items())
    return Plan(
        actions=(desk.ledger.set_spec_action(run_id, cid, wanted.chain_params),),
        effect=f"Run {run_id}: change {effect}.",
        article=TRAIN_TOGETHER,
        changes=changes,
    )


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
