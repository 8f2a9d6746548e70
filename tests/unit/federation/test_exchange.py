"""One phase over the grid: every node ends in one answer, a bad one never ends the phase, and the clock is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.supercore.task_identity import TaskIdentity

from federation.client_app import make_app
from federation.exchange import POLL_SECONDS, Answer, Patience, exchange, longest_work
from federation.gate import Refused
from federation.local_grid import LocalGrid
from federation.messages import EpochTask, pack, unpack

TASK = EpochTask(run_id=1, epoch=1, upto_round=1)


@pytest.fixture(autouse=True)
def _server_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flower makes messages only inside an app's process, which these name."""
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)


Reply = Callable[[Message], Message]


class Grid:
    """Replies come at times that the test sets; time passes only in `sleep`."""

    def __init__(self, replies: Mapping[int, tuple[float, Reply]], *, unsent: Iterable[int] = ()) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self.sent: dict[str, Message] = {}
        self.replies = replies
        self.unsent = set(unsent)
        self.strangers: list[Message] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now = round(self.now + seconds, 6)

    def push_messages(self, messages: Iterable[Message]) -> list[str | None]:
        ids: list[str | None] = []
        for message in messages:
            node = message.metadata.dst_node_id
            message.metadata.__dict__["_message_id"] = f"m{node}"
            self.sent[f"m{node}"] = message
            ids.append(None if node in self.unsent else f"m{node}")
        return ids

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        strangers, self.strangers = self.strangers, []
        due = [m for m in message_ids if self._node(m) in self.replies and self.replies[self._node(m)][0] <= self.now]
        return strangers + [self.replies[self._node(m)][1](self.sent[m]) for m in due]

    def _node(self, message_id: str) -> int:
        return self.sent[message_id].metadata.dst_node_id


def says(**content: Any) -> Reply:
    return lambda message: Message(pack(content), reply_to=message)


def raw(record: RecordDict) -> Reply:
    return lambda message: Message(record, reply_to=message)


def broken(message: Message) -> Message:
    return Message(Error(code=7, reason="out of memory"), reply_to=message)


def run(
    grid: Grid, nodes: Iterable[int], enough: int = 99, grace: float = 5, deadline: float = 60, **kwargs: Any
) -> list[Answer]:
    patience = Patience(enough=enough, grace_seconds=grace, deadline_seconds=deadline)
    tasks = dict.fromkeys(nodes, TASK)
    return exchange(grid, tasks, "query", patience, clock=grid.clock, sleep=grid.sleep, **kwargs)  # type: ignore[arg-type]


def a_poll_after(seconds: float) -> Any:
    """Things are noticed when they are asked for: up to two polls after they happened."""
    return pytest.approx(seconds + POLL_SECONDS, abs=POLL_SECONDS + 1e-6)


def reasons(answers: list[Answer]) -> dict[int, str | None]:
    return {a.node_id: a.refused.reason if a.refused else None for a in answers}


def test_good_replies_come_back_in_order_of_node_with_their_time() -> None:
    grid = Grid({9: (0.5, says(ok=9)), 2: (1.0, says(ok=2))})

    answers = run(grid, [9, 2])

    assert [(a.node_id, a.reply, a.refused) for a in answers] == [(2, {"ok": 2}, None), (9, {"ok": 9}, None)]
    assert answers[0].seconds == a_poll_after(1.0)
    assert answers[1].seconds == a_poll_after(0.5)


def test_each_node_gets_its_task_and_a_message_outlives_the_deadline() -> None:
    grid = Grid({1: (0, says())})

    run(grid, [1], deadline=60)

    message = grid.sent["m1"]
    assert unpack(message.content) == {"task": "epoch", "run_id": 1, "epoch": 1, "upto_round": 1}
    assert message.metadata.message_type == "query"
    assert message.metadata.ttl > 60


@pytest.mark.parametrize(
    ("reply", "reason", "detail"),
    [
        (broken, "client-error", "code 7: out of memory"),
        (says(refused="stale-base", detail="expected the head"), "stale-base", "the node declined: expected the head"),
        (says(refused="too-hot", detail="fans"), "client-error", "too-hot: the node declined: fans"),
        (says(refused=None), "client-error", "the node declined"),
        (raw(RecordDict()), "malformed", "expected one JSON object"),
        (raw(RecordDict({"tenwings": ConfigRecord({"json": "[1]"})})), "malformed", "expected a JSON object"),
        (raw(RecordDict({"tenwings": ConfigRecord({"json": "[" * 9000})})), "malformed", "expected one JSON object"),
    ],
)
def test_a_bad_reply_is_an_answer_with_its_reason_and_the_others_are_heard(
    reply: Reply, reason: str, detail: str
) -> None:
    grid = Grid({1: (0, reply), 2: (0.3, says(ok=True))})

    bad, good = run(grid, [1, 2])

    assert bad.reply is None
    assert bad.refused is not None
    assert (bad.refused.reason, good.reply) == (reason, {"ok": True})
    assert detail in bad.refused.detail


def test_a_silent_node_is_no_reply_at_the_deadline() -> None:
    grid = Grid({1: (2, says())})

    answers = run(grid, [1, 2], deadline=10)

    assert reasons(answers) == {1: None, 2: "no-reply"}
    assert grid.now == a_poll_after(10)
    assert answers[1].refused is not None
    assert answers[1].refused.detail == "expected a reply within 10 s, none came"


def test_a_late_reply_does_not_count() -> None:
    grid = Grid({1: (2, says()), 2: (10.5, says())})

    assert reasons(run(grid, [1, 2], deadline=10)) == {1: None, 2: "no-reply"}


def test_a_node_that_the_grid_could_not_send_to_is_no_reply() -> None:
    grid = Grid({1: (1, says()), 2: (0, says())}, unsent=[2])

    assert reasons(run(grid, [1, 2])) == {1: None, 2: "no-reply"}
    assert grid.now < 2


def test_with_enough_good_replies_only_the_grace_is_waited() -> None:
    grid = Grid({1: (1, says()), 2: (2, says()), 3: (6.5, says()), 4: (50, says())})

    answers = run(grid, [1, 2, 3, 4], enough=2, grace=5, deadline=60)

    assert reasons(answers) == {1: None, 2: None, 3: None, 4: "no-reply"}
    assert grid.now == a_poll_after(7)


def test_the_grace_begins_once_and_stragglers_do_not_prolong_it() -> None:
    grid = Grid({node: (node, says()) for node in range(1, 20)})

    answers = run(grid, range(1, 20), enough=2, grace=5, deadline=60)

    assert [a.node_id for a in answers if a.refused is None][-1] in (6, 7)
    assert grid.now == a_poll_after(7)


def test_the_grace_never_prolongs_the_deadline() -> None:
    grid = Grid({1: (9, says())})

    run(grid, [1, 2], enough=1, grace=30, deadline=10)

    assert grid.now == a_poll_after(10)


def test_bad_replies_do_not_begin_the_grace() -> None:
    grid = Grid({1: (0, broken), 2: (0, says(refused="no")), 3: (20, says())})

    assert reasons(run(grid, [1, 2, 3], enough=1, grace=1))[3] is None
    assert grid.now == a_poll_after(20)


def test_when_all_have_answered_nobody_waits() -> None:
    grid = Grid({1: (0, says()), 2: (0, broken)})

    run(grid, [1, 2])

    assert grid.slept == []


def test_no_nodes_give_no_answers_at_once() -> None:
    grid = Grid({})

    assert run(grid, []) == []
    assert grid.slept == []


def test_a_reply_to_nothing_that_was_asked_is_ignored() -> None:
    grid = Grid({1: (1, says(ok=True))})
    asked = Message(pack({}), 5, "query")
    asked.metadata.__dict__["_message_id"] = "somebody else's"
    grid.strangers = [Message(pack({"ok": "stranger"}), reply_to=asked)]

    (answer,) = run(grid, [1])

    assert answer.reply == {"ok": True}


def test_every_answer_is_told_once_as_it_comes() -> None:
    grid = Grid({1: (3, says()), 2: (1, broken)})
    told: list[int] = []

    run(grid, [1, 2, 3], deadline=5, on_answer=lambda answer: told.append(answer.node_id))

    assert told == [2, 1, 3]


def answer(**reply: Any) -> Answer:
    return Answer(node_id=1, reply=reply, refused=None, seconds=1.0)


def test_the_longest_work_is_the_slowest_nodes() -> None:
    silent = Answer(node_id=2, reply=None, refused=Refused("no-reply", ""), seconds=9.0)

    assert longest_work([answer(work_ms=3), silent, answer(work_ms=7), answer()]) == 7
    assert longest_work([silent]) == 0
    assert longest_work([]) == 0


@pytest.mark.parametrize("work", ["soon", None, [], {}, -5, 1.5, float("nan")])
def test_a_node_that_says_no_number_of_its_work_is_not_counted(work: object) -> None:
    assert longest_work([answer(work_ms=work), answer(work_ms=4)]) == 4


# the same over the grid of one process


def over_local_grid(app: ClientApp, nodes: int) -> list[Answer]:
    grid = LocalGrid(app, {node: f"member {node}" for node in range(1, nodes + 1)})
    try:
        patience = Patience(enough=nodes, grace_seconds=30, deadline_seconds=30)
        return exchange(grid, dict.fromkeys(range(1, nodes + 1), TASK), "query", patience, sleep=lambda _: None)
    finally:
        grid.close()


def test_a_client_app_that_raises_is_a_client_error_and_the_phase_goes_on() -> None:
    def ask(context: Context, task: Mapping[str, Any]) -> dict[str, Any]:
        if context.node_config["name"] == "member 2":
            raise RuntimeError("CUDA is gone")
        return {"by": context.node_config["name"], "epoch": task["epoch"]}

    first, second, third = over_local_grid(make_app(ask), 3)

    assert first.reply == {"by": "member 1", "epoch": 1}
    assert third.reply == {"by": "member 3", "epoch": 1}
    assert second.refused is not None
    assert second.refused.reason == "client-error"
    assert "CUDA is gone" in second.refused.detail


def test_a_client_app_that_does_not_know_the_kind_of_message_is_a_client_error() -> None:
    (answer,) = over_local_grid(ClientApp(), 1)

    assert answer.refused is not None
    assert answer.refused.reason == "client-error"
