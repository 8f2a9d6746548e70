"""What is not there, does not answer or must not leave: clear answers, never a traceback."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from api.deps import services_of
from node import cid as cids
from node.errors import ContentCorrupt, DaemonUnavailable
from tests.support.history import History, forget
from tests.support.site import Page, Site


class Unplugged:
    """A ledger or a store that can be unplugged."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.plugged = True
        self.error: Exception = DaemonUnavailable("connection refused")

    def pays_rewards(self) -> bool:
        return True  # known from the deployment, chain or no chain

    def __getattr__(self, name: str) -> Any:
        if not self.plugged:
            raise self.error
        return getattr(self.inner, name)


@pytest.fixture(scope="module")
def history() -> History:
    return History().play()


@pytest.fixture(scope="module")
def site(history: History) -> Site:
    return Site(history)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/runs/9", "There is no run 9. The only run is 1."),
        ("/runs/1/rounds/9", "Run 1 has no round 9. Its head is round 2."),
        ("/runs/1/contributions?round=9", "Run 1 has no committed round 9."),
        ("/proposals/9", "There is no proposal 9."),
        ("/runs/one", "There is no page at"),
        ("/nowhere", "There is no page at"),
    ],
)
def test_what_is_not_there_gets_a_friendly_page_and_a_json_error(site: Site, path: str, words: str) -> None:
    page, twin = site.get(path), site.get("/api" + path)

    assert (page.status_code, twin.status_code) == (404, 404)
    assert words in Page(page.text).text
    assert words in twin.json()["message"]
    assert Page(page.text).link_named("To the overview") == "/"


def test_a_query_that_cannot_be_read_says_what_was_expected(site: Site) -> None:
    answer = site.get("/api/members?page=0")

    assert answer.status_code == 422
    assert "greater than or equal to 1" in answer.json()["message"]


def test_health_is_ok_when_chain_and_index_answer(site: Site) -> None:
    site.poll()

    assert site.get("/health").json()["ok"] is True
    assert site.get("/health").status_code == 200


def test_an_unreachable_chain_makes_pages_stale_and_health_503() -> None:
    history = History().play()
    chain = Unplugged(history.ledger)
    site = Site(history, ledger=chain)
    chain.plugged = False
    site.poll()

    page, health = site.page("/"), site.get("/health")

    assert "Stale: the chain has not answered" in page.text
    assert "state of block" in page.text
    assert "1.1663" in page.text
    assert health.status_code == 503
    assert "connection refused" in health.json()["chain"]
    chain.plugged = True
    site.poll()
    assert site.get("/health").status_code == 200


def test_before_the_chain_ever_answered_pages_are_503_and_say_which_and_since_when() -> None:
    history = History()
    chain = Unplugged(history.ledger)
    chain.plugged = False
    site = Site(history, ledger=chain)

    page, twin = site.get("/"), site.get("/api/overview")

    assert (page.status_code, twin.status_code) == (503, 503)
    assert "The chain does not answer: connection refused" in Page(page.text).text
    assert "Since" in Page(page.text).text
    assert twin.json()["error"] == "chain-unavailable"
    assert twin.json()["since"] > 0
    assert page.headers["retry-after"] == "5"


def test_a_checkpoint_is_downloaded_whole_under_its_cid(site: Site, history: History) -> None:
    checkpoint = site.twin("/runs/1/checkpoints")["checkpoints"][0]

    answer = site.get(checkpoint["url"])

    assert answer.content == b"checkpoint 2"
    assert cids.of(answer.content) == checkpoint["cid"]
    assert answer.headers["content-disposition"] == f'attachment; filename="{checkpoint["cid"]}"'
    assert "immutable" in answer.headers["cache-control"]


def test_an_update_is_downloaded_from_the_round_that_names_it(site: Site) -> None:
    update = site.twin("/runs/1/rounds/2")["record"]["receipts"][0]["update_cid"]

    assert site.get(f"/runs/1/rounds/2/ipfs/{update}").content.startswith(b"update of")
    assert site.get(f"/runs/1/rounds/1/ipfs/{update}").status_code == 404


def test_a_proposed_spec_is_downloaded_from_its_proposal(site: Site, history: History) -> None:
    proposed = site.twin(f"/proposals/{history.proposal_id}")["diffs"][0]["proposed_cid"]

    assert b'"num_steps":60' in site.get(f"/proposals/{history.proposal_id}/ipfs/{proposed}").content
    assert site.get(f"/ipfs/{proposed}").status_code == 404


def test_content_that_nobody_named_is_not_served(site: Site, history: History) -> None:
    stranger = history.store.put(b"a stranger's file")

    answer = site.get(f"/ipfs/{stranger}")

    assert answer.status_code == 404
    assert "no general gateway" in Page(answer.text).text


def test_a_checkpoint_that_no_node_serves_is_404_with_its_cid() -> None:
    history = History().play()
    head = history.ledger.run(1).head_cid
    forget(history.store, head)

    answer = Site(history).get(f"/ipfs/{head}")

    assert answer.status_code == 404
    assert head in answer.text


def test_an_unreachable_content_store_is_503_for_downloads_and_a_note_on_pages() -> None:
    history = History().play()
    store = Unplugged(history.store)
    history.store = store
    site = Site(history)
    store.plugged = False

    download, page = site.get(f"/ipfs/{history.ledger.run(1).head_cid}"), site.page("/runs/1/rounds/1")

    assert download.status_code == 503
    assert "content store (IPFS) does not answer" in Page(download.text).text
    assert "Our content store (IPFS) does not answer." in page.text
    assert site.get("/health").json()["content"].startswith("has not answered for")


def test_a_store_that_moved_is_found_again() -> None:
    history = History().play()
    moved, store = history.store, Unplugged(history.store)
    store.plugged = False
    history.store = store

    site = Site(history, reopen_store=lambda: moved)

    assert site.get(f"/ipfs/{history.ledger.run(1).head_cid}").content == b"checkpoint 2"


def test_bytes_that_are_not_the_cids_never_leave() -> None:
    history = History().play()
    store = Unplugged(history.store)
    history.store = store
    site = Site(history)
    store.plugged, store.error = False, ContentCorrupt("expected the content of this CID, got other bytes")

    answer = site.get(f"/ipfs/{history.ledger.run(1).head_cid}")

    assert answer.status_code == 502
    assert "other bytes" in Page(answer.text).text


def test_a_body_over_the_cap_is_413(site: Site) -> None:
    answer = site.post("/api/relay/ballot", {"reason": "x" * 300_000})

    assert answer.status_code == 413
    assert "at most 262144 bytes" in answer.json()["message"]


def test_a_body_that_does_not_say_its_length_is_cut_at_the_cap(site: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    answer = site.ask("POST", "/api/relay/ballot", content=endless(), headers={"content-type": "application/json"})

    assert answer.status_code == 413
    assert "at most 262144 bytes" in answer.json()["message"]


def test_a_fault_of_ours_is_500_without_a_traceback() -> None:
    history = History().play()
    site = Site(history)
    site.app.state.services.library.read = None

    answer = site.get("/")

    assert answer.status_code == 500
    assert "Something broke on our side" in Page(answer.text).text
    assert "Traceback" not in answer.text


def test_content_leaves_uncompressed_and_pages_compressed(site: Site, history: History) -> None:
    head = history.ledger.run(1).head_cid
    compressed = {"accept-encoding": "gzip"}

    assert "content-encoding" not in site.get(f"/ipfs/{head}", headers=compressed).headers
    assert site.get("/", headers=compressed).headers["content-encoding"] == "gzip"


def test_a_download_over_the_limit_is_413_and_leaves_its_place(history: History) -> None:
    site = Site(history, max_download_bytes=5)
    head = history.ledger.run(1).head_cid

    statuses = [site.get(f"/ipfs/{head}").status_code for _ in range(6)]

    assert statuses == [413] * 6  # there are four places: none was kept


def test_a_sent_download_leaves_its_place(site: Site, history: History) -> None:
    head = history.ledger.run(1).head_cid

    assert [site.get(f"/ipfs/{head}").status_code for _ in range(6)] == [200] * 6


def test_a_record_of_wrong_types_is_named_and_the_page_stands() -> None:
    history = History().play()
    site = Site(history)
    record = history.ledger.round(1, 1)
    assert record is not None
    raw = history.store.get(record.commit.record_cid).replace(b'"train":41200', b'"train":"long"')
    history.store.get = lambda cid, **options: raw

    text = site.page("/runs/1/rounds/1").text

    assert "It is not what it should be: expected a round record" in text
    assert "1.1991" in text


def test_an_answer_that_takes_too_long_is_504() -> None:
    history = History()
    site = Site(history, deadline_seconds=0.05)
    slow = threading.Event()
    site.app.dependency_overrides[services_of] = lambda: slow.wait(0.5)

    answer = site.get("/api/overview")

    assert answer.status_code == 504
    assert "No answer within 0.05 s" in answer.json()["message"]
