"""Doubles the number it gets, after as long a time as it is told."""

from __future__ import annotations

import os
import time

from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.query()
def double(message: Message, context: Context) -> Message:
    """Replies with the number, its double, this process and what the node was configured with."""
    number = int(message.content["task"]["number"])
    time.sleep(float(context.run_config["work-seconds"]))
    reply = {"number": number, "double": 2 * number, "pid": os.getpid(), "member": str(context.node_config["member"])}
    return Message(RecordDict({"answer": ConfigRecord(reply)}), reply_to=message)
