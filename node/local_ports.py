"""Loopback ports of a local network: chosen once and kept, so that it comes back where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from node.config import Home
from node.errors import ConfigError
from node.stack import free_port, write_atomically


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Loopback ports of the operator's services."""

    chain: int
    superlink: int
    api: int

    @classmethod
    def of(cls, home: Home, wanted: Mapping[str, int] | None = None) -> Ports:
        """The ports this network has kept; chosen free, or as `wanted`, at the first start."""
        path = home.root / "ports.json"
        if path.exists():
            return _kept(path)
        given = dict(wanted or {})
        ports = cls(**{name: given.get(name) or free_port() for name in ("chain", "superlink", "api")})
        home.require()
        write_atomically(path, json.dumps(asdict(ports)))
        return ports

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.chain}"

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    @property
    def superlink_address(self) -> str:
        return f"127.0.0.1:{self.superlink}"


def _kept(path: Path) -> Ports:
    try:
        return Ports(**json.loads(path.read_text()))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"{path}: expected the ports of this network, got something else ({error}); delete it to choose anew"
        ) from error
