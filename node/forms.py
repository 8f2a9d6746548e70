"""What can be proposed, a form for each decision: from words to calls and a text that says the effect.

A form for a function that a contract does not have (yet) is not offered. Specs are proposed by `federation.proposals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from eth_utils.address import is_address, to_checksum_address

from node import cid as cids
from node import typed_data
from node.abi_codec import abi_of, encode_call, selector
from node.chain_records import bounds_fields, data_fields, data_of, join_fields
from node.charter_text import parse_charter
from node.deploy_plan import ROLES
from node.descent import descendants, provable
from node.errors import ConfigError
from node.incidents import CaseStatus, IncidentKind
from node.join_requests import SignedJoinRequest
from node.membership import MemberDesk
from node.records.chain import Address
from node.records.content import canonical_json
from node.records.proposals import Action, ProposalKind
from node.records.runs import ParamBounds, SpecParams
from node.replacement import replacing_calls

TRAIN_TOGETHER, MERIT_IS_EARNED, NO_ONE_RULES_ALONE, ALL_CAN_BE_CHECKED, RESPECT, SAFETY, A_COMMUNITY_THAT_LASTS = (
    range(1, 8)
)
"""Articles of the charter that ships with the project; what a form serves unless --article says otherwise."""

VERDICTS = {"upheld": CaseStatus.UPHELD, "dismissed": CaseStatus.DISMISSED, "malicious": CaseStatus.MALICIOUS}
_VERDICT_USAGE = "verdict CASE upheld|dismissed|malicious [BOND_WEI [UNVESTED_WEI]]"
_DAY = 86_400
_MAX_DELAY_SECONDS = 90 * _DAY
_NOBODY = Address("0x" + "0" * 40)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A proposal before anybody signs it."""

    actions: tuple[Action, ...]
    effect: str
    """One sentence: what it does."""
    article: int
    changes: Mapping[str, tuple[str, str]]
    """By setting: before and after; empty where the effect says it all."""

    def text(self, why: str) -> str:
        """The effect, and the proposer's reason."""
        return self.effect + (f"\n\n{why}" if why else "")


@dataclass(frozen=True, kw_only=True)
class Form:
    """One kind of decision."""

    usage: str
    contract: str
    function: str
    article: int
    build: Callable[[MemberDesk, int, Sequence[str]], tuple[Sequence[Any], str, Mapping[str, tuple[str, str]]]]
    """(desk, run id, words) to the call's arguments, the effect, and what changes. Raises ValueError."""
    many: bool = False
    """Whether `build` gives whole calls: (contract, function, arguments) each."""

    @property
    def offered(self) -> bool:
        """Whether the deployed contracts have the function."""
        return self.function in abi_of(self.contract).functions


def plan(desk: MemberDesk, run_id: int, words: Sequence[str]) -> Plan:
    """From a form's name and its words. Raises ConfigError with the form's usage, or the list of forms."""
    form = FORMS.get(words[0]) if words else None
    if form is None or not form.offered:
        known = "\n".join(f"  {f.usage}" for f in FORMS.values() if f.offered)
        raise ConfigError(f"expected SECTION.NAME=VALUE of the run spec, or one of\n{known}\ngot {' '.join(words)!r}")
    try:
        args, effect, changes = form.build(desk, run_id, words[1:])
        calls = args if form.many else [(form.contract, form.function, args)]
        actions = tuple(
            Action(target=desk.ledger.addresses()[contract], calldata=encode_call(contract, function, *values))
            for contract, function, values in calls
        )
    except (ValueError, OSError) as error:
        raise ConfigError(f"expected `{form.usage}`: {error}") from error
    return Plan(actions=actions, effect=effect, article=form.article, changes=changes)


def _numbers(current: Any, words: Sequence[str]) -> tuple[Any, dict[str, tuple[str, str]]]:
    """A record of numbers with NAME=VALUE applied, and what that changes."""
    known = [f.name for f in fields(current)]
    wanted: dict[str, int] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in known or not value.isdecimal():
            raise ValueError(f"expected NAME=NUMBER with a name of {', '.join(known)}, got {word!r}")
        wanted[name] = int(value)
    changes = {n: (str(getattr(current, n)), str(v)) for n, v in wanted.items() if getattr(current, n) != v}
    if not changes:
        raise ValueError(f"expected a change, got {' '.join(words) or 'nothing'}, which is in force already")
    return replace(current, **wanted), changes


def _told(changes: Mapping[str, tuple[str, str]]) -> str:
    return ", ".join(f"{name} from {before} to {after}" for name, (before, after) in changes.items())


def _rules(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    rules, changes = _numbers(desk.ledger.rules(), words)
    return [tuple(vars(rules).values())], f"Change the rules of votes: {_told(changes)}.", changes


def _merit_bounds(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    bounds, changes = _numbers(desk.ledger.merit_bounds(), words)
    return [tuple(vars(bounds).values())], f"Change the bounds of merit: {_told(changes)}.", changes


def _charter(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (name,) = _exactly(words, 1)
    text, now = parse_charter(Path(name).read_bytes()), desk.ledger.charter()
    cid = desk.store.put(text.data)
    if cid == now.cid:
        raise ValueError("expected another charter than the one in force")
    changes = {"charter": (now.cid, cid), "articles": (str(now.num_articles), str(text.num_articles))}
    return (
        [cids.to_bytes(cid), text.num_articles],
        f"Replace the charter by {cid}, {text.num_articles} articles.",
        changes,
    )


def _guardian(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    if list(words) == ["nobody"]:
        return [_NOBODY, 0], "Have no guardian.", {}
    account, days = _exactly(words, 2)
    until = desk.ledger.latest_block().timestamp + int(days) * _DAY
    effect = f"Make {_address(account)} the guardian for {days} days; it may cancel a proposal or pause a run, once."
    return [_address(account), until], effect, {}


def _admit(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (name,) = _exactly(words, 1)
    wish = SignedJoinRequest.load(Path(name))
    request = wish.request
    typed_data.check(desk.ledger.domain("MemberRegistry"), request, wish.signature, request.account)
    if desk.ledger.member(request.account) is not None:
        raise ValueError(f"expected an account that has not joined, {request.account} has")
    roles = "+".join(role.name.lower() for role in request.roles if role.name)
    effect = f"Admit {request.name} as {roles}, account {request.account}."
    return [join_fields(request), wish.signature, b""], effect, {}


def _member(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    number, verb = _exactly(words, 2)
    active = {"suspend": False, "restore": True}.get(verb)
    member = next((m for m in desk.ledger.members() if m.member_id == int(number)), None)
    if active is None or member is None:
        raise ValueError(f"expected a member's id and suspend or restore, got {' '.join(words)!r}")
    changes = {f"member {number}": (_state(member.active), _state(active))}
    return [int(number), active], f"{verb.capitalize()} member {number}, {member.name}.", changes


def _state(active: bool) -> str:
    return "active" if active else "suspended"


def _licence(_desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    name, verb = _exactly(words, 2)
    allowed = {"allow": True, "forbid": False}.get(verb)
    if allowed is None:
        raise ValueError(f"expected allow or forbid, got {verb!r}")
    return [name, allowed], f"{verb.capitalize()} the licence {name} for new artifacts.", {}


def _kind(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    contract, function, word = _exactly(words, 3)
    kinds = {kind.name.lower(): kind for kind in ProposalKind}
    if word not in kinds or contract not in desk.ledger.addresses() or function not in abi_of(contract).functions:
        raise ValueError(f"expected one of our contracts, its function, and one of {', '.join(kinds)}")
    setting = (desk.ledger.addresses()[contract], selector(contract, function), int(kinds[word]))
    return [setting], f"Make {contract}.{function} {word}.", {}


def _dataset(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (text,) = _exactly(words, 1)
    digest, state = cids.digest(cids.parse(text)), desk.ledger.run(run)
    if desk.ledger.artifact(digest) is None:
        raise ValueError(f"expected a registered dataset, got {text}")
    changes = {"dataset": (f"0x{state.dataset_digest.hex()}", f"0x{digest.hex()}")}
    return [run, digest], f"Run {run}: train on dataset {text}.", changes


def _quorum(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (number,) = _exactly(words, 1)
    changes = {"quorum": (str(desk.ledger.run(run).quorum), number)}
    return [run, int(number)], f"Run {run}: have {number} evaluators co-sign a round.", changes


def _reward_cap(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (wei,) = _exactly(words, 1)
    changes = {"reward_cap": (str(desk.ledger.run(run).reward_cap), wei)}
    return [run, int(wei)], f"Run {run}: let a round pay at most {wei} wei.", changes


def _budget(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    """From what the timelock holds: it lets the vault take that much, and the vault takes it."""
    (wei,) = _exactly(words, 1)
    amount, addresses = int(wei), desk.ledger.addresses()
    if not desk.ledger.pays_rewards():
        raise ValueError("expected a network with a reward token, this one has none")
    held, before = desk.ledger.reward_balance(addresses["TimelockController"]), desk.ledger.funded(run)
    if not 0 < amount <= held:
        raise ValueError(f"expected 1 to {held} wei, which the timelock holds, got {wei}")
    calls = [("RewardToken", "approve", (addresses["RewardVault"], amount)), ("RewardVault", "fund", (run, amount))]
    changes = {"budget": (str(before), str(before + amount)), "treasury": (str(held), str(held - amount))}
    return calls, f"Run {run}: add {amount} wei of the community's treasury to its budget.", changes


def _rollback(desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (number,) = _exactly(words, 1)
    state, now = desk.ledger.round(run, int(number)), desk.ledger.run(run)
    if state is None or not state.final:
        raise ValueError(f"expected a final round of run {run}, got {number}")
    changes = {"head": (now.head_cid, state.commit.checkpoint_cid)}
    effect = f"Run {run}: go back to the checkpoint of round {number}; rewards stay."
    return [run, int(number), data_fields(data_of(state))], effect, changes


def _spec_bounds(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    now, changes = desk.ledger.spec_bounds(), {}
    least, most = dict(vars(now.least)), dict(vars(now.most))
    for word in words:
        name, _, ends = word.partition("=")
        low, dots, high = ends.partition("..")
        if name not in least or not dots or not (low.isdecimal() and high.isdecimal()):
            raise ValueError(f"expected NAME=LEAST..MOST with a name of {', '.join(least)}, got {word!r}")
        changes[name] = (f"{least[name]}..{most[name]}", ends)
        least[name], most[name] = int(low), int(high)
    if not changes:
        raise ValueError("expected a change, got nothing")
    wanted = ParamBounds(least=SpecParams(**least), most=SpecParams(**most))
    return [bounds_fields(wanted)], f"Change the bounds of specs: {_told(changes)}.", changes


def _promote(_desk: MemberDesk, run: int, words: Sequence[str]) -> Any:
    (text,) = _exactly(words, 1)
    return [run, cids.to_bytes(cids.parse(text))], f"Run {run}: make {text} the head checkpoint.", {}


def _release(_desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (text,) = _exactly(words, 1)
    return [cids.digest(cids.parse(text))], f"Certify the release {text}.", {}


def _takedown(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    """The report on IPFS lists all that was made from it; the call lists what the registry can prove."""
    (text,) = _exactly(words, 1)
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
    text, word = _exactly(words, 2)
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


def _move(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    number, account = _exactly(words, 2)
    member = next((m for m in desk.ledger.members() if m.member_id == int(number)), None)
    if member is None:
        raise ValueError(f"expected a member's id, got {number}")
    to = _address(account)
    effect = f"Move member {number}, {member.name}, to the account {to}."
    return [member.member_id, to], effect, {f"account of member {number}": (member.account, to)}


def _replace(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    return replacing_calls(desk.ledger, words)


def _recovery_delay(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    (text,) = _exactly(words, 1)
    now, wanted = desk.ledger.recovery_delay(), int(text)
    if not 0 < wanted <= _MAX_DELAY_SECONDS or wanted == now:
        raise ValueError(f"expected 1 to {_MAX_DELAY_SECONDS} seconds, not the {now} in force, got {wanted}")
    effect = f"Let members stop a move of their account, or a change of recovery account, for {wanted} seconds."
    return [wanted], effect, {"recovery_delay_seconds": (str(now), str(wanted))}


def _incident_settings(desk: MemberDesk, _run: int, words: Sequence[str]) -> Any:
    settings, changes = _numbers(desk.ledger.incident_settings(), words)
    if not (0 < settings.case_seconds <= 30 * _DAY and 0 < settings.withdrawal_seconds <= 90 * _DAY):
        raise ValueError(f"expected up to 30 days for a case and 90 for a withdrawal, in seconds, got {_told(changes)}")
    if (settings.report_bond > 0) != desk.ledger.pays_rewards():
        raise ValueError("expected a report_bond above 0 in a network with a token, and 0 in one without")
    return [tuple(vars(settings).values())], f"Change how incidents run from now on: {_told(changes)}.", changes


def _exactly(words: Sequence[str], count: int) -> Sequence[str]:
    if len(words) != count:
        raise ValueError(f"expected {count} words, got {len(words)}")
    return words


def _address(text: str) -> Address:
    if not is_address(text):
        raise ValueError(f"expected a 0x address of 42 characters, got {text!r}")
    return Address(to_checksum_address(text))


def _form(usage: str, call: str, article: int, build: Any, *, many: bool = False) -> tuple[str, Form]:
    contract, function = call.split(".")
    form = Form(usage=usage, contract=contract, function=function, article=article, build=build, many=many)
    return usage.split()[0], form


FORMS: Mapping[str, Form] = dict((
    _form("rules NAME=NUMBER...", "TenWingsGovernor.setRules", NO_ONE_RULES_ALONE, _rules),
    _form("kind CONTRACT FUNCTION KIND", "TenWingsGovernor.setKind", NO_ONE_RULES_ALONE, _kind),
    _form("guardian ACCOUNT DAYS | guardian nobody", "Guardian.appoint", SAFETY, _guardian),
    _form("merit-bounds NAME=NUMBER...", "MeritEpochs.setBounds", MERIT_IS_EARNED, _merit_bounds),
    _form("charter FILE", "Charter.setCharter", NO_ONE_RULES_ALONE, _charter),
    _form("admit FILE", "MemberRegistry.join", A_COMMUNITY_THAT_LASTS, _admit),
    _form("member ID suspend|restore", "MemberRegistry.setActive", SAFETY, _member),
    _form("licence SPDX allow|forbid", "ArtifactRegistry.setLicence", RESPECT, _licence),
    _form("dataset CID", "TrainingRuns.setDataset", TRAIN_TOGETHER, _dataset),
    _form("quorum NUMBER", "TrainingRuns.setQuorum", ALL_CAN_BE_CHECKED, _quorum),
    _form("reward-cap WEI", "TrainingRuns.setRewardCap", A_COMMUNITY_THAT_LASTS, _reward_cap),
    _form("budget WEI", "RewardVault.fund", A_COMMUNITY_THAT_LASTS, _budget, many=True),
    _form("rollback ROUND", "TrainingRuns.rollBack", TRAIN_TOGETHER, _rollback),
    _form("spec-bounds NAME=LEAST..MOST...", "TrainingRuns.setBounds", NO_ONE_RULES_ALONE, _spec_bounds),
    _form("promote CID", "TrainingRuns.promote", TRAIN_TOGETHER, _promote),
    _form("release CID", "ArtifactRegistry.certifyRelease", TRAIN_TOGETHER, _release),
    _form("takedown CID", "ArtifactRegistry.takeDown", RESPECT, _takedown),
    _form(_VERDICT_USAGE, "IncidentManager.adjudicate", SAFETY, _verdict),
    _form("replace MODULE ADDRESS...", "TrainingRuns.grantRole", NO_ONE_RULES_ALONE, _replace, many=True),
    _form("settle-dispute ROUND voided|cleared", "TrainingRuns.settleDispute", SAFETY, _settle_dispute, many=True),
    _form("move ID ACCOUNT", "MemberRegistry.moveMember", A_COMMUNITY_THAT_LASTS, _move),
    _form("recovery-delay SECONDS", "MemberRegistry.setRecoveryDelay", A_COMMUNITY_THAT_LASTS, _recovery_delay),
    _form("incident-settings NAME=NUMBER...", "IncidentManager.setSettings", SAFETY, _incident_settings),
))  # fmt: skip
"""By the word that names it; what follows are its own words."""
