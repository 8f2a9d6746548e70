"""The twin's own affairs: its clock and blocks, its journal, its threads. Its rules are tested beside the chain's."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from node import cid as cids
from node.deployment import DEFAULT_BOUNDS, DeploySettings
from node.errors import ConfigError, LedgerRefused
from node.governance import describe
from node.identity import Identity
from node.local_ledger import LocalLedger, ManualClock
from node.records.artifacts import ArtifactKind, Registration
from node.records.content import Cid
from node.records.members import JoinRequest, Role, Voucher
from node.records.proposals import ProposalStatement, Sponsor
from node.records.runs import RunParams
from node.typed_data import sign

OPERATOR = Identity(b"\x0e".rjust(32, b"\0"))
SETTINGS = DeploySettings(operator=OPERATOR.address, licences=("CC0-1.0",))
NOW = 1_750_000_000


def member(number: int) -> Identity:
    return Identity(number.to_bytes(32, "big"))


def join(ledger: LocalLedger, number: int) -> int:
    who, domain = member(number), ledger.domain("MemberRegistry")
    request = JoinRequest(
        account=who.address,
        roles=Role.TRAINER | Role.EVALUATOR,
        node_key_digest=number.to_bytes(32, "big"),
        name=f"member {number}",
        deadline=2**40,
    )
    voucher = Voucher(account=who.address, roles=request.roles, deadline=2**40)
    return ledger.join(request, sign(who, domain, request), sign(OPERATOR, domain, voucher))


SPEC_PARAMS = DEFAULT_BOUNDS.least


def open_run(ledger: LocalLedger) -> int:
    dataset: Cid = cids.of(b"dataset")
    registration = Registration(
        account=member(1).address, kind=ArtifactKind.DATASET, cid=dataset, licence="CC0-1.0", deadline=2**40
    )
    ledger.register_artifact(registration, sign(member(1), ledger.domain("ArtifactRegistry"), registration))
    return ledger.create_run(
        RunParams(
            name="worlds",
            spec_cid=cids.of(b"spec"),
            spec_params=SPEC_PARAMS,
            genesis_cid=cids.of(b"genesis"),
            dataset_digest=cids.digest(dataset),
            reward_cap=10,
            quorum=1,
            dispute_window_seconds=5,
        )
    )


def test_a_deployment_shows_its_licences_supply_charter_and_rules_as_events() -> None:
    events = LocalLedger(SETTINGS, clock=ManualClock()).events(0)
    names = ["LicenceSet", "BoundsChanged", "Transfer", "MeritBoundsSet", "CharterSet", "RulesSet"]
    assert [(e.name, e.block_number) for e in events] == [(name, 1) for name in names]


def test_the_chain_breathes_when_the_clock_moves() -> None:
    clock = ManualClock(NOW)
    ledger = LocalLedger(SETTINGS, clock=clock)
    before = ledger.latest_block()
    assert ledger.latest_block() == before
    clock.advance(2)
    after = ledger.latest_block()
    assert (after.number, after.timestamp) == (before.number + 1, NOW + 2)
    assert after.hash != before.hash


def test_a_clock_that_goes_back_does_not_turn_the_chain_back() -> None:
    clock = ManualClock(NOW)
    ledger = LocalLedger(SETTINGS, clock=clock)
    clock.now -= 100
    join(ledger, 1)
    assert ledger.latest_block().timestamp == NOW
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)


def test_a_refused_write_makes_no_block_and_no_event() -> None:
    ledger = LocalLedger(SETTINGS, clock=ManualClock())
    join(ledger, 1)
    before = ledger.latest_block(), ledger.events(0)
    with pytest.raises(LedgerRefused, match="AlreadyMember"):
        join(ledger, 1)
    assert (ledger.latest_block(), ledger.events(0)) == before


def test_views_of_other_senders_share_the_chain() -> None:
    ledger = LocalLedger(SETTINGS, clock=ManualClock())
    join(ledger, 1)
    open_run(ledger)
    other = ledger.acting_as(member(1).address)
    assert other.num_runs() == 1
    with pytest.raises(LedgerRefused, match="ERC20InsufficientBalance"):
        other.fund(1, 1)


def test_the_treasury_holds_the_supply() -> None:
    settings = DeploySettings(operator=OPERATOR.address, treasury=member(7).address, reward_supply_wei=9)
    ledger = LocalLedger(settings, clock=ManualClock())
    assert (ledger.reward_balance(member(7).address), ledger.reward_balance(OPERATOR.address)) == (9, 0)


def test_threads_write_one_after_the_other() -> None:
    ledger = LocalLedger(SETTINGS, clock=ManualClock())
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: join(ledger, n), range(1, 41)))
    assert sorted(numbers) == list(range(1, 41))
    assert ledger.latest_block().number == 41


@pytest.fixture
def kept(tmp_path: Path) -> tuple[LocalLedger, ManualClock, Path]:
    """A chain with a journal, some members, a run and an empty block."""
    path, clock = tmp_path / "chain" / "journal.jsonl", ManualClock(NOW)
    ledger = LocalLedger(SETTINGS, clock=clock, journal=path, chain_id=99)
    for number in (1, 2):
        join(ledger, number)
        clock.advance(number)
    open_run(ledger)
    clock.advance(1)
    ledger.latest_block()
    ledger.close_failed(1, 1, cids.of(b"record"), "no-quorum")
    return ledger, clock, path


def test_a_journal_opens_as_the_same_chain(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    ledger, clock, path = kept
    opened = LocalLedger.open(path, clock=clock)
    assert opened.chain_id() == 99
    assert opened.events(0) == ledger.events(0)
    assert opened.latest_block() == ledger.latest_block()
    assert opened.members() == ledger.members()
    assert opened.run(1) == ledger.run(1)


def test_an_opened_journal_is_continued(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    _, clock, path = kept
    join(LocalLedger.open(path, clock=clock), 3)
    again = LocalLedger.open(path, clock=clock)
    assert [m.member_id for m in again.members()] == [1, 2, 3]
    assert isinstance(again.members()[0].roles, Role)


def test_a_proposal_survives_in_the_journal(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    ledger, clock, path = kept
    action = ledger.set_spec_action(1, cids.of(b"spec 2"))
    text = describe("Change it", member(1).address, 1)
    number = ledger.proposal_id([action], text)
    statement = ProposalStatement(proposer=member(1).address, proposal_id=number, deadline=2**40)
    signature = sign(member(1), ledger.domain("TenWingsGovernor"), statement)
    sponsors = [Sponsor(account=member(1).address, signature=signature)]
    with pytest.raises(LedgerRefused, match="NoFinalEpoch"):
        ledger.propose(statement, [action], text, sponsors)
    assert LocalLedger.open(path, clock=clock).proposals() == ()


def test_a_journal_is_never_written_over(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    with pytest.raises(ConfigError, match="File exists"):
        LocalLedger(SETTINGS, journal=kept[2])


def test_an_edited_journal_does_not_open(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    path = kept[2]
    path.write_text(path.read_text().replace("member 2", "member 9"))
    with pytest.raises(LedgerRefused, match="InvalidSignature"):
        LocalLedger.open(path)


@pytest.mark.parametrize("content", ["", "{}\n", "not JSON\n", '{"settings": {}, "chain_id": 1, "at": 0}\n'])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(content)
    with pytest.raises(ConfigError, match="journal"):
        LocalLedger.open(path)


def test_a_missing_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="journal"):
        LocalLedger.open(tmp_path / "absent.jsonl")


def test_a_journal_holds_one_line_a_write(kept: tuple[LocalLedger, ManualClock, Path]) -> None:
    lines = [json.loads(line) for line in kept[2].read_text().splitlines()]
    assert [line.get("method") for line in lines] == [
        *[None, "join", "join", "register_artifact", "create_run", "mine", "close_failed"]
    ]
