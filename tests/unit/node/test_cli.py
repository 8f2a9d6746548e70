"""The `tenwings` command: whatever is wrong, one clear line and the right exit code; `--json` speaks JSON alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from click import Command
from click.testing import CliRunner, Result

from federation import joining
from node import cli
from node.charter_text import default_charter
from node.config import Home
from node.console import Panel
from node.errors import ConfigError, DaemonUnavailable, LedgerRefused
from node.identity import create_password_file, save_keystore
from node.records.proposals import ProposalState
from node.wiring import COORDINATOR
from tests.support.history import History
from tests.support.openers import use_twins
from tests.support.played import OPERATOR, Played
from tests.support.tiny import identity as tiny_identity

CID = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
Tenwings = Callable[..., Result]


@pytest.fixture(scope="module")
def app() -> Command:
    return typer.main.get_command(cli.build())


@pytest.fixture
def tenwings(app: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tenwings:
    """Runs the command in a state folder of its own; a wide terminal, so that lines stay whole."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TENWINGS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TENWINGS_TRACEBACK", raising=False)
    for variable in ("TENWINGS_PASSWORD", "IPFS_API"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        assert "Traceback" not in result.output
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def error_line(result: Result) -> str:
    """The one line that a failed verb says."""
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.output
    assert lines[0].startswith("error: ")
    return lines[0]


def keystore(tmp_path: Path, name: str) -> Path:
    """A member's folder with an account in it."""
    member = Home(tmp_path / "home").member(name)
    save_keystore(member.keystore, tiny_identity(name), create_password_file(member.password))
    return member.root


# without a network


@pytest.mark.parametrize("verb", [("vote", "1", "for"), ("claim",), ("propose", "inner.num_steps=18"), ("data", "add")])
def test_a_member_that_is_not_here_is_named_with_the_way_in(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb, "--as", "nobody")

    assert result.exit_code == ConfigError.exit_code == 2
    assert "members/nobody/keystore.json, there is none; run `tenwings join nobody`" in error_line(result)


OFFLINE = [
    ("members",),
    ("proposals",),
    ("execute", "1"),
    ("run", "ls"),
    ("run", "show"),
    ("train",),
    ("audit",),
    ("sample", "a ball"),
    ("join", "alice"),
]


@pytest.mark.parametrize("verb", OFFLINE, ids=" ".join)
def test_a_verb_before_up_says_to_run_up(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb)

    assert result.exit_code == 2
    assert "expected a deployment at" in error_line(result)
    assert "run `tenwings up` first" in error_line(result)


def test_a_member_before_up_is_told_to_run_up(tenwings: Tenwings, tmp_path: Path) -> None:
    keystore(tmp_path, "alice")

    assert "run `tenwings up` first" in error_line(tenwings("vote", "1", "for", "--as", "alice"))


@pytest.mark.parametrize("verb", OFFLINE, ids=" ".join)
def test_under_json_an_error_is_one_json_object(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb, "--json")

    assert result.exit_code == 2
    (line,) = result.stdout.splitlines()
    error = json.loads(line)
    assert (sorted(error), error["exit_code"], error["kind"]) == (["error", "exit_code", "kind"], 2, "ConfigError")
    assert result.stderr == ""


@pytest.mark.parametrize("verb", [("status",), ("down",)])
def test_an_empty_state_folder_has_a_status_and_can_be_stopped(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    assert tenwings(*verb).exit_code == 0


@pytest.mark.parametrize("word", ["maybe", "FOR", "", "yes", "[/x]", "[bold]"])
def test_a_vote_is_for_against_or_abstain_and_the_word_is_repeated(tenwings: Tenwings, word: str) -> None:
    result = tenwings("vote", "1", word, "--as", "alice")

    assert result.exit_code == 2
    assert f"expected one of for, against, abstain, got {word!r}" in error_line(result)


@pytest.mark.parametrize("name", ["", "Alice", "../alice", "al ice", "[/red]", "a" * 40, "1st"])
def test_a_name_that_is_none_is_refused(tenwings: Tenwings, name: str) -> None:
    for verb in (("claim", "--as", name), ("join", name)):
        result = tenwings(*verb)

        assert result.exit_code == 2
        assert "expected a member name of 1 to 32 characters" in error_line(result)


@pytest.mark.parametrize("name", ["coordinator", "relayer"])
def test_the_operators_own_names_cannot_join(tenwings: Tenwings, name: str) -> None:
    assert "which the network itself uses" in error_line(tenwings("join", name))


@pytest.mark.parametrize("role", ["", "boss", "trainer,evaluator", "trainer+", "Trainer"])
def test_a_role_that_nobody_knows_is_refused(tenwings: Tenwings, role: str) -> None:
    result = tenwings("join", "alice", "--role", role)

    assert result.exit_code == 2
    assert f"expected roles of trainer, evaluator, curator, joined by +; got {role!r}" in error_line(result)


@pytest.mark.parametrize("verb", [("status",), ("members",), ("up",), ("claim", "--as", "alice"), ("down",)])
def test_a_state_folder_that_cannot_be_made_is_exit_code_3(
    tenwings: Tenwings, tmp_path: Path, verb: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")

    result = tenwings(*verb, "--home", str(tmp_path / "file" / "home"))

    assert result.exit_code == 3
    assert "expected to create the folder" in error_line(result)
    assert "--home" in error_line(result)


USAGE = [
    ("vote",),
    ("vote", "1"),
    ("vote", "1", "for"),
    ("vote", "one", "for", "--as", "alice"),
    ("dance",),
    ("train", "--rounds", "0"),
    ("train", "--rounds", "many"),
    ("demo", "--rounds", "2"),
    ("execute",),
    ("run", "show", "x"),
    ("run", "create"),
    ("members", "--colour"),
]


@pytest.mark.parametrize("verb", USAGE, ids=" ".join)
def test_a_wrong_call_is_exit_code_2_with_the_usage(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb)

    assert result.exit_code == 2
    assert "Usage:" in result.stderr


def test_the_help_lists_every_verb(tenwings: Tenwings) -> None:
    text = tenwings("--help").output

    verbs_ = "up down status doctor join vote execute proposals claim members train propose sample audit demo"
    for verb in verbs_.split():
        assert verb in text


# keys


def test_a_wrong_password_file_is_told_as_such(tenwings: Tenwings, tmp_path: Path) -> None:
    (keystore(tmp_path, "alice") / "password").write_text("something else\n")

    result = tenwings("claim", "--as", "alice")

    assert result.exit_code == 2
    assert "keystore.json: wrong password; check the password file" in error_line(result)


def test_a_password_that_others_can_read_is_refused(tenwings: Tenwings, tmp_path: Path) -> None:
    (keystore(tmp_path, "alice") / "password").chmod(0o644)

    assert "other users can read the password; run `chmod 600" in error_line(tenwings("claim", "--as", "alice"))


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("password", b"", "expected a password in the first line"),
        ("keystore.json", b"", "expected a version 3 keystore"),
        ("keystore.json", b"[]", "expected a version 3 keystore"),
        ("keystore.json", b"\xff", "expected a version 3 keystore"),
        ("keystore.json", b'{"version": 3, "crypto": {}}', "expected a version 3 keystore"),
    ],
)
def test_a_damaged_key_file_is_named(tenwings: Tenwings, tmp_path: Path, file: str, data: bytes, words: str) -> None:
    (keystore(tmp_path, "alice") / file).write_bytes(data)

    result = tenwings("claim", "--as", "alice")

    assert result.exit_code == 2
    assert words in error_line(result)
    assert file in error_line(result)


def test_a_missing_password_file_is_named(tenwings: Tenwings, tmp_path: Path) -> None:
    (keystore(tmp_path, "alice") / "password").unlink()

    assert "expected a keystore password, got none" in error_line(tenwings("claim", "--as", "alice"))


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"\xff", b'{"settings": 5}'])
def test_a_damaged_deployment_is_named(tenwings: Tenwings, tmp_path: Path, data: bytes) -> None:
    Home(tmp_path / "home").deployment.write_bytes(data)

    result = tenwings("members")

    assert result.exit_code == 2
    assert "deployment.json: expected the addresses of the contracts" in error_line(result)


@pytest.mark.parametrize("data", ["", "{", "[]", "5", '{"chain": 1}', '{"chain": 1, "superlink": 2, "api": 3, "x": 4}'])
def test_a_damaged_ports_file_is_named(tenwings: Tenwings, tmp_path: Path, data: str) -> None:
    home = Home(tmp_path / "home")
    home.require()
    (home.root / "ports.json").write_text(data)

    result = tenwings("up")

    assert result.exit_code == 2
    assert "ports.json: expected the ports of this network" in error_line(result)


# run create


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--dataset", "bafy"), "expected a CID of 59 characters"),
        (("--dataset", CID, "--set", "inner.num_steps"), "expected SECTION.NAME=VALUE, got 'inner.num_steps'"),
        (("--dataset", CID, "--set", "=5"), "expected SECTION.NAME=VALUE, got '=5'"),
        (("--dataset", CID, "--set", "inner.num_steps="), "expected SECTION.NAME=VALUE"),
        (("--dataset", CID, "--set", "inner.steps=5"), "unknown setting inner.steps"),
        (("--dataset", CID, "--set", "inner.num_steps=-5"), "inner.num_steps: expected 1 to 10000, got -5"),
        (("--dataset", CID, "--set", "wire.error_decay=[/x]"), "wire.error_decay: expected a decimal number"),
        (("--dataset", CID, "--spec", "missing.toml"), "missing.toml"),
        (("--dataset", CID, "--spec", "."), "Is a directory"),
        (("--dataset", CID, "--spec", "broken.toml"), "run spec: not TOML"),
        (("--dataset", CID, "--spec", "binary.toml"), "can't decode"),
    ],
)
def test_a_run_that_cannot_be_created_says_why(
    tenwings: Tenwings, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "broken.toml").write_text("[inner\n")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")

    result = tenwings("run", "create", *arguments)

    assert result.exit_code == 2
    assert words in error_line(result)


# over the twins: a little history


def test_the_help_lists_every_verb_by_what_it_is_for(app: Command) -> None:
    panels = {name: command.rich_help_panel for name, command in app.commands.items()}  # type: ignore[attr-defined]
    assert {name: panel for name, panel in panels.items() if panel not in set(Panel)} == {}
    assert set(panels.values()) == set(Panel)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    found = History().play()
    use_twins(monkeypatch, found.ledger, found.store, {**found.people, COORDINATOR: OPERATOR})
    return found


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_members_are_listed_with_their_weight(tenwings: Tenwings, history: History) -> None:
    listed = rows(tenwings("members", "--json"))

    assert [(r["name"], r["roles"], r["merit"], r["weight"]) for r in listed] == [
        ("alice", "trainer+curator", 900, 30),
        ("bob", "trainer", 400, 20),
        ("carol", "trainer", 100, 10),
        ("dora", "evaluator", 400, 20),
        ("emil", "evaluator", 400, 20),
    ]
    assert listed[0]["account"] == history.people["alice"].address
    assert "trainer+curator" in tenwings("members").output


@pytest.mark.usefixtures("history")
def test_runs_and_rounds_are_listed_with_who_was_refused(tenwings: Tenwings) -> None:
    (run,) = rows(tenwings("run", "ls", "--json"))
    first, second = rows(tenwings("run", "show", "1", "--json"))

    assert (run["run"], run["name"], run["rounds"], run["held-out loss"]) == (1, "Procedural worlds", 2, "1.1663")
    assert (first["round"], first["updates"], first["refused"]) == (1, 2, "carol: not-finite")
    assert (second["updates"], second["refused"], second["held-out loss"]) == (3, "-", "1.1663")


def test_a_vote_is_counted(tenwings: Tenwings, history: History) -> None:
    result = tenwings("vote", str(history.proposal_id), "against", "--as", "emil", "--reason", "No.", "--json")

    assert rows(result) == [{"proposal": str(history.proposal_id), "support": "against", "weight": 20}]
    assert history.ledger.proposal(history.proposal_id).tally.weight_against == 40


def test_a_second_vote_is_refused_by_the_chain_with_exit_code_7(tenwings: Tenwings, history: History) -> None:
    result = tenwings("vote", str(history.proposal_id), "for", "--as", "alice")

    assert result.exit_code == LedgerRefused.exit_code == 7
    assert "the chain refused: GovernorAlreadyCastVote" in error_line(result)


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("verb", [("vote", "77", "for", "--as", "bob"), ("execute", "77")])
def test_a_proposal_that_does_not_exist_is_exit_code_7(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb)

    assert result.exit_code == 7
    assert "GovernorNonexistentProposal" in error_line(result)


def test_a_proposal_that_is_still_voted_on_cannot_be_executed(tenwings: Tenwings, history: History) -> None:
    result = tenwings("execute", str(history.proposal_id))

    assert result.exit_code == 2
    assert "expected a proposal that has succeeded or is queued" in error_line(result)
    assert error_line(result).endswith("is active")


def test_a_passed_proposal_is_queued_then_executed(tenwings: Tenwings, history: History) -> None:
    number = str(history.proposal_id)
    history.vote("emil", history_support_for())
    history.clock.advance(3600)

    assert rows(tenwings("execute", number, "--json")) == [{"proposal": number, "state": "queued"}]
    history.clock.advance(120)
    assert rows(tenwings("execute", number, "--json")) == [{"proposal": number, "state": "executed"}]
    assert history.ledger.run(1).spec_version == 2


def history_support_for() -> Any:
    from node.records.proposals import Support

    return Support.FOR


def test_proposals_show_what_their_authors_wrote_markup_or_not(tenwings: Tenwings, history: History) -> None:
    history.propose("Close [/b] and [red]open[/red] tags", by="carol")

    assert "Close [/b] and [red]open[/red] tags" in tenwings("proposals").output
    texts = [row["text"] for row in rows(tenwings("proposals", "--json"))]
    assert texts[-1] == "Close [/b] and [red]open[/red] tags"
    assert {row["effect"] for row in rows(tenwings("proposals", "--json"))} == {"TrainingRuns.setSpec"}


def test_a_form_prints_its_kind_and_what_it_changes(tenwings: Tenwings, history: History) -> None:
    words = ("propose", "rules", "veto_bps=4000", "--as", "bob", "--sponsor", "carol")
    (proposed,) = rows(tenwings(*words, "--why", "A third stops too much.", "--json"))

    assert (proposed["kind"], proposed["changes"]) == ("constitutional", {"veto_bps": ["3334", "4000"]})
    proposal = history.ledger.proposal(int(proposed["proposal"]))
    assert "#article=3\n" in proposal.description
    assert "constitutional proposal: Change the rules of votes" in tenwings(*words, "--why", "Again").output


def test_a_proposal_with_too_few_sponsors_waits_in_its_draft(
    tenwings: Tenwings, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.governance.sponsors_needed", lambda rules, kind: 2)
    words = ("propose", "licence", "MIT", "forbid", "--as", "bob")

    assert "expected 1 more to sign this proposal" in error_line(tenwings(*words))
    (waiting,) = rows(tenwings(*words, "--draft", "draft.json", "--json"))
    assert waiting == {"draft": "draft.json", "missing": 1}
    (sent,) = rows(tenwings("sponsor", "draft.json", "--as", "carol", "--json"))
    assert history.ledger.proposal(int(sent["proposal"])).sponsors == (history.people["carol"].address,)


def test_a_proposer_cancels_its_own_proposal_and_nobody_elses(tenwings: Tenwings, history: History) -> None:
    number = str(history.propose("Withdraw this", by="carol"))

    assert tenwings("cancel", number, "--as", "alice").exit_code == 7
    assert rows(tenwings("cancel", number, "--as", "carol", "--json")) == [{"proposal": number, "state": "canceled"}]


def test_the_guardian_stops_a_proposal_and_has_no_right_left(tenwings: Tenwings, history: History) -> None:
    number, alice = str(history.propose("Stop this", by="carol")), history.people["alice"].address

    assert rows(tenwings("guardian", "show", "--json"))[0]["armed"] is True
    assert "NotTheGuardian" in error_line(tenwings("guardian", "cancel", number, "--as", "bob"))
    stopped = rows(tenwings("guardian", "cancel", number, "--as", "alice", "--json"))
    assert stopped == [{"proposal": number, "state": "canceled"}]
    assert history.ledger.proposal(int(number)).state == ProposalState.CANCELED
    assert f"{alice} until" in (shown := tenwings("guardian", "show").output)
    assert "has used its right" in shown
    assert "NotTheGuardian" in error_line(tenwings("guardian", "pause", "1", "--as", "alice"))


def test_the_guardian_pauses_a_run_for_a_week_at_most(tenwings: Tenwings, history: History) -> None:
    refused = error_line(tenwings("guardian", "pause", "1", "--hours", "169", "--as", "alice"))

    assert "--hours: expected more than 0 and at most 168, got 169" in refused
    assert tenwings("guardian", "pause", "1", "--hours", "2", "--as", "alice").exit_code == 0
    assert history.ledger.run(1).paused_until == history.ledger.latest_block().timestamp + 7_200


@pytest.mark.usefixtures("history")
def test_who_asks_to_join_gets_a_file_that_can_be_voted_on(
    tenwings: Tenwings, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joining, "open_ledger", lambda home: history.ledger)

    (asked,) = rows(tenwings("ask", "farah", "farah.json", "--role", "evaluator", "--json"))
    (proposed,) = rows(tenwings("propose", "admit", "farah.json", "--as", "bob", "--json"))

    assert proposed["effect"] == f"Admit farah as evaluator, account {asked['account']}."
    assert proposed["kind"] == "standard"


def test_the_charter_is_shown(tenwings: Tenwings, history: History) -> None:
    history.store.put(default_charter().data)

    (shown,) = rows(tenwings("charter", "--json"))

    assert (shown["version"], len(shown["articles"])) == (1, 7)
    assert "Article 3: No one rules alone" in tenwings("charter").output


def test_a_claim_pays_once(tenwings: Tenwings, history: History) -> None:
    (paid,) = rows(tenwings("claim", "--as", "bob", "--json"))
    (again,) = rows(tenwings("claim", "--as", "bob", "--json"))

    assert int(paid["paid_wei"]) == int(paid["balance_wei"]) == history.earned["bob"] > 0
    assert (again["paid_wei"], again["balance_wei"]) == ("0", paid["balance_wei"])
    assert "bob: nothing to claim" in tenwings("claim", "--as", "bob").output


@pytest.mark.usefixtures("history")
@pytest.mark.parametrize("verb", [("run", "show", "9"), ("claim", "--as", "bob", "--run", "9")])
def test_a_run_that_does_not_exist_is_exit_code_7(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb)

    assert result.exit_code == 7
    assert "UnknownRun" in error_line(result)


def test_an_ipfs_node_that_is_down_is_exit_code_4(tenwings: Tenwings, history: History) -> None:
    history.store.close()

    result = tenwings("run", "show", "1")

    assert result.exit_code == DaemonUnavailable.exit_code == 4
    error_line(result)


# over the twins: a run with real records


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    found = Played()
    found.commit(found.record({"alice": 3_000, "bob": 1_000}))
    found.commit_epoch(1, 1)
    use_twins(monkeypatch, found.ledger, found.store, {**found.members, COORDINATOR: OPERATOR})
    return found


def test_a_proposal_prints_what_it_would_change(tenwings: Tenwings, played: Played) -> None:
    (proposed,) = rows(tenwings("propose", "inner.num_steps=18", "--as", "bob", "--why", "Why not?", "--json"))

    assert proposed["changes"] == {"inner.num_steps": ["14", "18"]}
    assert played.ledger.proposal(int(proposed["proposal"])).description.startswith("Run 1: change inner.num_steps")


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["inner.num_steps"], "expected SECTION.NAME=VALUE, got 'inner.num_steps'"),
        (["inner.num_steps=0"], "inner.num_steps: expected 1 to 10000, got 0"),
        (["inner.num_steps=many"], "inner.num_steps: expected an integer"),
        (["inner.num_steps=14"], "in force already"),
        (["steps=18"], "unknown setting 'steps'; expected SECTION.NAME"),
        (["outer.strategy=[/b]"], "outer.strategy: expected one of"),
        (["reward.trainers_bps=9000"], "expected shares that sum to 10000 bps"),
    ],
)
def test_a_setting_that_cannot_be_proposed_says_why(tenwings: Tenwings, settings: list[str], words: str) -> None:
    result = tenwings("propose", *settings, "--as", "bob")

    assert result.exit_code == 2
    assert words in error_line(result)


def test_two_settings_that_only_fit_together_can_be_proposed(tenwings: Tenwings, played: Played) -> None:
    result = tenwings("propose", "reward.trainers_bps=9000", "reward.evaluators_bps=1000", "--as", "bob")

    assert result.exit_code == 0
    assert "reward.trainers_bps: 8000 -> 9000" in result.output


def test_an_audit_that_holds_says_so_a_line_a_thing(tenwings: Tenwings, played: Played) -> None:
    assert [(r["what"], r["holds"]) for r in rows(tenwings("audit", "--json"))] == [
        ("dataset", True), ("round", True), ("merit epoch", True)
    ]  # fmt: skip
    assert "round 1, round holds: 2 updates, 0 refused, held-out loss 1.4990" in tenwings("audit").output


def test_an_audit_that_fails_is_exit_code_9_and_names_the_thing(tenwings: Tenwings, played: Played) -> None:
    cid = played.ledger.run(1).head_cid
    played.store._write(cid, b"[/x] flipped")

    result = tenwings("audit")

    assert result.exit_code == 9
    assert "error: round 1: checkpoint: expected the content of" in error_line(result)


ON_RUN_9 = [
    ("audit", "--run", "9"),
    ("propose", "inner.num_steps=18", "--as", "bob", "--run", "9"),
    ("train", "--run", "9"),
    ("sample", "a ball", "--run", "9"),
]


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize("verb", ON_RUN_9, ids=lambda verb: verb[0])
def test_a_run_that_is_not_on_chain_is_a_callers_mistake(tenwings: Tenwings, verb: tuple[str, ...]) -> None:
    result = tenwings(*verb)

    assert result.exit_code == 2
    assert "expected a run on chain, got 9" in error_line(result)


@pytest.mark.usefixtures("played")
def test_a_dataset_that_is_not_registered_makes_no_run(tenwings: Tenwings) -> None:
    result = tenwings("run", "create", "--dataset", CID)

    assert result.exit_code == 2
    assert "expected a registered dataset" in error_line(result)


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize("option", ["--clips-per-shard", "--shards", "--seed"])
def test_a_dataset_that_cannot_be_built_is_refused(tenwings: Tenwings, option: str) -> None:
    result = tenwings("data", "add", "--as", "alice", option, "-1")

    assert result.exit_code == 2
    assert "expected at least" in error_line(result)


# as a process


def test_the_installed_command_loads_every_verb_and_fails_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "TENWINGS_HOME": str(tmp_path), "COLUMNS": "400"}
    command = [sys.executable, "-c", "from node.cli import main; main()", "propose", "inner.num_steps=1", "--as", "x"]

    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: expected a keystore at")
