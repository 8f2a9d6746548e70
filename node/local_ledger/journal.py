"""The twin's memory between processes: every write as one line of JSON; opening it replays them.

Replaying checks every signature and rule again, so an edited file does not load as something else unnoticed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Any, get_type_hints

from node.deployment import DeploySettings
from node.errors import ConfigError
from node.records import artifacts, chain, datasets, governance, members, merit, proposals, rounds, runs
from node.records.chain import Address
from node.signed_requests import REQUESTS

_RECORDS: dict[str, type] = {
    name: found
    for module in (artifacts, chain, datasets, governance, members, merit, proposals, rounds, runs)
    for name, found in vars(module).items()
    if isinstance(found, type) and is_dataclass(found)
}
"""By name: what a write's arguments are made of."""


@dataclass(frozen=True)
class Entry:
    """One write: when, by whom, which of the ledger's methods, with what."""

    at: int
    sender: Address
    method: str
    args: tuple[Any, ...]


class Journal:
    """Lines of JSON; the first holds the settings and the chain id."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, settings: DeploySettings, chain_id: int, at: int) -> None:
        """Begin a new file. Raises ConfigError when it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(exist_ok=False)
        except OSError as error:
            raise ConfigError(f"{self.path}: expected to write a journal here, got {error.strerror}") from error
        self._write({"settings": asdict(settings), "chain_id": chain_id, "at": at})

    def append(self, entry: Entry) -> None:
        """Add one write."""
        args = [_to_json(value) for value in entry.args]
        self._write({"at": entry.at, "sender": entry.sender, "method": entry.method, "args": args})

    def read(self) -> tuple[DeploySettings, int, int, Sequence[Entry]]:
        """Settings, chain id, start time and the writes. Raises ConfigError when the file is no journal."""
        try:
            head, *lines = self._lines()
            settings = DeploySettings.from_json(head["settings"])
            entries = [
                Entry(line["at"], line["sender"], line["method"], tuple(_from_json(a) for a in line["args"]))
                for line in lines
            ]
            return settings, head["chain_id"], head["at"], entries
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{self.path}: expected a local ledger's journal, got {error!r}") from error

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self.path.open(encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n")


def _to_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {"record": type(value).__name__, **{f.name: _to_json(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    cls = (_RECORDS | REQUESTS)[value["record"]]
    types = get_type_hints(cls)
    return cls(**{name: _as(types[name], _from_json(value[name])) for name in types if name in value})


def _as(wanted: Any, value: Any) -> Any:
    return wanted(value) if isinstance(wanted, type) and issubclass(wanted, IntEnum | IntFlag) else value
