"""Pages and their JSON twins show the same, without script, and say where it is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.render import hexagram_path, loss, tokens, when
from node.abi_codec import encode_call
from node.charter_text import default_charter
from node.deploy_plan import ROLES
from node.records.proposals import Action, Sponsor, Support
from node.typed_data import sign
from tests.support.history import REFUSAL_DETAIL, History, forget
from tests.support.site import Page, Site

PAGES = (
    "/",
    "/runs",
    "/runs/1",
    "/runs/1/rounds",
    "/runs/1/rounds/1",
    "/runs/1/rounds/2",
    "/runs/1/contributions",
    "/runs/1/contributions?round=1",
    "/runs/1/checkpoints",
    "/proposals",
    "/proposals/{proposal}",
    "/charter",
    "/members",
    "/artifacts",
)

ELSEWHERE = {
    "/": {"spec_cid", "dataset_cid", "dataset_digest", "update_digest", "record_cid", "tx_hash", "account"},
    "/runs": {"dataset_cid", "dataset_digest"},
    "/runs/1": {"dataset_digest"},
    "/runs/1/rounds": {"tx_hash"},
}
"""What a page leaves to the page that it links to; its twin has it all the same."""


@pytest.fixture(scope="module")
def history() -> History:
    return History().play()


@pytest.fixture(scope="module")
def site(history: History) -> Site:
    return Site(history)


def texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """(key, text) of all text in JSON."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item, key)
    elif isinstance(value, str) and value:
        yield from ((key, line) for line in value.split("\n") if line)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_every_name_cid_address_and_amount_of_its_twin(site: Site, history: History, path: str) -> None:
    path = path.format(proposal=history.proposal_id)

    page, twin = site.page(path), site.twin(path)

    wanted = [(key, text) for key, text in texts({**twin, "as_of": {}}) if key not in ELSEWHERE.get(path, set())]
    amounts = {"reward", "reward_cap", "funded"} if path == "/" else set()
    assert [found for found in wanted if found[0] not in amounts and not page.shows(found[1])] == []
    assert page.shows(f"as of block {twin['as_of']['block']}")


@pytest.mark.parametrize("path", ["/runs/1/rounds", "/runs/1/rounds/2", "/runs/1/checkpoints", "/"])
def test_losses_stand_on_the_page_with_four_decimals(site: Site, path: str) -> None:
    page, twin = site.page(path), site.twin(path)

    rows = twin.get("rounds") or twin.get("checkpoints") or [twin.get("round") or twin["last_round"]]
    losses = [row["heldout_loss_micro"] for row in rows if row["heldout_loss_micro"] is not None]
    assert losses
    assert all(f"{loss / 1_000_000:.4f}" in page.text for loss in losses)


def test_the_first_screen_shows_head_last_round_open_votes_top_contributions_and_the_loss(site: Site) -> None:
    text = site.page("/").text

    assert "Head checkpoint 1.1663 held-out loss" in text
    assert "Round 2 final" in text
    assert "Take longer rounds" in text
    assert "For 30 Against 20 Abstain 0" in text
    assert "Not vetoed: 20 of 34 against" in text
    assert text.index("alice") < text.index("bob") < text.index("carol") < text.index("dora")
    assert "0 (start) 1.2346 1 1.1991 2 1.1663" in text


def test_when_no_vote_is_open_the_first_screen_shows_how_the_last_one_ended() -> None:
    history = History().play()
    history.clock.advance(3700)
    site = Site(history)

    text, twin = site.page("/").text, site.twin("/")

    assert "No vote is open. The last one Take longer rounds succeeded" in text
    assert (twin["open_votes"], twin["last_vote"]["state"]) == ([], "succeeded")


def test_a_refusal_is_shown_with_its_reason_and_its_detail(site: Site) -> None:
    page, twin = site.page("/runs/1/rounds/1"), site.twin("/runs/1/rounds/1")

    assert "carol" in page.text
    assert "not-finite" in page.text
    assert REFUSAL_DETAIL in page.text
    assert [(r["reason"], r["detail"]) for r in twin["record"]["refusals"]] == [("not-finite", REFUSAL_DETAIL)]


def test_a_round_shows_each_evaluators_scores_and_the_median(site: Site) -> None:
    text = site.page("/runs/1/rounds/2").text

    assert text.count("+0.0220") == 3  # dora's sheet, the median in the receipts and in the sheets' last line
    assert text.count("+0.0227") == 1  # emil's sheet
    assert "train 41.2 s" in text


def test_a_failed_attempt_stands_in_the_list_with_its_reason(site: Site) -> None:
    rows = site.twin("/runs/1/rounds")["rounds"]

    assert [(row["round"], row["status"]) for row in rows] == [(2, "final"), (2, "failed"), (1, "final")]
    assert "failed: too-few-updates" in site.page("/runs/1/rounds").text
    assert "Failed attempts at this round" in site.page("/runs/1/rounds/2").text


def test_a_round_that_only_failed_has_a_page_with_its_refusals() -> None:
    history = History()
    for name in history.names:
        history.join(name)
    history.register_dataset()
    history.create_run()
    history.commit_round(gains={"alice": 40_000})
    history.fail_round()

    text = Site(history).page("/runs/1/rounds/2").text

    assert "failed: too-few-updates" in text
    assert "No step was taken" in text
    assert "late" in text


def test_a_proposal_shows_its_effect_and_what_it_changes_in_the_spec(site: Site, history: History) -> None:
    page, twin = site.page(f"/proposals/{history.proposal_id}"), site.twin(f"/proposals/{history.proposal_id}")

    assert "TrainingRuns.setSpec" in page.text
    assert "innerSteps 30" in page.text
    assert twin["diffs"][0]["changes"] == [
        {"path": "codec", "before": None, "after": '"pixel"'},
        {"path": "inner.num_steps", "before": "30", "after": "60"},
    ]
    assert "inner.num_steps 30 60" in page.text
    assert "Longer rounds waste less time." in page.text
    assert "#proposer" not in page.text


def constitutional(history: History, *sponsors: str) -> int:
    """Other rules, proposed by bob and signed by these, too."""
    rules = replace(history.ledger.rules(), veto_bps=4_000)
    call = encode_call("TenWingsGovernor", "setRules", tuple(vars(rules).values()))
    history.actions = (Action(target=history.ledger.addresses()["TenWingsGovernor"], calldata=call),)
    statement, description, signed = history.proposal_messages("bob", "Stop less")
    domain = history.ledger.domain("TenWingsGovernor")
    for name in sponsors:
        person = history.people[name]
        signed.append(Sponsor(account=person.address, signature=sign(person, domain, statement)))
    ascending = sorted(signed, key=lambda sponsor: int(sponsor.account, 16))
    history.proposal_id = history.ledger.propose(statement, history.actions, description, ascending)
    return history.proposal_id


def test_a_constitutional_proposal_shows_both_houses_its_sponsors_and_its_article() -> None:
    history = History().play()
    number = constitutional(history, "carol")
    history.clock.advance(120)
    history.vote("alice", Support.FOR)
    history.vote("bob", Support.AGAINST)

    site = Site(history)
    page, twin = site.page(f"/proposals/{number}"), site.twin(f"/proposals/{number}")

    row = twin["proposal"]
    assert (row["kind"], row["article"], row["heads_for"], row["heads_against"]) == ("constitutional", 1, 1, 1)
    assert (row["needed_for"], row["needed_heads"], row["majority_bps"], row["veto"]) == ("40", 2, 6667, "0")
    assert [who["name"] for who in twin["sponsors"]] == ["carol"]
    assert "Quorum not reached: 30 of 40 for, 1 of 2 members for, 1 against; 60.0% of the weight for" in page.text
    assert "Sponsors carol" in page.text
    assert "1 for, 1 against, 0 abstaining" in page.text
    assert "article 1 of the charter" in page.text


def test_the_charter_stands_with_its_articles_and_who_serves_them(history: History) -> None:
    history.store.put(default_charter().data)

    page, twin = Site(history).page("/charter"), Site(history).twin("/charter")

    assert [(row["article"], row["num_proposals"]) for row in twin["articles"]][:2] == [(1, 1), (2, 0)]
    assert "Article 3: No one rules alone" in page.text
    assert "No member, no office and no machine decides for the others." in page.text


def test_a_charter_that_is_not_at_hand_is_named_and_its_articles_are_counted() -> None:
    history = History().play()

    twin = Site(history).twin("/charter")

    assert (twin["text"], len(twin["articles"]), twin["articles"][0]["title"]) == (None, 7, "")
    assert [missing["cid"] for missing in twin["missing"]] == [default_charter().cid]


def test_a_role_in_a_call_is_shown_by_its_name(history: History) -> None:
    addresses = history.ledger.addresses()
    history.actions = (
        history.ledger.action("TrainingRuns", "grantRole", ROLES["INCIDENT_ROLE"], addresses["Charter"]),
    )
    statement, description, sponsors = history.proposal_messages("bob", "Another")
    number = history.ledger.propose(statement, history.actions, description, sponsors)

    twin = Site(history).twin(f"/proposals/{number}")

    assert twin["effects"][0]["args"] == {"role": "INCIDENT_ROLE", "account": addresses["Charter"]}


def test_an_executed_proposal_is_compared_with_the_spec_that_it_replaced() -> None:
    history = History().play()
    history.vote("emil", Support.FOR)
    history.clock.advance(3700)
    history.ledger.queue(history.proposal_id)
    history.clock.advance(100)
    history.ledger.execute(history.proposal_id)

    twin = Site(history).twin(f"/proposals/{history.proposal_id}")

    assert twin["proposal"]["state"] == "executed"
    assert twin["diffs"][0]["current_version"] == 1
    assert [change["path"] for change in twin["diffs"][0]["changes"]] == ["codec", "inner.num_steps"]


def test_members_show_roles_merit_weight_earned_and_claimed(site: Site) -> None:
    alice = site.twin("/members")["members"][0]

    assert alice["roles"] == ["trainer", "curator"]
    assert (alice["merit"], alice["weight"], alice["weight_bps"]) == ("900", "30", 3000)
    assert (alice["earned"], alice["claimed"]) == ("31000000000000000000", "31000000000000000000")
    assert "900 30 30.0 % 31 TWR 31 TWR" in site.page("/members").text


def test_contributions_can_be_seen_as_of_an_earlier_round(site: Site) -> None:
    assert site.twin("/runs/1/contributions?round=1")["contributions"][0]["cumulative_reward"] == "20000000000000000000"


def test_missing_content_is_named_and_the_page_still_stands() -> None:
    history = History().play()
    record = history.ledger.round(1, 1)
    assert record is not None
    forget(history.store, record.commit.record_cid)
    site = Site(history)

    page, twin = site.page("/runs/1/rounds/1"), site.twin("/runs/1/rounds/1")

    assert page.shows(record.commit.record_cid)
    assert "No node that we are connected to serves it." in page.text
    assert "1.1991" in page.text
    assert twin["missing"] == [
        {"cid": record.commit.record_cid, "reason": "No node that we are connected to serves it."}
    ]


def test_an_empty_chain_has_pages_that_say_what_comes_first() -> None:
    site = Site(History())

    assert "No run yet" in site.page("/").text
    for path in ("/runs", "/proposals", "/members", "/artifacts"):
        assert "No " in site.page(path).text


def test_lists_are_cut_into_pages() -> None:
    history = History()
    for number in range(51):
        history.join(f"member-{number:02}")
    site = Site(history)

    first, second = site.twin("/members"), site.twin("/members?page=2")

    assert (len(first["members"]), len(second["members"])) == (50, 1)
    assert second["members"][0]["name"] == "member-50"
    assert site.page("/members").link_named("Older →") == "/members?page=2"
    assert site.get("/members?page=3").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_every_table_has_a_caption_and_every_page_its_landmarks(site: Site, history: History, path: str) -> None:
    html = site.get(path.format(proposal=history.proposal_id)).text

    assert html.count("<table") == html.count("<caption")
    assert all(html.count(f"<{landmark}") == 1 for landmark in ("header", "main", "footer", "h1"))
    assert '<a class="skip" href="#main">' in html
    assert " style=" not in html  # the content security policy would not let it work


def test_pages_carry_a_strict_content_security_policy(site: Site) -> None:
    headers = site.get("/").headers

    assert headers["content-security-policy"].startswith("default-src 'self'; object-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"


def test_markup_in_a_name_is_text() -> None:
    history = History()
    history.join("<script>alert(1)</script>")

    html = Site(history).get("/members").text

    assert "<script>alert" not in html
    assert "<script>alert(1)</script>" in Page(html).text


def test_the_description_of_the_api_lists_every_twin(site: Site) -> None:
    text = site.page("/docs").text

    assert "/api/runs/{run_id}/rounds/{number}" in text
    assert "/api/relay/ballot" in text
    assert site.get("/openapi.json").json()["info"]["title"] == "Ten Wings"


def test_a_proposal_of_arbitrary_calls_is_shown_as_what_it_is() -> None:
    history = History().play()
    runs, elsewhere = history.actions[0].target, history.people["bob"].address
    set_spec = history.actions[0].calldata
    history.actions = (
        Action(target=elsewhere, calldata=b"", value=5),
        Action(target=runs, calldata=bytes.fromhex("deadbeef")),
        Action(target=runs, calldata=set_spec.replace(b"\x01\x55\x12\x20", b"\x09\x09\x09\x09")),
    )
    statement, description, sponsors = history.proposal_messages("bob", "Something else")
    number = history.ledger.propose(statement, history.actions, description, sponsors)
    site = Site(history)

    text, twin = site.page(f"/proposals/{number}").text, site.twin(f"/proposals/{number}")

    assert "unknown contract" in text
    assert "sends 5 wei" in text
    assert "TrainingRuns unknown function" in text
    assert "TrainingRuns.setSpec" in text
    assert twin["diffs"] == []


def test_a_time_that_no_calendar_holds_is_shown_as_a_number() -> None:
    assert when(2**64) == "second 18446744073709551616"
    assert when(1_750_000_000) == "15 Jun 2025, 15:06 UTC"


@pytest.mark.parametrize(
    ("wei", "shown"),
    [
        (0, "0"),
        (1, "< 0.0001"),
        (10**18, "1"),
        (12_345 * 10**18 + 678 * 10**15, "12\u202f345.678"),
        (5 * 10**14, "0.0005"),
    ],
)
def test_rewards_are_cut_never_rounded_up(wei: int, shown: str) -> None:
    assert tokens(wei) == shown


@pytest.mark.parametrize(
    ("micro", "shown"), [(1_234_549, "1.2345"), (1_234_550, "1.2346"), (0, "0.0000"), (-50, "-0.0001")]
)
def test_losses_are_rounded_to_four_decimals(micro: int, shown: str) -> None:
    assert loss(micro) == shown


def test_a_hexagram_has_six_lines_from_the_bottom() -> None:
    assert hexagram_path(0b000001).startswith("M0 10.5h12M0 8.5h5m2 0h5")
    assert hexagram_path(0b111111).count("h12") == 6


def test_a_network_without_a_token_shows_no_money() -> None:
    site = Site(History(zero_token=True).play())

    for path in ("/", "/runs", "/runs/1", "/runs/1/rounds", "/runs/1/rounds/2", "/runs/1/contributions", "/members"):
        text = site.page(path).text
        assert [word for word in ("TWR", "Reward", "Funded", "Claimed", "Earned") if word in text] == [], path


def test_a_voided_round_says_so_and_the_next_one_names_what_it_was_built_on() -> None:
    history = History().play()
    history.commit_round(gains={"alice": 1_000, "bob": 1_000})
    history.void(3)
    history.commit_round(gains={"alice": 2_000, "bob": 1_000})
    site = Site(history)

    assert "Round 3 voided" in site.page("/runs/1/rounds/3").text
    assert "it counts no more" in site.page("/runs/1/rounds/3").text
    assert "Built on round 2" in site.page("/runs/1/rounds/4").text
    assert [row["status"] for row in site.twin("/runs/1/rounds")["rounds"] if row["status"] != "failed"] == [
        "open to dispute",
        "voided",
        "final",
        "final",
    ]
    assert [point["round"] for point in site.twin("/runs/1")["curve"]] == [0, 1, 2, 4]


def test_a_disputed_round_and_its_run_say_so() -> None:
    history = History().play()
    history.commit_round(gains={"alice": 1_000, "bob": 1_000})
    history.dispute(3)
    site = Site(history)

    assert "This round is under dispute" in site.page("/runs/1/rounds/3").text
    assert "Under dispute round 3" in site.page("/runs/1").text
