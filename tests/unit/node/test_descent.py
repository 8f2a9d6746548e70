"""Descendants: by the registry's parents and by the runs' rounds; what a takedown can prove."""

from __future__ import annotations

import pytest

from node import cid as cids
from node.descent import descendants, provable
from node.errors import ContentUnavailable
from node.records.artifacts import ArtifactKind
from node.records.content import Cid, canonical_json
from node.registering import register_checkpoint, register_release, register_video
from tests.support.desk import desk_of
from tests.support.history import SPEC, History, forget
from tests.support.site import Site

CODEC = b"a frozen codec"


def with_codec() -> tuple[History, Cid]:
    """The history goes on: bob registers a codec, a vote puts it into the spec, a third round uses it."""
    history = History().play()
    codec = history.store.put(CODEC)
    history.register("bob", ArtifactKind.CODEC, codec)
    spec = {**SPEC, "model": {"preset": "nano", "codec": codec}}
    history.carry([history.ledger.set_spec_action(1, history.store.put(canonical_json(spec)))])
    return history, history.commit_round(gains={"alice": 10_000}).checkpoint_cid


def head_of(history: History) -> Cid:
    return history.ledger.run(1).head_cid


def test_a_dataset_leads_to_every_checkpoint_of_its_runs_registered_or_not() -> None:
    history = History().play()
    found = descendants(history.ledger, history.store, history.dataset_digest)
    assert [(d.what, d.artifact) for d in found] == [
        ("checkpoint of run 1, round 1", None),
        ("checkpoint of run 1, round 2", None),
    ]


def test_a_codec_leads_to_the_checkpoints_of_rounds_whose_spec_names_it() -> None:
    history, third = with_codec()

    found = descendants(history.ledger, history.store, cids.digest(cids.of(CODEC)))

    assert [(d.cid, d.what) for d in found] == [(third, "checkpoint of run 1, round 3")]
    twin = Site(history).twin(f"/artifacts/0x{cids.digest(cids.of(CODEC)).hex()}")
    assert [kin["cid"] for kin in twin["descendants"]] == [third]


def test_a_spec_that_cannot_be_fetched_leaves_no_list_with_gaps() -> None:
    history = History().play()
    forget(history.store, history.ledger.run(1).spec_cid)

    with pytest.raises(ContentUnavailable):
        descendants(history.ledger, history.store, history.dataset_digest)


def test_what_the_product_makes_is_registered_with_its_parents() -> None:
    history = History().play()
    desk = desk_of(history.people["alice"], history.ledger, history.store)

    release = register_release(desk, 1, 1)
    video = register_video(desk, 1, head_of(history), b"a video")

    first = history.ledger.round(1, 1)
    assert first is not None
    one, two = cids.digest(first.commit.checkpoint_cid), cids.digest(head_of(history))
    kinds = {a.digest: (a.kind, a.parents) for a in history.ledger.artifacts()}
    assert kinds[one] == (ArtifactKind.CHECKPOINT, (history.dataset_digest,))
    assert kinds[two] == (ArtifactKind.CHECKPOINT, (history.dataset_digest, one))
    assert kinds[cids.digest(release)] == (ArtifactKind.RELEASE, (one, history.dataset_digest))
    assert kinds[cids.digest(video)] == (ArtifactKind.VIDEO, (two,))


def test_a_takedown_proves_each_descendant_by_an_earlier_one() -> None:
    history = History().play()
    desk = desk_of(history.people["alice"], history.ledger, history.store)
    checkpoint = register_checkpoint(desk, 1, head_of(history))
    video = register_video(desk, 1, head_of(history), b"a video")
    assert provable(history.ledger, history.dataset_digest) == [(checkpoint.digest, 0), (cids.digest(video), 1)]


def test_registering_again_changes_nothing() -> None:
    history = History().play()
    desk = desk_of(history.people["alice"], history.ledger, history.store)
    assert register_release(desk, 1, 2) == register_release(desk, 1, 2)
    assert len(history.ledger.artifacts()) == 3
