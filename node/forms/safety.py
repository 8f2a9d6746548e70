"""What is stopped and settled: takedowns, verdicts, disputes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node import cid as cids
from node.deploy_plan import ROLES
from node.descent import descendants, provable
from node.forms.form import RESPECT, SAFETY, exactly, form, numbers, told
from node.incidents import CaseStatus, IncidentKind
from node.membership import MemberDesk
from node.records.content import canonical_json

_DAY = 86_400
_VERDICT_USAGE = "verdict CASE upheld|dismissed|malicious [BOND_WEI [UNVESTED_WEI]]"
VERDICTS = {"upheld": CaseStatus.UPHELD, "dismissed": CaseStatus.DISMISSED, "malicious": CaseStatus.MALICIOUS}


def _takedown(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    """The report on IPFS lists all that was made from it; the call lists what the registry can prove."""
    (text,) = exactly(words, 1)
    digest = cids.digest(cids.parse(text))
    if desk.ledger.artifact(digest) is None:
        raise ValueError(f"expected a registered artifact, got {text}; `tenwings artifact ls` shows them")
    made = descendants(desk.ledger, desk.store, digest)
    listed = [{"cid": d.cid, "what": d.what, "made_from": f"0x{d.parent.hex()}"} for d in made]
    report = desk.store.put(canonical_json({"artifact": text, "descendants": listed}))
    effect = f"Take down {text} for good; the report {report} lists {len(made)} things made from it, which stay."
    return [digest, provable(desk.ledger, digest), cids.to_bytes(report)], effect, {}


def _verdict(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    number, word, *slashes = words
    case = next((c for c in desk.ledger.cases() if c.case_id == int(number)), None)
    if case is None or word not in VERDICTS or len(slashes) > 2:
        raise ValueError(f"expected a case's id and one of {', '.join(VERDICTS)}, got {' '.join(words)!r}")
    from_bond, from_unvested = (int(wei) for wei in (*slashes, "0", "0")[:2])
    slash = (from_bond, case.run_id if from_unvested else 0, from_unvested)
    taken = f"; take {from_bond} wei of bond and {from_unvested} wei unvested from member {case.accused_id}"
    effect = f"Case {number}, {case.kind.name.lower().replace('_', ' ')}: {word}{taken if slashes else ''}."
    return [case.case_id, int(VERDICTS[word]), slash], effect, {}


def _settle_dispute(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    """A dispute that no case can end, since its manager was replaced. The timelock takes the role for one call."""
    text, word = exactly(words, 2)
    number, voided = int(text), {"voided": True, "cleared": False}.get(word)
    disputed = desk.ledger.run(run).disputed_round
    if voided is None or not number or number != disputed:
        raise ValueError(
            f"expected run {run}'s disputed round, {disputed or 'of which it has none'}, got {' '.join(words)!r}"
        )
    for case in desk.ledger.cases():
        if (case.status, case.kind, case.run_id) == (CaseStatus.OPEN, IncidentKind.BAD_ROUND, run):
            raise ValueError(f"case {case.case_id} decides this dispute: `tenwings propose verdict {case.case_id} ...`")
    role, timelock = ROLES["INCIDENT_ROLE"], desk.ledger.addresses()["TimelockController"]
    calls = [
        ("TrainingRuns", "grantRole", (role, timelock)),
        ("TrainingRuns", "settleDispute", (run, number, voided)),
        ("TrainingRuns", "revokeRole", (role, timelock)),
    ]
    end = "it counts no more, nor do later ones" if voided else "it stands"
    return calls, f"Run {run}: end the dispute of round {number}; {end}.", {}


def _incident_settings(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    settings, changes = numbers(desk.ledger.incident_settings(), words)
    if not (0 < settings.case_seconds <= 30 * _DAY and 0 < settings.withdrawal_seconds <= 90 * _DAY):
        raise ValueError(f"expected up to 30 days for a case and 90 for a withdrawal, in seconds, got {told(changes)}")
    if (settings.report_bond > 0) != desk.ledger.pays_rewards():
        raise ValueError("expected a report_bond above 0 in a network with a token, and 0 in one without")
    return [tuple(vars(settings).values())], f"Change how incidents run from now on: {told(changes)}.", changes


FORMS = dict((
    form("takedown CID", "ArtifactRegistry.takeDown", RESPECT, _takedown),
    form(_VERDICT_USAGE, "IncidentManager.adjudicate", SAFETY, _verdict),
    form("settle-dispute ROUND voided|cleared", "TrainingRuns.settleDispute", SAFETY, _settle_dispute, many=True),
    form("incident-settings NAME=NUMBER...", "IncidentManager.setSettings", SAFETY, _incident_settings),
))  # fmt: skip
"""By the word that names it."""
