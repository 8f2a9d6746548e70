"""Forms of proposals: from words to a call whose effect stands in a sentence; what changes nothing is not proposed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_utils.crypto import keccak

from node import cid as cids
from node.charter_text import CHARTER_FILE, default_charter, parse_charter
from node.drafts import ProposalDraft
from node.errors import ConfigError, SignatureInvalid
from node.forms import FORMS, Plan, plan
from node.join_requests import SignedJoinRequest
from node.membership import MemberDesk
from node.records.proposals import ProposalKind, Support
from node.typed_data import sign
from tests.support.desk import desk_of
from tests.support.history import HOUR, History, identity

FRIEND = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
TWO_ARTICLES = b"# Ours\n\n## Article 1: One\n\nx\n\n## Article 2: Two\n\ny\n"


@pytest.fixture
def history() -> History:
    return History().play()


@pytest.fixture
def bob(history: History) -> MemberDesk:
    return desk_of(identity("bob"), history.ledger, history.store)


def called(desk: MemberDesk, found: Plan) -> tuple[str, dict[str, object]]:
    described = desk.ledger.describe_action(found.actions[0])
    return f"{described['contract']}.{described['function']}", dict(described["args"])


@pytest.mark.parametrize(
    ("words", "function", "effect", "kind"),
    [
        (
            "rules veto_bps=4000 quorum_bps=2500",
            "TenWingsGovernor.setRules",
            "Change the rules of votes: veto_bps from 3334 to 4000, quorum_bps from 2000 to 2500.",
            ProposalKind.CONSTITUTIONAL,
        ),
        (
            "merit-bounds max_share_bps=500",
            "MeritEpochs.setBounds",
            "Change the bounds of merit: max_share_bps from 200 to 500.",
            ProposalKind.CONSTITUTIONAL,
        ),
        (
            "kind ArtifactRegistry setLicence routine",
            "TenWingsGovernor.setKind",
            "Make ArtifactRegistry.setLicence routine.",
            ProposalKind.CONSTITUTIONAL,
        ),
        (
            "spec-bounds batch_size=1..64",
            "TrainingRuns.setBounds",
            "Change the bounds of specs: batch_size from 1..4096 to 1..64.",
            ProposalKind.CONSTITUTIONAL,
        ),
        (
            "quorum 1",
            "TrainingRuns.setQuorum",
            "Run 1: have 1 evaluators co-sign a round.",
            ProposalKind.CONSTITUTIONAL,
        ),
        (
            "reward-cap 5000",
            "TrainingRuns.setRewardCap",
            "Run 1: let a round pay at most 5000 wei.",
            ProposalKind.STANDARD,
        ),
        (
            "rollback 1",
            "TrainingRuns.rollBack",
            "Run 1: go back to the checkpoint of round 1; rewards stay.",
            ProposalKind.STANDARD,
        ),
        ("guardian nobody", "Guardian.appoint", "Have no guardian.", ProposalKind.CONSTITUTIONAL),
        ("member 3 suspend", "MemberRegistry.setActive", "Suspend member 3, carol.", ProposalKind.STANDARD),
        (
            "licence MIT forbid",
            "ArtifactRegistry.setLicence",
            "Forbid the licence MIT for new artifacts.",
            ProposalKind.STANDARD,
        ),
        (
            "recovery-delay 86400",
            "MemberRegistry.setRecoveryDelay",
            "Let members stop a move of their account, or a change of recovery account, for 86400 seconds.",
            ProposalKind.STANDARD,
        ),
        (
            "incident-settings report_bond=5 case_seconds=86400",
            "IncidentManager.setSettings",
            "Change how incidents run from now on: report_bond from 10000000000000000000 to 5, case_seconds from "
            "1209600 to 86400.",
            ProposalKind.STANDARD,
        ),
    ],
)
def test_a_form_makes_a_call_and_says_its_effect(
    bob: MemberDesk, words: str, function: str, effect: str, kind: ProposalKind
) -> None:
    found = plan(bob, 1, words.split())

    assert called(bob, found)[0] == function
    assert found.effect == effect
    assert bob.ledger.kind_of(found.actions) == kind
    assert 1 <= found.article <= bob.ledger.charter().num_articles


def test_replacing_a_module_moves_every_role_that_it_acts_by(bob: MemberDesk) -> None:
    addresses = bob.ledger.addresses()
    old, new = addresses["IncidentManager"], addresses["Charter"]

    found = plan(bob, 1, ["replace", "IncidentManager", new])

    calls = [bob.ledger.describe_action(action) for action in found.actions]
    keepers = ("MemberRegistry", "ArtifactRegistry", "TrainingRuns", "RewardVault")
    assert [(c["contract"], c["function"], c["args"]["account"]) for c in calls] == [
        *((contract, "grantRole", new) for contract in keepers),
        *((contract, "revokeRole", old) for contract in keepers),
    ]
    assert {c["args"]["role"] for c in calls} == {keccak(text="INCIDENT_ROLE")}
    assert bob.ledger.kind_of(found.actions) == ProposalKind.CONSTITUTIONAL
    assert found.changes == {"IncidentManager": (old, new)}


def test_a_dispute_that_no_case_can_end_is_ended_by_a_vote(history: History, bob: MemberDesk) -> None:
    history.commit_round(gains={"alice": 3_000, "bob": 1_000})
    number = bob.ledger.run(1).last_round
    history.dispute(number)

    found = plan(bob, 1, ["settle-dispute", str(number), "voided"])

    calls = [bob.ledger.describe_action(action) for action in found.actions]
    timelock = bob.ledger.addresses()["TimelockController"]
    assert [call["function"] for call in calls] == ["grantRole", "settleDispute", "revokeRole"]
    assert [call["args"].get("account") for call in calls] == [timelock, None, timelock]
    assert calls[1]["args"] == {"runId": 1, "number": number, "voided": True}
    assert found.effect == f"Run 1: end the dispute of round {number}; it counts no more, nor do later ones."
    assert bob.ledger.kind_of(found.actions) == ProposalKind.CONSTITUTIONAL


def test_a_form_keeps_what_it_was_not_asked_to_change(bob: MemberDesk) -> None:
    _, args = called(bob, plan(bob, 1, ["rules", "veto_bps=4000"]))

    rules = args["newRules"]
    assert isinstance(rules, dict)
    assert (rules["vetoBps"], rules["quorumBps"], rules["votingPeriodSeconds"]) == (4000, 2000, 3600)


def test_settings_of_incidents_and_recovery_show_before_and_after(bob: MemberDesk) -> None:
    delay = plan(bob, 1, ["recovery-delay", "86400"])
    incidents = plan(bob, 1, ["incident-settings", "withdrawal_seconds=60"])

    assert delay.changes == {"recovery_delay_seconds": ("259200", "86400")}
    assert called(bob, delay)[1] == {"delaySeconds": 86_400}
    assert incidents.changes == {"withdrawal_seconds": ("604800", "60")}
    assert called(bob, incidents)[1] == {
        "settings_": {"reportBond": 10 * 10**18, "caseSeconds": 1_209_600, "withdrawalSeconds": 60}
    }


def test_a_guardians_term_is_counted_from_the_chains_time(bob: MemberDesk, history: History) -> None:
    _, args = called(bob, plan(bob, 1, ["guardian", FRIEND, "30"]))

    assert args == {"account": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "endsAt": history.clock() + 30 * 86_400}


def test_a_charter_goes_to_ipfs_and_its_articles_are_counted(bob: MemberDesk, tmp_path: Path) -> None:
    (tmp_path / "ours.md").write_bytes(TWO_ARTICLES)

    found = plan(bob, 1, ["charter", str(tmp_path / "ours.md")])

    cid = cids.of(TWO_ARTICLES)
    assert called(bob, found) == ("Charter.setCharter", {"cid": cids.to_bytes(cid), "articles": 2})
    assert bob.store.get(cid) == TWO_ARTICLES
    assert found.changes["articles"] == ("7", "2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "expected SECTION.NAME=VALUE of the run spec, or one of"),
        ("magic", "member ID suspend|restore"),
        ("rules", "expected a change, got nothing"),
        ("rules veto_bps=3334", "in force already"),
        ("rules veto=4000", "expected NAME=NUMBER with a name of voting_delay_seconds"),
        ("rules veto_bps=a", "expected NAME=NUMBER"),
        ("rules veto_bps=70000", "expected `rules NAME=NUMBER...`"),
        ("member 99 suspend", "expected a member's id and suspend or restore"),
        ("member 1 praise", "expected a member's id and suspend or restore"),
        ("member x suspend", "invalid literal"),
        ("licence MIT", "expected 2 words, got 1"),
        ("licence MIT like", "expected allow or forbid"),
        ("kind Nowhere setSpec routine", "expected one of our contracts"),
        ("guardian nowhere 30", "expected a 0x address"),
        ("budget 5", "expected 1 to 0 wei, which the timelock holds, got 5"),
        ("replace IncidentManager", "expected a module and an address"),
        ("replace TrainingRuns " + FRIEND, "the others keep what is recorded"),
        ("replace Guardian nowhere", "expected a 0x address"),
        ("replace Guardian " + FRIEND, "there is no code"),
        ("charter absent.md", "No such file"),
        ("settle-dispute 2 voided", "expected run 1's disputed round, of which it has none, got '2 voided'"),
        ("settle-dispute 0 voided", "expected run 1's disputed round"),
        ("rollback 7", "expected a final round of run 1, got 7"),
        ("spec-bounds", "expected a change, got nothing"),
        ("spec-bounds batch_size=3", "expected NAME=LEAST..MOST"),
        ("recovery-delay 0", "expected 1 to 7776000 seconds, not the 259200 in force, got 0"),
        ("recovery-delay 7776001", "expected 1 to 7776000 seconds"),
        ("recovery-delay 259200", "not the 259200 in force"),
        ("recovery-delay soon", "invalid literal"),
        ("incident-settings", "expected a change, got nothing"),
        (
            "incident-settings bond=5",
            "expected NAME=NUMBER with a name of report_bond, case_seconds, withdrawal_seconds",
        ),
        ("incident-settings report_bond=0", "expected a report_bond above 0 in a network with a token"),
        ("incident-settings case_seconds=2592001", "expected up to 30 days for a case"),
        ("incident-settings withdrawal_seconds=0", "expected up to 30 days for a case and 90 for a withdrawal"),
        ("dataset bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy", "expected a registered dataset"),
    ],
)
def test_words_that_fit_no_form_say_what_was_expected(bob: MemberDesk, words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(bob, 1, words.split())

    assert message in str(caught.value)


def test_the_charter_in_force_is_not_proposed_again(bob: MemberDesk) -> None:
    with pytest.raises(ConfigError, match="another charter than the one in force"):
        plan(bob, 1, ["charter", str(CHARTER_FILE)])


def test_a_form_whose_function_no_contract_has_is_not_offered(bob: MemberDesk) -> None:
    hidden = [name for name, form in FORMS.items() if not form.offered]

    for name in hidden:
        with pytest.raises(ConfigError, match=r"or one of"):
            plan(bob, 1, [name, "1"])


# Newcomers.


def wish_of(history: History, name: str) -> SignedJoinRequest:
    request, _, _ = history.join_messages(name)
    late = replace(request, deadline=history.clock() + 30 * 86_400)
    return SignedJoinRequest(
        request=late, signature=sign(identity(name), history.ledger.domain("MemberRegistry"), late)
    )


def test_a_vote_admits_a_member_without_anybodys_voucher(history: History, bob: MemberDesk, tmp_path: Path) -> None:
    wish_of(history, "frida").save(tmp_path / "frida.json")

    found = plan(bob, 1, ["admit", str(tmp_path / "frida.json")])
    assert found.effect == f"Admit frida as trainer, account {identity('frida').address}."
    history.proposal_id = bob.propose(found.actions, found.text(""), found.article)
    history.clock.advance(120)
    for name in ("alice", "bob"):
        history.vote(name, Support.FOR)
    history.clock.advance(2 * HOUR)
    history.ledger.queue(history.proposal_id)
    history.clock.advance(120)
    history.ledger.execute(history.proposal_id)

    member = history.ledger.member(identity("frida").address)
    assert member is not None
    assert (member.name, member.active) == ("frida", True)
    with pytest.raises(ConfigError, match="expected an account that has not joined"):
        plan(bob, 1, ["admit", str(tmp_path / "frida.json")])


def test_a_wish_that_its_account_did_not_sign_is_not_proposed(
    history: History, bob: MemberDesk, tmp_path: Path
) -> None:
    wish = wish_of(history, "frida")
    replace(wish, request=replace(wish.request, name="Frida the Great")).save(tmp_path / "frida.json")

    with pytest.raises(SignatureInvalid, match="expected a JoinRequest signed by"):
        plan(bob, 1, ["admit", str(tmp_path / "frida.json")])


def test_a_file_that_is_no_wish_is_refused(bob: MemberDesk, tmp_path: Path) -> None:
    (tmp_path / "frida.json").write_text("{}")

    with pytest.raises(ConfigError, match="as `tenwings ask` writes it"):
        plan(bob, 1, ["admit", str(tmp_path / "frida.json")])


# Charters.


def test_the_charter_that_ships_has_seven_articles() -> None:
    assert default_charter().num_articles == 7
    assert default_charter().cid == cids.of(CHARTER_FILE.read_bytes())


@pytest.mark.parametrize(
    "text", ["# Nothing", "## Article 2: Two", "## Article 1\n## Article 1", "## Article 1\n## Article 3"]
)
def test_articles_are_numbered_from_one_without_a_gap(text: str) -> None:
    with pytest.raises(ValueError, match="expected headings"):
        parse_charter(text.encode())


# Drafts.


def test_a_draft_goes_from_hand_to_hand_until_enough_have_signed(history: History, tmp_path: Path) -> None:
    bob, carol = (desk_of(identity(name), history.ledger, history.store) for name in ("bob", "carol"))
    found = plan(bob, 1, ["licence", "MIT", "forbid"])
    bob.draft(found.actions, found.text("It is too loose."), found.article).save(tmp_path / "draft.json")

    signed = carol.sponsor(ProposalDraft.load(tmp_path / "draft.json"))
    again = carol.sponsor(signed)

    assert again == signed
    proposal = history.ledger.proposal(carol.send(signed))
    assert proposal.proposer == identity("bob").address
    assert proposal.sponsors == (identity("carol").address,)
    assert proposal.description.startswith(
        "Forbid the licence MIT for new artifacts.\n\nIt is too loose.\n#article=5\n"
    )


def test_a_draft_whose_words_were_changed_is_not_signed(history: History, tmp_path: Path) -> None:
    bob, path = desk_of(identity("bob"), history.ledger, history.store), tmp_path / "draft.json"
    found = plan(bob, 1, ["licence", "MIT", "forbid"])
    bob.draft(found.actions, found.text(""), found.article).save(path)
    path.write_text(path.read_text().replace("Forbid", "Allow"))

    with pytest.raises(ConfigError, match="which these calls and words make now"):
        bob.sponsor(ProposalDraft.load(path))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"proposer": "x", "proposal_id": "y"}'])
def test_a_file_that_is_no_draft_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "draft.json").write_text(text)

    with pytest.raises(ConfigError, match="as `tenwings propose --draft` writes it"):
        ProposalDraft.load(tmp_path / "draft.json")
