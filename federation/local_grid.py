"""Flower's Grid in one process: the same round loop on virtual nodes, for tests and simulation.

Differences from a SuperLink: records are passed by reference, nothing is serialised, messages do not expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

_CLIENT_ERROR = 2


class LocalGrid(Grid):
    """A Grid over virtual nodes named by their member's account."""

    def __init__(self, client_app: ClientApp, names: Mapping[int, str], *, threads: int = 1) -> None:
        self._app = client_app
        TaskIdentity.task_id = TaskIdentity.run_id = TaskIdentity.node_id = 1
        self._run = Run.create_empty(1)
        self._contexts = {
            node: Context(run_id=1, node_id=node, node_config={"name": name}, state=RecordDict(), run_config={})
            for node, name in names.items()
        }
        self._names = dict(names)
        self._pool = ThreadPoolExecutor(threads)
        self._replies: dict[str, Future[Message]] = {}
        self._sent = 0

    def set_run(self, run: Run) -> None:
        self._run = run

    @property
    def run(self) -> Run:
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        return list(self._names)

    def get_nodes(self) -> list[NodeInfo]:
        return [NodeInfo(node_id=node, status="online", name=name) for node, name in self._names.items()]

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        return [self._push(message) for message in messages]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        done = [m for m in list(message_ids) if m in self._replies and self._replies[m].done()]
        return [self._replies.pop(m).result() for m in done]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> list[Message]:
        futures = [self._replies.pop(message_id) for message_id in self.push_messages(messages)]
        return [future.result(timeout) for future in futures]

    def close(self) -> None:
        """Stop the threads; unfinished work is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _push(self, message: Message) -> str:
        self._sent += 1
        message_id = f"local-{self._sent}"
        message.metadata.__dict__["_message_id"] = message_id
        self._replies[message_id] = self._pool.submit(self._work, message)
        return message_id

    def _work(self, message: Message) -> Message:
        context = self._contexts[message.metadata.dst_node_id]
        try:
            return self._app(message, context)
        except Exception as error:
            return Message(Error(code=_CLIENT_ERROR, reason=repr(error)), reply_to=message)
