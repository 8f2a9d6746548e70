"""A signed wish to join, as a file for members to vote on: nobody's voucher is needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from node.errors import ConfigError
from node.records.chain import Address
from node.records.members import JoinRequest, Role


@dataclass(frozen=True, kw_only=True)
class SignedJoinRequest:
    """What an account signed to join."""

    request: JoinRequest
    signature: bytes

    def save(self, path: Path) -> None:
        """As JSON, bytes in hex."""
        body = {
            "account": self.request.account,
            "roles": int(self.request.roles),
            "node_key_digest": self.request.node_key_digest.hex(),
            "name": self.request.name,
            "deadline": self.request.deadline,
            "signature": self.signature.hex(),
        }
        path.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> SignedJoinRequest:
        """Raises ConfigError when the file is no request."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            request = JoinRequest(
                account=Address(raw["account"]),
                roles=Role(raw["roles"]),
                node_key_digest=bytes.fromhex(raw["node_key_digest"]),
                name=str(raw["name"]),
                deadline=int(raw["deadline"]),
            )
            return cls(request=request, signature=bytes.fromhex(raw["signature"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: expected a request as `tenwings ask` writes it, got {error!r}") from error
