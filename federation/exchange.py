"""One phase over Flower's Grid: send tasks, wait for enough replies, never longer than the deadline.

Flower's own `send_and_receive` waits for all and `Strategy.start` dies of one malformed reply; here a bad, late or
missing answer is an answer like any other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flwr.app import Message
from flwr.serverapp import Grid

from federation.gate import REASONS, Refused
from federation.messages import MalformedMessage, Task, pack, task_to_json, unpack

POLL_SECONDS = 0.3
_EXTRA_TTL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back from one node, or why nothing did."""

    node_id: int
    reply: Mapping[str, Any] | None
    refused: Refused | None
    seconds: float
    """From sending to receiving."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a phase waits."""

    enough: int
    """With this many good replies only `grace_seconds` more are waited."""
    grace_seconds: float
    deadline_seconds: float


def exchange(
    grid: Grid,
    tasks: Mapping[int, Task],
    message_type: str,
    patience: Patience,
    *,
    on_answer: Callable[[Answer], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Answer]:
    """Send one task a node and collect one answer a node, in order of node id."""
    started = clock()
    ttl = patience.deadline_seconds + _EXTRA_TTL_SECONDS
    nodes = list(tasks)
    messages = [Message(pack(task_to_json(tasks[n])), n, message_type, ttl=ttl) for n in nodes]
    sent = dict(zip(grid.push_messages(messages), nodes, strict=True))
    waiting = {message_id: node for message_id, node in sent.items() if message_id}
    answers: dict[int, Answer] = {}
    end, good, grace = started + patience.deadline_seconds, 0, False
    while waiting and clock() < end:
        for reply in grid.pull_messages(list(waiting)):
            node = waiting.pop(reply.metadata.reply_to_message_id, None)
            if node is None:
                continue
            answers[node] = _answer(node, reply, clock() - started)
            good += answers[node].refused is None
            if on_answer:
                on_answer(answers[node])
        if good >= patience.enough and not grace:
            grace, end = True, min(end, clock() + patience.grace_seconds)
        if waiting:
            sleep(POLL_SECONDS)
    for node in nodes:
        if node not in answers:
            waited = clock() - started
            answers[node] = Answer(
                node_id=node,
                reply=None,
                refused=Refused("no-reply", f"expected a reply within {waited:.0f} s, none came"),
                seconds=waited,
            )
            if on_answer:
                on_answer(answers[node])
    return [answers[node] for node in sorted(answers)]


def _answer(node: int, reply: Message, seconds: float) -> Answer:
    try:
        content = _content(reply)
    except Refused as refused:
        return Answer(node_id=node, reply=None, refused=refused, seconds=seconds)
    return Answer(node_id=node, reply=content, refused=None, seconds=seconds)


def _content(reply: Message) -> Mapping[str, Any]:
    if reply.has_error():
        raise Refused("client-error", f"code {reply.error.code}: {reply.error.reason}")
    try:
        content = unpack(reply.content)
    except MalformedMessage as error:
        raise Refused("malformed", str(error)) from error
    if "refused" in content:
        reason, detail = str(content["refused"]), f"the node declined: {content.get('detail')}"
        raise Refused(reason, detail) if reason in REASONS else Refused("client-error", f"{reason}: {detail}")
    return content


def longest_work(answers: Sequence[Answer]) -> int:
    """Milliseconds that the slowest answering node says it worked; 0 when none says a number."""
    said = [a.reply.get("work_ms") for a in answers if a.reply]
    return max((ms for ms in said if isinstance(ms, int) and ms > 0), default=0)
