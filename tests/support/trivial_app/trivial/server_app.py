"""Sends each online node a number and prints, a line of JSON for a phase, who answered what after how long."""

from __future__ import annotations

import json
import time

from flwr.app import ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid, ServerApp

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    config = context.run_config
    nodes = wait_for_nodes(grid, int(config["num-nodes"]))
    for phase in range(int(config["num-phases"])):
        print("PHASE " + json.dumps(ask(grid, nodes, phase, float(config["deadline-seconds"]))), flush=True)


def wait_for_nodes(grid: Grid, num_nodes: int) -> dict[int, str]:
    """Ids and names of the online nodes, once there are so many."""
    while len(nodes := {n.node_id: n.name for n in grid.get_nodes()}) < num_nodes:
        time.sleep(0.2)
    return nodes


def ask(grid: Grid, nodes: dict[int, str], phase: int, deadline_seconds: float) -> dict[str, object]:
    begun = time.monotonic()
    messages = [
        Message(RecordDict({"task": ConfigRecord({"number": phase})}), node, MessageType.QUERY) for node in nodes
    ]
    asked = dict(zip(grid.push_messages(messages), nodes, strict=True))
    print("PUSHED", flush=True)
    answers: dict[str, int] = {}
    errors: dict[str, str] = {}
    while asked and time.monotonic() - begun < deadline_seconds:
        for reply in grid.pull_messages(list(asked)):
            node = asked.pop(reply.metadata.reply_to_message_id)
            name = nodes[node] or str(node)
            if reply.has_error():
                errors[name] = f"{reply.error.code}: {reply.error.reason}"
            else:
                answers[name] = int(reply.content["answer"]["double"])
        time.sleep(0.2)
    return {"phase": phase, "answers": answers, "errors": errors, "seconds": round(time.monotonic() - begun, 2)}
