"""Descendants: by the registry's parents and by the runs' rounds; what a takedown can prove."""

from __future__ import annotations

from node import cid as cids
from node.descent import descendants, provable
from node.records import ArtifactKind, Cid
from node.registering import register_checkpoint, register_release, register_video
from tests.support.desk import desk_of
from tests.support.history import History


def head_of(history: History) -> Cid:
    return history.ledger.run(1).head_cid


def test_a_dataset_leads_to_every_checkpoint_of_its_runs_registered_or_not() -> None:
    history = History().play()
    found = descendants(history.ledger, history.dataset_digest)
    assert [(d.what, d.artifact) for d in found] == [
        ("checkpoint of run 1, round 1", None),
        ("checkpoint of run 1, round 2", None),
    ]


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
