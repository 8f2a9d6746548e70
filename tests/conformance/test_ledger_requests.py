"""The same suite for what members sign beyond joining: artifacts' states, access to data, recovery, leaving."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node import cid as cids
from node.errors import LedgerRefused
from node.identity import Identity
from node.ports import Ledger
from node.records.artifacts import Access, ArtifactKind, ArtifactState
from node.records.chain import Address
from node.records.members import Role
from node.signed_requests import (
    AccessGrant,
    AccessRequest,
    AccessRevocation,
    Leaving,
    MemberRequest,
    MoveAcceptance,
    MoveRequest,
    MoveStop,
    NodeKeyRotation,
    RecoveryChoice,
    Supersession,
    Withdrawal,
    route_of,
)
from node.typed_data import sign
from tests.support.acts import cid, digest, join, refusal, register, request_of
from tests.support.ledger_sites import ADA, BO, CY, FAY, OUTSIDER, Site
from tests.support.votes import pass_proposal, propose

KEY = b"\x05" * 32
RECOVERY_DELAY = 3 * 86400


def submit(site: Site, who: Identity, request: MemberRequest) -> bytes:
    ledger = site.ledger(OUTSIDER)
    return ledger.submit(request, sign(who, ledger.domain(route_of(request).contract), request))


def soon(site: Site) -> int:
    return site.now() + 100


def asked(site: Site, who: Identity = BO, **changes: Any) -> AccessRequest:
    request = AccessRequest(
        account=who.address,
        digest=digest("secret"),
        encryption_key=KEY,
        purpose="a study of waves",
        nonce=site.ledger(OUTSIDER).nonce("ArtifactRegistry", who.address),
        deadline=soon(site),
    )
    return replace(request, **changes)


def granted(site: Site, who: Identity = BO, owner: Identity = ADA) -> AccessGrant:
    return AccessGrant(
        owner=owner.address,
        digest=digest("secret"),
        account=who.address,
        wrapped_key=b"sealed",
        nonce=site.ledger(OUTSIDER).nonce("ArtifactRegistry", owner.address),
        deadline=soon(site),
    )


@pytest.fixture
def exchange(community: Site) -> Site:
    """A restricted dataset of Ada's."""
    register(community, ADA, "secret", restricted=True)
    return community


def state_of(ledger: Ledger, text: str) -> ArtifactState:
    found = ledger.artifact(digest(text))
    assert found is not None
    return found.state


# artifacts' states


def test_an_owner_supersedes_and_withdraws(community: Site) -> None:
    register(community, ADA, "better", parents=(digest("dataset"),))
    ledger = community.ledger(OUTSIDER)
    submit(
        community,
        ADA,
        Supersession(owner=ADA.address, digest=digest("dataset"), by=digest("better"), deadline=soon(community)),
    )
    found = ledger.artifact(digest("dataset"))
    assert found is not None
    assert (found.state, found.superseded_by) == (ArtifactState.SUPERSEDED, digest("better"))
    submit(community, ADA, Withdrawal(owner=ADA.address, digest=digest("dataset"), deadline=soon(community)))
    assert state_of(ledger, "dataset") == ArtifactState.REVOKED
    assert [a.parents for a in ledger.artifacts()] == [(), (digest("dataset"),)]


def test_a_withdrawal_by_another_member_is_refused(community: Site) -> None:
    request = Withdrawal(owner=BO.address, digest=digest("dataset"), deadline=soon(community))
    rule, values = refusal(lambda: submit(community, BO, request))
    assert (rule, values["signer"]) == ("InvalidSignature", ADA.address)


def test_an_artifact_of_another_kind_does_not_take_the_place(community: Site) -> None:
    register(community, ADA, "codec", kind=ArtifactKind.CODEC)
    request = Supersession(owner=ADA.address, digest=digest("dataset"), by=digest("codec"), deadline=soon(community))
    assert refusal(lambda: submit(community, ADA, request)) == (
        "NotASuccessor",
        {"digest": digest("dataset"), "by": digest("codec")},
    )


def test_a_release_names_its_checkpoint_first(community: Site) -> None:
    bare = ("ReleaseWithoutCheckpoint", {"digest": digest("release")})
    assert refusal(lambda: register(community, ADA, "release", kind=ArtifactKind.RELEASE)) == bare
    register(community, ADA, "checkpoint", kind=ArtifactKind.CHECKPOINT, parents=(digest("dataset"),))
    register(community, ADA, "release", kind=ArtifactKind.RELEASE, parents=(digest("checkpoint"),))


def test_only_a_dataset_can_be_restricted(community: Site) -> None:
    refused = refusal(lambda: register(community, ADA, "codec", kind=ArtifactKind.CODEC, restricted=True))
    assert refused == ("NotRestrictable", {"kind": 3})


def test_a_vote_takes_down_and_names_what_was_made_from_it(voting: Site) -> None:
    register(voting, ADA, "checkpoint", kind=ArtifactKind.CHECKPOINT, parents=(digest("dataset"),))
    register(voting, BO, "video", kind=ArtifactKind.VIDEO, parents=(digest("checkpoint"),))
    ledger = voting.ledger(OUTSIDER)
    listed = [(digest("checkpoint"), 0), (digest("video"), 1)]
    report = cids.to_bytes(cid("report"))
    action = ledger.action("ArtifactRegistry", "takeDown", digest("dataset"), listed, report)
    pass_proposal(voting, propose(voting, actions=(action,), text="Take the dataset down"))
    assert state_of(ledger, "dataset") == ArtifactState.TAKEN_DOWN
    assert state_of(ledger, "video") == ArtifactState.ACTIVE
    (event,) = [e for e in ledger.events(0) if e.name == "ArtifactTakenDown"]
    assert event.args["descendants"] == (digest("checkpoint"), digest("video"))
    refused = refusal(lambda: register(voting, ADA, "next", parents=(digest("dataset"),)))
    assert refused == ("ParentNotUsable", {"parent": digest("dataset"), "state": 5})
    again = ledger.action("TrainingRuns", "setDataset", 1, digest("dataset"))
    refused = refusal(lambda: pass_proposal(voting, propose(voting, actions=(again,), text="Train on it all the same")))
    assert refused == ("ArtifactNotUsable", {"digest": digest("dataset"), "state": 5})


def test_a_vote_does_not_name_a_made_up_descendant(voting: Site) -> None:
    register(voting, BO, "unrelated")
    ledger = voting.ledger(OUTSIDER)
    report = cids.to_bytes(cid("report"))
    action = ledger.action("ArtifactRegistry", "takeDown", digest("dataset"), [(digest("unrelated"), 0)], report)
    with pytest.raises(LedgerRefused, match="NotADescendant"):
        pass_proposal(voting, propose(voting, actions=(action,), text="Take the dataset down"))
    assert state_of(ledger, "dataset") == ArtifactState.ACTIVE


def test_a_vote_certifies_a_release(voting: Site) -> None:
    register(voting, ADA, "checkpoint", kind=ArtifactKind.CHECKPOINT, parents=(digest("dataset"),))
    register(voting, ADA, "release", kind=ArtifactKind.RELEASE, parents=(digest("checkpoint"),))
    ledger = voting.ledger(OUTSIDER)
    action = ledger.action("ArtifactRegistry", "certifyRelease", digest("release"))
    pass_proposal(voting, propose(voting, actions=(action,), text="Certify the release"))
    found = ledger.artifact(digest("release"))
    assert found is not None
    assert found.certified


# access to restricted data


def test_a_member_asks_the_owner_grants_and_revokes(exchange: Site) -> None:
    ledger = exchange.ledger(OUTSIDER)
    submit(exchange, BO, asked(exchange))
    (entry,) = ledger.accesses(digest("secret"))
    assert (entry.account, entry.access, entry.encryption_key) == (BO.address, Access.REQUESTED, KEY)
    assert (entry.purpose, entry.wrapped_key) == ("a study of waves", b"")
    submit(exchange, ADA, granted(exchange))
    (entry,) = ledger.accesses(digest("secret"))
    assert (entry.access, entry.wrapped_key) == (Access.GRANTED, b"sealed")
    revocation = AccessRevocation(
        owner=ADA.address,
        digest=digest("secret"),
        account=BO.address,
        nonce=ledger.nonce("ArtifactRegistry", ADA.address),
        deadline=soon(exchange),
    )
    submit(exchange, ADA, revocation)
    assert ledger.accesses(digest("secret")) == ()


def test_a_grant_without_a_request_is_refused(exchange: Site) -> None:
    refused = refusal(lambda: submit(exchange, ADA, granted(exchange)))
    assert refused == ("WrongAccess", {"digest": digest("secret"), "account": BO.address, "found": 0})


def test_a_grant_by_another_than_the_owner_is_refused(exchange: Site) -> None:
    submit(exchange, BO, asked(exchange))
    refused = refusal(lambda: submit(exchange, CY, granted(exchange, owner=CY)))
    assert refused == (
        "NotTheOwner",
        {"digest": digest("secret"), "account": CY.address, "owner": ADA.address},
    )


def test_a_replayed_request_is_refused(exchange: Site) -> None:
    request = asked(exchange)
    submit(exchange, BO, request)
    refused = refusal(lambda: submit(exchange, BO, request))
    assert refused == ("InvalidAccountNonce", {"account": BO.address, "currentNonce": 1})


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"digest": digest("dataset")}, ("NotRestricted", {"digest": digest("dataset")})),
        ({"purpose": ""}, ("InvalidLength", {"length": 0, "maximum": 512})),
        ({"encryption_key": bytes(32)}, ("EmptyEncryptionKey", {"account": BO.address})),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_request_against_the_rules_of_access_is_refused(
    exchange: Site, changes: dict[str, Any], refused: tuple[str, dict[str, object]]
) -> None:
    assert refusal(lambda: submit(exchange, BO, asked(exchange, **changes))) == refused


# recovery


def choice(site: Site, who: Identity, recovery: Address) -> RecoveryChoice:
    nonce = site.ledger(OUTSIDER).nonce("MemberRegistry", who.address)
    return RecoveryChoice(account=who.address, recovery=recovery, nonce=nonce, deadline=soon(site))


def move(site: Site, recovery: Identity, to: Address) -> MoveRequest:
    nonce = site.ledger(OUTSIDER).nonce("MemberRegistry", recovery.address)
    return MoveRequest(recovery=recovery.address, member_id=1, to=to, nonce=nonce, deadline=soon(site))


def accept(site: Site, who: Identity) -> bytes:
    return submit(site, who, MoveAcceptance(member_id=1, account=who.address, deadline=soon(site)))


def test_a_recovery_account_moves_a_member_after_the_delay(community: Site) -> None:
    ledger = community.ledger(OUTSIDER)
    before = ledger.member(ADA.address)
    assert before is not None
    submit(community, ADA, choice(community, ADA, OUTSIDER.address))
    submit(community, OUTSIDER, move(community, OUTSIDER, FAY.address))
    waiting = ledger.recovery(1)
    assert (waiting.recovery, waiting.moving_to) == (OUTSIDER.address, FAY.address)
    rule, _ = refusal(lambda: accept(community, FAY))
    assert rule == "MoveTooEarly"
    community.advance(RECOVERY_DELAY)
    accept(community, FAY)
    assert ledger.member(FAY.address) == replace(before, account=FAY.address)
    assert ledger.member(ADA.address) is None
    assert ledger.owner_of(digest("dataset")) == FAY.address
    assert [m.member_id for m in ledger.members()] == [1, 2, 3, 4, 5]
    assert refusal(lambda: join(community, ADA, node_key_digest=b"\x77" * 32)) == (
        "AlreadyMember",
        {"account": ADA.address, "memberId": 1},
    )


def test_a_member_stops_a_move_and_it_is_not_repeated(community: Site) -> None:
    ledger = community.ledger(OUTSIDER)
    submit(community, ADA, choice(community, ADA, OUTSIDER.address))
    submit(community, OUTSIDER, move(community, OUTSIDER, FAY.address))
    nonce = ledger.nonce("MemberRegistry", ADA.address)
    submit(community, ADA, MoveStop(account=ADA.address, nonce=nonce, deadline=soon(community)))
    community.advance(RECOVERY_DELAY)
    assert refusal(lambda: accept(community, FAY)) == ("NoMove", {"memberId": 1})
    rule, values = refusal(lambda: submit(community, OUTSIDER, move(community, OUTSIDER, FAY.address)))
    assert (rule, values["account"]) == ("NotTheRecoveryAccount", OUTSIDER.address)


def test_another_recovery_account_is_in_force_after_the_delay(community: Site) -> None:
    ledger = community.ledger(OUTSIDER)
    submit(community, ADA, choice(community, ADA, OUTSIDER.address))
    submit(community, ADA, choice(community, ADA, FAY.address))
    assert ledger.recovery(1).recovery == OUTSIDER.address
    community.advance(RECOVERY_DELAY)
    assert ledger.recovery(1).recovery == FAY.address


def test_nobody_moves_to_another_members_account(community: Site) -> None:
    submit(community, ADA, choice(community, ADA, OUTSIDER.address))
    refused = refusal(lambda: submit(community, OUTSIDER, move(community, OUTSIDER, BO.address)))
    assert refused == ("AccountTaken", {"account": BO.address})


def test_a_vote_moves_a_member(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    action = ledger.action("MemberRegistry", "moveMember", 5, FAY.address)
    pass_proposal(voting, propose(voting, actions=(action,), text="Eve lost her key"))
    found = ledger.member(FAY.address)
    assert found is not None
    assert found.member_id == 5


def test_a_vote_admits_a_member(voting: Site) -> None:
    ledger, request = voting.ledger(OUTSIDER), request_of(voting, FAY, deadline=2**40)
    fields = (request.account, int(request.roles), request.node_key_digest, request.name, request.deadline)
    signature = sign(FAY, ledger.domain("MemberRegistry"), request)
    action = ledger.action("MemberRegistry", "join", fields, signature, b"")
    pass_proposal(voting, propose(voting, actions=(action,), text="Admit Fay"))
    found = ledger.member(FAY.address)
    assert found is not None
    assert (found.member_id, found.roles) == (6, Role.TRAINER | Role.EVALUATOR)


# leaving, node keys


def test_who_left_is_not_active_and_no_vote_brings_it_back(voting: Site) -> None:
    ledger = voting.ledger(OUTSIDER)
    nonce = ledger.nonce("MemberRegistry", CY.address)
    submit(voting, CY, Leaving(account=CY.address, nonce=nonce, deadline=soon(voting)))
    found = ledger.member(CY.address)
    assert found is not None
    assert (found.active, found.left) == (False, True)
    action = ledger.action("MemberRegistry", "setActive", 3, True)
    with pytest.raises(LedgerRefused, match="MemberHasLeft"):
        pass_proposal(voting, propose(voting, actions=(action,), text="Bring Cy back"))


def test_a_member_rotates_its_node_key_and_the_old_one_stays_taken(community: Site) -> None:
    ledger = community.ledger(OUTSIDER)
    for key in (b"\x66" * 32, b"\x01" * 32):
        nonce = ledger.nonce("MemberRegistry", ADA.address)
        rotation = NodeKeyRotation(account=ADA.address, node_key_digest=key, nonce=nonce, deadline=soon(community))
        if key == b"\x01" * 32:
            refused = refusal(lambda r=rotation: submit(community, ADA, r))  # type: ignore[misc]
            assert refused == ("NodeKeyTaken", {"nodeKeyDigest": key, "memberId": 1})
        else:
            submit(community, ADA, rotation)
    found = ledger.member(ADA.address)
    assert found is not None
    assert found.node_key_digest == b"\x66" * 32
