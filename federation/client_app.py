"""Flower's entry point on a node: takes a task, hands it to the node's resident worker, returns the reply.

No torch is imported here: Flower starts this process anew for every message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from federation.messages import pack, unpack
from federation.worker import ask
from node.config import Home

Ask = Callable[[Context, Mapping[str, Any]], dict[str, Any]]


def make_app(ask_node: Ask) -> ClientApp:
    """A ClientApp whose every kind of message goes to `ask_node`."""
    app = ClientApp()

    def answer(message: Message, context: Context) -> Message:
        return Message(pack(ask_node(context, unpack(message.content))), reply_to=message)

    app.train()(answer)
    app.evaluate()(answer)
    app.query()(answer)
    return app


def _ask_worker(context: Context, task: Mapping[str, Any]) -> dict[str, Any]:
    home = Home(Path(str(context.node_config["home"])))
    return ask(home.member(str(context.node_config["member"])).worker_socket, task)


app = make_app(_ask_worker)
