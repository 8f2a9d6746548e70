"""The relay's front door: signed messages as JSON, bytes as 0x hex, large numbers as decimal text."""

from __future__ import annotations

from typing import Annotated

from eth_utils.address import is_checksum_address
from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from api.deps import CaseId, ProposalId, ServicesDep
from api.errors import Refused
from api.relay import Relay
from api.requests import parse_request
from api.schemas.answers import Accepted
from node.cid import parse
from node.records.artifacts import ArtifactKind, Registration
from node.records.chain import Address
from node.records.content import Cid
from node.records.members import JoinRequest, Role
from node.records.proposals import Action, Ballot, ProposalStatement, Sponsor, Support
from node.records.rounds import ContributionLeaf

router = APIRouter(prefix="/api/relay", tags=["relay"])

MAX_UINT256 = 2**256 - 1


def _bytes(value: object) -> bytes:
    if not isinstance(value, str) or not value.startswith("0x"):
        raise ValueError(f"expected bytes as 0x hex, got {str(value)[:40]!r}")
    try:
        return bytes.fromhex(value[2:])
    except ValueError as error:
        raise ValueError(f"expected bytes as 0x hex, got {value[:40]!r}") from error


def _digest(data: bytes) -> bytes:
    if len(data) != 32:
        raise ValueError(f"expected 32 bytes, got {len(data)}")
    return data


def _address(value: str) -> str:
    if not is_checksum_address(value):
        raise ValueError(f"expected a checksummed address of 42 characters, got {value[:60]!r}")
    return value


def _cid(value: str) -> str:
    return parse(value)


Bytes = Annotated[bytes, BeforeValidator(_bytes, json_schema_input_type=str)]
Digest = Annotated[Bytes, AfterValidator(_digest)]
Account = Annotated[str, AfterValidator(_address)]
CidField = Annotated[str, AfterValidator(_cid)]
Uint256 = Annotated[int, Field(ge=0, le=MAX_UINT256)]
Deadline = Annotated[int, Field(ge=0, le=2**64 - 1, description="Unix time in seconds after which the chain refuses.")]
Signature = Annotated[Bytes, Field(description="65 bytes r || s || v, 0x hex.")]


class Message(BaseModel):
    """A signed message; a field that is not ours is a mistake."""

    model_config = ConfigDict(extra="forbid")


class JoinMessage(Message):
    """A member's request and an admitter's voucher."""

    account: Account
    roles: Annotated[int, Field(ge=1, le=7, description="Trainer 1, evaluator 2, curator 4, added up.")]
    node_key_digest: Digest
    name: Annotated[str, Field(min_length=1, max_length=64)]
    deadline: Deadline
    signature: Signature
    voucher: Annotated[Bytes, Field(description="The admitter's signature over the same values, 0x hex.")]


class ArtifactMessage(Message):
    """A member's registration of an artifact."""

    account: Account
    kind: Annotated[
        int, Field(ge=1, le=7, description="Dataset 1, checkpoint 2, codec 3, encoder 4, release 5, video 6, report 7.")
    ]
    cid: CidField
    licence: Annotated[str, Field(min_length=1, max_length=64, description="SPDX identifier.")]
    parents: Annotated[list[Digest], Field(max_length=64)] = []
    restricted: Annotated[bool, Field(description="A dataset that only those can read whom its owner lets in.")] = False
    deadline: Deadline
    signature: Signature


class ActionMessage(Message):
    """One call that the proposal makes."""

    target: Account
    calldata: Bytes
    value: Uint256 = 0


class SponsorMessage(Message):
    """A member's signature under a proposal."""

    account: Account
    signature: Signature


class ProposalMessage(Message):
    """A proposal with its sponsors, ascending by account; the proposer is one of them."""

    proposer: Account
    proposal_id: Uint256
    deadline: Deadline
    actions: Annotated[list[ActionMessage], Field(min_length=1, max_length=16)]
    description: Annotated[str, Field(min_length=1, max_length=50_000)]
    sponsors: Annotated[list[SponsorMessage], Field(min_length=1, max_length=20)]


class BallotMessage(Message):
    """A member's ballot; `params` carries the weight and its proof."""

    proposal_id: Uint256
    support: Annotated[int, Field(ge=0, le=2, description="Against 0, for 1, abstain 2.")]
    voter: Account
    reason: Annotated[str, Field(max_length=2000)] = ""
    params: Bytes
    signature: Signature


class BallotsMessage(Message):
    """Many ballots for one transaction."""

    ballots: Annotated[list[BallotMessage], Field(min_length=1, max_length=50)]


class ClaimMessage(Message):
    """A line of a final round's contributions tree with its proof; no signature is needed to be paid."""

    run_id: Uint256
    round: Annotated[int, Field(ge=1, lt=2**32)]
    member_id: Uint256
    account: Account
    samples: Annotated[int, Field(ge=0, lt=2**64)]
    steps: Annotated[int, Field(ge=0, lt=2**32)]
    score: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    update_digest: Digest
    reward: Annotated[int, Field(ge=0, lt=2**128)]
    cumulative_reward: Annotated[int, Field(ge=0, lt=2**128)]
    proof: Annotated[list[Digest], Field(max_length=64)]


class RequestMessage(Message):
    """A signed request by its struct's name; its fields by name: bytes as 0x hex, large numbers as decimal text."""

    request: Annotated[str, Field(description="E.g. AccessRequest; contracts/README.md lists the structs.")]
    values: Annotated[dict[str, str | int], Field(max_length=16)]
    signature: Signature


def relay_of(services: ServicesDep) -> Relay:
    """Raises Refused where nobody pays."""
    if services.relay is None:
        message = "This server has no relay: start it with a relayer's keystore, or use another server."
        raise Refused(503, "no-relay", message)
    return services.relay


RelayDep = Annotated[Relay, Depends(relay_of)]


@router.post("/join")
def join(relay: RelayDep, message: JoinMessage) -> Accepted:
    """Join as a member; answers the member id."""
    request = JoinRequest(
        account=Address(message.account),
        roles=Role(message.roles),
        node_key_digest=message.node_key_digest,
        name=message.name,
        deadline=message.deadline,
    )
    return Accepted(what="member", id=str(relay.join(request, message.signature, message.voucher)))


@router.post("/artifact")
def artifact(relay: RelayDep, message: ArtifactMessage) -> Accepted:
    """Register an artifact; answers its digest."""
    registration = Registration(
        account=Address(message.account),
        kind=ArtifactKind(message.kind),
        cid=Cid(message.cid),
        licence=message.licence,
        parents=tuple(message.parents),
        restricted=message.restricted,
        deadline=message.deadline,
    )
    return Accepted(what="artifact", id="0x" + relay.register_artifact(registration, message.signature).hex())


@router.post("/request")
def request(relay: RelayDep, message: RequestMessage) -> Accepted:
    """Bring any other signed request: access to data, recovery, incidents; answers the transaction hash."""
    record = parse_request(message.request, message.values)
    return Accepted(what="transaction", id="0x" + relay.submit(record, message.signature).hex())


@router.post("/proposal")
def proposal(relay: RelayDep, message: ProposalMessage) -> Accepted:
    """Propose; answers the proposal id."""
    statement = ProposalStatement(
        proposer=Address(message.proposer), proposal_id=message.proposal_id, deadline=message.deadline
    )
    actions = [Action(target=Address(a.target), calldata=a.calldata, value=a.value) for a in message.actions]
    sponsors = [Sponsor(account=Address(s.account), signature=s.signature) for s in message.sponsors]
    number = relay.propose(statement, actions, message.description, sponsors)
    return Accepted(what="proposal", id=str(number))


@router.post("/ballot")
def ballot(relay: RelayDep, message: BallotMessage) -> Accepted:
    """Vote; answers the weight that was counted."""
    return Accepted(what="weight", id=str(relay.cast(_ballot(message), message.signature)))


@router.post("/ballots")
def ballots(relay: RelayDep, message: BallotsMessage) -> Accepted:
    """Many members vote in one transaction; answers how many ballots counted."""
    cast = [(_ballot(one), one.signature) for one in message.ballots]
    return Accepted(what="ballots", id=str(relay.cast_many(cast)))


def _ballot(message: BallotMessage) -> Ballot:
    return Ballot(
        proposal_id=message.proposal_id,
        support=Support(message.support),
        voter=Address(message.voter),
        reason=message.reason,
        params=message.params,
    )


@router.post("/claim")
def claim(relay: RelayDep, message: ClaimMessage) -> Accepted:
    """Have a member's unpaid rewards paid; answers the amount in wei."""
    values = message.model_dump(exclude={"proof", "account"})
    leaf = ContributionLeaf(**values, account=Address(message.account))
    return Accepted(what="wei", id=str(relay.claim(leaf, message.proof)))


@router.post("/queue/{proposal_id}")
def queue(relay: RelayDep, proposal_id: ProposalId) -> Accepted:
    """Queue a proposal that succeeded; answers the transaction hash."""
    return Accepted(what="transaction", id="0x" + relay.queue(int(proposal_id)).hex())


@router.post("/execute/{proposal_id}")
def execute(relay: RelayDep, proposal_id: ProposalId) -> Accepted:
    """Execute a queued proposal after its delay; answers the transaction hash."""
    return Accepted(what="transaction", id="0x" + relay.execute(int(proposal_id)).hex())


@router.post("/lapse/{case_id}")
def lapse(relay: RelayDep, case_id: CaseId) -> Accepted:
    """End a case past its deadline; answers the transaction hash."""
    return Accepted(what="transaction", id="0x" + relay.lapse(case_id).hex())


@router.post("/withdraw/{member_id}")
def withdraw(relay: RelayDep, member_id: CaseId) -> Accepted:
    """Pay a member's bond out after its delay; answers the transaction hash."""
    return Accepted(what="transaction", id="0x" + relay.withdraw_bond(member_id).hex())
