"""Verbs of membership, incidents, bonds, artifacts and access: what the user sees, and what the ledger holds then."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import CliRunner, Result

from node import cid as cids
from node import cli
from node.config import Home
from node.data_access import register_dataset
from node.errors import ConfigError, LedgerRefused
from node.forms import plan
from node.incidents import CaseStatus
from node.records.artifacts import Access, ArtifactKind, ArtifactState
from node.records.datasets import DatasetManifest, ShardEntry
from node.records.proposals import Support
from node.records.rounds import RoundStatus
from node.sealed import Sealer, new_content_key, seal
from tests.support.desk import desk_of
from tests.support.history import HOUR, TOKEN, History, identity
from tests.support.openers import use_twins

DAY = 86_400
PHONE, FRIEND = identity("alice's phone"), identity("a friend")
Tenwings = Callable[..., Result]


@pytest.fixture
def history() -> History:
    return History().play()


@pytest.fixture
def tenwings(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenwings:
    """Runs a verb over the twins; the operator and two spare accounts are in the state folder, too."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TENWINGS_HOME", str(tmp_path / "home"))
    people = {**history.people, "operator": history.operator, "phone": PHONE, "friend": FRIEND}
    use_twins(monkeypatch, history.ledger, history.store, people)
    command = typer.main.get_command(cli.build())

    def run(words: str, *more: str) -> Result:
        result = CliRunner().invoke(command, [*words.split(), *more])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def said(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def answer(result: Result) -> Any:
    return json.loads(said(result))


def rows(result: Result) -> list[Any]:
    return [json.loads(line) for line in said(result).splitlines()]


def refused(result: Result, error: type[ConfigError] | type[LedgerRefused]) -> str:
    """The one line of an error, with the exit code of its kind."""
    assert result.exit_code == error.exit_code, result.output
    (line,) = result.stderr.splitlines()
    return line


# membership


def test_the_first_recovery_account_is_in_force_at_once(tenwings: Tenwings, history: History) -> None:
    text = said(tenwings("member recovery friend --as alice"))

    assert text.startswith("alice: recovery account ")
    assert "the first is in force at once, a change after the recovery delay" in text
    assert history.ledger.recovery(1).recovery == FRIEND.address


def test_a_recovery_account_is_given_up_after_the_delay(tenwings: Tenwings, history: History) -> None:
    said(tenwings(f"member recovery {FRIEND.address} --as alice"))
    said(tenwings("member recovery none --as alice"))
    assert history.ledger.recovery(1).recovery == FRIEND.address
    history.clock.advance(3 * DAY)
    assert history.ledger.recovery(1).recovery is None


def test_a_lost_account_is_moved_after_the_delay(tenwings: Tenwings, history: History) -> None:
    said(tenwings("member recovery friend --as alice"))
    moving = answer(tenwings("member move 1 --to phone --as friend --json"))
    assert moving == {"member_id": 1, "to": PHONE.address, "acceptable_from": history.clock() + 3 * DAY}
    assert "MoveTooEarly" in refused(tenwings("member accept 1 --as phone"), LedgerRefused)

    history.clock.advance(3 * DAY)
    text = said(tenwings("member accept 1 --as phone"))

    assert text.startswith("member 1 acts by 0x")
    assert text.endswith("now; `tenwings join phone` starts its node")
    assert history.ledger.members()[0].account == PHONE.address


def test_a_stopped_move_takes_the_recovery_accounts_power(tenwings: Tenwings, history: History) -> None:
    said(tenwings("member recovery friend --as alice"))
    said(tenwings("member move 1 --to phone --as friend"))

    assert said(tenwings("member stop --as alice")) == "alice: the move is stopped; name another recovery account"

    found = history.ledger.recovery(1)
    assert (found.recovery, found.moving_to) == (None, None)
    assert "NotTheRecoveryAccount" in refused(tenwings("member move 1 --to phone --as friend"), LedgerRefused)


def test_who_leaves_is_a_member_no_more(tenwings: Tenwings, history: History) -> None:
    assert said(tenwings("member leave --as carol")) == "carol has left"
    carol = history.ledger.members()[2]
    assert (carol.name, carol.active, carol.left) == ("carol", False, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("member recovery 0x1234 --as alice", "expected a checksummed address of 42 characters, got '0x1234'"),
        ("member recovery stranger --as alice", "expected a keystore of stranger"),
        ("member account Alice", "expected a member name of 1 to 32 characters"),
        ("incident report theft --why x --as alice", "(bad-round: `tenwings dispute`), got 'theft'"),
        ("incident report bad-round --why x --as alice", "(bad-round: `tenwings dispute`), got 'bad-round'"),
        ("incident report misconduct --severity grave --why x --as alice", "expected a severity of low, medium"),
        ("incident show 7", "expected a case, got 7; `tenwings incident ls` shows them"),
        ("incident contain 1 house --as operator", "expected one of run, member, artifact, got 'house'"),
        ("bond withdraw --as friend", "expected a member, "),
        ("artifact revoke bafy --as alice", "expected a CID of 59 characters"),
        ("data access bafy", "expected a CID of 59 characters"),
    ],
)
def test_wrong_words_are_told_with_what_was_expected(tenwings: Tenwings, words: str, message: str) -> None:
    assert message in refused(tenwings(words), ConfigError)


# incidents and bonds


@pytest.fixture
def bonded(tenwings: Tenwings) -> Tenwings:
    """Alice, bob and carol put up 50 tokens each."""
    for member_id in (1, 2, 3):
        assert said(tenwings(f"bond deposit {member_id} 50 --as operator")) == f"member {member_id}: 50.0000 TWR"
    return tenwings


def test_a_report_costs_a_bond_and_names_its_deadline(bonded: Tenwings, history: History) -> None:
    text = said(bonded("incident report misconduct --member 3 --as alice", "--why", "spam in every round"))

    deadline = history.clock() + 14 * DAY
    assert text == f"case 1: misconduct, bond 10.0000 TWR, decided by Unix time {deadline}"
    (case,) = history.ledger.cases()
    assert (case.reporter_id, case.accused_id, case.severity, case.bond) == (1, 3, 2, 10 * TOKEN)
    assert json.loads(history.store.get(case.evidence_cid))["what"] == "spam in every round"
    shown = rows(bonded("bond show --json"))
    assert [row["bond"] for row in shown] == [*[str(50 * TOKEN)] * 3, "0", "0"]
    assert [row["staked"] for row in shown] == [str(10 * TOKEN), *["0"] * 4]


def test_a_report_without_a_bond_is_refused(tenwings: Tenwings, history: History) -> None:
    line = refused(tenwings("incident report misconduct --why x --as alice"), LedgerRefused)
    assert "BondTooSmall" in line
    assert history.ledger.cases() == ()


def test_a_dispute_holds_a_round(bonded: Tenwings, history: History) -> None:
    history.commit_round(gains={"alice": 9_000, "bob": 8_000})
    found = answer(bonded("dispute 1 3 --as alice --json", "--why", "the sheet lies"))
    assert (found["case"], found["bond_wei"]) == (1, str(10 * TOKEN))
    disputed = history.ledger.round(1, 3)
    assert disputed is not None
    assert disputed.status == RoundStatus.DISPUTED
    (row,) = rows(bonded("incident ls --json"))
    assert (row["kind"], row["severity"], row["about"], row["reporter"]) == (
        "bad round",
        "high",
        "run 1 round 3",
        "alice",
    )
    line = refused(bonded("propose settle-dispute 3 voided --as alice"), ConfigError)
    assert "case 1 decides this dispute: `tenwings propose verdict 1 ...`" in line


def test_a_final_round_is_not_disputed(bonded: Tenwings) -> None:
    assert "chain refused: " in refused(bonded("dispute 1 1 --as alice --why late"), LedgerRefused)


def test_only_a_responder_bars_and_the_bar_is_seen(bonded: Tenwings, history: History) -> None:
    said(bonded("incident report misconduct --member 3 --why x --as alice"))
    line = refused(bonded("incident contain 1 member --as bob"), LedgerRefused)
    assert "AccessControlUnauthorizedAccount" in line

    until = history.clock() + 2 * HOUR
    assert said(bonded("incident contain 1 member --hours 2 --as operator")) == f"member contained until {until}"
    assert history.ledger.members()[2].barred_until == until
    assert answer(bonded("incident show 1 --json"))["contained"] == [f"member until {until}"]


def test_a_case_lapses_past_its_deadline_and_is_closed_with_what_was_learned(
    bonded: Tenwings, history: History
) -> None:
    said(bonded("incident report misconduct --member 3 --why x --as alice"))
    assert "WrongCaseState" in refused(bonded("incident lapse 1"), LedgerRefused)
    history.clock.advance(14 * DAY + 1)
    assert answer(bonded("incident show 1 --json"))["state"] == "overdue"

    assert said(bonded("incident lapse 1")) == "case 1 has lapsed"
    assert history.ledger.cases()[0].status == CaseStatus.LAPSED
    assert history.ledger.bond(1).amount == 50 * TOKEN

    closed = answer(bonded("incident close 1 --as operator --json", "--learned", "answer sooner"))
    assert json.loads(history.store.get(closed["post_mortem"])) == {"case": 1, "post_mortem": "answer sooner"}
    assert answer(bonded("incident show 1 --json"))["state"] == "lapsed, closed"


def test_a_bond_is_taken_back_after_the_delay(bonded: Tenwings, history: History) -> None:
    start = history.clock() + 7 * DAY
    asked = said(bonded("bond withdraw --amount 20 --as bob"))
    assert asked == f"bob: bond 50.0000 TWR, 20.0000 TWR can be taken for a week from Unix time {start} on"
    assert "NothingToWithdraw" in refused(bonded("bond withdraw --as bob"), LedgerRefused)
    before = history.ledger.reward_balance(history.people["bob"].address)

    history.clock.advance(7 * DAY)
    assert said(bonded("bond withdraw --as bob")) == "bob: bond 30.0000 TWR"
    assert history.ledger.reward_balance(history.people["bob"].address) == before + 20 * TOKEN


def test_more_than_the_bond_is_not_asked_for(bonded: Tenwings) -> None:
    assert "BondTooSmall" in refused(bonded("bond withdraw --amount 51 --as bob"), LedgerRefused)


# artifacts


def test_an_owner_revokes_its_artifact_and_nobody_else_does(tenwings: Tenwings, history: History) -> None:
    (listed,) = rows(tenwings("artifact ls --json"))
    assert (listed["kind"], listed["state"], listed["by"]) == ("dataset", "active", "alice")
    assert "chain refused: " in refused(tenwings(f"artifact revoke {listed['cid']} --as bob"), LedgerRefused)

    assert said(tenwings(f"artifact revoke {listed['cid']} --as alice")).endswith(" is revoked")
    found = history.ledger.artifact(history.dataset_digest)
    assert found is not None
    assert found.state == ArtifactState.REVOKED


def test_a_better_dataset_takes_ones_place(tenwings: Tenwings, history: History) -> None:
    (old,) = history.ledger.artifacts()
    better = history.store.put(b"the same clips, mended")
    desk_of(history.people["alice"], history.ledger, history.store).register(ArtifactKind.DATASET, better, "CC0-1.0")

    assert " is superseded by " in said(tenwings(f"artifact supersede {old.cid} {better} --as alice"))
    assert [row["state"] for row in rows(tenwings("artifact ls --json"))] == ["superseded", "active"]


def test_what_was_made_from_a_dataset_is_listed(tenwings: Tenwings, history: History) -> None:
    (dataset,) = history.ledger.artifacts()
    made = rows(tenwings(f"artifact descendants {dataset.cid} --json"))
    assert [(row["what"], row["state"]) for row in made] == [
        ("checkpoint of run 1, round 1", "not registered"),
        ("checkpoint of run 1, round 2", "not registered"),
    ]


def test_a_vote_takes_an_artifact_down_and_what_was_made_from_it_stays(tenwings: Tenwings, history: History) -> None:
    (dataset,) = history.ledger.artifacts()
    desk = desk_of(history.people["bob"], history.ledger, history.store)
    wanted = plan(desk, 1, ["takedown", dataset.cid])
    assert wanted.effect.startswith(f"Take down {dataset.cid} for good; the report ")
    assert wanted.effect.endswith(" lists 2 things made from it, which stay.")

    history.proposal_id = desk.propose(wanted.actions, wanted.text(""), wanted.article)
    history.clock.advance(120)
    for name in ("alice", "dora"):
        history.vote(name, Support.FOR)
    history.clock.advance(2 * HOUR)
    history.ledger.queue(history.proposal_id)
    history.clock.advance(120)
    history.ledger.execute(history.proposal_id)

    (listed,) = rows(tenwings("artifact ls --json"))
    assert listed["state"] == "taken down"
    assert "chain refused: " in refused(tenwings(f"artifact revoke {dataset.cid} --as alice"), LedgerRefused)


def test_only_a_registered_artifact_is_taken_down(history: History) -> None:
    desk = desk_of(history.people["bob"], history.ledger, history.store)
    unknown = cids.of(b"nowhere")
    with pytest.raises(ConfigError, match=f"expected a registered artifact, got {unknown}"):
        plan(desk, 1, ["takedown", unknown])


# access to restricted data


@pytest.fixture
def sealed_cid(history: History, tmp_path: Path) -> str:
    """A restricted dataset of alice's, its content key in her folder."""
    key = new_content_key()
    sealer, sealed = Sealer(key=key), seal(b"clips of waves", key)
    shard = ShardEntry(cid=history.store.put(sealed), split="train", num_clips=1, num_bytes=len(sealed))
    manifest = DatasetManifest(
        name="waves",
        licence="CC0-1.0",
        attribution="made here",
        clip_shape=(8, 32, 32),
        shards=(shard,),
        encryption=sealer.encryption,
    )
    cid = history.store.put(manifest.to_bytes())
    desk = desk_of(history.people["alice"], history.ledger, history.store)
    folder = Home(tmp_path / "home").member("alice").root
    register_dataset(desk, folder, cid, manifest, sealer)
    return str(cid)


def test_a_reader_asks_is_let_in_and_loses_future_access(tenwings: Tenwings, history: History, sealed_cid: str) -> None:
    digest = cids.digest(cids.parse(sealed_cid))
    line = refused(tenwings(f"data grant {sealed_cid} bob --as alice"), ConfigError)
    assert "the member asks with `tenwings data request`" in line

    assert said(tenwings(f"data request {sealed_cid} --as bob", "--purpose", "waves")).startswith("bob asked to read ")
    (asked,) = rows(tenwings(f"data access {sealed_cid} --json"))
    assert (asked["member"], asked["access"], asked["what for"]) == ("bob", "requested", "waves")

    assert said(tenwings(f"data grant {sealed_cid} bob --as alice")).startswith("bob may read ")
    assert [entry.access for entry in history.ledger.accesses(digest)] == [Access.GRANTED]

    lost = answer(tenwings(f"data revoke {sealed_cid} 2 --as alice --json"))
    assert list(history.ledger.accesses(digest)) == []
    fresh = history.ledger.artifact(cids.digest(cids.parse(lost["superseded_by"])))
    assert fresh is not None
    assert fresh.restricted


def test_only_restricted_datasets_are_asked_for_and_granted_to_members(
    tenwings: Tenwings, history: History, sealed_cid: str
) -> None:
    open_cid = history.ledger.artifacts()[0].cid
    line = refused(tenwings(f"data request {open_cid} --purpose waves --as bob"), ConfigError)
    assert "expected a restricted dataset" in line
    line = refused(tenwings(f"data grant {sealed_cid} nobody --as alice"), ConfigError)
    assert "expected one member called 'nobody', got 0; `tenwings members` shows the ids" in line
